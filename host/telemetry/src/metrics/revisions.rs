//! Counts of each revision that is in memory.
//!
//! A revision owns its [`RevisionStats`]; the metrics only watch them. When the revision is freed,
//! its series are removed, so labels stay bounded however often the logic is replaced.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
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

/// A snapshot of the counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that have ended, with any outcome.
    pub requests: u64,
    /// Requests that the logic failed: traps, limits, deadlines and its own 5xx. Client errors (4xx)
    /// and the host's 503 do not count.
    pub failures: u64,
    /// Requests that run or wait for their turn.
    pub in_flight: u64,
}

impl RevisionStats {
    /// Counts a request in flight. Drop the guard when it has ended.
    pub fn began(&self) -> InFlight<'_> {
        self.in_flight.fetch_add(1, Relaxed);
        InFlight(self)
    }

    /// Counts a request that the logic failed.
    pub fn failed(&self) {
        self.failures.fetch_add(1, Relaxed);
    }

    /// Returns the current counts. A request that ends at the same time may be in one count and not
    /// yet in another.
    pub fn counts(&self) -> Counts {
        Counts {
            failures: self.failures.load(Relaxed),
            requests: self.requests.load(Relaxed),
            in_flight: self.in_flight.load(Relaxed),
        }
    }
}

/// A request in flight.
#[must_use = "the request has ended when this is dropped"]
pub struct InFlight<'a>(&'a RevisionStats);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
        self.0.requests.fetch_add(1, Relaxed);
    }
}

/// The revisions that are in memory. Clones share the list.
#[derive(Debug, Clone, Default)]
pub(super) struct Revisions(Arc<Mutex<Vec<Watched>>>);

#[derive(Debug)]
struct Watched {
    /// The first 12 hex digits of the digest.
    label: String,
    stats: Weak<RevisionStats>,
}

impl Revisions {
    /// Watches a revision until it is freed. Has no effect if it is watched already.
    pub(super) fn watch(&self, label: String, stats: &Arc<RevisionStats>) {
        let stats = Arc::downgrade(stats);
        let mut watched = self.0.lock();
        if !watched.iter().any(|known| known.stats.ptr_eq(&stats)) {
            watched.push(Watched { label, stats });
        }
    }

    /// Whether a revision with this label is in memory, or was freed and not yet removed.
    pub(super) fn watches(&self, label: &str) -> bool {
        self.0.lock().iter().any(|known| known.label == label)
    }

    /// Removes the revisions that were freed. Returns the labels that no revision has any more.
    pub(super) fn take_freed(&self) -> Vec<String> {
        let mut watched = self.0.lock();
        let is_alive = |known: &Watched| known.stats.strong_count() > 0;
        let mut freed: Vec<String> = watched
            .extract_if(.., |known| !is_alive(known))
            .map(|known| known.label)
            .collect();
        freed.retain(|label| !watched.iter().any(|known| known.label == *label));
        freed
    }

    /// How many revisions are in memory, and their counts by label. A component that is loaded twice
    /// is one series.
    fn counts(&self) -> (usize, BTreeMap<String, Counts>) {
        let mut alive = 0;
        let mut counts = BTreeMap::<_, Counts>::new();
        for known in self.0.lock().iter() {
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
            "Finished requests to operations, by revision.",
            None,
            MetricType::Counter,
        )?;
        for (label, counts) in &counts {
            let mut encoder = families.encode_family(label)?;
            encoder.encode_counter::<NoLabelSet, _, u64>(&counts.requests, None)?;
        }
        let mut families = encoder.encode_descriptor(
            "task_host_revision_failures",
            "Requests to operations that the logic failed, by revision.",
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
            "Revisions in memory: active, candidate, kept for a rollback, or finishing their requests.",
            None,
            MetricType::Gauge,
        )?;
        gauge.encode_gauge(&(alive as u64))
    }
}
