//! The host's native twin: the same server, requests, transactions and metrics, with the task
//! logic compiled in instead of run by wasmtime, and JSON by serde instead of by WIT types.
//!
//! `cargo xtask bench` compares the two: what lies between them is what WebAssembly costs. The
//! twin serves the operations that are measured, and a few beside them.

#![warn(missing_docs)]
#![forbid(unsafe_code)]

mod arguments;
mod filter;
mod json;
mod logic;
mod platform;
mod revision;

use std::process::ExitCode;

use clap::Parser;
use deployment::Start;
use task_host::app;
use task_host::config::Process;
use task_host::failure::{Failure, conclude};

/// The allocator that the host has.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Serves the task API natively: the benchmark's measure for the host.
#[derive(Debug, Parser)]
#[command(name = "twin", version, about, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    process: Process,
}

fn main() -> ExitCode {
    conclude("twin", run(&Cli::parse().process))
}

fn run(config: &Process) -> Result<(), Failure> {
    let _traces = config.start_logs()?;
    let database = config.open_database()?;
    let start = async { Ok(Start::of(revision::open(&*database).await?)) };
    Ok(app::run(config, database.clone(), start, None)?)
}
