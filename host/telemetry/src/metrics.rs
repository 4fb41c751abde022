//! The host's metrics, and their rendering for Prometheus.
//!
//! One [`Metrics`] lives as long as the process and is shared by every layer. Recording formats no
//! text, and waits for a lock no longer than a map lookup takes. Names follow the OpenTelemetry
//! semantic conventions if they define one, in Prometheus' spelling. Every label is bounded: route
//! templates instead of paths, and digests of revisions that are in memory.
//!
//! `register` lists every metric with its name and meaning. To add one, add a field here, a line
//! there and a method that records it.

mod database;
mod gauges;
mod histogram;
mod labels;
mod process;
mod register;
mod revisions;
mod text;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

pub use self::gauges::Gauges;
pub use self::histogram::Histogram;
use self::labels::{
    AccessLabel, DeploymentLabels, KindLabel, ModeLabel, OutcomeLabel, RevisionLabels, StageLabel,
    TransactionLabels,
};
pub use self::labels::{Outcome, RequestLabels};
pub use self::process::resident_memory_bytes;
use self::revisions::Revisions;
pub use self::revisions::{Counts, InFlight, RevisionStats};
pub use self::text::Format;
use contract::Access;
use storage::Database;

/// Every metric of the host. Cheap to share as `Arc<Metrics>`.
#[derive(Debug)]
pub struct Metrics {
    /// Renders the metrics. It shares them with the fields below.
    registry: Registry,
    requests: Family<RequestLabels, Histogram, fn() -> Histogram>,
    /// The series of `requests` by revision, so that they can be removed with it.
    series: Mutex<HashMap<Arc<str>, Vec<RequestLabels>>>,
    active_requests: Gauge,
    instantiations: Counter,
    instantiation_seconds: Histogram,
    faults: Family<KindLabel, Counter>,
    limits: Family<KindLabel, Counter>,
    queue_waiting: Gauge,
    queue_rejected: Counter,
    queue_seconds: Histogram,
    pool_in_use: Gauge,
    pool_capacity: Gauge,
    /// One series with the value 1: how memory is cleared.
    memory_clearing: Family<ModeLabel, Gauge>,
    memory_at_risk: Gauge,
    transactions: Family<TransactionLabels, Counter>,
    database_seconds: Family<AccessLabel, Histogram, fn() -> Histogram>,
    database_unavailable: Counter,
    statements: Counter,
    rows: Counter,
    slow_statements: Counter,
    guest_seconds: Histogram,
    host_seconds: Histogram,
    retries: Counter,
    revisions: Revisions,
    replicas: Gauge,
    epoch: Gauge,
    /// One series with the value 1: the active revision.
    active: Family<RevisionLabels, Gauge>,
    shadow_reads: Family<OutcomeLabel, Counter>,
    answers: Family<KindLabel, Counter>,
    answer_cache_bytes: Gauge,
    answer_cache_evictions: Counter,
    answer_checks: Family<OutcomeLabel, Counter>,
    connections: Gauge,
    buffered: Gauge,
    event_streams: Gauge,
    deployments: Family<DeploymentLabels, Counter>,
    deployment_ended: Family<OutcomeLabel, Gauge<f64, AtomicU64>>,
    deployment_stages: Family<StageLabel, Histogram, fn() -> Histogram>,
}

impl Metrics {
    /// Creates all metrics at zero. The process metrics are read when they are rendered.
    pub fn new() -> Arc<Metrics> {
        Arc::new(register::metrics())
    }

    /// Creates all metrics, as [`Metrics::new`] does, and adds those of a database. `lease` returns
    /// how long this host may answer without the database; [`Duration::MAX`] if without end.
    pub fn with_database(
        database: Arc<dyn Database>,
        lease: impl Fn() -> Duration + Send + Sync + 'static,
    ) -> Arc<Metrics> {
        let collector = database::DatabaseCollector {
            database,
            lease: Box::new(lease),
        };
        let mut metrics = register::metrics();
        metrics.registry.register_collector(Box::new(collector));
        Arc::new(metrics)
    }

    /// Counts a request whose head was read as active. Drop the guard when its answer is complete or
    /// it was given up.
    pub fn request_began(&self) -> GaugeGuard {
        GaugeGuard::new(&self.active_requests)
    }

    /// Records a request that was answered or given up, `took` after its head was read.
    ///
    /// If its revision was freed meanwhile and has no such series yet, the request is not recorded,
    /// because nothing would remove the new series.
    pub fn request_ended(&self, labels: &RequestLabels, took: Duration) {
        if let Some(series) = self.requests.get(labels) {
            series.observe(took);
            return;
        }
        let mut series = self.series.lock();
        let revision = &*labels.task_host_revision;
        if !revision.is_empty() && !self.revisions.watches(revision) {
            return;
        }
        let of_revision = series.entry(labels.task_host_revision.clone()).or_default();
        if !of_revision.contains(labels) {
            of_revision.push(labels.clone());
        }
        self.requests.get_or_create(labels).observe(took);
    }

    /// Counts an open connection. Drop the guard when it is closed.
    pub fn connected(&self) -> GaugeGuard {
        GaugeGuard::new(&self.connections)
    }

    /// Sets how many bytes the public port keeps for clients.
    pub fn buffered(&self, bytes: usize) {
        self.buffered.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// Sets how many hosts share the database, and the epoch that this host serves.
    pub fn replicas(&self, count: usize, epoch: i64) {
        self.replicas.set(i64::try_from(count).unwrap_or(i64::MAX));
        self.epoch.set(epoch);
    }

    /// Counts a client that follows the events. Drop the guard when its stream has ended.
    pub fn event_stream(&self) -> GaugeGuard {
        GaugeGuard::new(&self.event_streams)
    }

    /// Records that creating an instance took that long.
    pub fn instantiated(&self, took: Duration) {
        self.instantiations.inc();
        self.instantiation_seconds.observe(took);
    }

    /// Creates the series of these kinds of faults at zero. A rate needs a sample from before the
    /// first fault.
    pub fn expect_faults(&self, kinds: &[&'static str]) {
        for kind in kinds {
            drop(self.faults.get_or_create(&KindLabel::new(kind)));
            if kind.ends_with("-exceeded") {
                drop(self.limits.get_or_create(&KindLabel::new(kind)));
            }
        }
    }

    /// Creates the series of answers to reads at zero: see [`expect_faults`](Self::expect_faults).
    pub fn expect_answers(&self, kinds: &[&'static str]) {
        for kind in kinds {
            drop(self.answers.get_or_create(&KindLabel::new(kind)));
        }
        for outcome in ["same", "different"] {
            let outcome = outcome.to_owned();
            drop(self.answer_checks.get_or_create(&OutcomeLabel { outcome }));
        }
    }

    /// Counts a request or readiness check that failed because of the database.
    pub fn database_unavailable(&self) {
        self.database_unavailable.inc();
    }

    /// Counts a fault of the logic. `kind` is the fault's code.
    ///
    /// A fault that is an exceeded limit is also counted as a limit that was hit.
    pub fn faulted(&self, kind: &'static str) {
        self.faults.get_or_create(&KindLabel::new(kind)).inc();
        if kind.ends_with("-exceeded") {
            self.limit_hit(kind);
        }
    }

    /// Counts a request that a limit of the host ended, such as `payload-too-large`.
    pub fn limit_hit(&self, limit: &'static str) {
        self.limits.get_or_create(&KindLabel::new(limit)).inc();
    }

    /// Counts a request that waits for the writer or a slot. Drop the guard when the wait is over,
    /// however it ended.
    pub fn queued(&self) -> Waiting {
        Waiting {
            _gauge: GaugeGuard::new(&self.queue_waiting),
            since: Instant::now(),
            seconds: self.queue_seconds.clone(),
        }
    }

    /// Counts a request that was rejected because the queue was full or the wait too long.
    pub fn rejected(&self) {
        self.queue_rejected.inc();
        self.limit_hit("queue-full");
    }

    /// Sets how many instances may live at a time.
    pub fn set_pool_capacity(&self, instances: usize) {
        self.pool_capacity
            .set(i64::try_from(instances).unwrap_or(i64::MAX));
    }

    /// Sets how an instance's memory is cleared for the next one: `scan` or `exact`, and whether
    /// some of it may reach the next one now.
    pub fn memory_clearing(&self, mode: &'static str, at_risk: bool) {
        self.memory_clearing
            .get_or_create(&ModeLabel { mode })
            .set(1);
        self.memory_at_risk.set(at_risk.into());
    }

    /// Counts a live instance. Drop the guard together with the instance.
    pub fn instance_lives(&self) -> GaugeGuard {
        GaugeGuard::new(&self.pool_in_use)
    }

    /// Records a transaction that ended, and how long the database worked for it.
    pub fn transaction(&self, access: Access, outcome: Outcome, busy: Duration) {
        let access = AccessLabel::from(access);
        self.transactions
            .get_or_create(&TransactionLabels::new(access, outcome))
            .inc();
        self.database_seconds.get_or_create(&access).observe(busy);
    }

    /// Records a transaction's statements and the rows that they returned.
    pub fn statements(&self, statements: u64, rows: u64) {
        self.statements.inc_by(statements);
        self.rows.inc_by(rows);
    }

    /// Counts a statement that took longer than the host was told to note.
    pub fn slow_statement(&self) {
        self.slow_statements.inc();
    }

    /// Records one call of the logic: the time in the guest, and the time in the host's functions
    /// without the database's time.
    pub fn call(&self, guest: Duration, host: Duration) {
        self.guest_seconds.observe(guest);
        self.host_seconds.observe(host);
    }

    /// Counts a retry after a serialization conflict.
    pub fn retried(&self) {
        self.retries.inc();
    }

    /// Watches a revision that is in memory. When its `stats` are freed, its series are removed.
    /// `digest` is hex; the label is its first 12 digits.
    pub fn revision_loaded(&self, digest: &str, stats: &Arc<RevisionStats>) {
        self.remove_freed();
        self.revisions.watch(labels::short(digest), stats);
    }

    /// Sets the active revision.
    pub fn revision_activated(&self, digest: &str, service: &str, version: &str) {
        let labels = RevisionLabels::new(digest, service, version);
        self.active.clear();
        self.active.get_or_create(&labels).set(1);
    }

    /// Counts a read of a shadow trial. `outcome` is `same`, `different` or `skipped`.
    pub fn shadowed(&self, outcome: &'static str) {
        let outcome = outcome.to_owned();
        self.shadow_reads
            .get_or_create(&OutcomeLabel { outcome })
            .inc();
    }

    /// Counts an answer to a read. `kind` is `run`, `unchanged`, `verified` or `shared`.
    pub fn read_answered(&self, kind: &'static str) {
        self.answers.get_or_create(&KindLabel::new(kind)).inc();
    }

    /// Sets how many bytes the answer cache holds.
    pub fn answer_cache_holds(&self, bytes: u64) {
        self.answer_cache_bytes
            .set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// Counts an answer that the answer cache dropped to make room.
    pub fn answer_evicted(&self) {
        self.answer_cache_evictions.inc();
    }

    /// Counts a proven answer that was compared with a run. `outcome` is `same` or `different`.
    pub fn answer_checked(&self, outcome: &'static str) {
        let outcome = outcome.to_owned();
        self.answer_checks
            .get_or_create(&OutcomeLabel { outcome })
            .inc();
    }

    /// Removes the series of revisions that were freed.
    fn remove_freed(&self) {
        for revision in self.revisions.take_freed() {
            let mut series = self.series.lock();
            for labels in series.remove(revision.as_str()).unwrap_or_default() {
                self.requests.remove(&labels);
            }
        }
    }

    /// Records a deployment that ended. `reason` is the code of a rejection, or empty. `stages` are
    /// the stages with their durations in seconds.
    pub fn deployed(&self, outcome: &str, reason: &str, stages: &[(&str, f64)]) {
        let labels = DeploymentLabels {
            outcome: outcome.to_owned(),
            reason: reason.to_owned(),
        };
        self.deployments.get_or_create(&labels).inc();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let label = OutcomeLabel {
            outcome: outcome.to_owned(),
        };
        self.deployment_ended
            .get_or_create(&label)
            .set(now.unwrap_or_default().as_secs_f64());
        for (stage, seconds) in stages {
            let label = StageLabel {
                stage: (*stage).to_owned(),
            };
            let took = Duration::try_from_secs_f64(*seconds).unwrap_or_default();
            self.deployment_stages.get_or_create(&label).observe(took);
        }
    }

    /// Renders all metrics as text.
    pub fn render(&self, format: Format) -> String {
        self.remove_freed();
        text::render(&self.registry, format)
    }
}

/// Adds one to a gauge until it is dropped.
#[derive(Debug)]
#[must_use = "the gauge decreases when this is dropped"]
pub struct GaugeGuard(Gauge);

impl GaugeGuard {
    fn new(gauge: &Gauge) -> GaugeGuard {
        gauge.inc();
        GaugeGuard(gauge.clone())
    }
}

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A request in the queue.
#[derive(Debug)]
#[must_use = "the wait ends when this is dropped"]
pub struct Waiting {
    _gauge: GaugeGuard,
    since: Instant,
    seconds: Histogram,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.seconds.observe(self.since.elapsed());
    }
}

#[cfg(test)]
mod tests;
