//! A histogram of durations that uses atomics only.
//!
//! The histogram of `prometheus_client` takes a mutex for each observation. This one is observed
//! several times per request on every core. A scrape may see a count that is ahead of the sum; the
//! next scrape corrects it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::{MetricType, TypedMetric};

/// A histogram of durations, in seconds. Clones share their values.
#[derive(Clone)]
pub struct Histogram(Arc<Inner>);

struct Inner {
    /// Upper bounds in nanoseconds, ascending.
    bounds: &'static [u64],
    /// One count for each bound, and one for durations above all bounds.
    counts: Box<[AtomicU64]>,
    /// The sum in nanoseconds. It overflows after 584 years.
    sum: AtomicU64,
}

const US: u64 = 1_000;
const MS: u64 = 1_000 * US;
const S: u64 = 1_000 * MS;

/// For whole requests: the bounds of the OpenTelemetry convention, and finer ones below them,
/// because most requests of this host are faster.
#[rustfmt::skip]
const REQUEST: &[u64] = &[
    100 * US, 250 * US, 500 * US, MS, 5 * MS / 2, 5 * MS, 10 * MS, 25 * MS, 50 * MS, 75 * MS,
    100 * MS, 250 * MS, 500 * MS, 750 * MS, S, 5 * S / 2, 5 * S, 15 * S / 2, 10 * S,
];

/// For the parts of a request.
#[rustfmt::skip]
const PART: &[u64] = &[
    5 * US, 10 * US, 25 * US, 50 * US, 100 * US, 250 * US, 500 * US, MS, 5 * MS / 2, 5 * MS,
    10 * MS, 25 * MS, 100 * MS, 500 * MS, S, 5 * S,
];

impl Histogram {
    /// Creates a histogram for whole requests: 0.1 ms to 10 s.
    pub fn of_requests() -> Histogram {
        Histogram::new(REQUEST)
    }

    /// Creates a histogram for parts of a request: 5 us to 5 s.
    pub fn of_parts() -> Histogram {
        Histogram::new(PART)
    }

    fn new(bounds: &'static [u64]) -> Histogram {
        Histogram(Arc::new(Inner {
            bounds,
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
        }))
    }

    /// Records one duration.
    pub fn observe(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let bucket = self.0.bounds.partition_point(|bound| *bound < nanos);
        self.0.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.0.sum.fetch_add(nanos, Ordering::Relaxed);
    }

    /// Returns how many durations were recorded.
    pub fn count(&self) -> u64 {
        self.0
            .counts
            .iter()
            .map(|count| count.load(Ordering::Relaxed))
            .sum()
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histogram")
            .field("count", &self.count())
            .finish_non_exhaustive()
    }
}

impl EncodeMetric for Histogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let bounds = self.0.bounds.iter().copied().map(seconds);
        let buckets: Vec<(f64, u64)> = bounds
            .chain([f64::INFINITY])
            .zip(self.0.counts.iter().map(|c| c.load(Ordering::Relaxed)))
            .collect();
        // The count is the sum of the buckets that were read, so the two always agree.
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = seconds(self.0.sum.load(Ordering::Relaxed));
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

impl TypedMetric for Histogram {
    const TYPE: MetricType = MetricType::Histogram;
}

fn seconds(nanos: u64) -> f64 {
    nanos as f64 / S as f64
}
