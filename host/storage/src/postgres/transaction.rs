//! One transaction on one connection.
//!
//! A caller that goes away in the middle of a statement leaves a busy connection behind, which is
//! closed and rolled back by the server; between statements, the rollback is sent as the lease
//! ends. A COMMIT runs in a task of its own, so that it is not left halfway.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio_postgres::types::ToSql;

use super::commit::{self, Token};
use super::connection::NotCommitted;
use super::pool::{Lease, Pool, SILENCE};
use super::{Engine, answers, failure, feed, migrate};
use crate::budget::Meter;
use crate::stop::{Ended, Stop, refusal, spent};
use crate::{
    Budget, Error, Event, Failure, MigrationError, RecordedAnswer, Rows, Stats, Transaction, Usage,
    Value,
};
use contract::{Access, Migration};

/// How long a COMMIT may take before its outcome counts as unknown.
const COMMIT_FOR: Duration = Duration::from_secs(10);

/// How long after its deadline the server itself ends what a lost host has left behind.
const GRACE: Duration = Duration::from_secs(1);

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Read,
    Write,
    /// Migrations, to stay.
    Migrate,
    /// Migrations and a self-test on the result, to be rolled back.
    Try,
}

impl Mode {
    fn access(self) -> Access {
        match self {
            Mode::Read => Access::Read,
            Mode::Write | Mode::Migrate | Mode::Try => Access::Write,
        }
    }
}

pub(super) struct PostgresTransaction {
    lease: Lease,
    engine: Arc<Engine>,
    access: Access,
    pub(super) migrates: bool,
    meter: Meter,
    /// Why nothing runs here any more.
    ended: Option<Ended>,
    /// Whether anything ran that a COMMIT would keep.
    writes: bool,
    /// What was recorded here, which no other connection sees yet.
    recorded: HashMap<String, RecordedAnswer>,
    /// Published so far: written when the transaction commits, and gone when it does not.
    events: Vec<Event>,
    busy: Duration,
}

impl PostgresTransaction {
    /// Begins a transaction on a connection of the pool. Connections that were lost while they
    /// were idle are passed over.
    pub(super) async fn begin(
        pool: &Arc<Pool>,
        engine: Arc<Engine>,
        mode: Mode,
        budget: Budget,
    ) -> Result<Self, Error> {
        let access = mode.access();
        let until = Instant::now()
            .checked_add(budget.wait)
            .map_or(budget.deadline, |until| until.min(budget.deadline));
        loop {
            let mut lease = pool.take(until).await?;
            let begun = Instant::now();
            let mut meter = Meter::new(budget);
            if access == Access::Write {
                meter.hold();
            }
            let isolation = match mode {
                Mode::Read => "REPEATABLE READ READ ONLY",
                Mode::Write => "SERIALIZABLE",
                // Its first statement waits for other migrations, and has to see them then.
                Mode::Migrate => "READ COMMITTED",
                // A self-test that counts must not meet what others commit meanwhile.
                Mode::Try => "REPEATABLE READ",
            };
            let rest = meter.deadline().saturating_duration_since(begun);
            let millis = rest.saturating_add(GRACE).as_millis().min(i32::MAX as u128);
            let unsynced = match (access, engine.no_sync) {
                (Access::Write, true) => "; SET LOCAL synchronous_commit = off",
                _ => "",
            };
            let text = format!(
                "BEGIN ISOLATION LEVEL {isolation}; SET LOCAL statement_timeout = {millis}; \
                 SET LOCAL idle_in_transaction_session_timeout = {millis}{unsynced}"
            );
            let patience = match lease.fresh {
                true => meter.deadline(),
                false => meter.deadline().min(begun + SILENCE),
            };
            match lease.connection().begin(&text, patience).await {
                Ok(()) => {
                    return Ok(Self {
                        lease,
                        engine,
                        access,
                        migrates: matches!(mode, Mode::Migrate | Mode::Try),
                        meter,
                        ended: None,
                        writes: false,
                        recorded: HashMap::new(),
                        events: Vec::new(),
                        busy: begun.elapsed(),
                    });
                }
                Err(Stop::Host(Error::Conflict)) if !lease.fresh => {}
                // The request's own deadline, which says nothing of the connection.
                Err(Stop::Host(Error::Deadline)) if begun.elapsed() < SILENCE => {
                    return Err(Error::Deadline);
                }
                Err(Stop::Host(Error::Deadline)) if !lease.fresh => pool.distrust(),
                // Nothing of the logic ran yet: the database is at fault.
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

    /// Runs one statement of the logic: its rows, where they are wanted, and the number of rows
    /// that it changed.
    async fn statement(
        &mut self,
        text: &str,
        params: &[Value],
        wants_rows: bool,
    ) -> Result<Result<(Rows, u64), Failure>, Error> {
        match &self.ended {
            Some(Ended::Stopped(error)) => return Err(error.clone()),
            Some(Ended::Failed(_)) => return Ok(Err(spent())),
            None => {}
        }
        let begun = Instant::now();
        let rows_before = self.meter.usage().rows;
        self.writes = self.access == Access::Write;
        let outcome = match self.in_time().and_then(|()| Ok(self.meter.statement()?)) {
            Ok(()) => {
                let connection = self.lease.connection();
                connection
                    .guest(text, params, &mut self.meter, wants_rows)
                    .await
            }
            Err(stop) => Err(stop),
        };
        let elapsed = begun.elapsed();
        self.busy += elapsed;
        let stats = &self.engine.stats;
        Stats::count(&stats.statements);
        Stats::time(&stats.statement_nanos, elapsed);
        let rows = self.meter.usage().rows - rows_before;
        stats.rows.fetch_add(rows, Relaxed);
        match outcome.map_err(|stop| self.end(stop)) {
            Ok(result) => Ok(Ok(result)),
            Err(Stop::Logic(failure)) => Ok(Err(failure)),
            Err(Stop::Host(error)) => Err(error),
        }
    }

    /// Runs one of the host's own statements in this transaction. It is not charged. A rule that
    /// it breaks is another transaction's doing.
    pub(super) async fn host(
        &mut self,
        text: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<tokio_postgres::Row>, Error> {
        self.open()?;
        let begun = Instant::now();
        self.writes = self.access == Access::Write;
        let deadline = self.meter.deadline();
        let outcome = match self.in_time() {
            Ok(()) => match self.lease.connection().host(text, params, deadline).await {
                Ok(Ok(rows)) => Ok(rows),
                Ok(Err(error)) => Err(failure::sort_own(&error).into()),
                Err(error) => Err(error.into()),
            },
            Err(stop) => Err(stop),
        };
        self.busy += begun.elapsed();
        outcome.map_err(|stop| self.end(stop).into_error())
    }

    /// Runs a statement of a migration, or of the host around it.
    pub(super) async fn step(&mut self, text: &str, own: bool) -> Result<(), Stop> {
        self.in_time()?;
        self.writes = true;
        let deadline = self.meter.deadline();
        let connection = self.lease.connection();
        match own {
            true => connection.batch(text, deadline).await,
            false => connection.migrate(text, deadline).await,
        }
    }

    pub(super) fn secret(&self) -> Vec<u8> {
        self.engine.shared.secret.clone()
    }

    fn in_time(&self) -> Result<(), Stop> {
        match Instant::now() >= self.meter.deadline() {
            true => Err(Error::Deadline.into()),
            false => Ok(()),
        }
    }

    fn open(&self) -> Result<(), Error> {
        match &self.ended {
            None => Ok(()),
            Some(ended) => Err(ended.clone().into()),
        }
    }

    pub(super) fn end(&mut self, stop: Stop) -> Stop {
        self.ended = Some(Ended::from(&stop));
        stop
    }

    async fn seal(mut self) -> Result<(), Error> {
        self.open()?;
        let engine = self.engine.clone();
        if self.access == Access::Read {
            self.lease.connection().end();
            Stats::count(&engine.stats.commits);
            return Ok(());
        }
        if !self.events.is_empty() {
            let [kinds, subjects, attributes] = feed::columns(&self.events);
            let secret = self.secret();
            let params: [&(dyn ToSql + Sync); 4] = [&secret, &kinds, &subjects, &attributes];
            self.host(feed::PUBLISH, &params).await?;
        }
        let published = self.events.len() as u64;
        let token = self.writes.then(Token::new);
        let deadline = Instant::now() + COMMIT_FOR;
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
        drop(self);
        match (committed, token) {
            (Ok(()), _) => {}
            // A deferred constraint.
            (Err(NotCommitted::Refused(Stop::Logic(failure))), _) => {
                return Err(Error::Rejected(failure));
            }
            (Err(NotCommitted::Refused(Stop::Host(error))), _) => return Err(error),
            // What it read may have been changed by then, and there is nothing else to lose.
            (Err(NotCommitted::Unknown), None) => return Err(Error::Conflict),
            (Err(NotCommitted::Unknown), Some(token)) => commit::resolve(&engine, &token).await?,
        }
        Stats::count(&engine.stats.commits);
        engine.stats.events.fetch_add(published, Relaxed);
        Ok(())
    }
}

#[async_trait]
impl Transaction for PostgresTransaction {
    async fn query(
        &mut self,
        statement: &str,
        params: &[Value],
    ) -> Result<Result<Rows, Failure>, Error> {
        let done = self.statement(statement, params, true).await?;
        Ok(done.map(|(rows, _)| rows))
    }

    async fn execute(
        &mut self,
        statement: &str,
        params: &[Value],
    ) -> Result<Result<u64, Failure>, Error> {
        let done = self.statement(statement, params, false).await?;
        Ok(done.map(|(_, changed)| changed))
    }

    async fn migrate(
        &mut self,
        migrations: &[Migration],
        rollback: bool,
    ) -> Result<Result<Vec<String>, MigrationError>, Error> {
        self.open()?;
        migrate::apply(self, migrations, rollback).await
    }

    async fn recall(&mut self, key: &str) -> Result<Option<RecordedAnswer>, Error> {
        self.open()?;
        if let Some(answer) = self.recorded.get(key) {
            return Ok(Some(answer.clone()));
        }
        if self.access == Access::Write {
            let secret = self.secret();
            self.host(answers::LOCK, &[&secret, &key]).await?;
        }
        let found = answers::recall(&self.engine, key, self.meter.deadline()).await;
        found.map_err(|error| self.end(error.into()).into_error())
    }

    async fn record(&mut self, key: &str, answer: &RecordedAnswer) -> Result<(), Error> {
        let secret = self.secret();
        let headers = answers::written(&answer.headers)?;
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
        if self.access == Access::Read {
            return Err(refusal("the route's access is read"));
        }
        if self.ended.is_none() {
            self.events.push(event);
        }
        Ok(())
    }

    async fn commit(self: Box<Self>) -> Result<(), Error> {
        match tokio::spawn(self.seal()).await {
            Ok(sealed) => sealed,
            Err(error) => Err(Error::OutcomeUnknown(format!("it was ended: {error}"))),
        }
    }

    async fn rollback(self: Box<Self>) -> Result<(), Error> {
        // What a transaction sees here is durable already: the server shows it to nobody before.
        Ok(())
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
