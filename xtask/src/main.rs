//! The commands of `cargo xtask`: run, dev, test, build, component, components, openapi, fuzz, attack, browser,
//! verify, bench, languages.
//!
//! Each command is a module. A step is announced on standard error when it begins, and the tools that it
//! starts write to the terminal directly, so that a long build shows its progress. If a step fails, the
//! command exits with another status than zero.

mod attack;
mod bench;
mod browser;
mod dev;
mod fuzz;
mod languages;
mod openapi;
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
    /// Serves the task API and deploys every saved change of the logic, until Ctrl-C.
    Dev(dev::Arguments),
    /// Builds what the tests need and runs every test.
    Test(test::Arguments),
    /// Builds target/release/task-host and target/components/tasks.wasm.
    Build,
    /// Builds only the task component.
    Component(ComponentArguments),
    /// Builds only the components, in seconds: the task service and those of the tests.
    Components,
    /// Checks the running API against its own OpenAPI document. `test` includes it.
    Openapi,
    /// Searches for inputs that break the code that reads bytes of strangers.
    Fuzz(fuzz::Arguments),
    /// Attacks the running host, and fails if it does not stay within its bounds.
    Attack(attack::Arguments),
    /// Tests the web pages in a browser. `test` includes it.
    Browser(browser::Arguments),
    /// Checks manifests, chart, alerts, image and workflows with real tools.
    Verify(verify::Arguments),
    /// Measures the host against its native twin. The first time takes half an hour.
    Bench(bench::Arguments),
    /// Measures the same service in every language. The first time takes half an hour.
    Languages(languages::Arguments),
}

/// Arguments of `component`.
#[derive(Debug, clap::Args)]
struct ComponentArguments {
    /// Builds target/components/dev/tasks.wasm, for a fast build and not for a fast run.
    #[arg(long)]
    dev: bool,
}

impl ComponentArguments {
    fn component(&self) -> component::Component {
        match self.dev {
            true => component::TASKS_IN_WORK,
            false => component::TASKS,
        }
    }
}

fn main() -> ExitCode {
    let outcome = Workspace::locate().and_then(|workspace| match Cli::parse().command {
        Command::Run(arguments) => run::run(&workspace, arguments).map(|never| match never {}),
        Command::Dev(arguments) => dev::run(&workspace, arguments).map(|never| match never {}),
        Command::Test(arguments) => test::run(&workspace, &arguments),
        Command::Build => run::build(&workspace).map(|()| ExitCode::SUCCESS),
        Command::Component(arguments) => {
            component::build(&workspace, arguments.component()).map(|_| ExitCode::SUCCESS)
        }
        Command::Components => component::build_all(&workspace).map(|()| ExitCode::SUCCESS),
        Command::Openapi => test::openapi_only(&workspace),
        Command::Fuzz(arguments) => fuzz::run(&workspace, &arguments).map(|()| ExitCode::SUCCESS),
        Command::Attack(arguments) => {
            attack::run(&workspace, arguments).map(|never| match never {})
        }
        Command::Browser(arguments) => test::browser_only(&workspace, &arguments),
        Command::Verify(arguments) => test::verify_only(&workspace, &arguments),
        Command::Bench(arguments) => bench::run(&workspace, arguments).map(|never| match never {}),
        Command::Languages(arguments) => languages::run(&workspace, &arguments),
    });
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
