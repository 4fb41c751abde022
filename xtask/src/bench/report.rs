//! What a run found: a table for people, JSON for programs.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

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
    /// The ratios and all figures behind them.
    pub fn json(&self) -> Value {
        let mut ratios = Map::new();
        let mut workloads = Map::new();
        for outcome in &self.outcomes {
            let mut by_server = Map::new();
            for (kind, ratio) in &outcome.ratios {
                by_server.insert(key(*kind).to_owned(), json!(ratio.throughput.median));
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
            for (kind, ratio) in &outcome.ratios {
                let (aim, least) = match (outcome.workload.key, kind) {
                    ("get_one", Kind::Twin) => ("0.60", 0.60),
                    ("list_100", Kind::Twin) => ("0.45", 0.45),
                    ("create", Kind::Twin) | ("create_64", Kind::HostWithoutSync) => ("0.90", 0.90),
                    _ => continue,
                };
                aims.push(Aim {
                    title: format!("{}: part of {}", outcome.workload.title, in_words(*kind)),
                    aim,
                    reached: format!("{}; by CPU time {}", ratio.throughput, ratio.cpu),
                    verdict: of_ratio(outcome, ratio, least),
                });
            }
            if outcome.workload.key == "get_one" {
                let made = outcome.instantiation;
                aims.push(Aim {
                    title: "A fresh instance, in-process".to_owned(),
                    aim: "median under 15 us",
                    reached: format!(
                        "mean {:.1} us, median at most {:.0} us",
                        made.mean_us, made.median_at_most_us
                    ),
                    // Where the bucket of the median is too wide to tell, the mean decides.
                    verdict: verdict(made.median_at_most_us.min(made.mean_us) < 15.0),
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
            "100",
            100.0,
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
            "40",
            40.0,
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

/// Judges by throughput where the servers had all of their core, by CPU time otherwise. A create
/// waits for the disk: there throughput is what counts.
fn of_ratio(outcome: &Outcome, ratio: &Ratio, least: f64) -> &'static str {
    let used = |(_, figures): &(Kind, Figures)| figures.core_used.median;
    let saturated = outcome
        .figures
        .iter()
        .map(used)
        .all(|used| used >= SATURATED);
    if outcome.workload.creates || saturated {
        verdict(ratio.throughput.median >= least)
    } else if ratio.cpu.median >= least {
        "met by CPU time; the core was not saturated"
    } else {
        "missed by CPU time; the core was not saturated"
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
        "instantiation": outcome.instantiation,
    })
}

/// What the host is compared with, as the JSON names it.
fn key(kind: Kind) -> &'static str {
    match kind {
        Kind::Host => "host",
        Kind::Twin => "native",
        Kind::HostWithoutSync => "without_sync",
    }
}

fn in_words(kind: Kind) -> &'static str {
    match kind {
        Kind::Host => "host",
        Kind::Twin => "native twin",
        Kind::HostWithoutSync => "host, syncs off",
    }
}
