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
use std::sync::Arc;

use clap::Parser;
use deployment::{Deployments, Member, Start};
use request::Service;
use task_host::cli::{self, Failure, serving};

/// The allocator that the host has.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Serves the task API natively: the benchmark's measure for the host.
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
