//! The figures that the host counts, and their rendering for Prometheus.
//!
//! One [`Metrics`] lives as long as the process and is shared by every layer; recording never
//! formats text and takes no lock that another recorder holds for longer than a map lookup.
//! Names follow the OpenTelemetry semantic conventions where they exist, in Prometheus' form.
//! Every label is bounded: route templates, never paths; digests of revisions that are in memory.

mod database;
mod histogram;
mod labels;
mod process;
mod register;
mod revisions;
mod text;

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

pub use self::histogram::Histogram;
use self::labels::{
    AccessLabel, DeploymentLabels, KindLabel, OutcomeLabel, RevisionLabels, StageLabel,
    TransactionLabels,
};
pub use self::labels::{Outcome, RequestLabels};
pub use self::process::resident_memory_bytes;
use self::revisions::Revisions;
pub use self::revisions::{Counts, InFlight, RevisionStats};
pub use self::text::Format;
use contract::Access;
use storage::Database;

/// Every figure of the host. Cheap to share: `Arc<Metrics>`.
#[derive(Debug)]
pub struct Metrics {
    /// Renders the handles below, which it shares.
    registry: Registry,
    requests: Family<RequestLabels, Histogram, fn() -> Histogram>,
    /// The series of `requests` by revision, so that they can go with it.
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
    transactions: Family<TransactionLabels, Counter>,
    database_seconds: Family<AccessLabel, Histogram, fn() -> Histogram>,
    database_unavailable: Counter,
    statements: Counter,
    rows: Counter,
    guest_seconds: Histogram,
    host_seconds: Histogram,
    retries: Counter,
    revisions: Revisions,
    replicas: Gauge,
    epoch: Gauge,
    /// What the active one is called: 1.
    active: Family<RevisionLabels, Gauge>,
    shadow_reads: Family<OutcomeLabel, Counter>,
    connections: Gauge,
    event_streams: Gauge,
    deployments: Family<DeploymentLabels, Counter>,
    deployment_ended: Family<OutcomeLabel, Gauge<f64, AtomicU64>>,
    deployment_stages: Family<StageLabel, Histogram, fn() -> Histogram>,
}

impl Metrics {
    /// Counts from zero. The process' own figures are read when they are rendered.
    pub fn new() -> Arc<Metrics> {
        Arc::new(register::metrics())
    }

    /// As [`Metrics::new`], with the figures of a database, and how long this host may answer
    /// without it; [`Duration::MAX`]: for ever.
    pub fn with_database(
        database: Arc<dyn Database>,
        lease: impl Fn() -> Duration + Send + Sync + 'static,
    ) -> Arc<Metrics> {
        let figures = database::DatabaseFigures {
            database,
            lease: Box::new(lease),
        };
        let mut metrics = register::metrics();
        metrics.registry.register_collector(Box::new(figures));
        Arc::new(metrics)
    }

    /// A request's head was read. Drop the guard when its answer is complete or it was given up.
    pub fn request_began(&self) -> Held {
        Held::new(&self.active_requests)
    }

    /// A request was answered or given up, `took` after its head was read. One whose revision is
    /// freed by now, and had no such request before, is not counted: its series would stay.
    pub fn request_ended(&self, labels: &RequestLabels, took: Duration) {
        if let Some(series) = self.requests.get(labels) {
            series.observe(took);
            return;
        }
        let mut series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
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

    /// A connection was accepted. Drop the guard when it is closed.
    pub fn connected(&self) -> Held {
        Held::new(&self.connections)
    }

    /// How this host stands among those that share its database, at a beat.
    pub fn replicas(&self, count: usize, epoch: i64) {
        self.replicas.set(i64::try_from(count).unwrap_or(i64::MAX));
        self.epoch.set(epoch);
    }

    /// A client follows the feed of events. Drop the guard when its stream has ended.
    pub fn event_stream(&self) -> Held {
        Held::new(&self.event_streams)
    }

    /// An instance was made for a request, in `took`.
    pub fn instantiated(&self, took: Duration) {
        self.instantiations.inc();
        self.instantiation_seconds.observe(took);
    }

    /// Shows these kinds of faults at zero: a rate needs a sample from before the first one.
    pub fn expect_faults(&self, kinds: &[&'static str]) {
        for kind in kinds {
            drop(self.faults.get_or_create(&KindLabel::new(kind)));
            if kind.ends_with("-exceeded") {
                drop(self.limits.get_or_create(&KindLabel::new(kind)));
            }
        }
    }

    /// A request was turned away, or a check of readiness failed, because the database did not do its
    /// part.
    pub fn database_unavailable(&self) {
        self.database_unavailable.inc();
    }

    /// The logic failed; `kind` is [`Fault::code`](request::Fault::code).
    ///
    /// What is a limit rather than a defect also counts as a limit hit.
    pub fn faulted(&self, kind: &'static str) {
        self.faults.get_or_create(&KindLabel::new(kind)).inc();
        if kind.ends_with("-exceeded") {
            self.limit_hit(kind);
        }
    }

    /// A limit of the host's own ended a request, such as `payload-too-large`.
    pub fn limit_hit(&self, limit: &'static str) {
        self.limits.get_or_create(&KindLabel::new(limit)).inc();
    }

    /// A request waits for an instance. Drop the guard when the wait is over, however it ended.
    pub fn queued(&self) -> Waiting {
        Waiting {
            _held: Held::new(&self.queue_waiting),
            since: Instant::now(),
            seconds: self.queue_seconds.clone(),
        }
    }

    /// A request was turned away: the queue was full, or the wait too long.
    pub fn rejected(&self) {
        self.queue_rejected.inc();
        self.limit_hit("queue-full");
    }

    /// How many instances may live at a time.
    pub fn set_pool_capacity(&self, instances: usize) {
        self.pool_capacity
            .set(i64::try_from(instances).unwrap_or(i64::MAX));
    }

    /// An instance lives. Drop the guard with it.
    pub fn instance_lives(&self) -> Held {
        Held::new(&self.pool_in_use)
    }

    /// A transaction ended, in which the database worked for `busy`.
    pub fn transaction(&self, access: Access, outcome: Outcome, busy: Duration) {
        let access = AccessLabel::from(access);
        self.transactions
            .get_or_create(&TransactionLabels::new(access, outcome))
            .inc();
        self.database_seconds.get_or_create(&access).observe(busy);
    }

    /// A transaction's statements, and the rows that they returned.
    pub fn statements(&self, statements: u64, rows: u64) {
        self.statements.inc_by(statements);
        self.rows.inc_by(rows);
    }

    /// One call of the logic: the time inside the guest, and the host's time around it
    /// (without the database's).
    pub fn call(&self, guest: Duration, host: Duration) {
        self.guest_seconds.observe(guest);
        self.host_seconds.observe(host);
    }

    /// A request was run again after a serialization conflict.
    pub fn retried(&self) {
        self.retries.inc();
    }

    /// A revision of that digest (hex; the label carries its first 12 digits) is in memory, until
    /// its `stats` are freed. Its series go then.
    pub fn revision_loaded(&self, digest: &str, stats: &Arc<RevisionStats>) {
        self.forget_gone();
        self.revisions.watch(labels::short(digest), stats);
    }

    /// The revision of that digest is the active one from now on.
    pub fn revision_activated(&self, digest: &str, service: &str, version: &str) {
        let labels = RevisionLabels::new(digest, service, version);
        self.active.clear();
        self.active.get_or_create(&labels).set(1);
    }

    /// A read was run on a revision in the shadow, or not: `same`, `different`, `skipped`.
    pub fn shadowed(&self, outcome: &'static str) {
        let outcome = outcome.to_owned();
        self.shadow_reads
            .get_or_create(&OutcomeLabel { outcome })
            .inc();
    }

    fn forget_gone(&self) {
        for revision in self.revisions.gone() {
            let mut series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
            for labels in series.remove(revision.as_str()).unwrap_or_default() {
                self.requests.remove(&labels);
            }
        }
    }

    /// A deployment ended. `reason` is a refusal's slug, or empty; `stages` says how many seconds
    /// each took.
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

    /// Everything, as text in that format.
    pub fn render(&self, format: Format) -> String {
        self.forget_gone();
        text::render(&self.registry, format)
    }
}

/// Counts one thing in a gauge for as long as it lives.
#[derive(Debug)]
#[must_use = "the gauge falls back when this is dropped"]
pub struct Held(Gauge);

impl Held {
    fn new(gauge: &Gauge) -> Held {
        gauge.inc();
        Held(gauge.clone())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A request in the queue.
#[derive(Debug)]
#[must_use = "the wait ends when this is dropped"]
pub struct Waiting {
    _held: Held,
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
