//! Whether a new revision may stay: by what it does, compared with the one before it, or with the
//! one beside it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use request::{Counts, Revision};

/// How often the counts are looked at.
const LOOK: Duration = Duration::from_millis(50);

/// How long and by what a new revision is judged.
#[derive(Debug, Clone)]
pub struct Probation {
    /// How long it lasts. Zero: there is none.
    pub window: Duration,
    /// Requests before a verdict can be against the revision while the window lasts. At its end
    /// any number is enough.
    pub requests: u64,
    /// The share of failed requests that is always allowed: 0 to 1.
    pub allowed: f64,
}

/// What probation came to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Verdict {
    /// The revision stays.
    Passed(Counts),
    /// It fails too often; the text says how often.
    Failed(String),
}

/// Watches a revision until its probation is over. `elsewhere`: what it has done on other hosts.
pub(super) async fn watch(
    probation: &Probation,
    new: &Arc<Revision>,
    before: Counts,
    elsewhere: impl Fn() -> Counts,
) -> Verdict {
    let until = Instant::now() + probation.window;
    let start = new.stats.counts();
    loop {
        let seen = sum(since(start, new.stats.counts()), elsewhere());
        let now = Instant::now();
        // At the end, also few requests are enough: one whose every request failed must not stay.
        let enough = if now >= until {
            1
        } else {
            probation.requests.max(1)
        };
        if let Some(reason) = judge(probation.allowed, enough, seen, before) {
            return Verdict::Failed(reason);
        }
        if now >= until {
            return Verdict::Passed(seen);
        }
        tokio::time::sleep(LOOK.min(until - now)).await;
    }
}

/// Watches a revision beside the active one, by what both do from now on, and what they have done
/// on other hosts. Returns why it has to go; never, where it need not.
pub(super) fn compare<'a>(
    probation: &'a Probation,
    candidate: &'a Revision,
    active: &'a Revision,
    elsewhere: impl Fn() -> [Counts; 2] + 'a,
) -> impl Future<Output = String> + 'a {
    let start = (candidate.stats.counts(), active.stats.counts());
    async move {
        loop {
            tokio::time::sleep(LOOK).await;
            let [new, old] = elsewhere();
            let seen = sum(since(start.0, candidate.stats.counts()), new);
            let beside = sum(since(start.1, active.stats.counts()), old);
            let enough = probation.requests.max(1);
            if let Some(reason) = judge(probation.allowed, enough, seen, beside) {
                return reason;
            }
        }
    }
}

fn sum(here: Counts, elsewhere: Counts) -> Counts {
    Counts {
        requests: here.requests + elsewhere.requests,
        failures: here.failures + elsewhere.failures,
        in_flight: here.in_flight,
    }
}

fn since(start: Counts, now: Counts) -> Counts {
    Counts {
        requests: now.requests - start.requests,
        failures: now.failures - start.failures,
        in_flight: now.in_flight,
    }
}

/// Why a revision with these counts has to go. It may fail as often as the one before did, and
/// as the allowed share on top of that.
fn judge(allowed: f64, enough: u64, seen: Counts, before: Counts) -> Option<String> {
    // Failures are counted before the request is: never more failures than requests.
    let requests = seen.requests.max(seen.failures);
    if requests < enough || seen.failures == 0 {
        return None;
    }
    let share = share_of(seen.failures, requests);
    let limit = share_of(before.failures, before.requests) + allowed;
    (share > limit).then(|| {
        format!(
            "{} of {requests} requests failed ({:.1} %), where {:.1} % were allowed",
            seen.failures,
            share * 100.0,
            limit * 100.0
        )
    })
}

fn share_of(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    part as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWED: f64 = 0.05;
    const ENOUGH: u64 = 20;

    fn counts(failures: u64, requests: u64) -> Counts {
        Counts {
            requests,
            failures,
            in_flight: 0,
        }
    }

    #[test]
    fn a_third_of_failures_is_too_much_as_soon_as_there_are_enough_requests() {
        assert_eq!(judge(ALLOWED, ENOUGH, counts(6, 19), counts(0, 1000)), None);
        let reason = judge(ALLOWED, ENOUGH, counts(7, 20), counts(0, 1000)).unwrap();
        assert_eq!(
            reason,
            "7 of 20 requests failed (35.0 %), where 5.0 % were allowed"
        );
    }

    #[test]
    fn failing_as_often_as_the_revision_before_is_allowed() {
        assert_eq!(
            judge(ALLOWED, ENOUGH, counts(30, 100), counts(300, 1000)),
            None
        );
        assert!(judge(ALLOWED, ENOUGH, counts(36, 100), counts(300, 1000)).is_some());
    }

    #[test]
    fn requests_that_succeed_never_fail_a_revision() {
        assert_eq!(
            judge(ALLOWED, ENOUGH, counts(0, 10_000), counts(0, 0)),
            None
        );
        assert_eq!(judge(ALLOWED, ENOUGH, counts(0, 0), counts(0, 0)), None);
    }
}
