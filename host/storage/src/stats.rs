//! What a database has done since it was opened, counted for metrics.
//!
//! Plain atomics, written by the engine without order between them: each figure is right by
//! itself, and two of them may be a moment apart.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Figures of a database. Counters only grow; gauges say what is so at this moment.
#[derive(Debug, Default)]
pub struct Stats {
    /// Counter: transactions that were committed.
    pub commits: AtomicU64,
    /// Counter: transactions that were rolled back, by request or because something failed.
    pub rollbacks: AtomicU64,
    /// Counter: statements of the logic that ran, failed ones included.
    pub statements: AtomicU64,
    /// Counter: rows handed to the logic.
    pub rows: AtomicU64,
    /// Counter: events that were published by transactions that committed.
    pub events: AtomicU64,
    /// Counter: time that the logic's statements took, in nanoseconds.
    pub statement_nanos: AtomicU64,
    /// Counter: syncs of the write-ahead log. Far below `commits` under load, as writes that
    /// wait share one.
    pub syncs: AtomicU64,
    /// Counter: time that syncs took, in nanoseconds.
    pub sync_nanos: AtomicU64,
    /// Counter: checkpoints, which move the write-ahead log into the database file.
    pub checkpoints: AtomicU64,
    /// Counter: waits for the writer or a reader that ended without one.
    pub timeouts: AtomicU64,
    /// Gauge: requests that wait for the writer.
    pub writer_waiting: AtomicU64,
    /// Gauge: requests that wait for a reader.
    pub reader_waiting: AtomicU64,
    /// Gauge: 1 while a write transaction is open.
    pub writers_in_use: AtomicU64,
    /// Gauge: read transactions that are open.
    pub readers_in_use: AtomicU64,
}

impl Stats {
    /// Adds one to a counter or a gauge.
    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Relaxed);
    }

    /// Adds a duration to a counter of nanoseconds.
    pub(crate) fn time(counter: &AtomicU64, elapsed: Duration) {
        counter.fetch_add(nanos(elapsed), Relaxed);
    }
}

/// The duration in nanoseconds; five centuries and more are all the same.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
