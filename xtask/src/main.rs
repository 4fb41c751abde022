//! The commands of `cargo xtask`: run, dev, test, build, components, fuzz, browser, verify, bench.
//!
//! Each subcommand is a module. Steps are announced on standard error as they begin, and the
//! tools that they start write to the terminal themselves, so that a long build shows its
//! progress. Any failed step ends the command with a status other than zero.

mod bench;
mod browser;
mod dev;
mod fuzz;
mod postgres;
mod run;
mod summary;
mod test;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::component;
use xtask::workspace::Workspace;

/// Builds, runs and tests task-host.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Builds everything and serves the task API on 127.0.0.1:8000 until Ctrl-C.
    Run(run::Arguments),
    /// Serves the task API, and brings every saved change of the logic into it until Ctrl-C.
    Dev(dev::Arguments),
    /// Builds what the tests need and runs every test.
    Test(test::Arguments),
    /// Builds target/release/task-host and target/components/tasks.wasm.
    Build,
    /// Builds only the components, the tasks' and the tests': seconds, and no host.
    Components,
    /// Checks the running API against its own OpenAPI document: a part of `test`.
    Fuzz,
    /// Uses the web pages in a browser: a part of `test`.
    Browser(browser::Arguments),
    /// Checks what ships the service with real tools: manifests, chart, alerts, image, workflows.
    Verify(verify::Arguments),
    /// Measures the host against its native twin: the first time takes half an hour.
    Bench(bench::Arguments),
}

fn main() -> ExitCode {
    let outcome = Workspace::locate().and_then(|workspace| match Cli::parse().command {
        Command::Run(arguments) => run::run(&workspace, arguments).map(|never| match never {}),
        Command::Dev(arguments) => dev::run(&workspace, &arguments).map(|()| ExitCode::SUCCESS),
        Command::Test(arguments) => test::run(&workspace, &arguments),
        Command::Build => run::build(&workspace).map(|()| ExitCode::SUCCESS),
        Command::Components => component::build_all(&workspace).map(|()| ExitCode::SUCCESS),
        Command::Fuzz => test::fuzz_only(&workspace),
        Command::Browser(arguments) => test::browser_only(&workspace, &arguments),
        Command::Verify(arguments) => test::verify_only(&workspace, &arguments),
        Command::Bench(arguments) => bench::run(&workspace, arguments).map(|never| match never {}),
    });
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
