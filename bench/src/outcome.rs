//! The outcome of a workload: each server's figures, and the ratios of the host's to the others'.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::instantiation::Instantiation;
use crate::kind::Kind;
use crate::paced::Paced;
use crate::statistics::Spread;
use crate::store::Engine;
use crate::workload::Workload;
use crate::wrk;

/// If a server used less than this fraction of its core, it was not the bottleneck of a workload that
/// only computes. The ratio of two throughputs then flatters the slower server.
const SATURATED: f64 = 0.9;

/// The measurements of one round at full load.
#[derive(Debug, Clone, Copy)]
pub struct Round {
    /// What wrk measured.
    pub load: wrk::Measured,
    /// The server's CPU time for each request, in microseconds.
    pub cpu_us: f64,
    /// The fraction of its core that the server used.
    pub core_used: f64,
}

/// All rounds of a server.
#[derive(Debug, Clone, Default)]
pub struct Rounds {
    /// The rounds at full load.
    pub full: Vec<Round>,
    /// The rounds at a constant rate. Empty if it was not measured.
    pub paced: Vec<Paced>,
}

/// The figures of one server over all rounds.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// Answered requests per second.
    pub requests_per_second: Spread,
    /// The median latency in milliseconds at full load, as wrk sees it.
    pub full_load_p50_ms: Spread,
    /// The 99th percentile of the latency in milliseconds at full load, as wrk sees it.
    pub full_load_p99_ms: Spread,
    /// The server's CPU time for each request, in microseconds.
    pub cpu_us: Spread,
    /// The fraction of its core that the server used. Well below 1, the server waited for the disk, for
    /// other processes on the core, or for a load generator that had no core.
    pub core_used: Spread,
    /// The figures at a constant rate. `None` if it was not measured.
    pub paced: Option<PacedFigures>,
}

/// The latency of one server at a constant rate, counted from the time at which a request is due.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct PacedFigures {
    /// The median latency in milliseconds.
    pub p50_ms: Spread,
    /// The 99th percentile of the latency in milliseconds.
    pub p99_ms: Spread,
    /// Answers as a fraction of the requests that were due.
    pub kept: Spread,
}

/// The host in relation to another server, over all rounds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Ratio {
    /// The host's throughput divided by the other's.
    pub throughput: Spread,
    /// The other's CPU time for each request divided by the host's. This ratio is steadier on a machine
    /// that does other work, too.
    pub cpu: Spread,
    /// The host's 99th percentile at the constant rate divided by the other's.
    pub p99: Option<Spread>,
}

/// The outcome of a workload.
#[derive(Debug)]
pub struct Outcome {
    /// The workload.
    pub workload: Workload,
    /// The database.
    pub engine: Engine,
    /// The figures of each server, the host's first.
    pub figures: Vec<(Kind, Figures)>,
    /// The host in relation to each other server.
    pub ratios: Vec<(Kind, Ratio)>,
    /// The constant rate in requests per second. `None` if it was not measured.
    pub rate: Option<f64>,
    /// The time to make an instance in the host's last round.
    pub instantiation: Instantiation,
}

/// Which of the two ratios counts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Throughput.
    Throughput,
    /// CPU time for each request.
    Cpu,
}

impl Outcome {
    /// Returns the key in the JSON.
    pub fn key(&self) -> String {
        match self.engine {
            Engine::Sqlite => self.workload.key.to_owned(),
            Engine::Postgres => format!("postgres_{}", self.workload.key),
        }
    }

    /// Returns the title in tables.
    pub fn title(&self) -> String {
        match self.engine {
            Engine::Sqlite => self.workload.title.to_owned(),
            Engine::Postgres => format!("PostgreSQL: {}", self.workload.title),
        }
    }

    /// Returns which ratio to another server counts: throughput if both servers used their whole core,
    /// and CPU time otherwise. A write waits for the disk, so its throughput always counts.
    pub fn basis(&self, other: Kind) -> Basis {
        let saturated = self
            .figures
            .iter()
            .filter(|(kind, _)| [Kind::Host, other].contains(kind))
            .all(|(_, figures)| figures.core_used.median >= SATURATED);
        if self.workload.writes() || saturated {
            Basis::Throughput
        } else {
            Basis::Cpu
        }
    }

    /// Returns the figures of a server.
    pub fn of(&self, kind: Kind) -> Option<&Figures> {
        let mut figures = self.figures.iter();
        figures.find_map(|(known, figures)| (*known == kind).then_some(figures))
    }
}

impl Basis {
    /// Returns the ratio that counts.
    pub fn figure(self, ratio: &Ratio) -> Spread {
        match self {
            Basis::Throughput => ratio.throughput,
            Basis::Cpu => ratio.cpu,
        }
    }

    /// Returns both ratios as text, first the one that counts.
    pub fn label(self, ratio: &Ratio) -> String {
        let Ratio {
            throughput, cpu, ..
        } = ratio;
        match self {
            Basis::Throughput => format!("{throughput}; by CPU time {cpu}"),
            Basis::Cpu => {
                format!("by CPU time {cpu}; throughput {throughput}, but the core was not full")
            }
        }
    }
}

/// Returns the figures of a server's rounds.
///
/// # Errors
/// If there were no rounds.
pub fn figures(rounds: &Rounds) -> Result<Figures> {
    let full = |figure: fn(&Round) -> f64| spread(rounds.full.iter().map(figure));
    let paced = |figure: fn(&Paced) -> f64| spread(rounds.paced.iter().map(figure));
    Ok(Figures {
        requests_per_second: full(|round| round.load.requests_per_second)?,
        full_load_p50_ms: full(|round| milliseconds(round.load.p50))?,
        full_load_p99_ms: full(|round| milliseconds(round.load.p99))?,
        cpu_us: full(|round| round.cpu_us)?,
        core_used: full(|round| round.core_used)?,
        paced: match rounds.paced.is_empty() {
            true => None,
            false => Some(PacedFigures {
                p50_ms: paced(|paced| paced.p50_ms)?,
                p99_ms: paced(|paced| paced.p99_ms)?,
                kept: paced(|paced| paced.kept)?,
            }),
        },
    })
}

/// Returns the ratios of the host to another server, computed round by round.
///
/// # Errors
/// If there were no rounds.
pub fn ratio(host: &Rounds, other: &Rounds) -> Result<Ratio> {
    let full = |of: fn(&Round, &Round) -> f64| {
        let pairs = host.full.iter().zip(&other.full);
        spread(pairs.map(|(host, other)| of(host, other)))
    };
    let paced = host.paced.iter().zip(&other.paced);
    Ok(Ratio {
        throughput: full(|host, other| {
            host.load.requests_per_second / other.load.requests_per_second
        })?,
        cpu: full(|host, other| other.cpu_us / host.cpu_us)?,
        p99: Spread::of(paced.map(|(host, other)| host.p99_ms / other.p99_ms)),
    })
}

fn spread(figures: impl Iterator<Item = f64>) -> Result<Spread> {
    Spread::of(figures).context("no rounds")
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
