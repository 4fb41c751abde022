//! The command line: one module per subcommand, and what they share.
//!
//! Exit status: 0 for success, 1 for a failure (the reason is on standard error), 2 for a wrong flag
//! or setting, 130 or 143 if SIGINT or SIGTERM ended a command that follows a deployment.

// Subcommands. `serve` is in `app`.
mod abort;
mod backup;
mod bindings;
mod call;
mod compare;
mod compile;
mod component;
mod deploy;
mod dev;
mod export;
mod failures;
mod healthcheck;
mod history;
mod import;
mod inspect;
mod keygen;
mod mcp;
mod new;
mod openapi;
mod promote;
mod publish;
mod replay;
mod rollback;
mod sign;
mod status;
mod test;
mod wit;

// Shared by subcommands.
mod client;
mod export_format;
mod goal;
mod hurl;
mod local_host;
mod order;
mod output;
mod process;
mod project;
mod sources;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::environment;
use crate::failure::{Failure, conclude};
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
    /// Make a project for new logic, with a page and tests
    New(new::Args),
    /// Build a project, serve it, and put every saved change into service
    Dev(dev::Args),
    /// Run a component on an in-memory database, and check HTTP examples against it
    Test(test::Args),
    /// Write the WIT packages that logic uses
    Wit(wit::Args),
    /// Write the types and functions of the WIT for C or Go
    Bindings(bindings::Args),
    /// Make a component of the core module that a compiler for C or Go makes
    Component(component::Args),
    /// Deploy a component to a running host
    Deploy(deploy::Args),
    /// Rehearse a component on a running host, and report in Markdown what it would do differently
    Compare(Box<compare::Args>),
    /// Roll back to logic that was active before
    Rollback(rollback::Args),
    /// Activate the logic that runs as a canary or shadow
    Promote(promote::Args),
    /// Abort a running deployment and keep the previous logic
    Abort(abort::Args),
    /// Show what a host serves, its running deployment, and its recent requests
    Status(status::Args),
    /// List the latest deployments of a host, newest first
    History(history::Args),
    /// List the failed requests of a host in groups: how often, where, and one to replay
    Failures(failures::Args),
    /// Show a component's imports, exports, routes and migrations
    Inspect(inspect::Args),
    /// Print the OpenAPI document of a component
    Openapi(openapi::Args),
    /// Call one operation of a running host
    Call(call::Args),
    /// Connect an agent that speaks MCP over standard input and output to a running host
    Mcp(mcp::Args),
    /// Run a recorded request again, in this process and without its database
    Replay(Box<replay::Args>),
    /// Copy the whole database, including the host's own tables, into a new file; the host may be running
    Backup(backup::Args),
    /// Write all data of the logic to standard output as JSON Lines; the host may be running
    Export(export::Args),
    /// Load the output of `export` into an empty database that no host serves
    Import(import::Args),
    /// Check whether a running host is ready; for images without curl
    Healthcheck(healthcheck::Args),
    /// Sign a component; the signature is written to FILE.sig, where `deploy` finds it
    Sign(sign::Args),
    /// Upload a component to an OCI registry
    Publish(publish::Args),
    /// Create a pair of keys for signing components
    Keygen(keygen::Args),
    /// Compile a component from standard input to standard output; started by `serve`
    #[command(hide = true)]
    Compile(compile::Args),
}

/// Parses the command line, runs the subcommand, and prints why it failed, if it did.
pub fn run() -> ExitCode {
    let parsed = environment::parse::<Cli>().map_err(Failure::from);
    conclude("task-host", parsed.and_then(|cli| execute(&cli.command)))
}

fn execute(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Serve(args) => app::serve(args),
        Command::New(args) => new::run(args),
        Command::Dev(args) => dev::run(args),
        Command::Test(args) => test::run(args),
        Command::Wit(args) => wit::run(args),
        Command::Bindings(args) => bindings::run(args),
        Command::Component(args) => component::run(args),
        Command::Deploy(args) => deploy::run(args),
        Command::Compare(args) => compare::run(args),
        Command::Rollback(args) => rollback::run(args),
        Command::Promote(args) => promote::run(args),
        Command::Abort(args) => abort::run(args),
        Command::Status(args) => status::run(args),
        Command::History(args) => history::run(args),
        Command::Failures(args) => failures::run(args),
        Command::Inspect(args) => inspect::run(args),
        Command::Openapi(args) => openapi::run(args),
        Command::Call(args) => call::run(args),
        Command::Mcp(args) => mcp::run(args),
        Command::Replay(args) => replay::run(args),
        Command::Backup(args) => backup::run(args),
        Command::Export(args) => export::run(args),
        Command::Import(args) => import::run(args),
        Command::Healthcheck(args) => healthcheck::run(args),
        Command::Sign(args) => sign::run(args),
        Command::Publish(args) => publish::run(args),
        Command::Keygen(args) => keygen::run(args),
        Command::Compile(args) => compile::run(args),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_flags_of_all_commands_are_consistent() {
        super::Cli::command().debug_assert();
    }
}
