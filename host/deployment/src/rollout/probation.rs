//! The stage `probation`: whether a new revision may stay, judged by its failures compared with those
//! of the previous one. A canary is judged in the same way, against the active revision.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};

use super::switch;
use crate::host::Host;
use crate::journal::{Ending, Journal};
use crate::settings::Probation;
use contract::deployment::{EventStatus, Outcome, Reason, Stage};
use request::{Counts, Revision};

/// How often the counts are compared.
const POLL: Duration = Duration::from_millis(50);

/// Watches a new revision until its probation is over. If it fails too often, sends requests back to
/// the previous revision. Returns how the deployment ends.
pub(super) async fn watch(
    host: &Host,
    journal: &Journal,
    new: Arc<Revision>,
    previous: Arc<Revision>,
) -> Ending {
    let before = previous.stats.counts();
    journal.begin(Stage::Probation).await;
    let elsewhere = || host.cluster.counts(journal.id)[0];
    let watched = judge_in_time(&host.settings.probation, &new, before, elsewhere);
    let settled = switch::settle(host, journal);
    let verdict = match select(pin!(watched), pin!(settled)).await {
        // A rollback does not wait for hosts that are slow to switch.
        Either::Left((failed @ Verdict::Failed(_), _)) => failed,
        Either::Left((passed, settled)) => {
            settled.await;
            passed
        }
        Either::Right(((), watched)) => watched.await,
    };
    match verdict {
        Verdict::Passed(seen) => {
            let detail = format!("{} of {} requests failed", seen.failures, seen.requests);
            journal.note(Stage::Probation, EventStatus::Passed, Some(detail));
            Ending::of(Outcome::Active)
        }
        Verdict::Failed(reason) => {
            // Requests go back before the registry does, because every moment counts. After a crash
            // between the two, the next start decides in the same way.
            host.revisions.revert_to(previous.clone());
            let detail = Some(reason.clone());
            journal.note(Stage::Probation, EventStatus::Failed, detail);
            Ending::because(Outcome::RolledBack, Reason::ProbationFailed, reason)
                .back_to(Some(previous.digest.clone()))
        }
    }
}

/// The result of a probation.
#[derive(Debug, Clone, PartialEq)]
enum Verdict {
    /// The revision stays.
    Passed(Counts),
    /// It failed too often. The text says how often.
    Failed(String),
}

/// Judges a revision until the window ends or it has failed too often. `elsewhere`: its requests on
/// other hosts.
async fn judge_in_time(
    probation: &Probation,
    new: &Revision,
    before: Counts,
    elsewhere: impl Fn() -> Counts,
) -> Verdict {
    let until = Instant::now() + probation.window;
    let start = new.stats.counts();
    loop {
        let seen = sum(since(start, new.stats.counts()), elsewhere());
        let now = Instant::now();
        // At the end one request is enough: a revision that failed every request must not stay.
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
        tokio::time::sleep(POLL.min(until - now)).await;
    }
}

/// Compares a candidate with the active revision, by their requests from now on. `elsewhere`: the
/// requests of both on other hosts. Returns why the candidate failed; never returns if it does not
/// fail.
pub(super) fn compare<'a>(
    probation: &'a Probation,
    candidate: &'a Revision,
    active: &'a Revision,
    elsewhere: impl Fn() -> [Counts; 2] + 'a,
) -> impl Future<Output = String> + 'a {
    let start = (candidate.stats.counts(), active.stats.counts());
    async move {
        loop {
            tokio::time::sleep(POLL).await;
            let [new, old] = elsewhere();
            let seen = sum(since(start.0, candidate.stats.counts()), new);
            let expected = sum(since(start.1, active.stats.counts()), old);
            let enough = probation.requests.max(1);
            if let Some(reason) = judge(probation.allowed, enough, seen, expected) {
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

/// Returns why a revision with these counts fails its probation. It may fail as often as the previous
/// revision did, plus the allowed share.
fn judge(allowed: f64, enough: u64, seen: Counts, before: Counts) -> Option<String> {
    // A failure is counted before its request: there must not be more failures than requests.
    let requests = seen.requests.max(seen.failures);
    if requests < enough || seen.failures == 0 {
        return None;
    }
    let share = share_of(seen.failures, requests);
    let limit = share_of(before.failures, before.requests) + allowed;
    (share > limit).then(|| {
        format!(
            "{} of {requests} requests failed ({:.1} %); the limit is {:.1} %",
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
            "7 of 20 requests failed (35.0 %); the limit is 5.0 %"
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
