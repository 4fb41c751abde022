//! What both engines track of an open transaction: what it has used, what it has published, and
//! why nothing runs in it any more.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use crate::budget::Meter;
use crate::stop::Stop;
use crate::{Budget, Error, Event, Failure, SlowStatement, Stats, Value};
use contract::Access;

/// The engine-independent part of an open transaction.
pub(crate) struct TransactionState {
    pub(crate) access: Access,
    /// Whether it was begun for migrations.
    pub(crate) migrates: bool,
    pub(crate) meter: Meter,
    /// Published so far. Written when the transaction commits; lost when it does not.
    pub(crate) events: Vec<Event>,
    /// How long the database has worked for it.
    pub(crate) busy: Duration,
    /// Statements that took long.
    pub(crate) slow: Vec<SlowStatement>,
    /// Why nothing runs here any more.
    ended: Option<Ended>,
    /// How many events were published before the latest mark.
    events_at_mark: usize,
}

#[derive(Debug, Clone)]
enum Ended {
    /// A statement of the logic failed.
    Failed(Failure),
    /// The host ended it.
    Stopped(Error),
}

impl TransactionState {
    /// Starts to track a transaction. A write holds the writer from now on.
    pub(crate) fn new(access: Access, migrates: bool, budget: Budget) -> Self {
        let mut meter = Meter::new(budget);
        if access == Access::Write {
            meter.hold();
        }
        Self {
            access,
            migrates,
            meter,
            events: Vec::new(),
            busy: Duration::ZERO,
            slow: Vec::new(),
            ended: None,
            events_at_mark: 0,
        }
    }

    /// Checks that the transaction has not ended.
    pub(crate) fn check_open(&self) -> Result<(), Error> {
        match &self.ended {
            None => Ok(()),
            Some(Ended::Failed(failure)) => Err(Error::Rejected(failure.clone())),
            Some(Ended::Stopped(error)) => Err(error.clone()),
        }
    }

    /// Checks that another statement of the logic may run. The inner [`Failure`] is for the logic.
    pub(crate) fn check_statement(&self) -> Result<Result<(), Failure>, Error> {
        match &self.ended {
            None => Ok(Ok(())),
            Some(Ended::Failed(_)) => Ok(Err(Failure::other(
                "the transaction is spent after a failed statement",
            ))),
            Some(Ended::Stopped(error)) => Err(error.clone()),
        }
    }

    /// Checks that the transaction was begun for migrations.
    pub(crate) fn check_migrates(&self) -> Result<(), Error> {
        match self.migrates {
            true => Ok(()),
            false => Err(Error::Unavailable(
                "migrations run only in a transaction that was begun for them".into(),
            )),
        }
    }

    /// Checks that the deadline has not passed.
    pub(crate) fn check_deadline(&self) -> Result<(), Stop> {
        match Instant::now() >= self.meter.deadline() {
            true => Err(Error::Deadline.into()),
            false => Ok(()),
        }
    }

    /// Ends the transaction.
    pub(crate) fn end(&mut self, stop: Stop) -> Stop {
        self.ended = Some(match &stop {
            Stop::Logic(failure) => Ended::Failed(failure.clone()),
            Stop::Host(error) => Ended::Stopped(error.clone()),
            Stop::Memory(detail) => Ended::Stopped(Error::Unavailable(detail.clone())),
        });
        stop
    }

    /// Notes that the engine has set a mark, see [`Transaction::mark`](crate::Transaction::mark).
    pub(crate) fn marked(&mut self) {
        self.events_at_mark = self.events.len();
    }

    /// Returns what was published since the latest mark.
    pub(crate) fn published(&self) -> Vec<Event> {
        let since = self.events.get(self.events_at_mark..);
        since.unwrap_or_default().to_vec()
    }

    /// Goes back to the latest mark. The engine does so next.
    ///
    /// # Errors
    /// Something else than a failed statement has ended the transaction.
    pub(crate) fn revive(&mut self) -> Result<(), Error> {
        if let Some(Ended::Stopped(error)) = &self.ended {
            return Err(error.clone());
        }
        self.ended = None;
        self.events.truncate(self.events_at_mark);
        self.meter.renew();
        Ok(())
    }

    /// Forgets that a statement of the logic has failed.
    pub(crate) fn forget_failure(&mut self) {
        if let Some(Ended::Failed(_)) = self.ended {
            self.ended = None;
        }
    }

    /// Whether the transaction has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// Counts a statement of the logic that took `elapsed`. `rows_before` is how many rows the
    /// transaction had returned before it.
    pub(crate) fn count_statement(&self, stats: &Stats, elapsed: Duration, rows_before: u64) {
        Stats::count(&stats.statements);
        Stats::time(&stats.statement_nanos, elapsed);
        let rows = self.meter.usage().rows - rows_before;
        stats.rows.fetch_add(rows, Relaxed);
    }

    /// Notes a statement of the logic that took longer than `limit`, if it is among the
    /// [`SlowStatement::KEPT`] slowest. A limit of zero notes nothing.
    pub(crate) fn note_slow(
        &mut self,
        limit: Duration,
        elapsed: Duration,
        text: &str,
        params: &[Value],
    ) {
        if elapsed <= limit || limit.is_zero() {
            return;
        }
        if self.slow.len() < SlowStatement::KEPT {
            self.slow.push(SlowStatement::new(text, params, elapsed));
        } else if let Some(fastest) = self.slow.iter_mut().min_by_key(|noted| noted.took)
            && fastest.took < elapsed
        {
            *fastest = SlowStatement::new(text, params, elapsed);
        }
    }

    /// Adds an event, see [`Transaction::publish`](crate::Transaction::publish).
    pub(crate) fn publish(&mut self, event: Event) -> Result<(), Failure> {
        if self.access == Access::Read {
            return Err(Failure::read_only());
        }
        if self.ended.is_none() {
            self.events.push(event);
        }
        Ok(())
    }
}
