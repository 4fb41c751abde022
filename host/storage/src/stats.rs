//! What a database has done since it was opened, counted for metrics.
//!
//! The engines write these atomics without ordering between them. Each figure is correct, but two
//! of them may be read at slightly different moments.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use contract::Access;

/// Figures of a database. Counters only grow; gauges show the present state.
#[derive(Debug, Default)]
pub struct Stats {
    /// Counter: transactions that were committed.
    pub commits: AtomicU64,
    /// Counter: transactions that were rolled back, by request or because something failed.
    pub rollbacks: AtomicU64,
    /// Counter: statements of the logic that ran, including failed ones.
    pub statements: AtomicU64,
    /// Counter: rows returned to the logic.
    pub rows: AtomicU64,
    /// Counter: events that were published by transactions that committed.
    pub events: AtomicU64,
    /// Counter: time that the logic's statements took, in nanoseconds.
    pub statement_nanos: AtomicU64,
    /// Counter: syncs of the write-ahead log. Far below `commits` under load, because waiting
    /// commits share one.
    pub syncs: AtomicU64,
    /// Counter: time that syncs took, in nanoseconds.
    pub sync_nanos: AtomicU64,
    /// Counter: checkpoints, which move the write-ahead log into the database file.
    pub checkpoints: AtomicU64,
    /// Counter: tables whose statistics were gathered for SQLite's query planner.
    pub analyses: AtomicU64,
    /// Counter: waits for the writer or a connection that timed out.
    pub timeouts: AtomicU64,
    /// Counter: statements and connections for which SQLite's heap was full, so that they were tried
    /// again.
    pub memory_retries: AtomicU64,
    /// Gauge: size of SQLite's cached statements, in bytes.
    pub cached_statement_bytes: AtomicU64,
    /// Gauge: 1 while the disk refuses writes ([`StorageFault::Full`](crate::StorageFault::Full)).
    pub full: AtomicU64,
    /// Gauge: 1 from when the database was found damaged.
    pub damaged: AtomicU64,
    /// Gauge: 1 from when a file of the database was found removed or replaced.
    pub moved: AtomicU64,
    /// Gauge: requests that wait for the writer.
    pub writer_waiting: AtomicU64,
    /// Gauge: requests that wait for a connection for reads.
    pub reader_waiting: AtomicU64,
    /// Gauge: 1 while a write transaction is open.
    pub writers_in_use: AtomicU64,
    /// Gauge: read transactions that are open.
    pub readers_in_use: AtomicU64,
}

impl Stats {
    /// Returns the gauge of requests that wait for this access.
    pub(crate) fn waiting(&self, access: Access) -> &AtomicU64 {
        match access {
            Access::Read => &self.reader_waiting,
            Access::Write => &self.writer_waiting,
        }
    }

    /// Returns the gauge of open transactions with this access.
    pub(crate) fn in_use(&self, access: Access) -> &AtomicU64 {
        match access {
            Access::Read => &self.readers_in_use,
            Access::Write => &self.writers_in_use,
        }
    }

    /// Adds one to a counter or a gauge.
    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Relaxed);
    }

    /// Adds a duration to a counter of nanoseconds.
    pub(crate) fn time(counter: &AtomicU64, elapsed: Duration) {
        counter.fetch_add(nanos(elapsed), Relaxed);
    }
}

/// Returns the duration in nanoseconds, at most [`u64::MAX`], which is more than five centuries.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
