//! The `task-host` program: the command line, its settings, and the composition of a serving
//! process.
//!
//! [`app`] is the composition root: it builds the service from the layers, which are crates of
//! their own (`server`, `deployment`, `request`, …), and is the place to see how they fit together.
//! [`config`] holds the flags of a serving process, `cli` the subcommands. Only this crate reads
//! the environment.
//!
//! The benchmark's native twin uses [`app`] and [`config`] too, so that it differs from the host
//! only in its logic.

// A write that fails must not end the process: see `stdout` and `failure`.
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod app;
pub mod cli;
pub mod config;
mod escape;
pub mod failure;
mod oci;
mod signature_file;
mod stdout;
mod tls;
