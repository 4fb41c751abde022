//! `cargo xtask bench`: what the host costs, measured against its native twin and its peers.
//!
//! The twin (`bench/twin`) is the same server with the logic compiled in. Both are built with
//! the profile `dist`, seeded alike, compared answer by answer, and loaded in turns; so are the
//! peers (`bench/peers`, `bench/wasi-http`), for what they can do.

mod awake;
mod chart;
mod compare;
mod http;
mod instantiation;
mod instructions;
mod measure;
mod outcome;
mod paced;
mod peers;
mod publish;
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

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::builder::PossibleValuesParser;

use self::awake::Awake;
use self::measure::Bench;
use self::peers::Peers;
use self::report::Report;
use self::server::Kind;
use self::setup::{Options, Setup, Within};
use self::store::{Engine, Stores};
use self::tools::Tools;
use self::workload::{TASKS, WORKLOADS, Workload};
use crate::component;
use crate::step;
use crate::workspace::Workspace;

/// How to measure.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Shorter and fewer rounds, with wider spreads.
    #[arg(long)]
    quick: bool,

    /// Every load, on both databases, instead of the usual ones on SQLite: an hour and more.
    #[arg(long, conflicts_with_all = ["workload", "database"])]
    full: bool,

    /// Only this load, or these, and neither starts nor memory.
    #[arg(long, value_name = "KEY",
        value_parser = PossibleValuesParser::new(WORKLOADS.map(|workload| workload.key)))]
    workload: Vec<String>,

    /// On this database, or these.
    #[arg(long, value_enum, default_value = "sqlite")]
    database: Vec<Engine>,

    /// So many rounds instead of the plan's.
    #[arg(long)]
    rounds: Option<usize>,

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

    /// Shows where a request's time goes, by the host's own spans, instead.
    #[arg(long)]
    stages: bool,

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

    /// Leaves `wasmtime serve` out, whose build takes a quarter of an hour.
    #[arg(long)]
    without_wasmtime: bool,

    /// Takes host and twin from this folder instead of building them: static ones, for example.
    #[arg(long, value_name = "FOLDER")]
    binaries: Option<PathBuf>,
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
        rounds: 5,
        warm_up: Duration::from_secs(1),
        measured: Duration::from_secs(4),
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
/// Where something is missing, the servers do not answer alike, or any answer under load was not
/// what it is to be.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    if arguments.scale {
        return scale::run(workspace, arguments);
    }
    if arguments.replicas {
        return replicas::run(workspace, arguments);
    }
    if arguments.stages {
        return stages::run(workspace, arguments);
    }
    if arguments.instructions {
        instructions::require()?;
        let folder = build(workspace, "release", &["task-host"])?;
        let setup = prepare(workspace, &folder, &[Engine::Sqlite])?;
        let recorded = workspace.root.join("bench/instructions.json");
        return instructions::run(&setup, &recorded, arguments.record);
    }
    wrk::require()?;
    let cores = thread::available_parallelism()?.get();
    ensure!(
        cores >= 2,
        "the benchmark needs two cores: one for the server, one for the load"
    );
    let loads = loads(arguments);
    let engines: Vec<Engine> = loads.iter().map(|(engine, _)| *engine).collect();
    let folder = binaries(workspace, arguments, &["task-host", "twin"])?;
    let mut setup = prepare(workspace, &folder, &engines)?;
    setup.peers = Peers::prepare(workspace)?;
    setup.tools = Tools::prepare(workspace, !arguments.without_wasmtime);
    let report = measure(workspace, &setup, arguments, cores, &loads)?;

    let markdown = report.markdown();
    let json = serde_json::to_string_pretty(&report.json())?;
    fs::write(setup.folder.join("result.md"), &markdown)?;
    fs::write(setup.folder.join("result.json"), &json)?;
    let chart = chart::svg(&report.outcomes);
    fs::write(setup.folder.join("result.svg"), &chart)?;
    if arguments.publish {
        publish::publish(&workspace.root.join("docs"), &markdown, &chart)?;
    }
    print!(
        "{}",
        match arguments.json {
            true => json + "\n",
            false => markdown,
        }
    );
    let failed = &report.failed;
    ensure!(failed.is_empty(), "failed: {}", failed.join("; "));
    Ok(())
}

/// What is measured, each database with its loads.
fn loads(arguments: &Arguments) -> Vec<(Engine, Vec<Workload>)> {
    let wanted = |workload: &Workload| {
        if arguments.workload.is_empty() {
            arguments.full || workload.usual
        } else {
            arguments.workload.iter().any(|key| key == workload.key)
        }
    };
    let engines: BTreeSet<Engine> = match arguments.full {
        true => [Engine::Sqlite, Engine::Postgres].into(),
        false => arguments.database.iter().copied().collect(),
    };
    let loads = engines.into_iter().map(|engine| {
        // What the rules refuse never reaches a database.
        let asks = |workload: &&Workload| engine == Engine::Sqlite || !workload.refused;
        let workloads = WORKLOADS.iter().filter(|workload| wanted(workload));
        (engine, workloads.filter(asks).copied().collect())
    });
    loads.collect()
}

/// The folder of the packages' binaries: the one that was given, or that of the profile, built.
fn binaries(workspace: &Workspace, arguments: &Arguments, packages: &[&str]) -> Result<PathBuf> {
    let Some(folder) = &arguments.binaries else {
        return build(workspace, &arguments.profile, packages);
    };
    for package in packages {
        let binary = folder.join(package);
        ensure!(binary.is_file(), "{} is no binary", binary.display());
    }
    // Servers have working folders of their own.
    let folder = folder.canonicalize();
    folder.context("the folder of the binaries")
}

fn build(workspace: &Workspace, profile: &str, packages: &[&str]) -> Result<PathBuf> {
    step::announce("Building what is measured (the first time takes ten minutes or more)…");
    let packages = packages.iter().flat_map(|package| ["--package", package]);
    step::run(
        workspace
            .cargo("build")
            .args(["--profile", profile])
            .args(packages),
    )?;
    // The one profile whose folder has another name.
    Ok(workspace
        .target
        .join(if profile == "dev" { "debug" } else { profile }))
}

fn prepare(workspace: &Workspace, binaries: &Path, engines: &[Engine]) -> Result<Setup> {
    let component = component::build(workspace, component::TASKS)?;
    let folder = workspace.target.join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(Setup {
        twin: binaries.join("twin"),
        host: binaries.join("task-host"),
        component,
        stores: Stores::open(folder.clone(), engines)?,
        folder,
        peers: Peers::none(),
        tools: Tools::default(),
    })
}

fn measure(
    workspace: &Workspace,
    setup: &Setup,
    arguments: &Arguments,
    cores: usize,
    loads: &[(Engine, Vec<Workload>)],
) -> Result<Report> {
    let awake = Awake::keep();
    let cache = setup.folder.join("code-cache");
    let script = workspace.root.join("bench/wrk/requests.lua");
    for (engine, workloads) in loads {
        seed_and_compare(setup, *engine, workloads, &cache)?;
    }
    let mut plan = match arguments.quick {
        true => Plan::QUICK,
        false => Plan::FULL,
    };
    plan.rounds = arguments.rounds.unwrap_or(plan.rounds);
    let options = Options {
        engine: Engine::Sqlite,
        seed: Some(TASKS),
        within: Within::Nothing,
        cache: &cache,
    };
    let usual = arguments.workload.is_empty();
    let on_sqlite = loads.iter().any(|(engine, _)| *engine == Engine::Sqlite);
    let starts = (usual && on_sqlite)
        .then(|| start::measure(setup, plan.starts, options, &script))
        .transpose()?;
    let bench = Bench {
        setup,
        plan,
        options: Options {
            within: Within::Core,
            ..options
        },
        script,
    };
    let (mut outcomes, mut failed) = (Vec::new(), Vec::new());
    for (engine, workloads) in loads {
        for workload in workloads {
            // One that fails costs none of the others, which may have taken an hour.
            match bench.measure(*workload, *engine) {
                Ok(outcome) => outcomes.push(outcome),
                Err(error) => {
                    step::note(&format!("failed: {error:#}"));
                    failed.push(format!("{}, {error}", engine.in_words()));
                }
            }
        }
    }
    let mut commands: Vec<(Kind, String)> = Vec::new();
    for (kind, _) in outcomes.iter().flat_map(|outcome| &outcome.figures) {
        if commands.iter().all(|(known, _)| known != kind) {
            commands.push((*kind, setup.shown(*kind, bench.options)?));
        }
    }
    Ok(Report {
        cores,
        sleep: awake.in_words(),
        plan,
        built: match &arguments.binaries {
            Some(folder) => format!("the binaries of `{}`", workspace.shown(folder)),
            None => format!("the profile `{}`", arguments.profile),
        },
        outcomes,
        failed,
        starts,
        commands,
    })
}

fn seed_and_compare(
    setup: &Setup,
    engine: Engine,
    workloads: &[Workload],
    cache: &Path,
) -> Result<()> {
    let name = engine.in_words();
    step::announce(&format!(
        "{name}: seeding, and comparing the servers' answers…"
    ));
    let empty = Options {
        engine,
        seed: None,
        within: Within::Nothing,
        cache,
    };
    let sizes: BTreeSet<usize> = workloads.iter().map(|workload| workload.tasks).collect();
    for tasks in sizes.into_iter().chain([TASKS]).collect::<BTreeSet<_>>() {
        seed::make(setup, empty, tasks)?;
    }
    let seeded = Options {
        seed: Some(TASKS),
        ..empty
    };
    compare::all(setup, workloads, seeded)
}
