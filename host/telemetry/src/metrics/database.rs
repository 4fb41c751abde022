//! The database's metrics, read from its counters at each scrape.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use storage::Database;

/// Reads a database's counters at each scrape.
pub(super) struct DatabaseCollector {
    pub(super) database: Arc<dyn Database>,
    /// Returns how long this host may answer without the database.
    pub(super) lease: Box<dyn Fn() -> Duration + Send + Sync>,
}

impl std::fmt::Debug for DatabaseCollector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DatabaseCollector")
    }
}

impl Collector for DatabaseCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let stats = self.database.stats();
        let mut put = |name: &str, help: &str, unit: Option<Unit>, metric: &dyn EncodeMetric| {
            let encoder =
                encoder.encode_descriptor(name, help, unit.as_ref(), metric.metric_type())?;
            metric.encode(encoder)
        };
        let lease = match (self.lease)() {
            Duration::MAX => f64::INFINITY,
            lease => lease.as_secs_f64(),
        };
        put(
            "task_host_replica_lease_remaining",
            "How long this host may still answer if it cannot reach the shared database.",
            Some(Unit::Seconds),
            &ConstGauge::new(lease),
        )?;
        let counters = [
            (
                "task_host_database_syncs",
                "Syncs of the write-ahead log.",
                &stats.syncs,
            ),
            (
                "task_host_database_checkpoints",
                "Checkpoints of the write-ahead log.",
                &stats.checkpoints,
            ),
            (
                "task_host_events_published",
                "Events published by committed transactions.",
                &stats.events,
            ),
            (
                "task_host_database_analyses",
                "Tables whose statistics were gathered for SQLite's query planner.",
                &stats.analyses,
            ),
            (
                "task_host_database_timeouts",
                "Waits for the writer or for a connection that timed out.",
                &stats.timeouts,
            ),
            (
                "task_host_database_memory_retries",
                "Statements and connections that were tried again because SQLite's heap was full.",
                &stats.memory_retries,
            ),
        ];
        for (name, help, counter) in counters {
            put(name, help, None, &ConstCounter::new(counter.load(Relaxed)))?;
        }
        let seconds = [
            (
                "task_host_database_sync",
                "Time spent in syncs.",
                &stats.sync_nanos,
            ),
            (
                "task_host_database_statement",
                "Time spent in the logic's statements.",
                &stats.statement_nanos,
            ),
        ];
        for (name, help, nanos) in seconds {
            let seconds = nanos.load(Relaxed) as f64 / 1e9;
            put(name, help, Some(Unit::Seconds), &ConstCounter::new(seconds))?;
        }
        let gauges = [
            (
                "task_host_database_full",
                "1 while the disk of the SQLite database refuses writes.",
                &stats.full,
            ),
            (
                "task_host_database_damaged",
                "1 from when the SQLite database was found damaged.",
                &stats.damaged,
            ),
            (
                "task_host_database_moved",
                "1 from when a file of the SQLite database was found removed or replaced.",
                &stats.moved,
            ),
            (
                "task_host_database_writer_waiting",
                "Requests that wait for the writer.",
                &stats.writer_waiting,
            ),
            (
                "task_host_database_reader_waiting",
                "Requests that wait for a read connection.",
                &stats.reader_waiting,
            ),
            (
                "task_host_database_writers_in_use",
                "Open write transactions.",
                &stats.writers_in_use,
            ),
            (
                "task_host_database_readers_in_use",
                "Open read transactions.",
                &stats.readers_in_use,
            ),
            (
                "task_host_database_cached_statement_bytes",
                "Size of SQLite's cached statements, in bytes.",
                &stats.cached_statement_bytes,
            ),
        ];
        for (name, help, gauge) in gauges {
            let value = i64::try_from(gauge.load(Relaxed)).unwrap_or(i64::MAX);
            put(name, help, None, &ConstGauge::new(value))?;
        }
        Ok(())
    }
}
