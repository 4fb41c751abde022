//! The command line: one module a subcommand.
//!
//! Exit status: 0 success, 1 failure (the reason on standard error), 2 a wrong flag or setting.

mod backup;
mod call;
mod candidate;
mod client;
mod compile;
mod deploy;
mod export;
mod healthcheck;
mod history;
mod import;
mod inspect;
mod keygen;
mod outcome;
mod publish;
mod report;
mod rollback;
mod show;
mod sign;
mod status;
mod table;
mod transfer;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::failure::conclude;
use crate::{app, config};

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
    Serve(Box<config::Serve>),
    /// Deploy a component to a running host
    Deploy(deploy::Args),
    /// Go back to logic that was active before
    Rollback(rollback::Args),
    /// Let logic that is tried as a canary or in the shadow take over
    Promote(candidate::PromoteArgs),
    /// End a deployment that runs, and keep the active logic
    Abort(candidate::Args),
    /// Say what a host serves now, and what is on its way
    Status(status::Args),
    /// List the latest deployments, the latest first
    History(history::Args),
    /// Say what a component imports, exports and serves
    Inspect(inspect::Args),
    /// Call one operation of a running host
    Call(call::Args),
    /// Copy the database of a host into a new file
    Backup(backup::Args),
    /// Write all data of the logic as JSON Lines
    Export(export::Args),
    /// Fill an empty database with what `export` wrote
    Import(import::Args),
    /// Ask a running host whether it is ready; for images without curl
    Healthcheck(healthcheck::Args),
    /// Sign a component; the signature goes to FILE.sig, where `deploy` finds it
    Sign(sign::Args),
    /// Put a component into an OCI registry
    Publish(publish::Args),
    /// Make a pair of keys to sign components with
    Keygen(keygen::Args),
    /// Compile a component from standard input to standard output; `serve` starts this by itself
    #[command(hide = true)]
    Compile(compile::Args),
}

/// Parses the command line and runs the command. Wrong flags end the process with status 2, by
/// clap.
pub fn run() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Serve(args) => app::serve(&args),
        Command::Deploy(args) => deploy::run(&args),
        Command::Rollback(args) => rollback::run(&args),
        Command::Promote(args) => candidate::run(&args.candidate, args.verdict()),
        Command::Abort(args) => candidate::run(&args, candidate::Verdict::Abort),
        Command::Status(args) => status::run(&args),
        Command::History(args) => history::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Call(args) => call::run(&args),
        Command::Backup(args) => backup::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Import(args) => import::run(&args),
        Command::Healthcheck(args) => healthcheck::run(&args),
        Command::Sign(args) => sign::run(&args),
        Command::Publish(args) => publish::run(&args),
        Command::Keygen(args) => keygen::run(&args),
        Command::Compile(args) => compile::run(&args),
    };
    conclude("task-host", result)
}

/// A runtime for commands that talk to a host and end.
fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(future)
}

/// Writes to standard output. A reader that went away (`| head`) has what it wanted.
fn print(text: &str) -> anyhow::Result<()> {
    let mut output = std::io::stdout();
    let written = output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush());
    match written {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_flags_of_all_commands_agree_with_each_other() {
        super::Cli::command().debug_assert();
    }
}
