//! The recording of a call: what it asked the host for, and what it got.
//!
//! The logic is deterministic. Its result is a function of its arguments, the results of its
//! statements, the clock and the seed of its random numbers, and the host sees all four. So a call
//! whose statements would have the same results would have the same result, unless it asked for the
//! clock or for random numbers.

use storage::{Found, Recorded, Value};

/// Maximum size of the statements that one call records, in bytes. The memory of a request does not
/// include them.
const MAX_BYTES: usize = 256 << 10;

/// What a call asked the host for. The caller adds the arguments and the result, which it knows.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    /// The statements that ran, in order.
    pub statements: Vec<Recorded>,
    /// Whether [`Recording::statements`] lacks a statement: one failed, or there were too many.
    pub incomplete: bool,
    /// Whether the call asked for the time.
    pub clock: bool,
    /// Whether the call asked for random numbers.
    pub random: bool,
    /// Whether the call wrote log lines, to the log or to an output.
    pub log: bool,
    /// The size of all statements so far.
    bytes: usize,
}

impl Recording {
    /// Whether the result depends on nothing but arguments and statements, and the call left no
    /// trace. Then its answer holds while its statements have these results.
    pub fn is_repeatable(&self) -> bool {
        !(self.incomplete || self.clock || self.random || self.log)
    }

    /// Adds a statement, unless the recording is large already.
    pub(super) fn add(&mut self, statement: String, params: Vec<Value>, result: Found) {
        let recorded = Recorded {
            statement: statement.into(),
            params: params.into(),
            result,
        };
        self.bytes += recorded.memory_bytes();
        if self.bytes > MAX_BYTES {
            self.incomplete = true;
            self.statements = Vec::new();
        } else if !self.incomplete {
            self.statements.push(recorded);
        }
    }
}
