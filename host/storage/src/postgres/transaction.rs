//! One transaction on one connection.
//!
//! If the caller drops the future in the middle of a statement, the connection stays busy: it is
//! closed, and the server rolls the transaction back. Between statements, dropping the transaction
//! sends a rollback. A COMMIT runs in its own task, so that it is not interrupted.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio_postgres::types::ToSql;

use super::commit::{self, Token};
use super::connection::{Done, NotCommitted};
use super::engine::{Engine, column};
use super::pool::{Lease, Pool, SILENCE};
use super::{answers, failure};
use crate::stop::Stop;
use crate::transaction_state::TransactionState;
use crate::{
    Attempt, Budget, Change, ChangedRows, Effects, Error, Event, Failure, Found, MigrationError,
    Recorded, RecordedAnswer, Rows, Seen, SlowStatement, Stats, Transaction, Usage, Value,
};
use contract::{Access, Migration};

/// Writes the events of the transaction.
const PUBLISH: &str = "SELECT task_host.publish($1, $2, $3, $4)";

/// The server's counts of the rows that this session has changed in the logic's tables. They include what
/// was undone, and may include what earlier transactions of the session did: only differences count.
const CHANGED_ROWS: &str = "SELECT c.relname::text, pg_stat_get_xact_tuples_inserted(c.oid), \
     pg_stat_get_xact_tuples_updated(c.oid), pg_stat_get_xact_tuples_deleted(c.oid) \
     FROM pg_class c WHERE c.relnamespace = 'logic'::regnamespace AND c.relkind = 'r'";

/// How long a COMMIT may take before its outcome counts as unknown.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a write waits for one that runs alone. Less than [`SILENCE`], after which the connection
/// counts as lost.
const TURN: Duration = Duration::from_millis(500);

/// How long a write that wants to run alone waits for those that run. Others wait behind it
/// meanwhile, so it gives up soon if one of those belongs to a host that does not go on.
const TURN_ALONE: Duration = Duration::from_millis(250);

/// How long after its deadline the server itself ends a transaction, in case the host is lost.
const GRACE: Duration = Duration::from_secs(1);

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Read,
    Write,
    /// Migrations, to be committed.
    Migrate,
    /// Migrations and a self-test on the result, to be rolled back.
    Trial,
}

impl Mode {
    fn access(self) -> Access {
        match self {
            Mode::Read => Access::Read,
            Mode::Write | Mode::Migrate | Mode::Trial => Access::Write,
        }
    }

    fn isolation(self) -> &'static str {
        match self {
            Mode::Read => "REPEATABLE READ READ ONLY",
            Mode::Write => "SERIALIZABLE",
            // Its first statement waits for other migrations and must see them afterwards.
            Mode::Migrate => "READ COMMITTED",
            // A self-test that counts rows must not see what others commit meanwhile.
            Mode::Trial => "REPEATABLE READ",
        }
    }
}

pub(super) struct PostgresTransaction {
    lease: Lease,
    engine: Arc<Engine>,
    pub(super) state: TransactionState,
    /// Whether anything ran that a COMMIT would keep.
    writes: bool,
    /// Whether it is the first attempt of a caller that tries again.
    is_first: bool,
    /// Whether a result depends on chance.
    chance: bool,
    /// The server's counts of changed rows at the mark, or when everything since then was undone. `None`
    /// without a mark.
    counted: Option<ChangedRows>,
    /// The answers recorded in this transaction, which other connections do not see yet.
    recorded: HashMap<String, RecordedAnswer>,
}

impl PostgresTransaction {
    /// Begins a transaction on a connection of the pool. Replaces the connection if it was lost while
    /// it was idle.
    pub(super) async fn begin(
        pool: &Arc<Pool>,
        engine: Arc<Engine>,
        mode: Mode,
        budget: Budget,
    ) -> Result<Self, Error> {
        let access = mode.access();
        let isolation = mode.isolation();
        let mut lease = pool.take(budget.wait_until(), budget.deadline).await?;
        loop {
            let begun = Instant::now();
            let migrates = matches!(mode, Mode::Migrate | Mode::Trial);
            let mut state = TransactionState::new(access, migrates, budget);
            let deadline = state.meter.deadline();
            let rest = deadline.saturating_duration_since(begun);
            let millis = rest.saturating_add(GRACE).as_millis().min(i32::MAX as u128);
            let unsynced = match (access, engine.no_sync) {
                (Access::Write, true) => "; SET LOCAL synchronous_commit = off",
                _ => "",
            };
            let turn = match mode {
                Mode::Write => take_turn(budget.attempt, budget.wait_until()),
                Mode::Read | Mode::Migrate | Mode::Trial => String::new(),
            };
            let text = format!(
                "BEGIN ISOLATION LEVEL {isolation}; SET LOCAL statement_timeout = {millis}; \
                 SET LOCAL idle_in_transaction_session_timeout = {millis}{unsynced}{turn}"
            );
            let first_answer = match lease.is_new {
                true => deadline,
                false => deadline.min(begun + SILENCE),
            };
            match lease.connection().begin(&text, first_answer).await {
                Ok(()) => {
                    state.busy = begun.elapsed();
                    return Ok(Self {
                        lease,
                        engine,
                        state,
                        writes: false,
                        is_first: mode == Mode::Write && budget.attempt == Attempt::First,
                        chance: false,
                        counted: None,
                        recorded: HashMap::new(),
                    });
                }
                // It is not its turn in time.
                Err(Stop::Host(Error::Conflict)) if lease.connection().is_usable() => {
                    let may_wait_again = Instant::now() < budget.wait_until();
                    return Err(match may_wait_again {
                        true => Error::Conflict,
                        false => Error::Busy,
                    });
                }
                Err(Stop::Host(Error::Conflict)) if !lease.is_new => {
                    lease.reconnect(deadline).await?;
                }
                // The request's own deadline has passed, so nothing is known about the connection.
                Err(Stop::Host(Error::Deadline)) if deadline < begun + SILENCE => {
                    return Err(Error::Deadline);
                }
                Err(Stop::Host(Error::Deadline)) if !lease.is_new => {
                    pool.close_idle();
                    lease.reconnect(deadline).await?;
                }
                // The logic has run no statement yet, so the database is at fault.
                Err(Stop::Host(Error::Deadline)) => {
                    return Err(Error::Unavailable("it does not answer in time".into()));
                }
                Err(Stop::Host(Error::Conflict)) => {
                    return Err(Error::Unavailable("the connection was lost".into()));
                }
                Err(stop) => return Err(stop.into_error()),
            }
        }
    }

    /// Runs one statement of the logic. Returns its rows only if `wants_rows` is true.
    async fn statement(
        &mut self,
        text: &str,
        params: &[Value],
        wants_rows: bool,
    ) -> Result<Result<Done, Failure>, Error> {
        if let Err(failure) = self.state.check_statement()? {
            return Ok(Err(failure));
        }
        let begun = Instant::now();
        let rows_before = self.state.meter.usage().rows;
        self.writes = self.state.access == Access::Write;
        let outcome = self.run_logic(text, params, wants_rows).await;
        self.chance |= outcome.as_ref().is_ok_and(|done| done.chance);
        let elapsed = begun.elapsed();
        self.state.busy += elapsed;
        self.state
            .count_statement(&self.engine.stats, elapsed, rows_before);
        self.state
            .note_slow(self.engine.slow_statement, elapsed, text, params);
        Stop::split(outcome.map_err(|stop| self.state.end(self.doubt(stop))))
    }

    /// Returns why a statement or a COMMIT did not succeed. In a first attempt, a broken key may be the
    /// work of another transaction.
    ///
    /// PostgreSQL reports a key that two serializable transactions added as broken, and not as a conflict,
    /// unless both had looked for it before.
    fn doubt(&self, stop: Stop) -> Stop {
        match stop {
            Stop::Logic(failure) if self.is_first && failure.cause.is_key() => {
                Error::BrokenKey.into()
            }
            stop => stop,
        }
    }

    async fn run_logic(
        &mut self,
        text: &str,
        params: &[Value],
        wants_rows: bool,
    ) -> Result<Done, Stop> {
        self.state.check_deadline()?;
        let meter = &mut self.state.meter;
        meter.statement()?;
        let connection = self.lease.connection();
        connection.run_logic(text, params, meter, wants_rows).await
    }

    /// Returns the plan of a statement of the logic.
    pub(super) async fn explain(&mut self, text: &str, params: &[Value]) -> Result<String, Error> {
        let deadline = self.state.meter.deadline();
        let planned = self
            .lease
            .connection()
            .explain(text, params, deadline)
            .await;
        planned.map_err(|stop| match self.state.end(stop) {
            Stop::Logic(failure) => Error::Rejected(failure),
            stop => stop.into_error(),
        })
    }

    /// Runs one of the host's own statements in this transaction. It is not charged to the budget.
    /// If it breaks a constraint, another transaction caused that.
    pub(super) async fn host(
        &mut self,
        text: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<tokio_postgres::Row>, Error> {
        self.state.check_open()?;
        let begun = Instant::now();
        self.writes = self.state.access == Access::Write;
        let deadline = self.state.meter.deadline();
        let outcome = match self.state.check_deadline() {
            Ok(()) => match self.lease.connection().host(text, params, deadline).await {
                Ok(Ok(rows)) => Ok(rows),
                Ok(Err(error)) => Err(failure::classify_own(&error).into()),
                Err(error) => Err(error.into()),
            },
            Err(stop) => Err(stop),
        };
        self.state.busy += begun.elapsed();
        outcome.map_err(|stop| self.state.end(stop).into_error())
    }

    /// Returns the server's counts of changed rows.
    async fn count_changed_rows(&mut self) -> Result<ChangedRows, Error> {
        let mut counts = ChangedRows::new();
        if self.state.access == Access::Read {
            return Ok(counts);
        }
        for row in self.host(CHANGED_ROWS, &[]).await? {
            let table: String = column(&row, 0)?;
            let changes = [Change::Insert, Change::Update, Change::Delete];
            for (index, change) in changes.into_iter().enumerate() {
                let count: i64 = column(&row, 1 + index)?;
                if count > 0 {
                    counts.insert((change, table.clone()), count.unsigned_abs());
                }
            }
        }
        Ok(counts)
    }

    /// Runs statements of the host around a migration.
    pub(super) async fn batch(&mut self, text: &'static str) -> Result<(), Stop> {
        self.state.check_deadline()?;
        self.writes = true;
        let deadline = self.state.meter.deadline();
        self.lease.connection().batch(text, deadline).await
    }

    /// Runs a statement of a migration.
    pub(super) async fn migration_statement(&mut self, text: &str) -> Result<(), Stop> {
        self.state.check_deadline()?;
        self.writes = true;
        let deadline = self.state.meter.deadline();
        self.lease.connection().migrate(text, deadline).await
    }

    /// Returns the secret that the functions for a request's transaction demand.
    pub(super) fn secret(&self) -> Vec<u8> {
        self.engine.shared.secret.clone()
    }

    /// Writes the events, then commits. The last statement before COMMIT stores the token by which
    /// the outcome can be found out, and fails if the host's epoch is below the fence.
    async fn publish_and_commit(mut self) -> Result<(), Error> {
        self.state.check_open()?;
        let engine = self.engine.clone();
        if self.state.access == Access::Read {
            self.lease.connection().roll_back();
            Stats::count(&engine.stats.commits);
            return Ok(());
        }
        if !self.state.events.is_empty() {
            let [kinds, subjects, attributes] = columns(&self.state.events);
            let secret = self.secret();
            let params: [&(dyn ToSql + Sync); 4] = [&secret, &kinds, &subjects, &attributes];
            self.host(PUBLISH, &params).await?;
        }
        let published = self.state.events.len() as u64;
        let token = self.writes.then(Token::new);
        let deadline = Instant::now() + COMMIT_TIMEOUT;
        let connection = self.lease.connection();
        let committed = match &token {
            None => connection.commit(None, deadline).await,
            Some(token) => {
                let epoch = engine.epoch.load(Relaxed);
                let params: [&(dyn ToSql + Sync); 3] = [&engine.shared.secret, token, &epoch];
                let last = (commit::SEAL, &params[..]);
                connection.commit(Some(last), deadline).await
            }
        };
        let committed = committed.map_err(|error| match error {
            NotCommitted::RolledBack(stop) => NotCommitted::RolledBack(self.doubt(stop)),
            unknown @ NotCommitted::Unknown => unknown,
        });
        drop(self);
        match (committed, token) {
            (Ok(()), _) => {}
            // A deferred constraint does not hold.
            (Err(NotCommitted::RolledBack(Stop::Logic(failure))), _) => {
                return Err(Error::Rejected(failure));
            }
            (Err(NotCommitted::RolledBack(stop)), _) => return Err(stop.into_error()),
            // It wrote nothing, so it may run again. What it read may have changed meanwhile.
            (Err(NotCommitted::Unknown), None) => return Err(Error::Conflict),
            (Err(NotCommitted::Unknown), Some(token)) => commit::resolve(&engine, &token).await?,
        }
        Stats::count(&engine.stats.commits);
        engine.stats.events.fetch_add(published, Relaxed);
        Ok(())
    }
}

/// Returns the statements by which a write takes its turn, after BEGIN. LOCK does not take the
/// transaction's snapshot. So a write that waited until it is alone sees all that the others have
/// committed, and cannot conflict with it. It waits for its turn until `until` at most.
fn take_turn(attempt: Attempt, until: Instant) -> String {
    let (wait, lock) = match attempt {
        Attempt::Alone => (TURN_ALONE, "EXCLUSIVE"),
        Attempt::First | Attempt::Repeated => (TURN, "ROW SHARE"),
    };
    let left = until.saturating_duration_since(Instant::now());
    // Rounded up: 0 would mean no limit, and a wait that ends before `until` would be taken for a conflict.
    let millis = wait.min(left).as_millis() + 1;
    format!(
        "; SET LOCAL lock_timeout = {millis}; LOCK TABLE task_host.turns IN {lock} MODE; \
         SET LOCAL lock_timeout TO DEFAULT"
    )
}

/// Returns the events as the columns that [`PUBLISH`] takes.
fn columns(events: &[Event]) -> [Vec<String>; 3] {
    let column = |of: fn(&Event) -> String| events.iter().map(of).collect();
    [
        column(|event| event.kind().to_owned()),
        column(|event| event.subject().to_owned()),
        column(|event| event.attributes_json()),
    ]
}

#[async_trait]
impl Transaction for PostgresTransaction {
    fn set_room(&mut self, bytes: usize) {
        self.state.meter.set_room(bytes);
    }

    async fn query(
        &mut self,
        statement: &str,
        params: &[Value],
    ) -> Result<Result<Rows, Failure>, Error> {
        let done = self.statement(statement, params, true).await?;
        Ok(done.map(|done| done.rows))
    }

    async fn execute(
        &mut self,
        statement: &str,
        params: &[Value],
    ) -> Result<Result<u64, Failure>, Error> {
        let done = self.statement(statement, params, false).await?;
        Ok(done.map(|done| done.changed))
    }

    async fn repeats(&mut self, statements: &[Recorded]) -> Result<bool, Error> {
        let meter = self.state.meter.clone();
        for recorded in statements {
            let (text, params) = (&recorded.statement, &recorded.params);
            let found = match recorded.result {
                Found::Rows(_) => self
                    .query(text, params)
                    .await?
                    .map(|rows| Found::rows(&rows)),
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
        let connection = self.lease.connection();
        connection.columns(statement)
    }

    fn seen(&self) -> Option<Seen> {
        let read = self.state.access == Access::Read && !self.chance;
        read.then(Seen::unknown)
    }

    async fn migrate(
        &mut self,
        migrations: &[Migration],
        rollback: bool,
    ) -> Result<Result<Vec<String>, MigrationError>, Error> {
        self.state.check_open()?;
        self.apply_migrations(migrations, rollback).await
    }

    async fn recall(&mut self, key: &str) -> Result<Option<RecordedAnswer>, Error> {
        self.state.check_open()?;
        if let Some(answer) = self.recorded.get(key) {
            return Ok(Some(answer.clone()));
        }
        if self.state.access == Access::Write {
            let secret = self.secret();
            self.host(answers::LOCK, &[&secret, &key]).await?;
        }
        let found = answers::recall(&self.engine, key, self.state.meter.deadline()).await;
        found.map_err(|error| self.state.end(error.into()).into_error())
    }

    async fn record(&mut self, key: &str, answer: &RecordedAnswer) -> Result<(), Error> {
        let secret = self.secret();
        let headers = answers::headers_json(&answer.headers)?;
        let status = i32::from(answer.status);
        let params: [&(dyn ToSql + Sync); 6] = [
            &secret,
            &key,
            &&answer.fingerprint[..],
            &status,
            &headers,
            &answer.body,
        ];
        self.host(answers::RECORD, &params).await?;
        self.recorded.insert(key.to_owned(), answer.clone());
        Ok(())
    }

    fn publish(&mut self, event: Event) -> Result<(), Failure> {
        self.state.publish(event)
    }

    async fn mark(&mut self) -> Result<(), Error> {
        self.state.check_open()?;
        let marked = self.batch("SAVEPOINT task_host_mark").await;
        marked.map_err(|stop| self.state.end(stop).into_error())?;
        self.state.marked();
        self.counted = Some(self.count_changed_rows().await?);
        Ok(())
    }

    async fn undo(&mut self) -> Result<(), Error> {
        self.state.revive()?;
        let undone = self.batch("ROLLBACK TO SAVEPOINT task_host_mark").await;
        undone.map_err(|stop| self.state.end(stop).into_error())?;
        self.counted = Some(self.count_changed_rows().await?);
        Ok(())
    }

    async fn effects(&mut self) -> Result<Effects, Error> {
        self.state.check_open()?;
        let mut rows = ChangedRows::new();
        if let Some(before) = self.counted.clone() {
            rows = self.count_changed_rows().await?;
            rows.retain(|of, count| {
                *count = count.saturating_sub(before.get(of).copied().unwrap_or(0));
                *count > 0
            });
        }
        let events = self.state.published();
        Ok(Effects { rows, events })
    }

    async fn check(&mut self) -> Result<(), Error> {
        self.state.check_open()?;
        if self.state.access == Access::Read {
            return Ok(());
        }
        let checked = self.batch("SET CONSTRAINTS ALL IMMEDIATE").await;
        checked.map_err(|stop| match self.state.end(stop) {
            Stop::Logic(failure) => Error::Rejected(failure),
            stop => stop.into_error(),
        })
    }

    async fn commit(self: Box<Self>) -> Result<(), Error> {
        match tokio::spawn(self.publish_and_commit()).await {
            Ok(outcome) => outcome,
            Err(error) => Err(Error::OutcomeUnknown(format!(
                "the task of the commit ended early: {error}"
            ))),
        }
    }

    async fn rehearse(mut self: Box<Self>) -> Result<(), Error> {
        self.check().await?;
        self.rollback().await
    }

    async fn rollback(self: Box<Self>) -> Result<(), Error> {
        // The server shows only what is durable, so there is nothing to wait for.
        Ok(())
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
