//! One transaction on one connection.
//!
//! Everything but waiting for durability happens within a single poll: a caller that goes away
//! finds a statement, a rollback or a commit done or not begun, never halfway.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::aside::aside;
use super::connection::Connection;
use super::failure::Stop;
use super::pool::Lease;
use super::{Engine, feed, schema, statement};
use crate::budget::Meter;
use crate::migration::{Step, applied_steps};
use crate::stop::{Ended, refusal, spent};
use crate::{
    Budget, Error, Event, Failure, MigrationError, RecordedAnswer, Rows, Stats, Transaction, Usage,
    Value,
};
use contract::{Access, Migration};

/// From this many changed rows a COMMIT takes milliseconds.
const LARGE_COMMIT: u64 = 1000;

pub(super) struct SqliteTransaction {
    /// Before `engine`: the connection comes back before the engine may be closed.
    lease: Lease,
    engine: Arc<Engine>,
    access: Access,
    migrates: bool,
    meter: Meter,
    /// Why nothing runs here any more.
    ended: Option<Ended>,
    /// Every commit that the snapshot shows has this number or a lower one; none before the
    /// first statement that reads a table, which takes the snapshot.
    seen: Option<u64>,
    /// Published so far: written when the transaction commits, and gone when it does not.
    events: Vec<Event>,
    /// Of the connection, when the transaction began.
    changes_before: u64,
    busy: Duration,
}

impl SqliteTransaction {
    /// Begins a transaction on a connection.
    pub(super) fn begin(
        mut lease: Lease,
        engine: Arc<Engine>,
        access: Access,
        migrates: bool,
        budget: Budget,
    ) -> Result<Self, Error> {
        let begun = Instant::now();
        let connection = lease.connection();
        let begin = match access {
            Access::Read => schema::BEGIN_READ,
            Access::Write => schema::BEGIN_WRITE,
        };
        connection
            .host(|sqlite| schema::run(sqlite, begin))
            .map_err(|stop| match stop.into_error() {
                // A tool holds the write lock.
                Error::Conflict => Error::Busy,
                error => error,
            })?;
        let mut meter = Meter::new(budget);
        if access == Access::Write {
            meter.hold();
        }
        connection.guard().set_deadline(Some(meter.deadline()));
        let changes_before = connection.total_changes();
        Ok(Self {
            // A write transaction takes its snapshot when it begins.
            seen: (access == Access::Write).then(|| engine.flusher.issued()),
            lease,
            engine,
            access,
            migrates,
            meter,
            ended: None,
            events: Vec::new(),
            changes_before,
            busy: begun.elapsed(),
        })
    }

    /// Does work on the connection, unless the transaction or its time is over.
    fn work<T>(
        &mut self,
        work: impl FnOnce(&mut Connection, &mut Meter) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        let begun = Instant::now();
        if begun >= self.meter.deadline() {
            return Err(self.end(Error::Deadline.into()));
        }
        let connection = self.lease.connection();
        let outcome = work(connection, &mut self.meter);
        // After the snapshot was taken, and not before: what it shows was issued by then.
        if self.seen.is_none() && connection.has_snapshot() {
            self.seen = Some(self.engine.flusher.issued());
        }
        self.busy += begun.elapsed();
        outcome.map_err(|stop| self.end(stop))
    }

    /// Runs a statement of the logic. A failure is the inner result.
    fn statement<T>(
        &mut self,
        work: impl FnOnce(&mut Connection, &mut Meter) -> Result<T, Stop>,
    ) -> Result<Result<T, Failure>, Error> {
        match &self.ended {
            Some(Ended::Stopped(error)) => return Err(error.clone()),
            Some(Ended::Failed(_)) => return Ok(Err(spent())),
            None => {}
        }
        let (busy_before, rows_before) = (self.busy, self.meter.usage().rows);
        let outcome = self.work(|connection, meter| {
            meter.statement()?;
            work(connection, meter)
        });
        let stats = &self.engine.stats;
        Stats::count(&stats.statements);
        Stats::time(&stats.statement_nanos, self.busy - busy_before);
        let rows = self.meter.usage().rows - rows_before;
        stats.rows.fetch_add(rows, Relaxed);
        match outcome {
            Ok(value) => Ok(Ok(value)),
            Err(Stop::Logic(failure)) => Ok(Err(failure)),
            Err(Stop::Host(error)) => Err(error),
        }
    }

    /// Runs statements of the host. They are not charged.
    pub(super) fn host<T>(
        &mut self,
        work: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        self.open()?;
        self.work(|connection, _| connection.host(work).map_err(host_stop))
            .map_err(Stop::into_error)
    }

    fn open(&self) -> Result<(), Error> {
        match &self.ended {
            None => Ok(()),
            Some(ended) => Err(ended.clone().into()),
        }
    }

    fn end(&mut self, stop: Stop) -> Stop {
        self.ended = Some(Ended::from(&stop));
        stop
    }

    /// Runs COMMIT and gives the connection back. Returns the number that has to be durable
    /// before the client hears of it.
    fn seal(mut self) -> Result<(Arc<Engine>, u64), Error> {
        self.open()?;
        let engine = self.engine.clone();
        let connection = self.lease.connection();
        // The logic was in time; what is left takes microseconds and is not interrupted.
        connection.guard().set_deadline(None);
        let last_event = publish(connection, &self.events)?;
        let changes = connection.total_changes() - self.changes_before;
        let number = if changes > 0 || self.migrates {
            let ticket = engine.flusher.issue();
            if changes < LARGE_COMMIT && !self.migrates {
                commit(connection)?;
            } else {
                aside(|| commit(connection))?;
            }
            let number = ticket.number();
            // The sync may begin while the log is shortened.
            drop(ticket);
            if let Some((sqlite, pages)) = connection.with_large_log() {
                aside(|| engine.checkpointer.restart_log(sqlite, pages));
            }
            number
        } else {
            commit(connection)?;
            self.seen.unwrap_or(0)
        };
        Stats::count(&engine.stats.commits);
        if let Some(id) = last_event {
            let count = self.events.len() as u64;
            engine.stats.events.fetch_add(count, Relaxed);
            // Who wakes up waits for the sync by itself. The writer is still held, so ids only grow.
            engine.last_event.send_replace(id);
        }
        Ok((engine, number))
    }

    fn apply(
        &mut self,
        migrations: &[Migration],
        rollback: bool,
    ) -> Result<Result<Vec<String>, MigrationError>, Error> {
        if !self.migrates {
            let detail = "migrations run only in a transaction that was begun for them";
            return Err(Error::Unavailable(detail.into()));
        }
        let listed: Vec<Step> = migrations
            .iter()
            .map(|migration| Step::new(&migration.name, &migration.sqlite))
            .collect();
        let applied = self.host(schema::applied)?;
        let first = match applied_steps(&listed, &applied, rollback) {
            Ok(first) => first,
            Err(error) => {
                self.end(Stop::refused(error.to_string()));
                return Ok(Err(error));
            }
        };
        let mut names = Vec::new();
        for (position, step) in listed.iter().enumerate().skip(first) {
            let text = &migrations[position].sqlite;
            let outcome = self.work(|connection, _| {
                aside(|| connection.migrate(text))?;
                let stolen = connection.host(schema::stolen_name)?;
                if let Some(name) = stolen {
                    return Err(Stop::refused(format!("{name} is a name of the host's")));
                }
                // A trial is never committed, so what would fail then is looked for here.
                if position + 1 == listed.len()
                    && let Some(table) = aside(|| connection.host(schema::dangling_key))?
                {
                    let detail = format!("a foreign key of {table} refers to nothing");
                    return Err(Stop::refused(detail));
                }
                connection.host(|sqlite| schema::note(sqlite, position, step))
            });
            match outcome {
                Ok(()) => names.push(step.name.clone()),
                Err(Stop::Host(error)) => return Err(error),
                Err(Stop::Logic(failure)) => {
                    return Ok(Err(MigrationError::Failed {
                        name: step.name.clone(),
                        detail: failure.detail,
                    }));
                }
            }
        }
        Ok(Ok(names))
    }
}

/// Writes what the transaction published, and returns the last event's id.
fn publish(connection: &mut Connection, events: &[Event]) -> Result<Option<i64>, Error> {
    let mut write = || connection.host(|sqlite| feed::insert(sqlite, events));
    let written = match events.len() as u64 {
        0 => return Ok(None),
        1..LARGE_COMMIT => write(),
        LARGE_COMMIT.. => aside(write),
    };
    written.map_err(|stop| host_stop(stop).into_error())
}

fn commit(connection: &mut Connection) -> Result<(), Error> {
    connection
        .host(|sqlite| schema::run(sqlite, schema::COMMIT))
        .map_err(|stop| match stop {
            // A deferred constraint. The transaction is still open, and rolled back with the lease.
            Stop::Logic(failure) => Error::Rejected(failure),
            Stop::Host(error) => error,
        })
}

/// A constraint that a statement of the host's breaks is another transaction's doing.
fn host_stop(stop: Stop) -> Stop {
    match stop {
        Stop::Logic(failure) if failure.cause != crate::Cause::Other => Error::Conflict.into(),
        stop => stop.into_error().into(),
    }
}

#[async_trait]
impl Transaction for SqliteTransaction {
    async fn query(
        &mut self,
        statement: &str,
        params: &[Value],
    ) -> Result<Result<Rows, Failure>, Error> {
        let access = self.access;
        self.statement(|connection, meter| {
            connection.guest(statement, params, access, |_, compiled, _| {
                statement::rows(compiled, meter)
            })
        })
    }

    async fn execute(
        &mut self,
        statement: &str,
        params: &[Value],
    ) -> Result<Result<u64, Failure>, Error> {
        let access = self.access;
        self.statement(|connection, _| {
            connection.guest(statement, params, access, |sqlite, compiled, shape| {
                statement::exhaust(compiled)?;
                // SQLite keeps the last change's number through statements that only read.
                Ok(if shape.readonly { 0 } else { sqlite.changes() })
            })
        })
    }

    async fn migrate(
        &mut self,
        migrations: &[Migration],
        rollback: bool,
    ) -> Result<Result<Vec<String>, MigrationError>, Error> {
        self.apply(migrations, rollback)
    }

    async fn recall(&mut self, key: &str) -> Result<Option<RecordedAnswer>, Error> {
        self.host(|sqlite| schema::recall(sqlite, key))
    }

    async fn record(&mut self, key: &str, answer: &RecordedAnswer) -> Result<(), Error> {
        self.host(|sqlite| schema::record(sqlite, key, answer))
    }

    fn publish(&mut self, event: Event) -> Result<(), Failure> {
        if self.access == Access::Read {
            return Err(refusal("the route's access is read"));
        }
        if self.ended.is_none() {
            self.events.push(event);
        }
        Ok(())
    }

    async fn commit(self: Box<Self>) -> Result<(), Error> {
        let writes = self.access == Access::Write;
        let (engine, number) = self.seal()?;
        match engine.flusher.reached(number).await {
            Err(Error::Unavailable(reason)) if writes => Err(Error::OutcomeUnknown(reason)),
            reached => reached,
        }
    }

    async fn rollback(self: Box<Self>) -> Result<(), Error> {
        let engine = self.engine.clone();
        let seen = self.seen.unwrap_or(0);
        drop(self);
        engine.flusher.reached(seen).await
    }

    fn deadline(&self) -> Instant {
        self.meter.deadline()
    }

    fn busy(&self) -> Duration {
        self.busy
    }

    fn usage(&self) -> Usage {
        self.meter.usage()
    }

    fn spent(&self) -> bool {
        self.ended.is_some()
    }
}
