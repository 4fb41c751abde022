//! The steps of a canary: when it goes on to a larger share, and when it is promoted by itself.
//!
//! A step ends when three things hold: it has taken its time; the candidate has answered the minimum
//! number of requests in it, on all hosts together; and the candidate's share of failures since the start of the
//! canary is within the limit. Until then the canary keeps its share, for as long as that takes. Whether
//! it is undone is another question, which `verdict` answers: failures above the limit may be chance,
//! and chance neither undoes a canary nor lets it go on.

use std::time::{Duration, Instant};

use super::super::probation::millis;
use crate::model::{Order, StepStatus};
use request::Counts;

/// The steps of one canary.
#[derive(Debug)]
pub(super) struct Steps {
    /// The shares in percent, the first one included.
    shares: Vec<f64>,
    /// How long each step takes at least.
    least: Duration,
    /// Whether the canary is promoted after the last share.
    promotes: bool,
    /// The index of the current share.
    at: usize,
    /// How long the current step had taken when a restart interrupted it.
    taken: Duration,
    /// When the current step began, or went on after a restart.
    began: Instant,
    /// The candidate's requests and failures before that.
    before: Counts,
}

/// What follows a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Next {
    /// This share of the clients, in percent.
    Share(f64),
    /// The candidate becomes the active revision.
    Promotion,
}

/// What a look at the current step finds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Look {
    /// An operator decides what follows.
    Last,
    /// The step takes its time.
    Lasts,
    /// The time is over, but the candidate has answered too few requests.
    TooFewRequests,
    /// The time is over, but too many requests have failed, perhaps by chance.
    TooManyFailures,
    /// This follows now.
    Due(Next),
}

impl Steps {
    /// Returns the steps of an order, at the first one. `None` if the canary does not go on by itself.
    pub(super) fn of(order: &Order, now: Instant) -> Option<Self> {
        Some(Steps {
            least: Duration::from_millis(order.canary_step_ms?),
            shares: [&[order.canary_percent?], &order.canary_steps[..]].concat(),
            promotes: order.promote_by_itself,
            at: 0,
            taken: Duration::ZERO,
            began: now,
            before: Counts::default(),
        })
    }

    /// Goes on in a step after a restart. `taken`: the time since the step began. `before`: the
    /// candidate's requests on other hosts so far. They and those before the restart do not count.
    pub(super) fn resume(self, at: usize, taken: Duration, before: Counts) -> Self {
        Steps {
            at,
            taken,
            before,
            ..self
        }
    }

    /// Looks whether the current step is over. `seen`: the candidate's requests since the start of the
    /// canary. `minimum`: how many of them a step needs.
    pub(super) fn look(
        &self,
        now: Instant,
        seen: Counts,
        minimum: u64,
        is_within_limit: bool,
    ) -> Look {
        let Some(next) = self.next() else {
            return Look::Last;
        };
        if self.elapsed(now) < self.least {
            Look::Lasts
        } else if self.requests(seen) < minimum {
            Look::TooFewRequests
        } else if !is_within_limit {
            Look::TooManyFailures
        } else {
            Look::Due(next)
        }
    }

    /// Begins the next step.
    pub(super) fn advance(&mut self, now: Instant, seen: Counts) {
        self.at = (self.at + 1).min(self.shares.len() - 1);
        self.taken = Duration::ZERO;
        self.began = now;
        self.before = seen;
    }

    /// Returns how far the current step is, for operators.
    pub(super) fn status(&self, now: Instant, seen: Counts, look: Look) -> StepStatus {
        StepStatus {
            percent: self.shares[self.at],
            elapsed_ms: millis(self.elapsed(now)),
            least_ms: millis(self.least),
            requests: self.requests(seen),
            next_percent: self.next().map(|next| match next {
                Next::Share(percent) => percent,
                Next::Promotion => 100.0,
            }),
            waits_for: match look {
                Look::TooFewRequests => Some("too-few-requests".to_owned()),
                Look::TooManyFailures => Some("too-many-failures".to_owned()),
                Look::Last | Look::Lasts | Look::Due(_) => None,
            },
        }
    }

    /// Says what the steps are, to be appended to the first share.
    pub(super) fn in_words(&self) -> String {
        let shares = self.shares[1..].iter();
        let mut then: Vec<String> = shares.map(|percent| format!("{percent} %")).collect();
        then.push(match self.promotes {
            true => "all clients".to_owned(),
            false => "until it is promoted".to_owned(),
        });
        let position = self.position();
        let least = humantime::format_duration(self.least);
        format!("{position}, for {least} at least, then {}", then.join(", "))
    }

    /// Says which step this is, to be appended to its share. Empty if there is only one.
    pub(super) fn position(&self) -> String {
        match self.shares.len() {
            1 => String::new(),
            count => format!(", step {} of {count}", self.at + 1),
        }
    }

    /// Says what the candidate did in the current step.
    pub(super) fn after(&self, seen: Counts) -> String {
        let failures = seen.failures.saturating_sub(self.before.failures);
        format!(
            "after {} requests, of which {failures} failed",
            self.requests(seen)
        )
    }

    fn next(&self) -> Option<Next> {
        match self.shares.get(self.at + 1) {
            Some(percent) => Some(Next::Share(*percent)),
            None => self.promotes.then_some(Next::Promotion),
        }
    }

    fn elapsed(&self, now: Instant) -> Duration {
        self.taken + now.duration_since(self.began)
    }

    /// The candidate's requests in the current step. If a host with some of them has left, fewer than
    /// there were.
    fn requests(&self, seen: Counts) -> u64 {
        seen.requests.saturating_sub(self.before.requests)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: Duration = Duration::from_secs(120);
    const MINIMUM: u64 = 20;

    fn steps(later: &[f64], promotes: bool, now: Instant) -> Steps {
        let order = Order {
            canary_percent: Some(10.0),
            canary_steps: later.to_vec(),
            canary_step_ms: Some(120_000),
            promote_by_itself: promotes,
            ..Order::default()
        };
        Steps::of(&order, now).expect("steps")
    }

    fn seen(requests: u64) -> Counts {
        Counts {
            requests,
            ..Counts::default()
        }
    }

    #[test]
    fn a_canary_without_a_time_for_its_steps_has_none() {
        let order = Order {
            canary_percent: Some(10.0),
            ..Order::default()
        };
        assert!(Steps::of(&order, Instant::now()).is_none());
    }

    #[test]
    fn a_step_needs_its_time_and_enough_requests_and_few_failures() {
        let start = Instant::now();
        let steps = steps(&[25.0], false, start);
        let look = |after, requests, within| {
            let now = start + after;
            steps.look(now, seen(requests), MINIMUM, within)
        };
        let early = LEAST - Duration::from_millis(1);
        assert_eq!(look(early, MINIMUM, true), Look::Lasts);
        assert_eq!(look(LEAST, MINIMUM - 1, true), Look::TooFewRequests);
        assert_eq!(look(10 * LEAST, 0, true), Look::TooFewRequests);
        assert_eq!(look(LEAST, MINIMUM, false), Look::TooManyFailures);
        assert_eq!(look(LEAST, MINIMUM, true), Look::Due(Next::Share(25.0)));
    }

    #[test]
    fn each_step_counts_its_own_time_and_requests() {
        let start = Instant::now();
        let mut steps = steps(&[25.0, 50.0], true, start);
        let second = start + LEAST;
        steps.advance(second, seen(30));
        assert_eq!(steps.position(), ", step 2 of 3");
        let end = second + LEAST;
        assert_eq!(steps.look(second, seen(90), MINIMUM, true), Look::Lasts);
        assert_eq!(
            steps.look(end, seen(49), MINIMUM, true),
            Look::TooFewRequests
        );
        let due = steps.look(end, seen(50), MINIMUM, true);
        assert_eq!(due, Look::Due(Next::Share(50.0)));
        let status = steps.status(end, seen(50), due);
        assert_eq!((status.percent, status.next_percent), (25.0, Some(50.0)));
        assert_eq!((status.elapsed_ms, status.least_ms), (120_000, 120_000));
        assert_eq!((status.requests, status.waits_for), (20, None));
        steps.advance(end, seen(50));
        let due = steps.look(end + LEAST, seen(70), MINIMUM, true);
        assert_eq!(due, Look::Due(Next::Promotion));
    }

    #[test]
    fn after_a_restart_a_step_keeps_its_time_and_counts_its_requests_again() {
        let start = Instant::now();
        let taken = LEAST - Duration::from_secs(1);
        let steps = steps(&[25.0, 50.0], false, start).resume(1, taken, seen(30));
        assert_eq!(steps.position(), ", step 2 of 3");
        assert_eq!(steps.look(start, seen(90), MINIMUM, true), Look::Lasts);
        let end = start + Duration::from_secs(1);
        assert_eq!(
            steps.look(end, seen(49), MINIMUM, true),
            Look::TooFewRequests
        );
        let due = steps.look(end, seen(50), MINIMUM, true);
        assert_eq!(due, Look::Due(Next::Share(50.0)));
        assert_eq!(steps.status(end, seen(50), due).elapsed_ms, 120_000);
        let mut steps = steps;
        steps.advance(end, seen(50));
        assert_eq!(steps.status(end, seen(50), due).elapsed_ms, 0);
    }

    #[test]
    fn without_promotion_by_itself_the_last_share_stays() {
        let start = Instant::now();
        let mut steps = steps(&[25.0], false, start);
        steps.advance(start, seen(0));
        let later = start + 1000 * LEAST;
        let look = steps.look(later, seen(1_000_000), MINIMUM, true);
        assert_eq!(look, Look::Last);
        assert_eq!(steps.status(later, seen(0), look).next_percent, None);
    }

    #[test]
    fn one_share_is_promoted_after_its_time() {
        let start = Instant::now();
        let steps = steps(&[], true, start);
        let due = steps.look(start + LEAST, seen(MINIMUM), MINIMUM, true);
        assert_eq!(due, Look::Due(Next::Promotion));
        assert_eq!(steps.in_words(), ", for 2m at least, then all clients");
    }

    #[test]
    fn the_words_name_what_follows() {
        let steps = steps(&[25.0, 50.0], false, Instant::now());
        assert_eq!(
            steps.in_words(),
            ", step 1 of 3, for 2m at least, then 25 %, 50 %, until it is promoted"
        );
        let seen = Counts {
            requests: 61,
            failures: 1,
            in_flight: 0,
        };
        assert_eq!(steps.after(seen), "after 61 requests, of which 1 failed");
    }
}
