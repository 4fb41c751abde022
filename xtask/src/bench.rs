//! `cargo xtask bench`: builds the benchmark, the package `bench`, and becomes it.
//!
//! It is a package of its own so that no other command has to compile it.

use std::convert::Infallible;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;

use anyhow::{Context as _, Result};
use xtask::workspace::Workspace;

/// Arguments of the benchmark. It parses them itself.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub struct Arguments {
    /// Flags of the benchmark: `cargo xtask bench --help` lists them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Builds the benchmark and becomes it: its exit code is this command's.
///
/// # Errors
/// If it does not build, or cannot be started. It does not return otherwise.
pub fn run(workspace: &Workspace, arguments: Arguments) -> Result<Infallible> {
    let error = workspace.program("bench")?.args(arguments.arguments).exec();
    Err(error).context("cannot start the benchmark")
}
