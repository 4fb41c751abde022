//! A revision's last minute, from what the host counts second by second.

use server::{Figures, RevisionSecond};

/// Seconds that are summed up.
const LATELY: u64 = 60;

/// What requests to one revision came to.
#[derive(Debug, PartialEq)]
pub(super) struct Sums {
    /// The first 12 hex digits of its digest.
    pub(super) revision: String,
    pub(super) requests: u64,
    pub(super) failures: u64,
    pub(super) traps: u64,
    /// The p50 of seconds that half of the requests were in, or a lower one.
    pub(super) p50_ms: f64,
    /// The worst second's.
    pub(super) p99_ms: f64,
}

/// The last minute of each revision that had requests in it, the busiest first.
pub(super) fn last_minute(figures: &Figures) -> Vec<Sums> {
    let recent = figures.seconds.iter();
    let recent: Vec<_> = recent.filter(|of| of.at + LATELY >= figures.now).collect();
    let mut revisions: Vec<_> = recent.iter().map(|of| of.revision.as_str()).collect();
    revisions.sort_unstable();
    revisions.dedup();
    let mut sums: Vec<_> = revisions
        .into_iter()
        .map(|revision| {
            let mut seconds: Vec<_> = recent.iter().filter(|of| of.revision == revision).collect();
            seconds.sort_by(|one, other| one.p50_ms.total_cmp(&other.p50_ms));
            let sum = |count: fn(&RevisionSecond) -> u32| -> u64 {
                seconds.iter().map(|of| u64::from(count(of))).sum()
            };
            let requests = sum(|of| of.requests);
            let mut seen = 0;
            let middle = seconds.iter().find(|of| {
                seen += u64::from(of.requests);
                seen * 2 >= requests
            });
            Sums {
                revision: revision.to_owned(),
                requests,
                failures: sum(|of| of.failures),
                traps: sum(|of| of.traps),
                p50_ms: middle.map_or(0.0, |of| of.p50_ms),
                p99_ms: seconds.iter().map(|of| of.p99_ms).fold(0.0, f64::max),
            }
        })
        .collect();
    sums.sort_by_key(|of| std::cmp::Reverse(of.requests));
    sums
}
