//! `cargo xtask bench`: what the host costs, measured against its native twin.
//!
//! The twin (`bench/twin`) is the same server with the logic compiled in. Both are built with
//! the profile `dist`, seeded alike, compared answer by answer, and loaded in turns; so are the
//! peers (`bench/peers`), for reads.

mod chart;
mod http;
mod instantiation;
mod instructions;
mod peers;
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

use self::peers::Peers;
use self::report::Report;
use self::server::{Options, Setup, Within};
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

    /// Writes the tables and the chart into docs/BENCHMARKS.md, too.
    #[arg(long)]
    publish: bool,

    /// Counts the instructions of a request instead, and fails where they became more.
    #[arg(long, conflicts_with_all = ["quick", "json"])]
    instructions: bool,

    /// Writes what was counted to bench/instructions.json instead of comparing with it.
    #[arg(long, requires = "instructions")]
    record: bool,

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

/// Builds, measures, and writes `result.md`, `result.json` and `result.svg` to `target/bench`.
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
    if arguments.instructions {
        instructions::require()?;
        let setup = build(workspace, "release", &["task-host"])?;
        let recorded = workspace.root.join("bench/instructions.json");
        return instructions::run(&setup, &recorded, arguments.record);
    }
    wrk::require()?;
    let cores = thread::available_parallelism()?.get();
    ensure!(
        cores >= 2,
        "the benchmark needs two cores: one for the server, one for the load"
    );
    let mut setup = build(workspace, &arguments.profile, &["task-host", "twin"])?;
    setup.peers = Peers::prepare(workspace);
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
    let chart = chart::svg(&report.outcomes);
    fs::write(setup.folder.join("result.svg"), &chart)?;
    if arguments.publish {
        publish(&workspace.root.join("docs"), &markdown, &chart)?;
    }
    print!(
        "{}",
        match arguments.json {
            true => json + "\n",
            false => markdown,
        }
    );
    Ok(())
}

/// Replaces what stands between the two marks in `BENCHMARKS.md`, and the chart beside it.
fn publish(docs: &Path, tables: &str, chart: &str) -> Result<()> {
    const BEGIN: &str = "<!-- cargo xtask bench --publish writes from here -->\n";
    const END: &str = "<!-- to here -->";
    let path = docs.join("BENCHMARKS.md");
    let text = fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
    let (before, rest) = text
        .split_once(BEGIN)
        .context("the first mark is missing")?;
    let (_, after) = rest.split_once(END).context("the second mark is missing")?;
    let picture = "![Requests a second of each server, by load](benchmarks.svg)";
    let text = format!("{before}{BEGIN}\n{picture}\n\n{tables}\n{END}{after}");
    fs::write(&path, text)?;
    fs::write(docs.join("benchmarks.svg"), chart)?;
    Ok(())
}

fn build(workspace: &Workspace, profile: &str, packages: &[&str]) -> Result<Setup> {
    let component = component::build(workspace, component::TASKS)?;
    step::announce("Building what is measured (the first time takes ten minutes or more)…");
    let packages = packages.iter().flat_map(|package| ["--package", package]);
    step::run(
        workspace
            .cargo("build")
            .args(["--profile", profile])
            .args(packages),
    )?;
    let folder = workspace.target.join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let host = workspace.host_binary(profile);
    Ok(Setup {
        twin: host.with_file_name("twin"),
        host,
        component,
        folder,
        peers: None,
    })
}

fn measure(setup: &Setup, plan: Plan, cores: usize, scripts: &Path) -> Result<Report> {
    step::announce("Seeding, and comparing the answers of host and twin…");
    let cache = setup.folder.join("code-cache");
    let empty = Options {
        seed: None,
        within: Within::Nothing,
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
        within: Within::Core,
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
