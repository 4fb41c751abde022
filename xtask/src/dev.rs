//! `cargo xtask dev`: builds the host and becomes `task-host dev` for this repository's `task-host.toml`.

use std::convert::Infallible;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Context as _, Result};
use xtask::workspace::Workspace;

use crate::run;

/// Arguments of `dev`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Further arguments for `task-host dev`, such as `--keep`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    dev: Vec<OsString>,
}

/// Builds the host and becomes `task-host dev`: signals reach it directly, and its exit status is that of
/// this command.
///
/// # Errors
/// If the host cannot be built or started. Otherwise it does not return.
pub fn run(workspace: &Workspace, arguments: Arguments) -> Result<Infallible> {
    run::build_host(workspace)?;
    let error = Command::new(workspace.host_binary("release"))
        .arg("dev")
        .args(arguments.dev)
        .current_dir(&workspace.root)
        .exec();
    Err(error).context("cannot start the host")
}
