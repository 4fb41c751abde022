//! SQLite, the embedded engine.
//!
//! One connection writes, in order of arrival. Others read at the same time, each from the snapshot
//! that its first statement takes. COMMIT writes to the write-ahead log without syncing it
//! (`synchronous=NORMAL`). A thread, the flusher, syncs the log for all waiting commits at once.
//! Another thread makes checkpoints: it moves the log into the database file. Both threads end when
//! the database is dropped, which happens after the last transaction has ended.
//!
//! Three things limit the logic's SQL: a policy that SQLite asks while it compiles a statement,
//! limits on lengths and depths, and a guard that checks the deadline while a statement is compiled
//! and while it runs. `heap.rs` says what happens when memory runs out.
//!
//! Read `database.rs` first, then `transaction.rs` for a request and `flusher.rs` for durability.

mod blocking;
mod checkpoint;
mod condition;
mod config;
mod connection;
mod database;
mod engine;
mod failure;
mod feed;
mod file;
mod flusher;
mod functions;
mod guard;
mod heap;
mod place;
mod policy;
mod pool;
mod recordings;
mod registry;
mod schema;
mod statement;
mod statistics;
pub mod testing;
mod touched;
mod transaction;
mod transfer;

pub use self::config::{AtCommit, CommitStep, Config, DiskSync, Durability, LogSync};
pub use self::database::Sqlite;
pub(super) use self::place::check as check_place;
pub(super) use self::transfer::{backup::backup, export::export, export::view};
