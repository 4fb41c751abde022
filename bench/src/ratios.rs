//! The benchmark's main run: throughput, latency, start and memory of the host in relation to its
//! native twin and its peers.
//!
//! The twin (`bench/twin`) is the same server with the logic compiled in. Both are built with the
//! profile `dist`, get the same data, are compared answer by answer, and are loaded in turns. So are
//! the peers (`bench/peers`, `bench/wasi-http`), with the requests that they support.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::thread;

use anyhow::{Result, ensure};
use xtask::step;
use xtask::workspace::Workspace;

use crate::arguments::Arguments;
use crate::awake::Awake;
use crate::kind::Kind;
use crate::measure::Measurement;
use crate::peers::Peers;
use crate::plan::Plan;
use crate::report::Report;
use crate::setup::{Options, Setup, Within};
use crate::store::Engine;
use crate::tools::Tools;
use crate::workload::{TASKS, WORKLOADS, Workload};
use crate::{answers, binaries, chart, publish, seed, start, wrk};

/// Builds, measures, and writes `result.md`, `result.json` and `result.svg` to `target/bench`.
///
/// # Errors
/// If a program is missing, two servers give different answers, or an answer under load has an
/// unexpected status.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    wrk::require()?;
    let cores = thread::available_parallelism()?.get();
    ensure!(
        cores >= 2,
        "the benchmark needs two cores: one for the server, one for the load"
    );
    let loads = loads(arguments);
    let engines: Vec<Engine> = loads.iter().map(|(engine, _)| *engine).collect();
    let folder = binaries::folder(workspace, arguments, &["task-host", "twin"])?;
    let mut setup = Setup::prepare(workspace, &folder, &engines)?;
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

/// Returns the databases to measure on, each with its workloads.
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
        // A request that the rules refuse never reaches a database.
        let reaches_database = |workload: &&Workload| engine == Engine::Sqlite || !workload.refused;
        let workloads = WORKLOADS.iter().filter(|workload| wanted(workload));
        (
            engine,
            workloads.filter(reaches_database).copied().collect(),
        )
    });
    loads.collect()
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
        cold: false,
        within: Within::Nothing,
        cache: &cache,
    };
    let usual = arguments.workload.is_empty();
    let on_sqlite = loads.iter().any(|(engine, _)| *engine == Engine::Sqlite);
    let starts = (usual && on_sqlite)
        .then(|| start::measure(setup, plan.starts, options, &script))
        .transpose()?;
    let measurement = Measurement {
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
            // If one workload fails, the others still count: they may have taken an hour.
            match measurement.measure(*workload, *engine) {
                Ok(outcome) => outcomes.push(outcome),
                Err(error) => {
                    step::note(&format!("failed: {error:#}"));
                    failed.push(format!("{}, {error}", engine.label()));
                }
            }
        }
    }
    let mut commands: Vec<(Kind, String)> = Vec::new();
    for (kind, _) in outcomes.iter().flat_map(|outcome| &outcome.figures) {
        if commands.iter().all(|(known, _)| known != kind) {
            commands.push((*kind, setup.shown(*kind, measurement.options)?));
        }
    }
    Ok(Report {
        cores,
        sleep: awake.label(),
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
    let name = engine.label();
    step::announce(&format!(
        "{name}: filling the database, and comparing the servers' answers…"
    ));
    let empty = Options {
        engine,
        seed: None,
        cold: false,
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
    answers::compare(setup, workloads, seeded)
}
