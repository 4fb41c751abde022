//! `cargo xtask test`: builds the components, and runs every Rust test of the workspace, the API check
//! and the browser tests.
//!
//! The tests read `TASK_HOST_TEST_COMPONENTS` when they run, not when they are compiled. New logic
//! therefore rebuilds neither the host nor its tests.

use std::env;
use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::Result;
use xtask::component;
use xtask::step;
use xtask::workspace::Workspace;

use crate::browser;
use crate::openapi;
use crate::postgres;
use crate::summary::{Outcome, Summary};
use crate::verify;

/// The variable with the folder of the built components, for the host's tests.
const COMPONENTS_VARIABLE: &str = "TASK_HOST_TEST_COMPONENTS";

/// Arguments of `test`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Run only the Rust tests whose name contains this text, and neither the API check nor the browser
    /// tests.
    filter: Option<String>,
    /// Arguments for the test programs, such as `--nocapture`.
    #[arg(last = true)]
    test_program: Vec<OsString>,
}

/// Builds what the tests need, runs them, and prints a summary.
///
/// # Errors
/// If a component does not build. No test runs then.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    component::build_all(workspace)?;

    let mut summary = Summary::default();
    step::announce("Running the workspace's tests (the first build takes a few minutes)…");
    let mut tests = workspace_tests(workspace);
    tests.arg("--no-fail-fast").args(&arguments.filter);
    tests.arg("--").args(&arguments.test_program);
    let outcome = step::run(&mut tests).map_or_else(failed, |()| Outcome::Passed);
    let skipped = match (&outcome, &arguments.filter) {
        (Outcome::Passed, None) => None,
        (Outcome::Passed, Some(_)) => Some("a filter was given"),
        _ => Some("the tests failed first"),
    };
    summary.add("Rust tests of all workspace members", outcome);
    let further = |run: &dyn Fn() -> Outcome| skipped.map_or_else(run, Outcome::Skipped);
    let on_postgres = || postgres::run(workspace_tests(workspace));
    summary.add(postgres::NAME, further(&on_postgres));
    summary.add(openapi::NAME, further(&|| openapi::run(workspace)));
    let pages = || browser::run(workspace, &browser::Arguments::default());
    summary.add(browser::NAME, further(&pages));
    Ok(summary.finish(in_ci()))
}

/// Builds what the API check needs, and runs only that.
///
/// # Errors
/// If a component or the host does not build.
pub fn openapi_only(workspace: &Workspace) -> Result<ExitCode> {
    build(workspace)?;
    let mut summary = Summary::default();
    summary.add(openapi::NAME, openapi::run(workspace));
    Ok(summary.finish(in_ci()))
}

/// Builds what the browser tests need, and runs only those.
///
/// # Errors
/// If a component or the host does not build.
pub fn browser_only(workspace: &Workspace, arguments: &browser::Arguments) -> Result<ExitCode> {
    build(workspace)?;
    let mut summary = Summary::default();
    summary.add(browser::NAME, browser::run(workspace, arguments));
    Ok(summary.finish(in_ci()))
}

/// Builds what the checks of `tools/verify` need, and runs only those. They take minutes, so `test` leaves
/// them to CI.
///
/// # Errors
/// If a component or the host does not build.
pub fn verify_only(workspace: &Workspace, arguments: &verify::Arguments) -> Result<ExitCode> {
    build(workspace)?;
    let mut summary = Summary::default();
    summary.add(verify::NAME, verify::run(workspace, arguments));
    Ok(summary.finish(in_ci()))
}

/// Builds the components, the host and its tests.
///
/// # Errors
/// If one of them does not build.
pub fn build(workspace: &Workspace) -> Result<()> {
    component::build_all(workspace)?;
    step::announce("Building the host and its tests…");
    // `cargo build` would choose other features for dependencies, and compile them again.
    step::run(workspace_tests(workspace).arg("--no-run"))
}

fn workspace_tests(workspace: &Workspace) -> Command {
    let mut command = workspace.cargo("test");
    command
        .arg("--workspace")
        .env(COMPONENTS_VARIABLE, workspace.components());
    command
}

fn failed(error: anyhow::Error) -> Outcome {
    Outcome::Failed(format!("{error:#}"))
}

/// Whether this is a CI machine, where nothing may be left out.
fn in_ci() -> bool {
    env::var("CI").is_ok_and(|value| value == "true" || value == "1")
}
