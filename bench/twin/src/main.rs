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
use std::sync::Arc;

use clap::Parser;
use task_host::cli::{self, Failure, serving};
use task_host::deployment::{Deployments, Member, Start};
use task_host::request::Service;

/// The same allocator as the host's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Serves the task API natively, as the benchmark's baseline for the host.
#[derive(Debug, Parser)]
#[command(name = "twin", version, about, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    serving: serving::Args,
}

fn main() -> ExitCode {
    cli::conclude("twin", run(&Cli::parse().serving))
}

fn run(args: &serving::Args) -> Result<(), Failure> {
    let _traces = args.start_logs()?;
    let database = args.open_database()?;
    let starting = async { Ok(Start::of(revision::open(&*database).await?)) };
    let never = None::<fn(Arc<Service>, Option<Arc<Member>>) -> Arc<Deployments>>;
    Ok(args.serve(database.clone(), starting, never)?)
}
