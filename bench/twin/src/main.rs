//! The host's native twin. It has the same server, requests, transactions and metrics. The task logic
//! is compiled in instead of run by wasmtime, and serde handles JSON instead of the WIT types.
//!
//! `cargo xtask bench` compares the two: the difference is the cost of WebAssembly. The twin serves
//! the operations that the benchmark measures, and a few more.

#![warn(missing_docs)]
#![forbid(unsafe_code)]

mod filter;
mod json;
mod logic;
mod operation;
mod platform;
mod revision;
mod timestamp;
mod values;

use std::process::ExitCode;

use clap::Parser;
use deployment::Start;
use task_host::app;
use task_host::config::{Process, environment};
use task_host::failure::{Failure, conclude};

/// The same allocator as the host's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Serves the task API natively, as the benchmark's baseline for the host.
#[derive(Debug, Parser)]
#[command(name = "twin", version, about, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    process: Process,
}

fn main() -> ExitCode {
    let parsed = environment::parse::<Cli>().map_err(Failure::from);
    conclude("twin", parsed.and_then(|cli| run(&cli.process)))
}

fn run(config: &Process) -> Result<(), Failure> {
    let _logs = config.start_logs()?;
    let database = config.open_database()?;
    let start = async { Ok(Start::of(revision::open(&*database).await?)) };
    app::run(config, database.clone(), start, None)
}
