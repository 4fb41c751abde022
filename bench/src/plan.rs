//! How long and how often everything is measured.

use std::time::Duration;

/// How long and how often.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Rounds of each workload.
    pub rounds: usize,
    /// Load before each measurement.
    pub warm_up: Duration,
    /// One measurement.
    pub measured: Duration,
    /// Starts of each kind.
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
