//! The task management logic: domain rules, SQL and migrations, without HTTP and JSON.
//!
//! Each function of [`operations`] and [`simple`] handles one request inside a transaction that the
//! caller has begun. They reach the outside only through [`platform::Platform`]. In the component,
//! the host's imports implement that trait. Tests and native builds provide their own
//! implementation.
//!
//! Each module uses only modules above it in this list:
//!
//! - `bindings`, generated from the WIT, and `contract`, which gives its modules short names;
//! - `platform`: what the logic needs from outside;
//! - `error`: why an operation failed, and the problem that the client receives;
//! - `domain`: the rules. It uses `contract` and `error`, and no database;
//! - `store`: the SQL;
//! - `operations`: contract 2;
//! - `simple` (contract 1) and `service` (routes, migrations, web UI, self-test, health);
//! - `exports`: the component's exported functions.
//!
//! The SDK (`sdk/rust`) has the platform's types, the readers of rows and the component's allocator.

mod bindings;
pub mod contract;
mod domain;
pub mod error;
#[cfg(all(target_arch = "wasm32", feature = "exports"))]
mod exports;
pub mod operations;
pub mod platform;
pub mod service;
pub mod simple;
mod store;
