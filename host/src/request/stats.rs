//! What one revision has done in this process: what probation judges by.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts the requests of one revision. Counters only grow.
#[derive(Debug, Default)]
pub struct RevisionStats {
    requests: AtomicU64,
    failures: AtomicU64,
    in_flight: AtomicU64,
}

/// The counts at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that have ended, however.
    pub requests: u64,
    /// Those of them that ended by the logic's fault: traps, limits, deadlines, its own 5xx. The
    /// clients' 4xx and the host's 503 are not among them.
    pub failures: u64,
    /// Requests that run or wait for their turn.
    pub in_flight: u64,
}

impl RevisionStats {
    /// A request began. It has ended when the guard is dropped.
    pub(super) fn began(&self) -> InFlight<'_> {
        self.in_flight.fetch_add(1, Relaxed);
        InFlight(self)
    }

    /// A request ended by the logic's fault.
    pub(super) fn failed(&self) {
        self.failures.fetch_add(1, Relaxed);
    }

    /// The counts now. Each is right by itself; a request that ends meanwhile may be in one and
    /// not yet in another.
    pub fn counts(&self) -> Counts {
        Counts {
            failures: self.failures.load(Relaxed),
            requests: self.requests.load(Relaxed),
            in_flight: self.in_flight.load(Relaxed),
        }
    }
}

/// A request that has not ended.
pub(super) struct InFlight<'a>(&'a RevisionStats);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
        self.0.requests.fetch_add(1, Relaxed);
    }
}
