//! `cargo xtask attack`: builds the attackers, the package `attack`, and becomes them.
//!
//! It is a package of its own so that no other command has to compile it. The host that it attacks is the
//! one of the tests.

use std::convert::Infallible;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;

use anyhow::{Context as _, Result};
use xtask::component;
use xtask::workspace::Workspace;

use crate::test;

/// Arguments of the attackers. They parse them themselves.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub struct Arguments {
    /// Names of attacks, and flags: `cargo xtask attack --help` lists them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Builds what is attacked and the attackers, and becomes them: their exit code is this command's.
///
/// # Errors
/// If something does not build, or the attackers cannot be started. It does not return otherwise.
pub fn run(workspace: &Workspace, arguments: Arguments) -> Result<Infallible> {
    let given = |flags: &[&str]| {
        let flag = |argument: &OsString| {
            let text = argument.to_string_lossy();
            flags.contains(&text.split('=').next().unwrap_or(&text))
        };
        arguments.arguments.iter().any(flag)
    };
    if given(&["--binary"]) {
        component::build_all(workspace)?;
    } else if !given(&["--help", "-h", "--list"]) {
        test::build(workspace)?;
    }
    let error = workspace
        .program("attack")?
        .args(arguments.arguments)
        .exec();
    Err(error).context("cannot start the attackers")
}
