//! How long and how often everything is measured.

use std::time::Duration;

/// How long and how often to measure.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Number of rounds of each workload.
    pub rounds: usize,
    /// Duration of the load before each measurement.
    pub warm_up: Duration,
    /// Duration of one measurement.
    pub measured: Duration,
    /// Number of starts of each kind.
    pub starts: usize,
}

impl Plan {
    /// The plan of a published run.
    pub const FULL: Plan = Plan {
        rounds: 5,
        warm_up: Duration::from_secs(1),
        measured: Duration::from_secs(4),
        starts: 11,
    };
    /// The plan of `--quick`.
    pub const QUICK: Plan = Plan {
        rounds: 3,
        warm_up: Duration::from_secs(1),
        measured: Duration::from_secs(2),
        starts: 5,
    };
}
