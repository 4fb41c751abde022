//! What a run found: a table for people, JSON for programs.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::server::{self, Kind};
use super::start::Starts;
use super::statistics::Spread;
use super::workload::{Figures, Outcome, Ratio};
use super::{Plan, seed, wrk};

/// What a run found.
pub struct Report {
    /// Cores of the machine.
    pub cores: usize,
    /// How it was measured.
    pub plan: Plan,
    /// Each workload's outcome.
    pub outcomes: Vec<Outcome>,
    /// What starting takes.
    pub starts: Starts,
}

/// Under this share of its core a server was not the bottleneck of a load that only computes:
/// the ratio of two throughputs then flatters the slower one.
const SATURATED: f64 = 0.9;

/// A figure to reach.
struct Aim {
    title: String,
    aim: &'static str,
    reached: String,
    verdict: &'static str,
}

/// Whether a figure was reached.
fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "missed" }
}

impl Report {
    /// The ratios, each the one that it is judged by, and all figures behind them.
    pub fn json(&self) -> Value {
        let mut ratios = Map::new();
        let mut workloads = Map::new();
        for outcome in &self.outcomes {
            let mut by_server = Map::new();
            let basis = Basis::of(outcome);
            for (kind, ratio) in &outcome.ratios {
                by_server.insert(key(*kind).to_owned(), json!(basis.figure(ratio).median));
            }
            ratios.insert(outcome.workload.key.to_owned(), Value::Object(by_server));
            workloads.insert(outcome.workload.key.to_owned(), of_outcome(outcome));
        }
        json!({
            "ratios": ratios,
            "workloads": workloads,
            "start": self.starts,
            "machine": {
                "cores": self.cores,
                "server_core": server::CORE,
                "load_generator_core": wrk::CORE,
            },
            "rounds": self.plan.rounds,
            "seconds_a_round": self.plan.measured.as_secs(),
            "tasks": seed::TASKS,
        })
    }

    /// The tables.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        writeln!(
            text,
            "| aim | to reach | reached | |\n| --- | --- | --- | --- |"
        )?;
        for aim in self.aims() {
            writeln!(
                text,
                "| {} | {} | {} | {} |",
                aim.title, aim.aim, aim.reached, aim.verdict
            )?;
        }
        writeln!(
            text,
            "\n| load | server | requests/s | p50 ms | p99 ms | CPU us a request | core used |\n| --- | --- | --- | --- | --- | --- | --- |"
        )?;
        for outcome in &self.outcomes {
            for (kind, figures) in &outcome.figures {
                let Figures {
                    requests_per_second,
                    p50_ms,
                    p99_ms,
                    cpu_us,
                    core_used,
                } = figures;
                writeln!(
                    text,
                    "| {} | {} | {requests_per_second:.0} | {p50_ms} | {p99_ms} | {cpu_us:.1} | {core_used} |",
                    outcome.workload.title,
                    in_words(*kind),
                )?;
            }
        }
        let Plan {
            rounds, measured, ..
        } = self.plan;
        writeln!(
            text,
            "\nA machine of {} cores; under load the server has one worker and core {}, wrk core {}. \
             Medians of {rounds} rounds that take turns, {} s each, (smallest..largest) over {} tasks; \
             a ratio compares the two servers of one round; by CPU time it is the other's time for a \
             request as a part of the host's. Start and memory are measured on all cores.",
            self.cores,
            server::CORE,
            wrk::CORE,
            measured.as_secs(),
            seed::TASKS,
        )
    }

    fn aims(&self) -> Vec<Aim> {
        let mut aims = Vec::new();
        for outcome in &self.outcomes {
            let basis = Basis::of(outcome);
            for (kind, ratio) in &outcome.ratios {
                let (aim, least) = match (outcome.workload.key, kind) {
                    ("get_one", Kind::Twin) => ("0.75", 0.75),
                    ("list_100", Kind::Twin) => ("0.60", 0.60),
                    ("create", Kind::Twin) => ("0.90", 0.90),
                    ("create_64", Kind::HostWithoutSync) => ("0.95", 0.95),
                    (_, Kind::FastApi | Kind::Flask) => ("6", 6.0),
                    _ => continue,
                };
                aims.push(Aim {
                    title: format!(
                        "{}: in relation to {}",
                        outcome.workload.title,
                        in_words(*kind)
                    ),
                    aim,
                    reached: basis.in_words(ratio),
                    verdict: verdict(basis.figure(ratio).median >= least),
                });
            }
            if outcome.workload.key == "get_one" {
                let made = outcome.instantiation;
                aims.push(Aim {
                    title: "A fresh instance, in-process".to_owned(),
                    aim: "median at most 8 us",
                    reached: format!(
                        "mean {:.1} us, median at most {:.0} us",
                        made.mean_us, made.median_at_most_us
                    ),
                    // Where the bucket of the median is too wide to tell, the mean decides.
                    verdict: verdict(made.median_at_most_us.min(made.mean_us) <= 8.0),
                });
            }
        }
        let Starts {
            cached_ms,
            compiling_ms,
            idle_mb,
        } = &self.starts;
        aims.push(at_most(
            "Ready, compiled code cached, ms",
            "50",
            50.0,
            cached_ms,
        ));
        aims.push(at_most(
            "Ready, compiling first, ms",
            "1000",
            1000.0,
            compiling_ms,
        ));
        aims.push(at_most(
            "Resident memory when idle, MB",
            "30",
            30.0,
            idle_mb,
        ));
        aims
    }
}

fn at_most(title: &str, aim: &'static str, most: f64, reached: &Spread) -> Aim {
    Aim {
        title: title.to_owned(),
        aim,
        reached: format!("{reached:.1}"),
        verdict: verdict(reached.median <= most),
    }
}

/// What a ratio is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Basis {
    Throughput,
    Cpu,
}

impl Basis {
    /// Throughput where the servers had and used all of their core, CPU time otherwise. A create
    /// waits for the disk: there throughput is what counts.
    fn of(outcome: &Outcome) -> Self {
        let used = |(_, figures): &(Kind, Figures)| figures.core_used.median;
        let saturated = outcome
            .figures
            .iter()
            .map(used)
            .all(|used| used >= SATURATED);
        if outcome.workload.creates || saturated {
            Basis::Throughput
        } else {
            Basis::Cpu
        }
    }

    fn figure(self, ratio: &Ratio) -> Spread {
        match self {
            Basis::Throughput => ratio.throughput,
            Basis::Cpu => ratio.cpu,
        }
    }

    fn in_words(self, ratio: &Ratio) -> String {
        let Ratio { throughput, cpu } = ratio;
        match self {
            Basis::Throughput => format!("{throughput}; by CPU time {cpu}"),
            Basis::Cpu => {
                format!("by CPU time {cpu}; throughput {throughput}, but the core was not full")
            }
        }
    }
}

fn of_outcome(outcome: &Outcome) -> Value {
    let mut servers = Map::new();
    for (kind, figures) in &outcome.figures {
        servers.insert(kind.name().replace('-', "_"), json!(figures));
    }
    let ratios = outcome.ratios.iter();
    let ratios: Map<_, _> = ratios
        .map(|(kind, ratio)| (key(*kind).to_owned(), json!(ratio)))
        .collect();
    json!({
        "servers": servers,
        "ratios": ratios,
        "judged_by": Basis::of(outcome),
        "instantiation": outcome.instantiation,
    })
}

/// What the host is compared with, as the JSON names it.
fn key(kind: Kind) -> &'static str {
    match kind {
        Kind::Host => "host",
        Kind::Twin => "native",
        Kind::HostWithoutSync => "without_sync",
        Kind::FastApi => "fastapi",
        Kind::Flask => "flask",
    }
}

/// The server's name for people.
pub fn in_words(kind: Kind) -> &'static str {
    match kind {
        Kind::Host => "host",
        Kind::Twin => "native twin",
        Kind::HostWithoutSync => "host, syncs off",
        Kind::FastApi => "FastAPI",
        Kind::Flask => "Flask",
    }
}
