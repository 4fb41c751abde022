//! PostgreSQL, the engine that several hosts share.
//!
//! The host has its own login for its own tables (schema `task_host`). Everything from the logic
//! runs with another, restricted login (schema `logic`). What must be committed together with a
//! request goes through functions that run with the rights of the host and demand its secret.
//!
//! Reads are snapshots and writes are serializable. No setting lasts longer than a transaction, so a
//! pooler may be used between the host and the server. Setting up and migrations bypass it by the
//! direct URL.
//!
//! Reads and writes have separate connections. A read takes its slot in the host before it takes a
//! connection, and a write the other way round, so with one pool each could wait for what the other
//! holds.
//!
//! Read `database.rs` first, then `transaction.rs` for a request, `commit.rs` for a lost COMMIT and
//! `replicas.rs` for leases.

mod answers;
mod commit;
mod config;
mod connection;
mod database;
mod engine;
mod failure;
mod feed;
#[cfg(test)]
mod fuzz;
mod lexer;
mod listener;
mod message_limit;
mod migrate;
mod plan;
mod policy;
mod pool;
mod recordings;
mod registry;
mod replicas;
mod setup;
mod socket;
mod statements;
mod transaction;
mod transfer;
mod url;
mod value;

pub use self::config::Config;
pub use self::database::Postgres;
pub(super) use self::transfer::export::{export, view};
pub use self::url::{Url, UrlError};
