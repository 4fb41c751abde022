//! The stage `probation`: whether a new revision may stay, judged by its failures compared with those
//! of the previous one. A canary is judged in the same way, against the active revision
//! (`trial/canary.rs`). `verdict` says how.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};

use super::switch;
use super::verdict::{Judge, KNOWN_GOOD_PROBATION, share_of};
use crate::host::Host;
use crate::journal::{Ending, Journal};
use crate::model::{StepStatus, VerdictStatus};
use crate::settings::Probation;
use contract::deployment::{EventStatus, Outcome, Reason, Stage};
use request::{Counts, Revision};

/// How often the counts are compared.
pub(super) const POLL: Duration = Duration::from_millis(50);

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
    let watched = judge_in_time(host, &new, before, elsewhere);
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
    host: &Host,
    new: &Revision,
    before: Counts,
    elsewhere: impl Fn() -> Counts,
) -> Verdict {
    let probation = &host.settings.probation;
    let shown = Shown::new(host, Stage::Probation, Some(probation.window));
    let until = Instant::now() + probation.window;
    let start = new.stats.counts();
    let mut judge = Judge::new(probation.allowed, probation.requests, KNOWN_GOOD_PROBATION);
    loop {
        let seen = sum(since(start, new.stats.counts()), elsewhere());
        shown.update(seen, before, None);
        let now = Instant::now();
        let reason = match now >= until {
            true => judge.last_look(seen, before),
            false => judge.look(seen, before),
        };
        if let Some(reason) = reason {
            return Verdict::Failed(reason);
        }
        if now >= until {
            return Verdict::Passed(seen);
        }
        tokio::time::sleep(POLL.min(until - now)).await;
    }
}

/// Shows operators how a revision is judged, until this is dropped.
pub(super) struct Shown<'a> {
    host: &'a Host,
    stage: Stage,
    window: Option<Duration>,
    began: Instant,
}

impl<'a> Shown<'a> {
    pub(super) fn new(host: &'a Host, stage: Stage, window: Option<Duration>) -> Self {
        let shown = Shown {
            host,
            stage,
            window,
            began: Instant::now(),
        };
        shown.update(Counts::default(), Counts::default(), None);
        shown
    }

    pub(super) fn update(&self, seen: Counts, other: Counts, step: Option<StepStatus>) {
        let Probation {
            requests, allowed, ..
        } = self.host.settings.probation;
        let limit = share_of(other.failures, other.requests) + allowed;
        *self.host.verdict.lock() = Some(VerdictStatus {
            stage: self.stage.into(),
            elapsed_ms: millis(self.began.elapsed()),
            window_ms: self.window.map(millis),
            requests: seen.requests,
            failures: seen.failures,
            other_requests: other.requests,
            other_failures: other.failures,
            limit_percent: limit * 100.0,
            minimum_requests: requests.max(1),
            step,
        });
    }
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        *self.host.verdict.lock() = None;
    }
}

/// Returns a duration in milliseconds.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Adds the requests on other hosts to those here.
pub(super) fn sum(here: Counts, elsewhere: Counts) -> Counts {
    Counts {
        requests: here.requests + elsewhere.requests,
        failures: here.failures + elsewhere.failures,
        in_flight: here.in_flight,
    }
}

/// Returns the requests that were counted after `start`.
pub(super) fn since(start: Counts, now: Counts) -> Counts {
    Counts {
        requests: now.requests - start.requests,
        failures: now.failures - start.failures,
        in_flight: now.in_flight,
    }
}
