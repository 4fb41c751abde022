//! HTTP: everything that the host serves on its two ports.
//!
//! - [`Server`] (`router`) has every route of the public port and of the admin port on one screen.
//! - `trace` is the outermost layer. It gives each request its id, span, metrics and log line.
//! - `api` answers requests to the active revision: its operations and its web UI's files.
//!   `prefer` reads the `Prefer` header.
//! - `mcp` is `/mcp`: the operations as tools for agents.
//! - `events` is `GET /events`. `health` has the probes and `/metrics`. `docs` has the API's
//!   documentation. `console` has the operators' page.
//! - [`admin`] is the admin API: it uploads components and runs deployments.
//! - `problem` maps every error to a status and a body. **To add or change a problem type, change
//!   that file.**
//! - [`listen`] accepts connections and drains them. [`operators`] serves the admin port from a
//!   thread of its own. [`config`] has the flags.
//!
//! The server reaches the layers below through three traits, with these layers' own types: [`Api`]
//! for requests (`request`), [`deployment::Admin`] for deployments, and [`events::Events`] for
//! the feed (events and cursors of `storage`). Tests implement the traits without a database or a
//! component. The server does not know SQL or WebAssembly.

pub mod admin;
mod api;
mod app;
mod assets;
mod backend;
mod body;
mod buffered;
mod byte_size;
mod client;
pub mod config;
mod console;
mod cors;
mod docs;
mod etag;
pub mod events;
mod fallback;
mod file;
mod health;
pub mod listen;
mod mcp;
mod openapi;
pub mod operators;
mod prefer;
mod problem;
mod recent;
mod router;
mod surface;
pub mod tables;
mod trace;
mod wire;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

use self::app::App;
pub use self::app::Readiness;
pub use self::backend::Api;
pub use self::byte_size::ByteSize;
pub use self::config::Config;
pub use self::openapi::with_host_paths;
pub use self::recent::{Failure, FailureGroup, FailureGroups, Figures, RevisionSecond};
pub use self::router::Server;
