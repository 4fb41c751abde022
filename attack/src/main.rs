//! `cargo xtask attack`: attacks a real host, and fails if the host does not stay within its bounds.
//!
//! Each attack has a host of its own, with the limits of the `dev` manifest. [`campaign`] attacks it and
//! measures; the attacks are in [`attacks`], a file for each kind. Everything stays on the loopback
//! interface and ends after a few seconds.

mod attacks;
mod campaign;
mod component;
mod http2;
mod light;
mod manifest;
mod operators;
mod pod;
mod report;
mod target;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use xtask::step;
use xtask::workspace::Workspace;

use crate::campaign::Campaign;

/// Attacks a running host and checks that it stays within its bounds.
#[derive(Parser)]
#[command(bin_name = "cargo xtask attack")]
struct Arguments {
    /// Run only the attacks whose names contain one of these texts.
    names: Vec<String>,
    /// Print the list of attacks and end.
    #[arg(long)]
    list: bool,
    /// The host to attack. Default: the one that the tests use, target/debug/task-host.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Attack for 30 s each instead of 3 s.
    #[arg(long)]
    long: bool,
    /// Also fail if the light load beside an attack has a 99th percentile above three times its quiet
    /// value. For a quiet machine with more cores than the attack needs.
    #[arg(long)]
    strict: bool,
    /// Do not put the host into a control group with the memory limit of the manifest. A host that breaks
    /// the limit then shows how much it takes. It is killed at 3 GiB.
    #[arg(long)]
    unconfined: bool,
}

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
    let wanted = |name: &str| {
        let names = &arguments.names;
        names.is_empty() || names.iter().any(|part| name.contains(part))
    };
    let chosen: Vec<_> = attacks::all()
        .into_iter()
        .filter(|attack| wanted(attack.name))
        .collect();
    ensure!(!chosen.is_empty(), "no attack has such a name: see --list");
    if arguments.list {
        print!("{}", report::list(&chosen));
        return Ok(());
    }
    // The attackers need more connections than most shells permit.
    let maximum = getrlimit(Resource::Nofile).maximum;
    let current = maximum;
    setrlimit(Resource::Nofile, Rlimit { current, maximum })?;
    let workspace = Workspace::locate()?;
    let binary = arguments.binary.clone();
    let campaign = Campaign::prepare(
        &workspace,
        binary.unwrap_or_else(|| workspace.host_binary("debug")),
        Duration::from_secs(if arguments.long { 30 } else { 3 }),
        arguments.strict,
        arguments.unconfined,
    )?;
    let mut broken = 0;
    print!("{}", report::head(&campaign));
    for attack in &chosen {
        let began = Instant::now();
        let row = campaign.run(attack);
        print!("{}", report::row(&row));
        let seconds = began.elapsed().as_secs();
        step::note(&format!("{}: {seconds} s", row.name));
        broken += usize::from(!row.broken.is_empty());
    }
    ensure!(
        broken == 0,
        "{broken} of {} attacks broke a bound",
        chosen.len()
    );
    Ok(())
}
