//! The results of a run: tables for people, JSON for programs.

pub mod aims;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::kind::Kind;
use crate::measure::PACE;
use crate::outcome::{Figures, Outcome};
use crate::plan::Plan;
use crate::start::Starts;
use crate::{setup, tools, workload, wrk};

/// The results of a run.
pub struct Report {
    /// Number of cores of the machine.
    pub cores: usize,
    /// Whether the cores were kept awake, as text.
    pub sleep: &'static str,
    /// How it was measured.
    pub plan: Plan,
    /// What the servers were built with, as text.
    pub built: String,
    /// The outcome of each workload.
    pub outcomes: Vec<Outcome>,
    /// Workloads that could not be measured, each with the reason.
    pub failed: Vec<String>,
    /// Times and memory of starts. `None` if they were not measured.
    pub starts: Option<Starts>,
    /// The command that started each server under load.
    pub commands: Vec<(Kind, String)>,
}

impl Report {
    /// Returns the ratio that counts for each pair of servers, and all figures.
    pub fn json(&self) -> Value {
        let mut ratios = Map::new();
        let mut workloads = Map::new();
        for outcome in &self.outcomes {
            let mut by_server = Map::new();
            for (kind, ratio) in &outcome.ratios {
                let basis = outcome.basis(*kind);
                by_server.insert(kind.key().to_owned(), json!(basis.figure(ratio).median));
            }
            ratios.insert(outcome.key(), Value::Object(by_server));
            workloads.insert(outcome.key(), of_outcome(outcome));
        }
        let commands: Map<_, _> = self
            .commands
            .iter()
            .cloned()
            .map(|(kind, command)| (kind.name().replace('-', "_"), Value::from(command)))
            .collect();
        json!({
            "ratios": ratios,
            "workloads": workloads,
            "start": self.starts,
            "machine": {
                "cores": self.cores,
                "sleep": self.sleep,
                "server_core": setup::CORE,
                "load_generator_core": wrk::CORE,
            },
            "rounds": self.plan.rounds,
            "seconds_a_round": self.plan.measured.as_secs(),
            "failed": self.failed,
            "built": self.built,
            "tools": tools::versions(),
            "commands": commands,
        })
    }

    /// Returns the tables.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        writeln!(text, "| aim | to reach | reached | |")?;
        writeln!(text, "| --- | --- | --- | --- |")?;
        for aim in aims::all(&self.outcomes, self.starts.as_ref()) {
            writeln!(
                text,
                "| {} | {} | {} | {} |",
                aim.title, aim.aim, aim.reached, aim.verdict
            )?;
        }
        writeln!(
            text,
            "\n| load | server | requests/s | CPU us a request | core used | p50, p99 ms at a constant rate |"
        )?;
        writeln!(text, "| --- | --- | --- | --- | --- | --- |")?;
        for outcome in &self.outcomes {
            let title = outcome.title();
            for (kind, figures) in &outcome.figures {
                let Figures {
                    requests_per_second,
                    cpu_us,
                    core_used,
                    ..
                } = figures;
                writeln!(
                    text,
                    "| {title} | {} | {requests_per_second:.0} | {cpu_us:.1} | {core_used} | {} |",
                    kind.label(),
                    latency(outcome.rate, figures),
                )?;
            }
        }
        for failed in &self.failed {
            writeln!(text, "\nNot measured, because it failed: {failed}.")?;
        }
        self.write_settings(text)
    }

    fn write_settings(&self, text: &mut String) -> std::fmt::Result {
        let Plan {
            rounds, measured, ..
        } = self.plan;
        writeln!(
            text,
            "\nA machine with {} cores, {}; {}. Under load the server has one worker on core {} and the \
             load generator runs on core {}; PostgreSQL uses both. Figures are medians of {rounds} \
             rounds of {} s in which the servers take turns, with (smallest..largest), over {} tasks. A \
             ratio compares two servers within one round; by CPU time it is the other server's CPU time \
             for a request divided by the host's. wrk measures throughput, with one request in flight \
             on each connection. oha measures latency at {:.0} % of the throughput of the slowest of \
             host, twin and `wasmtime serve`, counted from when a request was due. Start-up and memory \
             are measured on all cores. Versions: {}, and those of `bench/peers/requirements.txt`.",
            self.cores,
            self.sleep,
            self.built,
            setup::CORE,
            wrk::CORE,
            measured.as_secs(),
            workload::TASKS,
            PACE * 100.0,
            tools::versions(),
        )?;
        writeln!(text, "\n| server | started as |\n| --- | --- |")?;
        for (kind, command) in &self.commands {
            writeln!(text, "| {} | `{command}` |", kind.label())?;
        }
        Ok(())
    }
}

/// Returns the latency at the constant rate, and a remark if the rate was not kept.
fn latency(rate: Option<f64>, figures: &Figures) -> String {
    let (Some(rate), Some(paced)) = (rate, &figures.paced) else {
        return "-".to_owned();
    };
    let kept = match paced.kept.median {
        kept if kept < aims::KEPT => format!(", of which {:.0} % were answered", kept * 100.0),
        _ => String::new(),
    };
    format!("{}, {} at {rate:.0}/s{kept}", paced.p50_ms, paced.p99_ms)
}

fn of_outcome(outcome: &Outcome) -> Value {
    let mut servers = Map::new();
    for (kind, figures) in &outcome.figures {
        servers.insert(kind.name().replace('-', "_"), json!(figures));
    }
    let mut ratios = Map::new();
    for (kind, ratio) in &outcome.ratios {
        let mut value = json!(ratio);
        value["judged_by"] = json!(outcome.basis(*kind));
        ratios.insert(kind.key().to_owned(), value);
    }
    json!({
        "servers": servers,
        "ratios": ratios,
        "constant_rate": outcome.rate,
        "tasks": outcome.workload.tasks,
        "instantiation": outcome.instantiation,
    })
}
