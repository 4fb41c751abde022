//! What is asked of the servers, in rounds that take turns: host, twin, host, twin.
//!
//! What slows the machine for a while slows both alike, so the ratios of a round hold where the
//! rates do not. Each round starts its servers anew, on a copy of the same data.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;

use super::instantiation::Instantiation;
use super::server::{Kind, Options, Setup};
use super::statistics::Spread;
use super::{Plan, http, wrk};
use crate::step;

/// One kind of load.
#[derive(Debug, Clone, Copy)]
pub struct Workload {
    /// Its key in the JSON.
    pub key: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    path: &'static str,
    connections: u32,
    creates: bool,
    servers: &'static [Kind],
}

/// Every kind of load, in the order in which they are measured.
pub const WORKLOADS: [Workload; 4] = [
    Workload {
        key: "get_one",
        title: "GET one task, 64 connections",
        path: "/tasks/500",
        connections: 64,
        creates: false,
        servers: &[Kind::Host, Kind::Twin],
    },
    Workload {
        key: "list_100",
        title: "GET a list of 100 tasks, 64 connections",
        path: "/tasks?limit=100",
        connections: 64,
        creates: false,
        servers: &[Kind::Host, Kind::Twin],
    },
    Workload {
        key: "create",
        title: "Durable create, 1 connection",
        path: "/tasks",
        connections: 1,
        creates: true,
        servers: &[Kind::Host, Kind::Twin],
    },
    Workload {
        key: "create_64",
        title: "Durable create, 64 connections",
        path: "/tasks",
        connections: 64,
        creates: true,
        servers: &[Kind::Host, Kind::Twin, Kind::HostWithoutSync],
    },
];

/// What one server reached, over the rounds.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// Requests answered in a second.
    pub requests_per_second: Spread,
    /// The median latency in milliseconds.
    pub p50_ms: Spread,
    /// The latency in milliseconds that 99 % stay within.
    pub p99_ms: Spread,
}

/// What a workload came to.
#[derive(Debug)]
pub struct Outcome {
    /// The workload.
    pub workload: Workload,
    /// Each server's figures, the host's first.
    pub figures: Vec<(Kind, Figures)>,
    /// The host's throughput as a part of each other server's, round by round.
    pub ratios: Vec<(Kind, Spread)>,
    /// What making instances took in the host's last round.
    pub instantiation: Instantiation,
}

/// Measures a workload in the rounds of a plan.
///
/// # Errors
/// Where a server does not start, or any request was not a success.
pub fn measure(
    setup: &Setup,
    workload: Workload,
    plan: &Plan,
    options: Options<'_>,
    scripts: &Path,
) -> Result<Outcome> {
    step::announce(&format!("{}, {} rounds…", workload.title, plan.rounds));
    let script = workload.creates.then(|| scripts.join("create.lua"));
    let mut rounds = vec![Vec::new(); workload.servers.len()];
    let mut instantiation = None;
    for round in 1..=plan.rounds {
        for (kind, measured) in workload.servers.iter().zip(&mut rounds) {
            let server = setup.start(*kind, options)?;
            let url = format!("http://{}{}", server.api, workload.path);
            let load = |duration| run(&url, workload, duration, script.as_ref());
            load(plan.warm_up)?;
            let one = load(plan.measured)
                .with_context(|| format!("{}, {}", workload.title, kind.name()))?;
            step::note(&format!(
                "round {round}  {:<18} {:>9.0}/s  p50 {:>8.3} ms  p99 {:>8.3} ms",
                kind.name(),
                one.requests_per_second,
                milliseconds(one.p50),
                milliseconds(one.p99),
            ));
            measured.push(one);
            if *kind == Kind::Host {
                let metrics = http::get(server.operators, "/metrics")?;
                ensure!(metrics.status == 200, "the host tells no metrics");
                instantiation = Some(Instantiation::read(&metrics.body)?);
            }
            server.stop()?;
        }
    }
    let host = rounds.first().context("no server was measured")?;
    let ratios = workload.servers.iter().zip(&rounds).skip(1);
    let ratios = ratios.map(|(kind, other)| {
        let pairs = host.iter().zip(other);
        let ratio = |(host, other): (&wrk::Measured, &wrk::Measured)| {
            host.requests_per_second / other.requests_per_second
        };
        Some((*kind, Spread::of(pairs.map(ratio))?))
    });
    let figures = workload.servers.iter().zip(&rounds);
    Ok(Outcome {
        workload,
        ratios: ratios.collect::<Option<_>>().context("no rounds")?,
        figures: figures
            .map(|(kind, rounds)| Some((*kind, figures_of(rounds)?)))
            .collect::<Option<_>>()
            .context("no rounds")?,
        instantiation: instantiation.context("the host was not measured")?,
    })
}

fn run(
    url: &str,
    workload: Workload,
    duration: Duration,
    script: Option<&PathBuf>,
) -> Result<wrk::Measured> {
    let script = script.map(|script| script.as_os_str());
    wrk::load(url, workload.connections, duration, script)
}

fn figures_of(rounds: &[wrk::Measured]) -> Option<Figures> {
    let spread = |figure: fn(&wrk::Measured) -> f64| Spread::of(rounds.iter().map(figure));
    Some(Figures {
        requests_per_second: spread(|one| one.requests_per_second)?,
        p50_ms: spread(|one| milliseconds(one.p50))?,
        p99_ms: spread(|one| milliseconds(one.p99))?,
    })
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
