//! `cargo xtask bench`: what the host costs, measured against its native twin and its peers.
//!
//! Each kind of run has a module: [`ratios`], or [`scale`], [`replicas`], [`stages`] or
//! [`instructions`] if a flag asks for it. The other modules are their parts.

mod answers;
mod arguments;
mod awake;
mod binaries;
mod chart;
mod copy;
mod hosts;
mod instantiation;
mod instructions;
mod kind;
mod measure;
mod outcome;
mod paced;
mod peers;
mod plan;
mod postgres;
mod publish;
mod random;
mod ratios;
mod replicas;
mod report;
mod requests;
mod scale;
mod seed;
mod server;
mod setup;
mod stages;
mod start;
mod statistics;
mod store;
mod tools;
mod workload;
mod wrk;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser as _;
use xtask::workspace::Workspace;

use crate::arguments::Arguments;

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let workspace = &Workspace::locate()?;
    if arguments.scale {
        scale::run(workspace, arguments)
    } else if arguments.replicas {
        replicas::run(workspace, arguments)
    } else if arguments.stages {
        stages::run(workspace, arguments)
    } else if arguments.instructions {
        instructions::run(workspace, arguments.record)
    } else {
        ratios::run(workspace, arguments)
    }
}
