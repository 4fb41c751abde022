//! What a load came to: each server's figures, and the host's in relation to the others'.

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

/// Under this share of its core a server was not the bottleneck of a load that only computes:
/// the ratio of two throughputs then flatters the slower one.
const SATURATED: f64 = 0.9;

/// What was measured in one round at full load.
#[derive(Debug, Clone, Copy)]
pub struct Round {
    /// What wrk found.
    pub load: wrk::Measured,
    /// CPU time of the server for each request, in microseconds.
    pub cpu_us: f64,
    /// How much of its core the server used.
    pub core_used: f64,
}

/// All rounds of a server.
#[derive(Debug, Clone, Default)]
pub struct Rounds {
    /// Those at full load.
    pub full: Vec<Round>,
    /// Those at a constant rate; none: it was not measured.
    pub paced: Vec<Paced>,
}

/// What one server reached, over the rounds.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// Requests answered in a second.
    pub requests_per_second: Spread,
    /// The median latency in milliseconds at full load, as wrk sees it.
    pub full_load_p50_ms: Spread,
    /// The latency in milliseconds that 99 % stay within, the same.
    pub full_load_p99_ms: Spread,
    /// CPU time of the server for each request, in microseconds.
    pub cpu_us: Spread,
    /// How much of its core the server had and used. Well below 1 it waited: for the disk, or
    /// for others who had the core, or for a load generator that had none.
    pub core_used: Spread,
    /// At a constant rate; none: it was not measured.
    pub paced: Option<PacedFigures>,
}

/// What one server took at a constant rate, from when a request was to be sent.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct PacedFigures {
    /// The median latency in milliseconds.
    pub p50_ms: Spread,
    /// The latency in milliseconds that 99 % stay within.
    pub p99_ms: Spread,
    /// Answers as a part of the requests that should have been sent.
    pub kept: Spread,
}

/// The host in relation to another server, round by round.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Ratio {
    /// Its throughput as a part of the other's.
    pub throughput: Spread,
    /// The other's CPU time for each request as a part of the host's. On a machine that has
    /// other work to do this is the steadier one.
    pub cpu: Spread,
    /// Its 99th percentile at the constant rate as a multiple of the other's.
    pub p99: Option<Spread>,
}

/// What a workload came to.
#[derive(Debug)]
pub struct Outcome {
    /// The workload.
    pub workload: Workload,
    /// Over which database.
    pub engine: Engine,
    /// Each server's figures, the host's first.
    pub figures: Vec<(Kind, Figures)>,
    /// The host in relation to each other server.
    pub ratios: Vec<(Kind, Ratio)>,
    /// The constant rate, in requests a second; none: it was not measured.
    pub rate: Option<f64>,
    /// What making instances took in the host's last round.
    pub instantiation: Instantiation,
}

/// What a ratio is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Throughput.
    Throughput,
    /// CPU time for each request.
    Cpu,
}

impl Outcome {
    /// Its key in the JSON.
    pub fn key(&self) -> String {
        match self.engine {
            Engine::Sqlite => self.workload.key.to_owned(),
            Engine::Postgres => format!("postgres_{}", self.workload.key),
        }
    }

    /// What it is, for people.
    pub fn title(&self) -> String {
        match self.engine {
            Engine::Sqlite => self.workload.title.to_owned(),
            Engine::Postgres => format!("PostgreSQL: {}", self.workload.title),
        }
    }

    /// Throughput where host and other had and used all of their core, CPU time otherwise. A
    /// write waits for the disk: there throughput is what counts.
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

    /// A server's figures.
    pub fn of(&self, kind: Kind) -> Option<&Figures> {
        let mut figures = self.figures.iter();
        figures.find_map(|(known, figures)| (*known == kind).then_some(figures))
    }
}

impl Basis {
    /// The ratio that counts.
    pub fn figure(self, ratio: &Ratio) -> Spread {
        match self {
            Basis::Throughput => ratio.throughput,
            Basis::Cpu => ratio.cpu,
        }
    }

    /// The ratio that counts, and the other one.
    pub fn in_words(self, ratio: &Ratio) -> String {
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

/// The figures of a server's rounds.
///
/// # Errors
/// Where there were none.
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

/// The host in relation to another, round by round.
///
/// # Errors
/// Where there were none.
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
