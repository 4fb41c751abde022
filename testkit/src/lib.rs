//! Starts what tests, the benchmark and `cargo xtask` run: hosts, PostgreSQL servers, proxies and
//! HTTP clients.
//!
//! The crate drives the real `task-host` binary from outside: it knows its flags, its log and its
//! HTTP ports, and it depends on none of the host's crates. The caller passes in the binary's path.
//!
//! | to start | use |
//! | --- | --- |
//! | a host on free ports, ready to serve | [`Settings`] and [`Host::start`] |
//! | a program that runs until it is stopped | [`Process::start`] and [`Process::wait_until`] |
//! | a program that ends without being asked to | [`finish`] |
//! | a PostgreSQL server with its own data | [`postgres::Server::start`]; tests: [`postgres::server`] |
//! | a network that fails between host and PostgreSQL | [`proxy::network::Proxy`] |
//! | a connection that loses one commit, or its answer | [`proxy::commit::Proxy`] |
//! | an HTTP request | [`client::Request`], [`client::Connection`] |
//! | an HTTP server that stands in for a collector or a registry | [`http_server::serve`] |
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! let settings = testkit::Settings::new("target/debug/task-host")?
//!     .component("target/components/tasks.wasm")
//!     .flag("--probation", "0s");
//! let host = testkit::Host::start(&settings)?;
//! assert_eq!(host.get("/tasks").status, 200);
//! host.stop()?;
//! # Ok(())
//! # }
//! ```
//!
//! Everything that is started ends when its value is dropped. What can fail returns a `Result`. The
//! functions that panic instead are shorthands and assertions for tests: [`eventually`], the methods
//! of [`client::Answer`] and [`Host`] that send a request or wait, and `postgres/testing.rs`.

pub mod client;
mod host;
pub mod http_server;
mod log;
pub mod postgres;
mod process;
pub mod proxy;
mod wait;

pub use self::host::{Host, Settings};
pub use self::log::Log;
pub use self::process::{Finished, Process, Signal, finish, without_settings};
pub use self::wait::{DEADLINE, eventually, until};
