//! The aims of the benchmark, and whether they were met.

use crate::kind::Kind;
use crate::outcome::{Outcome, Ratio};
use crate::start::Starts;
use crate::statistics::Spread;
use crate::store::Engine;

/// Fraction of a constant rate that must be answered for its latencies to count.
pub const KEPT: f64 = 0.98;

/// An aim.
pub struct Aim {
    /// The title.
    pub title: String,
    /// The figure to reach.
    pub aim: &'static str,
    /// The figure that was reached.
    pub reached: String,
    /// Whether the aim was met.
    pub verdict: &'static str,
}

impl Aim {
    fn new(title: String, aim: &'static str, reached: String, met: bool) -> Self {
        Aim {
            title,
            aim,
            reached,
            verdict: if met { "met" } else { "missed" },
        }
    }
}

/// Returns every aim for which something was measured.
pub fn all(outcomes: &[Outcome], starts: Option<&Starts>) -> Vec<Aim> {
    let mut aims = Vec::new();
    for outcome in outcomes {
        for (kind, ratio) in &outcome.ratios {
            aims.extend(throughput(outcome, *kind, ratio));
            aims.extend(tail(outcome, *kind, ratio));
        }
        if outcome.key() == "get_one_cold" {
            aims.push(instance(outcome));
        }
        if outcome.workload.key == "create_64" {
            aims.extend(shared_syncs(outcome, outcomes));
        }
    }
    if let Some(starts) = starts {
        let Starts {
            cached_ms,
            compiling_ms,
            idle_mb,
            crowd_mb,
        } = starts;
        aims.extend([
            at_most("Ready, compiled code cached, ms", "50", 50.0, cached_ms),
            at_most("Ready, compiling first, ms", "1000", 1000.0, compiling_ms),
            at_most("Resident memory when idle, MB", "30", 30.0, idle_mb),
            at_most(
                "Resident memory with 500 concurrent lists of 100, at most, MB",
                "300",
                300.0,
                crowd_mb,
            ),
        ]);
    }
    aims
}

fn throughput(outcome: &Outcome, kind: Kind, ratio: &Ratio) -> Option<Aim> {
    let (aim, least) = match (outcome.workload.key, kind) {
        ("get_one", Kind::Twin) => ("1.3", 1.3),
        ("get_one_cold", Kind::Twin) => ("0.62", 0.62),
        ("list_20", Kind::Twin) => ("3", 3.0),
        ("list_20", Kind::Flask) => ("15", 15.0),
        ("list_100", Kind::Twin) => ("6", 6.0),
        ("list_100_cold", Kind::Twin) => ("0.80", 0.80),
        ("list_100", Kind::FastApi) => ("50", 50.0),
        ("productivity", Kind::Twin) => ("100", 100.0),
        ("mixed", Kind::Twin) => ("1.1", 1.1),
        ("create", Kind::Twin) => ("0.90", 0.90),
        ("create_64", Kind::HostWithoutSync) if outcome.engine == Engine::Sqlite => ("0.95", 0.95),
        // What is recorded and sampled costs at most 1 %.
        ("get_one" | "mixed", Kind::HostWithoutRecordings) => ("0.99", 0.99),
        ("refused" | "refused_1", Kind::WasmtimeServe) => ("1.3", 1.3),
        (_, Kind::FastApi | Kind::Flask) => ("6", 6.0),
        _ => return None,
    };
    let basis = outcome.basis(kind);
    Some(Aim::new(
        format!("{}: in relation to {}", outcome.title(), kind.label()),
        aim,
        basis.label(ratio),
        basis.figure(ratio).median >= least,
    ))
}

/// The aim for the 99th percentile in relation to the twin's.
fn tail(outcome: &Outcome, kind: Kind, ratio: &Ratio) -> Option<Aim> {
    let p99 = ratio.p99.filter(|_| kind == Kind::Twin)?;
    let kept = [Kind::Host, kind].iter().all(|kind| {
        let paced = outcome.of(*kind).and_then(|figures| figures.paced);
        paced.is_some_and(|paced| paced.kept.median >= KEPT)
    });
    let rate = outcome.rate.unwrap_or_default();
    let mut reached = format!("{p99} at {rate:.0}/s");
    if !kept {
        reached += ", which was not kept";
    }
    Some(Aim::new(
        format!("{}: p99 as a multiple of the twin's", outcome.title()),
        "1.5",
        reached,
        kept && p99.median <= 1.5,
    ))
}

fn instance(outcome: &Outcome) -> Aim {
    let made = outcome.instantiation;
    Aim::new(
        "A fresh instance, in-process".to_owned(),
        "median at most 8 us",
        format!(
            "mean {:.1} us, median at most {:.0} us",
            made.mean_us, made.median_at_most_us
        ),
        // If the bucket of the median is too wide, the mean decides.
        made.median_at_most_us.min(made.mean_us) <= 8.0,
    )
}

/// The aim for creates at 64 connections in relation to creates at one connection, where every create has
/// a sync of its own.
fn shared_syncs(outcome: &Outcome, outcomes: &[Outcome]) -> Option<Aim> {
    let alone = outcomes
        .iter()
        .find(|other| other.engine == outcome.engine && other.workload.key == "create")?;
    let rate = |outcome: &Outcome| Some(outcome.of(Kind::Host)?.requests_per_second.median);
    let times = rate(outcome)? / rate(alone)?;
    let sqlite = outcome.engine == Engine::Sqlite;
    sqlite.then(|| {
        Aim::new(
            format!("{}: in relation to one sync a create", outcome.title()),
            "4",
            format!("{times:.2}"),
            times >= 4.0,
        )
    })
}

fn at_most(title: &str, aim: &'static str, most: f64, reached: &Spread) -> Aim {
    Aim::new(
        title.to_owned(),
        aim,
        format!("{reached:.1}"),
        reached.median <= most,
    )
}
