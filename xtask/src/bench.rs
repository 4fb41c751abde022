//! `cargo xtask bench`: what the host costs, measured against its native twin.
//!
//! The twin (`bench/twin`) is the same server with the logic compiled in. Both are built with
//! the profile `dist`, seeded alike, compared answer by answer, and loaded in turns.

mod http;
mod instantiation;
mod replicas;
mod report;
mod scale;
mod seed;
mod server;
mod start;
mod statistics;
mod workload;
mod wrk;

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use self::report::Report;
use self::server::{Options, Setup};
use self::workload::WORKLOADS;
use crate::component;
use crate::step;
use crate::workspace::Workspace;

/// How to measure.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Shorter and fewer rounds: two minutes instead of ten, with wider spreads.
    #[arg(long)]
    quick: bool,

    /// Writes JSON to standard output instead of tables.
    #[arg(long)]
    json: bool,

    /// Measures how latency grows with the number of tasks, on both engines, instead.
    #[arg(long)]
    scale: bool,

    /// Measures what a request costs on several hosts, and a deployment to many, instead.
    #[arg(long)]
    replicas: bool,

    /// The numbers of tasks that `--scale` compares; the first is what the others are put in
    /// proportion to.
    #[arg(long, value_delimiter = ',', default_value = "1000,100000,1000000")]
    sizes: Vec<u64>,

    /// The profile that both servers are built with. Anything but dist is for work on the
    /// benchmark itself.
    #[arg(long, default_value = "dist", hide = true)]
    profile: String,
}

/// How long and how often.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Rounds of each workload.
    pub rounds: usize,
    /// Load before each measurement.
    pub warm_up: Duration,
    /// One measurement.
    pub measured: Duration,
    /// Starts of each kind.
    pub starts: usize,
}

impl Plan {
    const FULL: Plan = Plan {
        rounds: 7,
        warm_up: Duration::from_secs(1),
        measured: Duration::from_secs(5),
        starts: 11,
    };
    const QUICK: Plan = Plan {
        rounds: 3,
        warm_up: Duration::from_secs(1),
        measured: Duration::from_secs(2),
        starts: 5,
    };
}

/// Builds, measures, and writes `result.md` and `result.json` to `target/bench`.
///
/// # Errors
/// Where something is missing, the two servers do not answer alike, or any request under load
/// was not a success.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    if arguments.scale {
        return scale::run(workspace, arguments);
    }
    if arguments.replicas {
        return replicas::run(workspace, arguments);
    }
    wrk::require()?;
    let cores = thread::available_parallelism()?.get();
    ensure!(
        cores >= 2,
        "the benchmark needs two cores: one for the server, one for the load"
    );
    let setup = build(workspace, &arguments.profile)?;
    let plan = if arguments.quick {
        Plan::QUICK
    } else {
        Plan::FULL
    };
    let report = measure(&setup, plan, cores, &workspace.root.join("bench/wrk"))?;

    let markdown = report.markdown();
    let json = serde_json::to_string_pretty(&report.json())?;
    fs::write(setup.folder.join("result.md"), &markdown)?;
    fs::write(setup.folder.join("result.json"), &json)?;
    print!(
        "{}",
        match arguments.json {
            true => json + "\n",
            false => markdown,
        }
    );
    Ok(())
}

fn build(workspace: &Workspace, profile: &str) -> Result<Setup> {
    let component = component::build(workspace, component::TASKS)?;
    step::announce("Building the host and its twin (the first time takes ten minutes or more)…");
    step::run(workspace.cargo("build").args(["--profile", profile]).args([
        "--package",
        "task-host",
        "--package",
        "twin",
    ]))?;
    let folder = workspace.target.join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let host = workspace.host_binary(profile);
    Ok(Setup {
        twin: host.with_file_name("twin"),
        host,
        component,
        folder,
    })
}

fn measure(setup: &Setup, plan: Plan, cores: usize, scripts: &Path) -> Result<Report> {
    step::announce("Seeding, and comparing the answers of host and twin…");
    let cache = setup.folder.join("code-cache");
    let empty = Options {
        seed: None,
        pinned: false,
        cache: &cache,
    };
    let seed = seed::make(setup, empty)?;
    let seeded = Options {
        seed: Some(&seed),
        ..empty
    };
    seed::compare(setup, seeded)?;

    let starts = start::measure(setup, plan.starts, seeded)?;
    let pinned = Options {
        pinned: true,
        ..seeded
    };
    let outcomes = WORKLOADS
        .iter()
        .map(|workload| workload::measure(setup, *workload, &plan, pinned, scripts))
        .collect::<Result<_>>()?;
    Ok(Report {
        cores,
        plan,
        outcomes,
        starts,
    })
}
