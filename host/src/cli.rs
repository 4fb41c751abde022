//! The command line: one module a subcommand.
//!
//! Exit status: 0 success, 1 failure (the reason on standard error), 2 a wrong flag or setting.

mod call;
mod compile;
mod healthcheck;
mod inspect;
mod limits;
mod logs;
mod serve;
pub mod serving;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Runs a service whose logic is a WebAssembly component.
#[derive(Debug, Parser)]
#[command(name = "task-host", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve a component over HTTP
    Serve(Box<serve::Args>),
    /// Say what a component imports, exports and serves
    Inspect(inspect::Args),
    /// Call one operation of a running host
    Call(call::Args),
    /// Ask a running host whether it is ready; for images without curl
    Healthcheck(healthcheck::Args),
    /// Compile a component from standard input to standard output; `serve` starts this by itself
    #[command(hide = true)]
    Compile(compile::Args),
}

/// What ended a command without success.
pub enum Failure {
    /// A flag or setting is wrong: 2.
    Setting(anyhow::Error),
    /// Anything else: 1.
    Other(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Failure::Other(error)
    }
}

/// A setting that cannot be used; the message begins with the flag.
fn setting(flag: &str, reason: impl std::fmt::Display) -> Failure {
    Failure::Setting(anyhow::anyhow!("{flag}: {reason}"))
}

/// Parses the command line and runs the command. Wrong flags end the process with status 2, by
/// clap.
pub fn run() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Serve(args) => serve::run(*args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Call(args) => call::run(&args),
        Command::Healthcheck(args) => healthcheck::run(&args),
        Command::Compile(args) => compile::run(&args),
    };
    conclude("task-host", result)
}

/// Says on standard error why a command failed, if it did, and returns its exit status.
pub fn conclude(program: &str, result: Result<(), Failure>) -> ExitCode {
    let (error, status) = match result {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Other(error)) => (error, 1),
        Err(Failure::Setting(error)) => (error, 2),
    };
    eprintln!("{program}: {error:#}");
    ExitCode::from(status)
}

/// A runtime for commands that talk to a host and end.
fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(future)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_flags_of_all_commands_agree_with_each_other() {
        super::Cli::command().debug_assert();
    }
}
