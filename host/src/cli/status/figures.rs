//! Sums the request statistics of the last minute, which the host counts per second and revision.

use server::{Figures, RevisionSecond};

/// The number of seconds that are summed.
const SECONDS: u64 = 60;

/// The requests to one revision in the last minute.
#[derive(Debug, PartialEq)]
pub(super) struct Minute {
    /// The first 12 hex digits of the revision's digest.
    pub(super) revision: String,
    pub(super) requests: u64,
    pub(super) failures: u64,
    pub(super) traps: u64,
    /// An estimate of the median: the seconds up to this p50 contain half of the requests.
    pub(super) p50_ms: f64,
    /// The highest p99 of a second.
    pub(super) p99_ms: f64,
}

/// Returns the last minute of each revision that had requests in it, the busiest revision first.
pub(super) fn last_minute(figures: &Figures) -> Vec<Minute> {
    let recent = figures.seconds.iter();
    let recent: Vec<_> = recent
        .filter(|second| second.at + SECONDS >= figures.now)
        .collect();
    let mut revisions: Vec<_> = recent
        .iter()
        .map(|second| second.revision.as_str())
        .collect();
    revisions.sort_unstable();
    revisions.dedup();
    let mut minutes: Vec<_> = revisions
        .into_iter()
        .map(|revision| {
            let mut seconds: Vec<_> = recent
                .iter()
                .filter(|second| second.revision == revision)
                .collect();
            seconds.sort_by(|one, other| one.p50_ms.total_cmp(&other.p50_ms));
            let sum = |count: fn(&RevisionSecond) -> u32| -> u64 {
                seconds.iter().map(|second| u64::from(count(second))).sum()
            };
            let requests = sum(|second| second.requests);
            let mut counted = 0;
            let median = seconds.iter().find(|second| {
                counted += u64::from(second.requests);
                counted * 2 >= requests
            });
            Minute {
                revision: revision.to_owned(),
                requests,
                failures: sum(|second| second.failures),
                traps: sum(|second| second.traps),
                p50_ms: median.map_or(0.0, |second| second.p50_ms),
                p99_ms: seconds
                    .iter()
                    .map(|second| second.p99_ms)
                    .fold(0.0, f64::max),
            }
        })
        .collect();
    minutes.sort_by_key(|minute| std::cmp::Reverse(minute.requests));
    minutes
}
