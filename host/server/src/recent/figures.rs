//! Requests, failures, traps and latency in each of the last seconds, by revision.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many seconds are kept.
const KEPT: u64 = 300;

/// The upper bound of a bucket is its lower bound times the fourth root of two, so a duration is
/// known to within 10 %. The buckets reach from 1 us to 17 s.
const BUCKETS_PER_OCTAVE: f64 = 4.0;
const BUCKETS: usize = 96;

/// The figures of the last seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Figures {
    /// The current second, in seconds since 1970. It is not included in `seconds`.
    pub now: u64,
    /// Earliest first. A revision without requests in a second has no entry for that second.
    pub seconds: Vec<RevisionSecond>,
}

/// One revision in one second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RevisionSecond {
    /// The second, in seconds since 1970.
    pub at: u64,
    /// The first 12 hex digits of the revision's digest.
    pub revision: String,
    /// Requests to the revision that were answered.
    pub requests: u32,
    /// Requests that were answered with a 5xx.
    pub failures: u32,
    /// Requests in which the logic trapped.
    pub traps: u32,
    /// Reads that were answered without a run of the logic, because a kept answer was proven to hold.
    #[serde(default)]
    pub kept: u32,
    /// The median duration, in milliseconds.
    #[schemars(extend("minimum" = 0))]
    pub p50_ms: f64,
    /// The 99th percentile of the durations, in milliseconds.
    #[schemars(extend("minimum" = 0))]
    pub p99_ms: f64,
}

/// What is counted of a request's end.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Outcome {
    pub(super) failed: bool,
    pub(super) trapped: bool,
    /// Whether a kept answer was given.
    pub(super) kept: bool,
}

/// The last seconds that had requests, earliest first.
#[derive(Default)]
pub(super) struct Seconds(VecDeque<Second>);

struct Second {
    at: u64,
    /// Few: usually one or two revisions answer at a time.
    revisions: Vec<(Arc<str>, Tally)>,
}

struct Tally {
    requests: u32,
    failures: u32,
    traps: u32,
    kept: u32,
    durations: [u32; BUCKETS],
}

impl Seconds {
    /// Counts a request. If the clock was set back, the request counts in the latest second.
    pub(super) fn add(&mut self, at: u64, revision: &Arc<str>, took: Duration, outcome: Outcome) {
        if self.0.back().is_none_or(|last| last.at < at) {
            self.0.retain(|second| second.at + KEPT > at);
            let revisions = Vec::new();
            self.0.push_back(Second { at, revisions });
        }
        let Some(second) = self.0.back_mut() else {
            return;
        };
        let known = second.revisions.iter().position(|(of, _)| of == revision);
        let index = known.unwrap_or_else(|| {
            second.revisions.push((revision.clone(), Tally::default()));
            second.revisions.len() - 1
        });
        let tally = &mut second.revisions[index].1;
        tally.requests += 1;
        tally.failures += u32::from(outcome.failed);
        tally.traps += u32::from(outcome.trapped);
        tally.kept += u32::from(outcome.kept);
        tally.durations[bucket(took)] += 1;
    }

    /// Returns the figures of the seconds after `after` and before `before`.
    pub(super) fn between(&self, after: u64, before: u64) -> Vec<RevisionSecond> {
        let seconds = self.0.iter();
        let seconds = seconds.filter(|second| after < second.at && second.at < before);
        seconds.flat_map(Second::figures).collect()
    }
}

impl Second {
    fn figures(&self) -> impl Iterator<Item = RevisionSecond> {
        let revisions = self.revisions.iter();
        revisions.map(|(revision, tally)| RevisionSecond {
            at: self.at,
            revision: revision.to_string(),
            requests: tally.requests,
            failures: tally.failures,
            traps: tally.traps,
            kept: tally.kept,
            p50_ms: tally.percentile(50),
            p99_ms: tally.percentile(99),
        })
    }
}

impl Default for Tally {
    fn default() -> Self {
        Tally {
            requests: 0,
            failures: 0,
            traps: 0,
            kept: 0,
            durations: [0; BUCKETS],
        }
    }
}

impl Tally {
    /// The percentile in milliseconds: the middle of the bucket that contains it.
    fn percentile(&self, percent: u64) -> f64 {
        let rank = (u64::from(self.requests) * percent).div_ceil(100).max(1);
        let mut below = 0;
        let index = self.durations.iter().position(|count| {
            below += u64::from(*count);
            below >= rank
        });
        let middle = index.unwrap_or_default() as f64 + 0.5;
        let micros = (middle / BUCKETS_PER_OCTAVE).exp2();
        // Buckets are not more precise than three digits.
        micros.round() / 1e3
    }
}

fn bucket(took: Duration) -> usize {
    let micros = (took.as_secs_f64() * 1e6).max(1.0);
    // The cast rounds down.
    ((micros.log2() * BUCKETS_PER_OCTAVE) as usize).min(BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILED: Outcome = Outcome {
        failed: true,
        trapped: false,
        kept: false,
    };
    const TRAPPED: Outcome = Outcome {
        trapped: true,
        ..FAILED
    };
    const KEPT_ANSWER: Outcome = Outcome {
        failed: false,
        kept: true,
        ..FAILED
    };

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn requests_are_counted_by_second_and_revision() {
        let (old, new): (Arc<str>, Arc<str>) = ("old".into(), "new".into());
        let mut seconds = Seconds::default();
        seconds.add(100, &old, ms(1), Outcome::default());
        seconds.add(101, &old, ms(1), FAILED);
        seconds.add(101, &new, ms(1), TRAPPED);
        seconds.add(101, &new, ms(1), Outcome::default());
        seconds.add(102, &new, ms(1), KEPT_ANSWER);
        assert_eq!(seconds.between(101, 103)[0].kept, 1);
        let counts = |after, before| -> Vec<_> {
            let figures = seconds.between(after, before).into_iter();
            figures
                .map(|of| (of.at, of.revision, of.requests, of.failures, of.traps))
                .collect()
        };
        let (old, new) = (|| "old".to_owned(), || "new".to_owned());
        assert_eq!(
            counts(0, 102),
            [
                (100, old(), 1, 0, 0),
                (101, old(), 1, 1, 0),
                (101, new(), 2, 1, 1)
            ]
        );
        assert_eq!(counts(101, 103), [(102, new(), 1, 0, 0)]);
    }

    #[test]
    fn percentiles_are_right_to_within_10_percent() {
        let revision: Arc<str> = "a".into();
        let mut seconds = Seconds::default();
        for _ in 0..98 {
            seconds.add(1, &revision, Duration::from_micros(300), Outcome::default());
        }
        seconds.add(1, &revision, ms(40), Outcome::default());
        seconds.add(1, &revision, ms(5_000), Outcome::default());
        let figures = &seconds.between(0, 2)[0];
        assert!((0.27..0.33).contains(&figures.p50_ms), "{figures:?}");
        assert!((36.0..44.0).contains(&figures.p99_ms), "{figures:?}");
    }

    #[test]
    fn durations_outside_the_buckets_count_in_the_outermost() {
        assert_eq!(bucket(Duration::ZERO), 0);
        assert_eq!(bucket(Duration::from_secs(3600)), BUCKETS - 1);
    }

    #[test]
    fn only_the_last_seconds_are_kept() {
        let revision: Arc<str> = "a".into();
        let mut seconds = Seconds::default();
        for at in 0..1000 {
            seconds.add(at, &revision, ms(1), Outcome::default());
        }
        assert_eq!(seconds.between(0, 1000).len(), KEPT as usize);
        // If the clock goes back, no request is lost and no second starts again.
        seconds.add(10, &revision, ms(1), Outcome::default());
        assert_eq!(seconds.between(998, 1000)[0].requests, 2);
    }
}
