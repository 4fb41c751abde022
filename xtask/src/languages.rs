//! Compares the same service in every language: runs `bench/languages.py`, which explains what it measures.

use std::process::ExitCode;

use anyhow::{Result, anyhow};
use xtask::python::{Missing, Python};
use xtask::step;
use xtask::workspace::Workspace;

use crate::run;

/// Arguments of `languages`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Only the languages whose title begins with this, such as `go`.
    filter: Option<String>,

    /// Writes the table into docs/WRITING-LOGIC.md.
    #[arg(long, conflicts_with = "filter")]
    publish: bool,

    /// Measures the host of this profile as it was built before, such as `debug`. By default a release build
    /// is made.
    #[arg(long, value_name = "PROFILE")]
    built: Option<String>,
}

/// Measures, and prints the table.
///
/// # Errors
/// If the host or a component does not build, or a tool is missing: Go, Node and Python's packages are
/// pinned, and clang with wasi-libc is the system's.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let build = match arguments.built.as_deref() {
        Some(build) => build,
        None => {
            run::build_host(workspace)?;
            "release"
        }
    };
    let python =
        Python::prepare(workspace).map_err(|Missing { why, remedy }| anyhow!("{why}; {remedy}"))?;
    let mut measurement = python.program("python");
    measurement
        .env("PYTHONPATH", workspace.root.join("testkit/python"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(workspace.root.join("bench/languages.py"))
        .arg("--host")
        .arg(workspace.host_binary(build))
        .args(["--build", build])
        .arg("--folder")
        .arg(workspace.target.join("languages"));
    if arguments.publish {
        measurement
            .arg("--publish")
            .arg(workspace.root.join("docs/WRITING-LOGIC.md"));
    }
    measurement.args(&arguments.filter);
    step::run(&mut measurement)?;
    Ok(ExitCode::SUCCESS)
}
