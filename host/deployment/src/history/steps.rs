//! How far the steps of a canary went, according to its order and its events. A canary that goes on
//! after a restart goes on from here.

use crate::model::{CanaryStep, Event, Order};
use contract::deployment::{EventStatus, Outcome, Stage};

/// Returns the last share of the clients that a canary had, in percent: 100 after the switch. `None` if it
/// was no canary, or never began.
pub(crate) fn reached(order: &Order, events: &[Event]) -> Option<f64> {
    let first = order.canary_percent?;
    let of_canary = |event: &&Event, status| event.stage == Stage::Canary && event.status == status;
    let switched = events
        .iter()
        .any(|event| event.stage == Stage::Switch && event.status == EventStatus::Passed);
    if switched {
        return Some(100.0);
    }
    let last = events.iter().rev().find_map(|event| event.canary_percent);
    // An older host did not record the shares.
    let began = events
        .iter()
        .find(|event| of_canary(event, EventStatus::Began));
    last.or(began.map(|_| first))
}

/// Returns the steps of a canary, each with its state. Empty if it was ordered without steps.
pub(super) fn steps(order: &Order, events: &[Event], outcome: Option<Outcome>) -> Vec<CanaryStep> {
    if order.canary_percent.is_none() || order.canary_step_ms.is_none() {
        return Vec::new();
    }
    let find = |stage: Stage, status: EventStatus| {
        let mut events = events.iter();
        events.find(|event| event.stage == stage && event.status == status)
    };
    let switch = find(Stage::Switch, EventStatus::Passed);
    let promoted = find(Stage::Canary, EventStatus::Passed).is_some();
    let failed = find(Stage::Canary, EventStatus::Failed).is_some();
    let running = outcome == Some(Outcome::Running);
    let shares = shares(events);
    let mut steps: Vec<CanaryStep> = ordered(order)
        .zip(0..)
        .map(|(percent, index)| {
            // A share that does not follow the steps is an operator's, and ends them.
            let began = shares
                .get(index)
                .filter(|_| follow(&shares[..=index], order));
            (percent, began)
        })
        .map(|(percent, began)| CanaryStep {
            percent,
            state: match (began, running && !promoted) {
                (Some(_), _) => "passed",
                (None, true) => "ahead",
                (None, false) => "skipped",
            }
            .to_owned(),
            began_at: began.map(|(_, at)| (*at).to_owned()),
        })
        .collect();
    let reached = steps.iter().filter(|step| step.began_at.is_some()).count();
    let taken_over = !follow(&shares, order);
    if taken_over {
        let ahead = steps.iter_mut().filter(|step| step.state == "ahead");
        ahead.for_each(|step| "skipped".clone_into(&mut step.state));
    }
    if let Some(current) = reached.checked_sub(1).and_then(|last| steps.get_mut(last)) {
        let state = match (promoted, failed) {
            (true, _) => "passed",
            (false, true) => "failed",
            (false, false) if running && !taken_over => "running",
            (false, false) => "stopped",
        };
        state.clone_into(&mut current.state);
    }
    if order.promote_by_itself {
        steps.push(CanaryStep {
            percent: 100.0,
            state: match (switch, running && !taken_over) {
                (Some(_), _) => "passed",
                (None, true) => "ahead",
                (None, false) => "skipped",
            }
            .to_owned(),
            began_at: switch.map(|event| event.at.clone()),
        });
    }
    steps
}

/// Returns the index of the step in which a canary is, and when that began, as RFC 3339. `None` if no
/// step has begun, or the canary does not go on by itself (any more).
pub(crate) fn current<'a>(order: &Order, events: &'a [Event]) -> Option<(usize, &'a str)> {
    order.canary_step_ms?;
    let shares = shares(events);
    let (_, began) = shares.last()?;
    follow(&shares, order).then_some((shares.len() - 1, began))
}

/// Returns the shares that a canary has had in percent, each with the time when it began.
fn shares<'a>(events: &'a [Event]) -> Vec<(f64, &'a str)> {
    let share = |event: &'a Event| Some((event.canary_percent?, event.at.as_str()));
    events.iter().filter_map(share).collect()
}

/// Returns the shares of an order, in percent.
fn ordered(order: &Order) -> impl Iterator<Item = f64> {
    let first = order.canary_percent.into_iter();
    first.chain(order.canary_steps.iter().copied())
}

/// Returns whether these shares are the first ones of the order.
fn follow(shares: &[(f64, &str)], order: &Order) -> bool {
    let ordered = ordered(order).take(shares.len());
    ordered.eq(shares.iter().map(|(share, _)| *share))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> Order {
        Order {
            canary_percent: Some(10.0),
            canary_steps: vec![25.0, 50.0],
            canary_step_ms: Some(1_000),
            promote_by_itself: true,
            ..Order::default()
        }
    }

    fn event(stage: Stage, status: EventStatus, canary_percent: Option<f64>) -> Event {
        Event {
            number: 0,
            at: format!("{stage} {}", canary_percent.unwrap_or_default()),
            stage: stage.into(),
            status: status.into(),
            detail: None,
            duration_ms: None,
            canary_percent,
            host_end: None,
            breaking: Vec::new(),
            log: Vec::new(),
            rejections: Vec::new(),
            rehearsal: None,
        }
    }

    fn share(percent: f64) -> Event {
        let status = match percent {
            10.0 => EventStatus::Began,
            _ => EventStatus::Noted,
        };
        event(Stage::Canary, status, Some(percent))
    }

    fn states(events: &[Event], outcome: Outcome) -> Vec<String> {
        let steps = steps(&order(), events, Some(outcome));
        steps.into_iter().map(|step| step.state).collect()
    }

    #[test]
    fn a_running_canary_has_steps_behind_it_and_ahead() {
        let verify = event(Stage::Verify, EventStatus::Passed, None);
        assert_eq!(states(&[verify], Outcome::Running), ["ahead"; 4]);
        let events = [share(10.0), share(25.0)];
        assert_eq!(
            states(&events, Outcome::Running),
            ["passed", "running", "ahead", "ahead"]
        );
        let steps = steps(&order(), &events, Some(Outcome::Running));
        assert_eq!(steps[1].began_at.as_deref(), Some("canary 25"));
        assert_eq!(steps[2].began_at, None);
        assert_eq!(steps[3].percent, 100.0);
    }

    #[test]
    fn the_step_in_which_a_canary_ended_says_how() {
        let failed = event(Stage::Canary, EventStatus::Failed, None);
        let events = [share(10.0), share(25.0), failed];
        assert_eq!(
            states(&events, Outcome::RolledBack),
            ["passed", "failed", "skipped", "skipped"]
        );
        assert_eq!(
            states(&[share(10.0)], Outcome::Aborted),
            ["stopped", "skipped", "skipped", "skipped"]
        );
    }

    #[test]
    fn a_promotion_passes_the_last_step_whoever_promotes() {
        let promoted = event(Stage::Canary, EventStatus::Passed, None);
        let switched = event(Stage::Switch, EventStatus::Passed, None);
        let all = [share(10.0), share(25.0), share(50.0), promoted, switched];
        assert_eq!(states(&all, Outcome::Active), ["passed"; 4]);
        let [first, .., promoted, switched] = all;
        assert_eq!(
            states(&[first, promoted, switched], Outcome::Running),
            ["passed", "skipped", "skipped", "passed"]
        );
    }

    #[test]
    fn a_share_that_an_operator_set_ends_the_steps() {
        let events = [share(10.0), share(40.0)];
        assert_eq!(
            states(&events, Outcome::Running),
            ["stopped", "skipped", "skipped", "skipped"]
        );
        // It may be the share of a step, but not of the next one.
        let events = [share(10.0), share(50.0)];
        assert_eq!(
            states(&events, Outcome::Running),
            ["stopped", "skipped", "skipped", "skipped"]
        );
    }

    #[test]
    fn a_canary_is_in_the_step_that_began_last() {
        assert_eq!(current(&order(), &[]), None);
        let mut events = vec![share(10.0), share(25.0)];
        // It goes on after a restart of its host.
        events.push(event(Stage::Canary, EventStatus::Noted, None));
        assert_eq!(current(&order(), &events), Some((1, "canary 25")));
        let plain = Order {
            canary_step_ms: None,
            ..order()
        };
        assert_eq!(current(&plain, &events), None);
        // An operator's share ends the steps, also after the last one.
        for set in [[10.0, 40.0].as_slice(), &[10.0, 25.0, 50.0, 60.0]] {
            let events: Vec<Event> = set.iter().map(|percent| share(*percent)).collect();
            assert_eq!(current(&order(), &events), None, "{set:?}");
        }
    }

    #[test]
    fn the_share_that_was_reached_is_the_last_one_or_everything() {
        let verify = event(Stage::Verify, EventStatus::Passed, None);
        let began = event(Stage::Canary, EventStatus::Began, None);
        let switched = event(Stage::Switch, EventStatus::Passed, None);
        assert_eq!(reached(&order(), std::slice::from_ref(&verify)), None);
        assert_eq!(reached(&order(), &[verify, began]), Some(10.0));
        let shares = [share(10.0), share(25.0)];
        assert_eq!(reached(&order(), &shares), Some(25.0));
        assert_eq!(reached(&Order::default(), &shares), None);
        let [first, _] = shares;
        assert_eq!(reached(&order(), &[first, switched]), Some(100.0));
    }

    #[test]
    fn a_canary_without_steps_has_none() {
        let order = Order {
            canary_percent: Some(10.0),
            ..Order::default()
        };
        assert_eq!(steps(&order, &[share(10.0)], None), []);
    }
}
