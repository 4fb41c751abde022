//! The `task-host` program: the command line and the composition of a serving process.
//!
//! Everything else is in the crates of the layers below; ARCHITECTURE.md has their map.

pub mod cli;
