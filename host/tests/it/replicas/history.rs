//! Whether what clients saw of one register could have been seen if every operation had happened at
//! one moment between its call and its answer (Herlihy and Wing), searched for as Wing and Gong do,
//! with Lowe's memory of what was tried.
//!
//! An operation without an answer happened at any time after its call, or never. As each value is
//! written once at most, such a one is needed only right before somebody sees it: reads and swaps
//! name the value that they need, so hardly anything is left to be guessed.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

/// What a client did. The register holds 0 at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Read(u64),
    Write(u64),
    /// Writes where the first value still stands.
    Swap(u64, u64),
    /// Did not write, because this value stood there no more.
    Refused(u64),
}

/// An action, and when it was called and answered.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    pub called: u64,
    /// None: it was never answered. Only for what writes.
    pub answered: Option<u64>,
    pub action: Action,
}

/// How far a search came.
#[derive(Clone)]
struct State {
    /// Those that happened: a bit for each operation.
    done: Vec<u64>,
    /// All before this one happened, or were never answered.
    first: usize,
    value: u64,
}

struct Search {
    /// In the order of their calls.
    operations: Vec<Operation>,
    /// Of those without an answer: by the value that they write.
    open: HashMap<u64, usize>,
    seen: HashSet<(Vec<u64>, u64)>,
}

/// Looks for an order.
///
/// # Errors
/// There is none. The text shows where the search ended.
///
/// # Panics
/// Where a value is written twice, which this search is not made for.
pub fn linearizable(mut operations: Vec<Operation>) -> Result<(), String> {
    operations.sort_by_key(|operation| operation.called);
    let mut written = HashSet::new();
    let mut open = HashMap::new();
    for (index, operation) in operations.iter().enumerate() {
        if let Action::Write(value) | Action::Swap(_, value) = operation.action {
            assert!(written.insert(value), "{value} is written twice");
            if operation.answered.is_none() {
                open.insert(value, index);
            }
        }
    }
    let search = Search {
        operations,
        open,
        seen: HashSet::new(),
    };
    search.run()
}

impl Search {
    fn run(mut self) -> Result<(), String> {
        let mut stack = vec![State {
            done: vec![0; self.operations.len().div_ceil(64)],
            first: 0,
            value: 0,
        }];
        let mut furthest = 0;
        while let Some(mut state) = stack.pop() {
            state.first = self.skip(&state);
            furthest = furthest.max(state.first);
            if state.first == self.operations.len() {
                return Ok(());
            }
            if !self.seen.insert((state.done.clone(), state.value)) {
                continue;
            }
            self.successors(&state, &mut stack);
        }
        let from = furthest.saturating_sub(12);
        let mut text = format!("no order explains operation {furthest}:\n");
        for (index, operation) in self.operations.iter().enumerate().skip(from).take(24) {
            let _ = writeln!(text, "{index:5} {operation:?}");
        }
        Err(text)
    }

    /// The first operation that was answered and did not happen yet.
    fn skip(&self, state: &State) -> usize {
        let rest = &self.operations[state.first..];
        let waits = |(offset, operation): (usize, &Operation)| {
            operation.answered.is_some() && !state.has(state.first + offset)
        };
        let found = rest.iter().enumerate().position(waits);
        found.map_or(self.operations.len(), |offset| state.first + offset)
    }

    /// Every state after one more answered operation.
    fn successors(&self, state: &State, stack: &mut Vec<State>) {
        // Whatever happens next was called before the first of the others was answered.
        let rest = || self.operations.iter().enumerate().skip(state.first);
        let waiting = rest().filter(|(index, _)| !state.has(*index));
        let until = waiting
            .filter_map(|(_, operation)| operation.answered)
            .min();
        let until = until.unwrap_or(u64::MAX);
        let candidates = rest()
            .take_while(|(_, operation)| operation.called <= until)
            .filter(|(index, operation)| operation.answered.is_some() && !state.has(*index));
        let mut candidates: Vec<_> = candidates.collect();
        // What was answered first is tried first: it is on top of the stack.
        candidates.sort_by_key(|(_, operation)| std::cmp::Reverse(operation.answered));
        for (index, operation) in candidates {
            match operation.action {
                Action::Write(value) => stack.push(state.after(index, value)),
                Action::Read(value) => {
                    stack.extend(self.at(state, value, until).map(|s| s.after(index, value)));
                }
                Action::Swap(from, to) => {
                    stack.extend(self.at(state, from, until).map(|s| s.after(index, to)));
                }
                Action::Refused(value) if state.value != value => {
                    stack.push(state.after(index, state.value));
                }
                Action::Refused(_) => {
                    for written in self.open.keys().filter(|written| **written != state.value) {
                        let other = self.at(state, *written, until);
                        stack.extend(other.map(|s| s.after(index, *written)));
                    }
                }
            }
        }
    }

    /// The state with that value: this one, or after operations that were never answered.
    fn at(&self, state: &State, value: u64, until: u64) -> Option<State> {
        if state.value == value {
            return Some(state.clone());
        }
        let index = *self.open.get(&value)?;
        let operation = &self.operations[index];
        if state.has(index) || operation.called > until {
            return None;
        }
        match operation.action {
            Action::Swap(from, to) => {
                // Marked first: it cannot be needed for itself.
                let before = self.at(&state.after(index, state.value), from, until)?;
                Some(before.after(index, to))
            }
            _ => Some(state.after(index, value)),
        }
    }
}

impl State {
    fn has(&self, index: usize) -> bool {
        self.done[index / 64] & (1 << (index % 64)) != 0
    }

    fn after(&self, index: usize, value: u64) -> Self {
        let mut next = self.clone();
        next.done[index / 64] |= 1 << (index % 64);
        next.value = value;
        next
    }
}

#[cfg(test)]
mod tests {
    use super::Action::{Read, Refused, Swap, Write};
    use super::*;

    /// Operations by their call, their answer (0: none) and what they did.
    fn check(operations: &[(u64, u64, Action)]) -> bool {
        let operations = operations
            .iter()
            .map(|(called, answered, action)| Operation {
                called: *called,
                answered: (*answered > 0).then_some(*answered),
                action: *action,
            });
        linearizable(operations.collect()).is_ok()
    }

    #[test]
    fn what_happens_one_after_the_other_is_seen_so() {
        assert!(check(&[]));
        assert!(check(&[(1, 2, Read(0)), (3, 4, Write(1)), (5, 6, Read(1))]));
        assert!(!check(&[(1, 2, Write(1)), (3, 4, Read(0))]), "a stale read");
        assert!(!check(&[(1, 2, Read(7))]), "a value from nowhere");
        assert!(!check(&[
            (1, 2, Write(1)),
            (3, 4, Write(2)),
            (5, 6, Read(1))
        ]));
    }

    #[test]
    fn what_happens_at_the_same_time_is_seen_in_one_order_by_all() {
        let writes = [(1, 10, Write(1)), (1, 10, Write(2))];
        let seen = |reads: &[(u64, u64, Action)]| check(&[&writes, reads].concat());
        assert!(seen(&[(2, 3, Read(1)), (4, 5, Read(2)), (11, 12, Read(2))]));
        assert!(seen(&[(2, 3, Read(2)), (4, 5, Read(1)), (11, 12, Read(1))]));
        assert!(!seen(&[
            (2, 3, Read(1)),
            (4, 5, Read(2)),
            (11, 12, Read(1))
        ]));
        assert!(!seen(&[(2, 3, Read(1)), (4, 5, Read(0))]), "it went back");
    }

    #[test]
    fn an_unanswered_write_happens_late_or_never_and_once() {
        let lost = (1, 0, Write(1));
        assert!(check(&[lost, (2, 3, Read(0)), (8, 9, Read(0))]));
        assert!(check(&[lost, (2, 3, Read(0)), (8, 9, Read(1))]));
        assert!(check(&[lost, (2, 3, Write(2)), (4, 5, Read(1))]));
        assert!(!check(&[lost, (2, 3, Read(1)), (4, 5, Read(0))]));
        let overwritten = [(2, 3, Read(1)), (4, 5, Write(2)), (6, 7, Read(1))];
        assert!(
            !check(&[&[lost][..], &overwritten].concat()),
            "it came back"
        );
        assert!(
            !check(&[(1, 2, Read(1)), (3, 0, Write(1))]),
            "before its call"
        );
    }

    #[test]
    fn a_swap_writes_over_what_it_names_only() {
        assert!(check(&[(1, 2, Swap(0, 1)), (3, 4, Read(1))]));
        assert!(!check(&[(1, 2, Write(1)), (3, 4, Swap(0, 2))]));
        let both = [(1, 4, Swap(0, 1)), (2, 5, Swap(0, 2))];
        assert!(!check(&both), "an update was lost");
    }

    #[test]
    fn unanswered_swaps_follow_each_other() {
        let lost = [(1, 0, Swap(0, 1)), (2, 0, Swap(1, 2)), (3, 0, Swap(9, 3))];
        let seen = |action| check(&[&lost[..], &[(5, 6, action)]].concat());
        assert!(seen(Read(0)));
        assert!(seen(Read(1)));
        assert!(seen(Read(2)));
        assert!(!seen(Read(3)), "nobody wrote what it names");
        assert!(seen(Swap(2, 4)));
    }

    #[test]
    fn a_swap_is_refused_for_a_reason_only() {
        assert!(!check(&[(1, 2, Refused(0))]));
        assert!(check(&[(1, 2, Write(1)), (3, 4, Refused(0))]));
        assert!(check(&[(1, 0, Write(1)), (3, 4, Refused(0))]));
        let seen_not = [(1, 0, Write(1)), (3, 4, Refused(0)), (5, 6, Read(0))];
        assert!(!check(&seen_not), "what refused it went away");
        assert!(!check(&[(1, 2, Refused(0)), (3, 4, Write(1))]));
    }

    #[test]
    fn one_stale_read_is_found_in_a_long_history_with_many_unanswered_writes() {
        let mut operations = Vec::new();
        for n in 1..=400 {
            let at = n * 10;
            operations.push((at, at + 25, Write(n)));
            operations.push((at + 24, at + 26, Read(n)));
            if n % 10 == 0 {
                operations.push((at, 0, Write(10_000 + n)));
            }
        }
        assert!(check(&operations));
        operations.push((4100, 4101, Read(399)));
        assert!(!check(&operations));
    }
}
