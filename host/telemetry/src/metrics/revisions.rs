//! What each revision has done in this process, for as long as it is in memory.
//!
//! A revision owns its [`RevisionStats`]; here they are only watched. When the last request and
//! the last place that kept it compiled are gone, so are its series: labels stay bounded however
//! often the logic is replaced.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, NoLabelSet};
use prometheus_client::metrics::MetricType;

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
    pub fn began(&self) -> InFlight<'_> {
        self.in_flight.fetch_add(1, Relaxed);
        InFlight(self)
    }

    /// A request ended by the logic's fault.
    pub fn failed(&self) {
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
#[must_use = "the request has ended when this is dropped"]
pub struct InFlight<'a>(&'a RevisionStats);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
        self.0.requests.fetch_add(1, Relaxed);
    }
}

/// The revisions that are in memory.
#[derive(Debug, Clone, Default)]
pub(super) struct Revisions(Arc<Mutex<Vec<Watched>>>);

#[derive(Debug)]
struct Watched {
    /// The first 12 hex digits of the digest.
    label: String,
    stats: Weak<RevisionStats>,
}

impl Revisions {
    /// Watches a revision until it is freed. Watching it again changes nothing.
    pub(super) fn watch(&self, label: String, stats: &Arc<RevisionStats>) {
        let stats = Arc::downgrade(stats);
        let mut watched = self.lock();
        if !watched.iter().any(|known| known.stats.ptr_eq(&stats)) {
            watched.push(Watched { label, stats });
        }
    }

    /// Whether a revision of that label is in memory, or its end was not noticed yet.
    pub(super) fn watches(&self, label: &str) -> bool {
        self.lock().iter().any(|known| known.label == label)
    }

    /// The labels of which no revision is left, each told once.
    pub(super) fn gone(&self) -> Vec<String> {
        let mut watched = self.lock();
        let is_alive = |known: &Watched| known.stats.strong_count() > 0;
        let mut gone: Vec<String> = watched
            .extract_if(.., |known| !is_alive(known))
            .map(|known| known.label)
            .collect();
        gone.retain(|label| !watched.iter().any(|known| known.label == *label));
        gone
    }

    /// The counts by label. A component that is loaded twice is one series.
    fn counts(&self) -> (usize, BTreeMap<String, Counts>) {
        let mut alive = 0;
        let mut counts = BTreeMap::<_, Counts>::new();
        for known in self.lock().iter() {
            let Some(stats) = known.stats.upgrade() else {
                continue;
            };
            alive += 1;
            let more = stats.counts();
            let sum = counts.entry(known.label.clone()).or_default();
            sum.requests += more.requests;
            sum.failures += more.failures;
            sum.in_flight += more.in_flight;
        }
        (alive, counts)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Watched>> {
        // What it guards is whole also where a holder panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RevisionLabel {
    task_host_revision: String,
}

impl Collector for Revisions {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let (alive, counts) = self.counts();
        let counts: Vec<(RevisionLabel, Counts)> = counts
            .into_iter()
            .map(|(task_host_revision, counts)| (RevisionLabel { task_host_revision }, counts))
            .collect();
        let mut families = encoder.encode_descriptor(
            "task_host_revision_requests",
            "Requests to operations that have ended, by revision.",
            None,
            MetricType::Counter,
        )?;
        for (label, counts) in &counts {
            let mut encoder = families.encode_family(label)?;
            encoder.encode_counter::<NoLabelSet, _, u64>(&counts.requests, None)?;
        }
        let mut families = encoder.encode_descriptor(
            "task_host_revision_failures",
            "Those of them that failed by the logic's fault.",
            None,
            MetricType::Counter,
        )?;
        for (label, counts) in &counts {
            let mut encoder = families.encode_family(label)?;
            encoder.encode_counter::<NoLabelSet, _, u64>(&counts.failures, None)?;
        }
        let mut families = encoder.encode_descriptor(
            "task_host_revision_in_flight",
            "Requests that run or wait for their turn, by revision.",
            None,
            MetricType::Gauge,
        )?;
        for (label, counts) in &counts {
            let mut encoder = families.encode_family(label)?;
            encoder.encode_gauge(&counts.in_flight)?;
        }
        let mut gauge = encoder.encode_descriptor(
            "task_host_revisions_alive",
            "Revisions in memory: active, tried, kept for a rollback, or ending their requests.",
            None,
            MetricType::Gauge,
        )?;
        gauge.encode_gauge(&(alive as u64))
    }
}
