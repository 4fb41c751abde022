//! How much a transaction may use, and the meter that every engine charges.

use std::time::{Duration, Instant};

use crate::{Error, Limit};

/// How much one transaction may use. Exceeding it ends the request with [`Error::Limit`], or with
/// [`Error::Deadline`] for its time.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// When the request must be over. A running statement is interrupted then.
    pub deadline: Instant,
    /// Until when to wait for the writer or a connection, at most until the deadline.
    pub wait_until: Instant,
    /// Maximum time that a write may hold the writer. When a write gets the writer, its deadline
    /// becomes at most this far away.
    pub hold: Duration,
    /// Maximum number of statements.
    pub statements: u32,
    /// Maximum number of rows that all statements together return.
    pub rows: u64,
    /// Maximum bytes of text and blobs in all results together.
    pub bytes: u64,
    /// How a write deals with other writes. Where they run one after the other, this changes nothing.
    pub attempt: Attempt,
}

/// How a write deals with writes at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attempt {
    /// If it breaks a unique or foreign key, it ends with [`Error::BrokenKey`](crate::Error::BrokenKey):
    /// the row in the way may be of another write, and not visible to this one. For callers that then
    /// try again.
    First,
    /// If it breaks a key, the logic gets the failure.
    Repeated,
    /// As `Repeated`. It waits until no other write runs, and others wait for it, so that it cannot
    /// conflict.
    Alone,
}

impl Budget {
    /// The budget of a transaction of the host itself, which runs no statement of the logic.
    pub(crate) fn of_host(wait: Duration, hold: Duration) -> Self {
        let wait_until = Instant::now() + wait;
        Budget {
            deadline: wait_until + hold,
            wait_until,
            hold,
            statements: 0,
            rows: 0,
            bytes: 0,
            attempt: Attempt::Repeated,
        }
    }

    /// Returns until when to wait for the writer or a connection.
    pub(crate) fn wait_until(&self) -> Instant {
        self.wait_until.min(self.deadline)
    }
}

/// What a transaction has used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Statements that ran.
    pub statements: u32,
    /// Rows returned.
    pub rows: u64,
    /// Bytes of text and blobs returned.
    pub bytes: u64,
}

/// Charges to the budget what a transaction uses, while it uses it.
#[derive(Debug, Clone)]
pub(crate) struct Meter {
    budget: Budget,
    usage: Usage,
    /// How much memory a result may take, in bytes. The caller sets it before each statement, because
    /// it depends on what else the request takes then.
    room_bytes: usize,
}

impl Meter {
    pub(crate) fn new(budget: Budget) -> Self {
        Self {
            budget,
            usage: Usage::default(),
            room_bytes: usize::MAX,
        }
    }

    /// Sets how much memory a result may take from now on, in bytes.
    pub(crate) fn set_room(&mut self, bytes: usize) {
        self.room_bytes = bytes;
    }

    /// Makes room for `more` items in a buffer of a result, whose other buffers take `others_bytes`.
    /// While a buffer grows, its old and its new memory exist at the same time, and both count.
    pub(crate) fn reserve<T>(
        &self,
        buffer: &mut Vec<T>,
        more: usize,
        others_bytes: usize,
    ) -> Result<(), Error> {
        let present = buffer.capacity();
        if present - buffer.len() >= more {
            return Ok(());
        }
        let fits = |wanted: usize| {
            let items = present.checked_add(wanted)?;
            let bytes = items
                .checked_mul(size_of::<T>())?
                .checked_add(others_bytes)?;
            (bytes <= self.room_bytes).then_some(wanted)
        };
        let needed = buffer.len().saturating_add(more);
        let wanted = fits(needed.max(present.saturating_mul(2)))
            .or_else(|| fits(needed))
            .ok_or(Error::Limit(Limit::Room))?;
        buffer.reserve_exact(wanted - buffer.len());
        Ok(())
    }

    /// Limits the deadline by [`Budget::hold`]: from now on the transaction keeps others waiting.
    pub(crate) fn hold(&mut self) {
        let until = Instant::now() + self.budget.hold;
        self.budget.deadline = self.budget.deadline.min(until);
    }

    /// Forgets what was used. The deadline stays.
    pub(crate) fn renew(&mut self) {
        self.usage = Usage::default();
    }

    pub(crate) fn usage(&self) -> Usage {
        self.usage
    }

    /// Charges as if only this had been used so far.
    pub(crate) fn set_usage(&mut self, usage: Usage) {
        self.usage = usage;
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.budget.deadline
    }

    /// Charges one statement, before it runs.
    pub(crate) fn statement(&mut self) -> Result<(), Error> {
        if self.usage.statements >= self.budget.statements {
            return Err(Error::Limit(Limit::Statements));
        }
        self.usage.statements += 1;
        Ok(())
    }

    /// Charges one row, before its cells are copied.
    pub(crate) fn row(&mut self) -> Result<(), Error> {
        if self.usage.rows >= self.budget.rows {
            return Err(Error::Limit(Limit::Rows));
        }
        self.usage.rows += 1;
        Ok(())
    }

    /// Charges the bytes of one text or blob, before they are copied.
    pub(crate) fn bytes(&mut self, len: usize) -> Result<(), Error> {
        let used = self.usage.bytes.saturating_add(len as u64);
        if used > self.budget.bytes {
            return Err(Error::Limit(Limit::Bytes));
        }
        self.usage.bytes = used;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter(statements: u32, rows: u64, bytes: u64) -> Meter {
        Meter::new(Budget {
            deadline: Instant::now(),
            wait_until: Instant::now(),
            hold: Duration::from_secs(60),
            statements,
            rows,
            bytes,
            attempt: Attempt::Repeated,
        })
    }

    #[test]
    fn a_growing_buffer_never_takes_more_than_its_room() {
        let mut meter = meter(1, 1, 1);
        meter.set_room(1000);
        let mut buffer: Vec<u32> = Vec::new();
        let mut highest = 0;
        let outcome = loop {
            let before = buffer.capacity();
            if let Err(error) = meter.reserve(&mut buffer, 1, 200) {
                break error;
            }
            if buffer.capacity() > before {
                highest = highest.max((before + buffer.capacity()) * 4 + 200);
            }
            buffer.push(0);
        };
        assert_eq!(outcome, Error::Limit(Limit::Room));
        assert!(highest <= 1000, "{highest}");
        // The last growth was from 64 to 128 items: 768 bytes, and 200 of others.
        assert_eq!(buffer.len(), 128);
    }

    #[test]
    fn a_buffer_of_any_length_is_refused_without_a_panic() {
        let mut meter = meter(1, 1, 1);
        let mut buffer = vec![0_u64; 3];
        assert_eq!(
            meter.reserve(&mut buffer, usize::MAX, 0),
            Err(Error::Limit(Limit::Room))
        );
        meter.set_room(0);
        assert_eq!(meter.reserve(&mut buffer, 0, 0), Ok(()));
        assert_eq!(
            meter.reserve(&mut buffer, 1, usize::MAX),
            Err(Error::Limit(Limit::Room))
        );
    }

    #[test]
    fn a_budget_may_be_used_up_but_not_exceeded() {
        let mut meter = meter(1, 2, 3);
        assert_eq!(meter.statement(), Ok(()));
        assert_eq!(meter.statement(), Err(Error::Limit(Limit::Statements)));
        assert_eq!(meter.row(), Ok(()));
        assert_eq!(meter.row(), Ok(()));
        assert_eq!(meter.row(), Err(Error::Limit(Limit::Rows)));
        assert_eq!(meter.bytes(3), Ok(()));
        assert_eq!(meter.bytes(0), Ok(()));
        assert_eq!(meter.bytes(1), Err(Error::Limit(Limit::Bytes)));
        let used = Usage {
            statements: 1,
            rows: 2,
            bytes: 3,
        };
        assert_eq!(meter.usage(), used);
    }

    #[test]
    fn a_length_near_the_end_of_64_bits_does_not_wrap_around() {
        let mut meter = meter(0, 0, u64::MAX - 1);
        assert_eq!(meter.bytes(5), Ok(()));
        assert_eq!(meter.bytes(usize::MAX), Err(Error::Limit(Limit::Bytes)));
    }
}
