//! What is asked of the servers, in rounds that take turns: host, twin, host, twin.
//!
//! What slows the machine for a while slows both alike, so the ratios of a round hold where the
//! rates do not. Each round starts its servers anew, on a copy of the same data.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;

use super::instantiation::Instantiation;
use super::server::{Kind, Options, Server, Setup};
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
    /// Whether it writes, and so waits for the disk.
    pub creates: bool,
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
        servers: &[Kind::Host, Kind::Twin, Kind::FastApi, Kind::Flask],
    },
    Workload {
        key: "list_100",
        title: "GET a list of 100 tasks, 64 connections",
        path: "/tasks?limit=100",
        connections: 64,
        creates: false,
        servers: &[Kind::Host, Kind::Twin, Kind::FastApi, Kind::Flask],
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
    /// CPU time of the server for each request, in microseconds.
    pub cpu_us: Spread,
    /// How much of its core the server had and used. Well below 1 it waited: for the disk, or
    /// for others who had the core, or for a load generator that had none.
    pub core_used: Spread,
}

/// The host in relation to another server, round by round.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Ratio {
    /// Its throughput as a part of the other's.
    pub throughput: Spread,
    /// The other's CPU time for each request as a part of the host's. On a machine that has
    /// other work to do this is the steadier one.
    pub cpu: Spread,
}

/// What was measured in one round.
#[derive(Debug, Clone, Copy)]
struct Round {
    load: wrk::Measured,
    cpu_us: f64,
    core_used: f64,
}

/// What a workload came to.
#[derive(Debug)]
pub struct Outcome {
    /// The workload.
    pub workload: Workload,
    /// Each server's figures, the host's first.
    pub figures: Vec<(Kind, Figures)>,
    /// The host in relation to each other server.
    pub ratios: Vec<(Kind, Ratio)>,
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
    let servers = workload.servers.iter().copied();
    let servers: Vec<Kind> = servers
        .filter(|kind| setup.peers.is_some() || !kind.is_peer())
        .collect();
    let mut rounds = vec![Vec::new(); servers.len()];
    let mut instantiation = None;
    for number in 1..=plan.rounds {
        for (kind, rounds) in servers.iter().zip(&mut rounds) {
            let server = setup.start(*kind, options)?;
            let round = round(&server, workload, plan, script.as_deref())
                .with_context(|| format!("{}, {}", workload.title, kind.name()))?;
            step::note(&format!(
                "round {number}  {:<18} {:>7.0}/s  p50 {:>7.3} ms  p99 {:>7.3} ms  {:>6.1} us CPU  {:>3.0} % of the core",
                kind.name(),
                round.load.requests_per_second,
                milliseconds(round.load.p50),
                milliseconds(round.load.p99),
                round.cpu_us,
                round.core_used * 100.0,
            ));
            rounds.push(round);
            if *kind == Kind::Host {
                let metrics = http::get(server.operators, "/metrics")?;
                ensure!(metrics.status == 200, "the host tells no metrics");
                instantiation = Some(Instantiation::read(&metrics.body)?);
            }
            server.stop()?;
        }
    }
    let host = rounds.first().context("no server was measured")?;
    let servers = || servers.iter().zip(&rounds);
    Ok(Outcome {
        workload,
        ratios: servers()
            .skip(1)
            .map(|(kind, other)| Some((*kind, ratio(host, other)?)))
            .collect::<Option<_>>()
            .context("no rounds")?,
        figures: servers()
            .map(|(kind, rounds)| Some((*kind, figures(rounds)?)))
            .collect::<Option<_>>()
            .context("no rounds")?,
        instantiation: instantiation.context("the host was not measured")?,
    })
}

fn round(server: &Server, workload: Workload, plan: &Plan, script: Option<&Path>) -> Result<Round> {
    let url = format!("http://{}{}", server.api, workload.path);
    let load = |duration| wrk::load(&url, workload.connections, duration, script);
    load(plan.warm_up)?;
    let cpu_before = server.cpu_seconds()?;
    let load = load(plan.measured)?;
    let cpu = server.cpu_seconds()? - cpu_before;
    let seconds = plan.measured.as_secs_f64();
    Ok(Round {
        load,
        cpu_us: cpu / (load.requests_per_second * seconds) * 1e6,
        core_used: cpu / seconds,
    })
}

fn ratio(host: &[Round], other: &[Round]) -> Option<Ratio> {
    let pairs = || host.iter().zip(other);
    Some(Ratio {
        throughput: Spread::of(
            pairs().map(|(host, other)| {
                host.load.requests_per_second / other.load.requests_per_second
            }),
        )?,
        cpu: Spread::of(pairs().map(|(host, other)| other.cpu_us / host.cpu_us))?,
    })
}

fn figures(rounds: &[Round]) -> Option<Figures> {
    let spread = |figure: fn(&Round) -> f64| Spread::of(rounds.iter().map(figure));
    Some(Figures {
        requests_per_second: spread(|round| round.load.requests_per_second)?,
        p50_ms: spread(|round| milliseconds(round.load.p50))?,
        p99_ms: spread(|round| milliseconds(round.load.p99))?,
        cpu_us: spread(|round| round.cpu_us)?,
        core_used: spread(|round| round.core_used)?,
    })
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
