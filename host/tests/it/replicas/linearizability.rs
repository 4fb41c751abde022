//! Checks that the history of a register is linearizable: that the answers are possible if every
//! operation took effect at one moment between its call and its answer (Herlihy and Wing). The
//! search is that of Wing and Gong, with Lowe's memory of visited states.
//!
//! An operation without an answer took effect at any time after its call, or never. Each value is
//! written at most once, and reads and swaps name the value that they saw. The search therefore
//! assumes an unanswered write only immediately before an operation that saw its value, which leaves
//! few choices.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

/// An operation's effect and result. The register's initial value is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Read(u64),
    Write(u64),
    /// Wrote the second value, because the register still had the first.
    Swap(u64, u64),
    /// Did not write, because the register no longer had this value.
    RejectedSwap(u64),
}

/// An action with the times of its call and its answer.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    pub called: u64,
    /// `None` if it was never answered, which is possible only for writes and swaps.
    pub answered: Option<u64>,
    pub action: Action,
}

/// A state of the search.
#[derive(Clone)]
struct State {
    /// The operations that have taken effect: one bit for each.
    done: Vec<u64>,
    /// Index of an operation before which all others have taken effect or were never answered.
    first: usize,
    value: u64,
}

struct Search {
    /// In the order of their calls.
    operations: Vec<Operation>,
    /// Indices of the operations without an answer, by the value that they write.
    open: HashMap<u64, usize>,
    seen: HashSet<(Vec<u64>, u64)>,
}

/// Checks that an order of the operations explains all of their results.
///
/// # Errors
/// Returns a text that shows where the search ended if no such order exists.
///
/// # Panics
/// If a value is written twice, which this search does not support.
pub fn check_linearizable(mut operations: Vec<Operation>) -> Result<(), String> {
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

    /// Returns the index of the first answered operation that has not taken effect yet.
    fn skip(&self, state: &State) -> usize {
        let rest = &self.operations[state.first..];
        let waits = |(offset, operation): (usize, &Operation)| {
            operation.answered.is_some() && !state.has(state.first + offset)
        };
        let found = rest.iter().enumerate().position(waits);
        found.map_or(self.operations.len(), |offset| state.first + offset)
    }

    /// Pushes every state that one more answered operation can lead to.
    fn successors(&self, state: &State, stack: &mut Vec<State>) {
        // The next operation was called before the first of the remaining ones was answered.
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
        // The operation that was answered first goes on top of the stack, so it is tried first.
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
                Action::RejectedSwap(value) if state.value != value => {
                    stack.push(state.after(index, state.value));
                }
                Action::RejectedSwap(_) => {
                    for written in self.open.keys().filter(|written| **written != state.value) {
                        let other = self.at(state, *written, until);
                        stack.extend(other.map(|s| s.after(index, *written)));
                    }
                }
            }
        }
    }

    /// Returns a state in which the register has `value`: this one, or one after unanswered
    /// operations. Returns `None` if there is no such state.
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
                // Marked as done first, so that it is not used to produce its own precondition.
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
    use super::Action::{Read, RejectedSwap, Swap, Write};
    use super::*;

    /// Checks operations that are given by the time of their call, the time of their answer (0: no
    /// answer) and their action.
    fn check(operations: &[(u64, u64, Action)]) -> bool {
        let operations = operations
            .iter()
            .map(|(called, answered, action)| Operation {
                called: *called,
                answered: (*answered > 0).then_some(*answered),
                action: *action,
            });
        check_linearizable(operations.collect()).is_ok()
    }

    #[test]
    fn sequential_operations_take_effect_in_order() {
        assert!(check(&[]));
        assert!(check(&[(1, 2, Read(0)), (3, 4, Write(1)), (5, 6, Read(1))]));
        assert!(!check(&[(1, 2, Write(1)), (3, 4, Read(0))]), "a stale read");
        assert!(!check(&[(1, 2, Read(7))]), "a value that was never written");
        assert!(!check(&[
            (1, 2, Write(1)),
            (3, 4, Write(2)),
            (5, 6, Read(1))
        ]));
    }

    #[test]
    fn concurrent_writes_take_effect_in_one_order_for_all_readers() {
        let writes = [(1, 10, Write(1)), (1, 10, Write(2))];
        let seen = |reads: &[(u64, u64, Action)]| check(&[&writes, reads].concat());
        assert!(seen(&[(2, 3, Read(1)), (4, 5, Read(2)), (11, 12, Read(2))]));
        assert!(seen(&[(2, 3, Read(2)), (4, 5, Read(1)), (11, 12, Read(1))]));
        assert!(!seen(&[
            (2, 3, Read(1)),
            (4, 5, Read(2)),
            (11, 12, Read(1))
        ]));
        assert!(
            !seen(&[(2, 3, Read(1)), (4, 5, Read(0))]),
            "the initial value came back"
        );
    }

    #[test]
    fn an_unanswered_write_takes_effect_at_most_once_at_any_later_time() {
        let lost = (1, 0, Write(1));
        assert!(check(&[lost, (2, 3, Read(0)), (8, 9, Read(0))]));
        assert!(check(&[lost, (2, 3, Read(0)), (8, 9, Read(1))]));
        assert!(check(&[lost, (2, 3, Write(2)), (4, 5, Read(1))]));
        assert!(!check(&[lost, (2, 3, Read(1)), (4, 5, Read(0))]));
        let overwritten = [(2, 3, Read(1)), (4, 5, Write(2)), (6, 7, Read(1))];
        assert!(
            !check(&[&[lost][..], &overwritten].concat()),
            "an overwritten value came back"
        );
        assert!(
            !check(&[(1, 2, Read(1)), (3, 0, Write(1))]),
            "the value was read before its write began"
        );
    }

    #[test]
    fn a_swap_replaces_only_the_value_that_it_names() {
        assert!(check(&[(1, 2, Swap(0, 1)), (3, 4, Read(1))]));
        assert!(!check(&[(1, 2, Write(1)), (3, 4, Swap(0, 2))]));
        let both = [(1, 4, Swap(0, 1)), (2, 5, Swap(0, 2))];
        assert!(!check(&both), "an update was lost");
    }

    #[test]
    fn unanswered_swaps_can_build_on_each_other() {
        let lost = [(1, 0, Swap(0, 1)), (2, 0, Swap(1, 2)), (3, 0, Swap(9, 3))];
        let seen = |action| check(&[&lost[..], &[(5, 6, action)]].concat());
        assert!(seen(Read(0)));
        assert!(seen(Read(1)));
        assert!(seen(Read(2)));
        assert!(
            !seen(Read(3)),
            "the swap names a value that was never written"
        );
        assert!(seen(Swap(2, 4)));
    }

    #[test]
    fn a_swap_is_rejected_only_if_the_value_changed() {
        assert!(!check(&[(1, 2, RejectedSwap(0))]));
        assert!(check(&[(1, 2, Write(1)), (3, 4, RejectedSwap(0))]));
        assert!(check(&[(1, 0, Write(1)), (3, 4, RejectedSwap(0))]));
        let without_reason = [(1, 0, Write(1)), (3, 4, RejectedSwap(0)), (5, 6, Read(0))];
        assert!(
            !check(&without_reason),
            "the value that rejected the swap disappeared"
        );
        assert!(!check(&[(1, 2, RejectedSwap(0)), (3, 4, Write(1))]));
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
