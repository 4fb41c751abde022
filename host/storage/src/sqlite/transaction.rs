//! One transaction on one connection.
//!
//! Everything except waiting for durability happens within a single poll. If the caller drops the
//! future, a statement, a rollback or a commit was either completed or not begun.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::blocking::run_blocking;
use super::config::CommitStep;
use super::connection::Connection;
use super::engine::Engine;
use super::heap::HEAP;
use super::policy::Mode;
use super::pool::Lease;
use super::touched::Touched;
use super::{schema, statement};
use crate::budget::Meter;
use crate::migration::{Step, applied_steps};
use crate::stop::{self, Stop};
use crate::transaction_state::TransactionState;
use crate::{
    Budget, ChangedRows, Dialect, Effects, Error, Event, Failure, Found, Limit, MigrationError,
    Recorded, RecordedAnswer, Rows, Seen, SlowStatement, Stats, StorageFault, Transaction, Usage,
    Value,
};
use contract::{Access, Migration};

/// From this many changed rows on, a COMMIT takes milliseconds.
const LARGE_COMMIT: u64 = 1000;

pub(super) struct SqliteTransaction {
    /// Dropped before `engine`: the connection must be returned before the engine is closed.
    lease: Lease,
    engine: Arc<Engine>,
    state: TransactionState,
    /// Every commit that the snapshot shows has this number or a lower one. `None` before the first
    /// statement that reads a table, which takes the snapshot.
    seen: Option<u64>,
    /// Whether the transaction goes on in a kept snapshot, which shows every commit up to
    /// `over_before`, and no later one.
    resumed: bool,
    /// How many rows had changed on the connection when the transaction began.
    changes_before: u64,
    /// Every commit up to this number was over before the snapshot was taken.
    over_before: u64,
    /// What the logic's statements touch.
    touched: Touched,
    /// How many rows have changed since the mark. `None` without a mark.
    changed: Option<ChangedRows>,
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
        let issued = engine.flusher.issued();
        let resumed = lease.take_snapshot(issued)?;
        let over_before = match resumed {
            true => issued,
            false => engine.flusher.settled(),
        };
        let connection = lease.connection();
        if !resumed {
            connection
                .host_with_memory(|sqlite| begin_statement(sqlite, access))
                .map_err(|stop| match stop.into_error() {
                    // Somebody's tool holds the write lock.
                    Error::Conflict => Error::Busy,
                    error => error,
                })
                .inspect_err(|error| engine.condition.observe(error))?;
        }
        let mut state = TransactionState::new(access, migrates, budget);
        connection
            .guard()
            .set_deadline(Some(state.meter.deadline()));
        let changes_before = connection.total_changes();
        state.busy = begun.elapsed();
        Ok(Self {
            // A write transaction takes its snapshot when it begins.
            seen: (access == Access::Write).then(|| engine.flusher.issued()),
            resumed,
            lease,
            engine,
            state,
            changes_before,
            over_before,
            touched: Touched::default(),
            changed: None,
        })
    }

    /// Does work on the connection, unless the deadline has passed. If memory runs out, does it
    /// again. A failure ends the transaction.
    fn work<T>(
        &mut self,
        author: Mode,
        mut work: impl FnMut(&mut Connection, &mut Meter) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        let begun = Instant::now();
        if let Err(stop) = self.state.check_deadline() {
            return Err(self.state.end(stop));
        }
        let meter = self.state.meter.clone();
        let connection = self.lease.connection();
        // What a retry in a new transaction would not repeat.
        let intact = match self.state.access {
            Access::Read => self.seen.is_none(),
            Access::Write => connection.total_changes() == self.changes_before,
        };
        let mut outcome = {
            let _running = (author != Mode::Host).then(|| HEAP.enter());
            work(connection, &mut self.state.meter)
        };
        if let Err(Stop::Memory(_)) = outcome {
            self.state.meter = meter;
            outcome = self.work_again(author, intact, work);
        }
        // This must come after the snapshot was taken: everything that it shows was issued by now.
        if self.seen.is_none() && self.lease.connection().has_snapshot() {
            self.seen = Some(match self.resumed {
                true => self.over_before,
                false => self.engine.flusher.issued(),
            });
        }
        self.state.busy += begun.elapsed();
        outcome.map_err(|stop| {
            if let Stop::Host(error) = &stop {
                self.engine.condition.observe(error);
            }
            self.state.end(stop)
        })
    }

    /// Does work again that ran out of memory, without the logic's other statements, see `heap.rs`.
    /// SQLite may have rolled the transaction back. Then the work runs in a new one, and its result
    /// counts only if the transaction was `intact`: if nothing had been read or written before.
    fn work_again<T>(
        &mut self,
        author: Mode,
        intact: bool,
        mut work: impl FnMut(&mut Connection, &mut Meter) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        let (_alone, _claim) = match author {
            Mode::Host => (None, Some(HEAP.claim())),
            Mode::Logic | Mode::Migration => {
                let alone = HEAP.alone(self.state.meter.deadline());
                (Some(alone.ok_or(Error::Conflict)?), None)
            }
        };
        Stats::count(&self.engine.stats.memory_retries);
        self.engine.close_idle();
        let connection = self.lease.connection();
        connection.release_memory();
        let intact = intact || connection.in_transaction();
        if !connection.in_transaction() {
            let access = self.state.access;
            self.resumed = false;
            connection.host(|sqlite| begin_statement(sqlite, access))?;
        } else if author == Mode::Migration {
            // Its statements before the one that failed must not run twice.
            let undone = connection.host(|sqlite| schema::run(sqlite, schema::UNDO_STEP));
            undone.map_err(|_| Error::Conflict)?;
        }
        match work(connection, &mut self.state.meter) {
            Err(Stop::Memory(detail)) => Err(match author {
                Mode::Host => Error::Unavailable(detail),
                Mode::Logic | Mode::Migration => Error::Limit(Limit::Memory),
            }
            .into()),
            outcome if intact => outcome,
            _ => Err(Error::Conflict.into()),
        }
    }

    /// Runs a statement of the logic.
    fn statement<T>(
        &mut self,
        text: &str,
        mut work: impl FnMut(&mut Connection, &mut Meter, &mut Touched) -> Result<T, Stop>,
    ) -> Result<Result<T, Failure>, Error> {
        if let Err(failure) = self.state.check_statement()? {
            return Ok(Err(failure));
        }
        let (busy_before, rows_before) = (self.state.busy, self.state.meter.usage().rows);
        let mut touched = std::mem::take(&mut self.touched);
        let mut rows = 0;
        let outcome = self.work(Mode::Logic, |connection, meter| {
            meter.statement()?;
            let before = connection.total_changes();
            let done = work(connection, meter, &mut touched)?;
            rows = connection.total_changes() - before;
            Ok(done)
        });
        self.touched = touched;
        if rows > 0
            && let Some(changed) = &mut self.changed
            && let Some((change, table)) = self.touched.change()
        {
            *changed.entry((*change, table.to_string())).or_default() += rows;
        }
        let elapsed = self.state.busy - busy_before;
        self.state
            .count_statement(&self.engine.stats, elapsed, rows_before);
        // SQLite's plan does not depend on the values.
        self.state
            .note_slow(self.engine.slow_statement, elapsed, text, &[]);
        Stop::split(outcome)
    }

    /// Returns the plan of a statement of the logic.
    pub(super) fn explain(&mut self, text: &str) -> Result<String, Error> {
        let planned = self.work(Mode::Logic, |connection, _| connection.explain(text));
        planned.map_err(|stop| match stop {
            Stop::Logic(failure) => Error::Rejected(failure),
            stop => stop.into_error(),
        })
    }

    /// Runs statements of the host. They are not charged to the budget.
    pub(super) fn host<T>(
        &mut self,
        mut work: impl FnMut(&rusqlite::Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        self.state.check_open()?;
        self.work(Mode::Host, |connection, _| {
            connection.host(&mut work).map_err(|stop| match stop {
                Stop::Memory(_) => stop,
                stop => stop.into_host_error().into(),
            })
        })
        .map_err(Stop::into_error)
    }

    /// Runs COMMIT and returns the connection to its pool. Returns the number that must be durable
    /// before the client gets an answer.
    fn commit_unsynced(self) -> Result<(Arc<Engine>, u64), Error> {
        let engine = self.engine.clone();
        let committed = self.commit_on(&engine);
        let number = committed.inspect_err(|error| engine.condition.observe(error))?;
        Ok((engine, number))
    }

    fn commit_on(mut self, engine: &Engine) -> Result<u64, Error> {
        self.state.check_open()?;
        let connection = self.lease.connection();
        // The logic has met its deadline. What is left takes microseconds and is not interrupted.
        connection.guard().set_deadline(None);
        let last_event = publish(connection, &self.state.events)?;
        let changes = connection.total_changes() - self.changes_before;
        let number = if changes > 0 || self.state.migrates {
            let ticket = engine.flusher.issue();
            for table in self.touched.writes() {
                table.changes(ticket.number());
            }
            if self.state.migrates {
                engine.tables.whole().changes(ticket.number());
            }
            engine.at_commit(CommitStep::Marked);
            if changes < LARGE_COMMIT && !self.state.migrates {
                commit(connection)?;
            } else {
                run_blocking(|| commit(connection))?;
            }
            engine.condition.written();
            engine.at_commit(CommitStep::Visible);
            let number = ticket.number();
            // Dropped here so that the sync may begin while the log is shortened.
            drop(ticket);
            engine.readers.committed(number);
            if let Some((sqlite, pages)) = connection.with_large_log() {
                let _none = engine.readers.refuse_snapshots();
                run_blocking(|| engine.checkpointer.restart_log(sqlite, pages));
            }
            number
        } else {
            if !self.keep_snapshot() {
                commit(self.lease.connection())?;
            }
            self.seen.unwrap_or(0)
        };
        Stats::count(&engine.stats.commits);
        if let Some(id) = last_event {
            let count = self.state.events.len() as u64;
            engine.stats.events.fetch_add(count, Relaxed);
            // A reader that this wakes waits for the sync itself. The writer is still held, so the
            // ids only increase.
            engine.last_event.send_replace(id);
        }
        Ok(number)
    }

    /// Leaves the snapshot of a read transaction to the next one, if it still shows every commit.
    fn keep_snapshot(&mut self) -> bool {
        // What was over before the snapshot was taken is in it. If no later number was issued until
        // now, no commit has become visible meanwhile, and none is about to.
        let keeps = self.state.access == Access::Read
            && !self.state.has_ended()
            && self.engine.flusher.issued() == self.over_before
            && self.lease.connection().has_snapshot();
        if keeps {
            self.lease.keep_snapshot(self.over_before);
        }
        keeps
    }

    fn apply(
        &mut self,
        migrations: &[Migration],
        rollback: bool,
    ) -> Result<Result<Vec<String>, MigrationError>, Error> {
        self.state.check_migrates()?;
        let listed = Step::list(migrations, Dialect::Sqlite);
        let applied = self.host(schema::applied_migrations)?;
        let first = match applied_steps(&listed, &applied, rollback) {
            Ok(first) => first,
            Err(error) => {
                self.state.end(Stop::refused(error.to_string()));
                return Ok(Err(error));
            }
        };
        let mut names = Vec::new();
        for (position, step) in listed.iter().enumerate().skip(first) {
            let text = &migrations[position].sqlite;
            let outcome = self.work(Mode::Migration, |connection, _| {
                connection.host(|sqlite| schema::run(sqlite, schema::BEGIN_STEP))?;
                run_blocking(|| connection.migrate(text)).map_err(blame_migration)?;
                if let Some(name) = connection.host(schema::taken_host_name)? {
                    return Err(Stop::refused(stop::host_name(&name)));
                }
                let bytes = connection.host(schema::definition_bytes)?;
                connection.check_schema_size(bytes)?;
                // A trial is never committed, so this looks for what would make COMMIT fail.
                if position + 1 == listed.len()
                    && let Some(table) = run_blocking(|| connection.host(schema::dangling_key))?
                {
                    return Err(Stop::Logic(Failure::dangling_key(&table)));
                }
                connection.host(|sqlite| {
                    schema::record_migration(sqlite, position, step)?;
                    schema::run(sqlite, schema::END_STEP)
                })
            });
            match outcome {
                Ok(()) => names.push(step.name.clone()),
                Err(Stop::Host(Error::Deadline)) => {
                    let name = step.name.clone();
                    return Ok(Err(MigrationError::TooSlow { name }));
                }
                Err(Stop::Logic(failure)) => {
                    return Ok(Err(MigrationError::Failed {
                        name: step.name.clone(),
                        detail: failure.detail,
                    }));
                }
                Err(stop) => return Err(stop.into_error()),
            }
        }
        Ok(Ok(names))
    }
}

/// SQLite calls a schema malformed if it cannot read its own definitions again after a migration. That
/// is no damage: the rollback removes them. Otherwise a component could end all writes in a dry run.
fn blame_migration(stop: Stop) -> Stop {
    match stop {
        Stop::Host(Error::Storage(StorageFault::Damaged(detail)))
            if detail.starts_with("malformed database schema") =>
        {
            Stop::refused(detail)
        }
        stop => stop,
    }
}

/// Writes what the transaction published and returns the id of the last event.
fn publish(connection: &mut Connection, events: &[Event]) -> Result<Option<i64>, Error> {
    let mut write = || connection.host(|sqlite| schema::insert_events(sqlite, events));
    let written = match events.len() as u64 {
        0 => return Ok(None),
        1..LARGE_COMMIT => write(),
        LARGE_COMMIT.. => run_blocking(write),
    };
    written.map_err(Stop::into_host_error)
}

fn commit(connection: &mut Connection) -> Result<(), Error> {
    connection
        .host(|sqlite| schema::run(sqlite, schema::COMMIT))
        .map_err(|stop| match stop {
            // A deferred constraint does not hold. The transaction is still open; dropping the lease
            // rolls it back.
            Stop::Logic(failure) => Error::Rejected(failure),
            stop => stop.into_host_error(),
        })
}

fn begin_statement(sqlite: &rusqlite::Connection, access: Access) -> rusqlite::Result<()> {
    let begin = match access {
        Access::Read => schema::BEGIN_READ,
        Access::Write => schema::BEGIN_WRITE,
    };
    schema::run(sqlite, begin)
}

#[async_trait]
impl Transaction for SqliteTransaction {
    fn set_room(&mut self, bytes: usize) {
        self.state.meter.set_room(bytes);
    }

    async fn query(
        &mut self,
        statement: &str,
        params: &[Value],
    ) -> Result<Result<Rows, Failure>, Error> {
        let access = self.state.access;
        self.statement(statement, |connection, meter, touched| {
            connection.run_logic(statement, params, access, touched, |_, compiled, _| {
                statement::rows(compiled, meter)
            })
        })
    }

    async fn execute(
        &mut self,
        statement: &str,
        params: &[Value],
    ) -> Result<Result<u64, Failure>, Error> {
        let access = self.state.access;
        self.statement(statement, |connection, _, touched| {
            connection.run_logic(
                statement,
                params,
                access,
                touched,
                |sqlite, compiled, shape| {
                    statement::exhaust(compiled)?;
                    // A statement that only reads does not reset SQLite's number of changes.
                    Ok(if shape.readonly { 0 } else { sqlite.changes() })
                },
            )
        })
    }

    async fn repeats(&mut self, statements: &[Recorded]) -> Result<bool, Error> {
        let meter = self.state.meter.clone();
        for recorded in statements {
            let (text, params) = (&recorded.statement, &recorded.params);
            let found = match recorded.result {
                Found::Rows(_) => {
                    let access = self.state.access;
                    self.statement(text, |connection, meter, touched| {
                        connection.run_logic(text, params, access, touched, |_, compiled, _| {
                            statement::digest(compiled, meter)
                        })
                    })?
                }
                Found::Changed(_) => self.execute(text, params).await?.map(Found::Changed),
            };
            if found.ok() != Some(recorded.result) {
                self.state.meter = meter;
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn columns(&mut self, statement: &str) -> Vec<String> {
        if self.state.has_ended() {
            return Vec::new();
        }
        let names = self.host(|sqlite| {
            // The cache has it by this text.
            let compiled = sqlite.prepare_cached(statement.trim())?;
            let names = compiled.column_names();
            Ok(names.map(str::to_owned).collect())
        });
        names.unwrap_or_default()
    }

    fn seen(&self) -> Option<Seen> {
        match self.state.access {
            Access::Read => self.touched.seen(self.over_before, &self.engine.tables),
            Access::Write => None,
        }
    }

    async fn migrate(
        &mut self,
        migrations: &[Migration],
        rollback: bool,
    ) -> Result<Result<Vec<String>, MigrationError>, Error> {
        self.apply(migrations, rollback)
    }

    async fn recall(&mut self, key: &str) -> Result<Option<RecordedAnswer>, Error> {
        self.host(|sqlite| schema::recall_answer(sqlite, key))
    }

    async fn record(&mut self, key: &str, answer: &RecordedAnswer) -> Result<(), Error> {
        self.host(|sqlite| schema::record_answer(sqlite, key, answer))
    }

    fn publish(&mut self, event: Event) -> Result<(), Failure> {
        self.state.publish(event)
    }

    async fn mark(&mut self) -> Result<(), Error> {
        self.host(|sqlite| schema::run(sqlite, schema::MARK))?;
        self.state.marked();
        self.changed = Some(ChangedRows::new());
        Ok(())
    }

    async fn undo(&mut self) -> Result<(), Error> {
        self.state.revive()?;
        // INSERT OR ROLLBACK has undone everything, and the mark with it.
        if !self.lease.connection().in_transaction() {
            return Err(self.state.end(Error::Conflict.into()).into_error());
        }
        self.changed = Some(ChangedRows::new());
        self.host(|sqlite| schema::run(sqlite, schema::UNDO))
    }

    async fn effects(&mut self) -> Result<Effects, Error> {
        self.state.check_open()?;
        Ok(Effects {
            rows: self.changed.clone().unwrap_or_default(),
            events: self.state.published(),
        })
    }

    async fn check(&mut self) -> Result<(), Error> {
        // SQLite itself checks deferred keys only in COMMIT.
        match self.host(|sqlite| run_blocking(|| schema::dangling_key(sqlite)))? {
            Some(table) => Err(Error::Rejected(Failure::dangling_key(&table))),
            None => Ok(()),
        }
    }

    async fn commit(self: Box<Self>) -> Result<(), Error> {
        let writes = self.state.access == Access::Write;
        let (engine, number) = self.commit_unsynced()?;
        match engine.flusher.wait_durable(number).await {
            Err(Error::Unavailable(reason)) if writes => Err(Error::OutcomeUnknown(reason)),
            Err(Error::Storage(fault)) if writes => Err(Error::OutcomeUnknown(fault.to_string())),
            durable => durable,
        }
    }

    async fn rehearse(mut self: Box<Self>) -> Result<(), Error> {
        self.check().await?;
        self.rollback().await
    }

    async fn rollback(mut self: Box<Self>) -> Result<(), Error> {
        let engine = self.engine.clone();
        let seen = self.seen.unwrap_or(0);
        if self.keep_snapshot() {
            Stats::count(&engine.stats.rollbacks);
        }
        drop(self);
        engine.flusher.wait_durable(seen).await
    }

    fn can_begin_again(&self) -> bool {
        self.state.access == Access::Read && !self.state.has_ended()
    }

    fn begin_again(&mut self, before: Usage) {
        self.state.meter.set_usage(before);
        self.state.slow.clear();
        // A statement that fails leaves a read transaction open, in the same snapshot.
        if self.lease.connection().in_transaction() {
            self.state.forget_failure();
        }
    }

    fn take_slow(&mut self) -> Vec<SlowStatement> {
        std::mem::take(&mut self.state.slow)
    }

    fn deadline(&self) -> Instant {
        self.state.meter.deadline()
    }

    fn busy(&self) -> Duration {
        self.state.busy
    }

    fn usage(&self) -> Usage {
        self.state.meter.usage()
    }

    fn spent(&self) -> bool {
        self.state.has_ended()
    }
}
