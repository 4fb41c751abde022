//! Measures workloads in rounds that take turns: host, twin, host, twin.
//!
//! If something slows the machine for a while, it slows both alike, so the ratios of a round hold even
//! if the rates do not. Each turn starts its server again, on a copy of the same data. After the rounds
//! at full load follow rounds at a constant rate, which the slowest server can keep.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use testkit::client::Request;
use xtask::step;

use crate::instantiation::Instantiation;
use crate::kind::Kind;
use crate::outcome::{Outcome, Round, Rounds, figures, ratio};
use crate::plan::Plan;
use crate::server::Server;
use crate::setup::{Options, Setup};
use crate::statistics::Spread;
use crate::store::Engine;
use crate::workload::Workload;
use crate::wrk::{self, Generator};
use crate::{paced, requests};

/// The constant rate, as a fraction of what the slowest server answers at full load.
pub const PACE: f64 = 0.6;
/// The servers whose latency at a constant rate is measured.
const PACED: [Kind; 3] = [Kind::Host, Kind::Twin, Kind::WasmtimeServe];

/// What all workloads are measured with.
pub struct Measurement<'a> {
    /// What servers are started from.
    pub setup: &'a Setup,
    /// How long and how often.
    pub plan: Plan,
    /// How servers are started, except for the database.
    pub options: Options<'a>,
    /// The script of wrk.
    pub script: PathBuf,
}

/// A workload and the load generator for it.
struct Load {
    workload: Workload,
    generator: Generator,
}

type Servers = Vec<(Kind, Rounds)>;

impl Measurement<'_> {
    /// Measures a workload on a database.
    ///
    /// # Errors
    /// If a server does not start, or an answer has an unexpected status.
    pub fn measure(&self, workload: Workload, engine: Engine) -> Result<Outcome> {
        let (title, name) = (workload.title, engine.label());
        step::announce(&format!("{name}: {title}, {} rounds…", self.plan.rounds));
        let options = Options {
            engine,
            seed: Some(workload.tasks),
            cold: workload.cold,
            ..self.options
        };
        let load = Load {
            workload,
            generator: Generator {
                script: self.script.clone(),
                requests: requests::write_all(&self.setup.folder, &workload)?,
                refused: workload.refused,
            },
        };
        let kinds = workload.servers.iter().copied();
        let mut servers: Servers = kinds
            .filter(|kind| self.setup.has(*kind, engine))
            .map(|kind| (kind, Rounds::default()))
            .collect();
        let instantiation = self.at_full_load(&load, options, &mut servers)?;
        let rate = self.at_a_rate(&load, options, &mut servers)?;

        let (_, host) = servers.first().context("no server was measured")?;
        Ok(Outcome {
            workload,
            engine,
            rate,
            ratios: servers[1..]
                .iter()
                .map(|(kind, other)| Ok((*kind, ratio(host, other)?)))
                .collect::<Result<_>>()?,
            figures: servers
                .iter()
                .map(|(kind, rounds)| Ok((*kind, figures(rounds)?)))
                .collect::<Result<_>>()?,
            instantiation,
        })
    }

    /// Runs the rounds at full load. Returns the time to make an instance in the host's last round.
    fn at_full_load(
        &self,
        load: &Load,
        options: Options<'_>,
        servers: &mut Servers,
    ) -> Result<Instantiation> {
        let mut instantiation = None;
        for number in 1..=self.plan.rounds {
            for (kind, rounds) in servers.iter_mut() {
                let server = self.setup.start(*kind, options)?;
                let round = self
                    .round(load, &server)
                    .with_context(|| format!("{}, {}", load.workload.title, kind.name()))?;
                step::note(&format!(
                    "round {number}  {:<18} {:>7.0}/s  {:>7.1} us CPU  {:>3.0} % of the core",
                    kind.name(),
                    round.load.requests_per_second,
                    round.cpu_us,
                    round.core_used * 100.0,
                ));
                rounds.full.push(round);
                if *kind == Kind::Host {
                    let metrics = Request::new(server.admin, "GET", "/metrics").try_send()?;
                    ensure!(
                        metrics.status == 200,
                        "the host does not answer with its metrics"
                    );
                    instantiation = Some(Instantiation::read(&metrics.text())?);
                }
                server.stop()?;
            }
        }
        instantiation.context("the host was not measured")
    }

    fn round(&self, load: &Load, server: &Server) -> Result<Round> {
        let Load {
            workload,
            generator,
        } = load;
        let send = |duration| wrk::load(generator, server.api, workload.connections, duration);
        send(self.plan.warm_up)?;
        let cpu_before = server.cpu_seconds()?;
        let load = send(self.plan.measured)?;
        ensure!(load.requests_per_second > 0.0, "nothing was answered");
        let cpu = server.cpu_seconds()? - cpu_before;
        let seconds = self.plan.measured.as_secs_f64();
        Ok(Round {
            load,
            cpu_us: cpu / (load.requests_per_second * seconds) * 1e6,
            core_used: cpu / seconds,
        })
    }

    /// Runs the rounds at a constant rate, and returns the rate. `None` if oha is missing.
    fn at_a_rate(
        &self,
        load: &Load,
        options: Options<'_>,
        servers: &mut Servers,
    ) -> Result<Option<f64>> {
        let Load {
            workload,
            generator,
        } = load;
        let Some(oha) = &self.setup.tools.oha else {
            return Ok(None);
        };
        let rate = pace(servers)?;
        for number in 1..=self.plan.rounds {
            let paced = servers.iter_mut().filter(|(kind, _)| PACED.contains(kind));
            for (kind, rounds) in paced {
                let server = self.setup.start(*kind, options)?;
                let (api, folder) = (server.api, &self.setup.folder);
                wrk::load(generator, api, workload.connections, self.plan.warm_up)?;
                let paced = paced::load(oha, folder, api, workload, rate, self.plan.measured)
                    .with_context(|| format!("{}, {}", workload.title, kind.name()))?;
                step::note(&format!(
                    "round {number}  {:<18} {rate:>7.0}/s  p50 {:>7.3} ms  p99 {:>7.3} ms  {:>3.0} % kept",
                    kind.name(),
                    paced.p50_ms,
                    paced.p99_ms,
                    paced.kept * 100.0,
                ));
                rounds.paced.push(paced);
                server.stop()?;
            }
        }
        Ok(Some(rate))
    }
}

/// Returns the constant rate for all servers whose latency is measured.
fn pace(servers: &Servers) -> Result<f64> {
    let paced = servers.iter().filter(|(kind, _)| PACED.contains(kind));
    let medians = paced.filter_map(|(_, rounds)| {
        let rates = rounds.full.iter();
        let rates = rates.map(|round| round.load.requests_per_second);
        Some(Spread::of(rates)?.median)
    });
    let slowest = medians.min_by(f64::total_cmp);
    Ok((slowest.context("no rounds")? * PACE).ceil())
}
