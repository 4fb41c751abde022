//! One connection to PostgreSQL, and how statements run on it.
//!
//! A connection is *busy* from when a statement is sent until its answer has arrived. If the caller
//! drops the future meanwhile, or its deadline passes, the connection stays busy and is not used
//! again. The server ends what is still running there by the time-out that every transaction sets.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;

use futures_util::{FutureExt as _, TryStreamExt as _};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::failure;
use super::plan::Explained;
use super::socket;
use super::statements::{Prepared, Statements};
use super::url::Url;
use super::value::{self, Parameter};
use crate::budget::Meter;
use crate::stop::Stop;
use crate::{Error, Limit, Rows, Value};

/// Maximum length of a message on the host's own connections: a component of 64 MiB fits.
pub(super) const HOST_MESSAGE_BYTES: u32 = 72 << 20;

/// How connections log in, and their limits.
#[derive(Clone)]
pub(super) struct Login {
    pub(super) url: Url,
    pub(super) encryption: Option<MakeRustlsConnect>,
    /// Maximum length of a message from the server.
    pub(super) message_bytes: u32,
}

/// One connection, used by one transaction at a time.
pub(super) struct Connection {
    client: Client,
    oversized: Arc<AtomicBool>,
    statements: Statements,
    busy: bool,
    in_transaction: bool,
    /// When it was returned to its pool.
    pub(super) idle_since: Instant,
}

impl Login {
    /// Opens a connection.
    pub(super) async fn open(&self) -> Result<Connection, socket::OpenFailure> {
        let opened = socket::open(&self.url, self.encryption.clone(), self.message_bytes).await?;
        Ok(Connection {
            client: opened.client,
            oversized: opened.oversized,
            statements: Statements::default(),
            busy: false,
            in_transaction: false,
            idle_since: Instant::now(),
        })
    }
}

/// The result of a statement of the logic.
pub(super) struct Done {
    /// Its rows, if they were wanted.
    pub(super) rows: Rows,
    /// The number of rows that it changed.
    pub(super) changed: u64,
    /// Whether the result depends on chance.
    pub(super) chance: bool,
}

/// Why a COMMIT did not succeed.
pub(super) enum NotCommitted {
    /// It was rolled back.
    RolledBack(Stop),
    /// The connection was lost, so it is unknown whether it was committed.
    Unknown,
}

impl Connection {
    /// Begins a transaction.
    pub(super) async fn begin(&mut self, text: &str, deadline: Instant) -> Result<(), Stop> {
        // Set before the statement succeeds, because a part of it may have been done.
        self.in_transaction = true;
        self.batch(text, deadline).await
    }

    /// Runs statements of the host without parameters and results.
    pub(super) async fn batch(&mut self, text: &str, deadline: Instant) -> Result<(), Stop> {
        self.busy = true;
        let done = timed(deadline, self.client.batch_execute(text)).await?;
        self.busy = false;
        done.map_err(|error| self.classify(&error))
    }

    /// Runs one statement of the logic. Returns its rows, if `wants_rows` is true, and the number of
    /// rows that it changed.
    pub(super) async fn run_logic(
        &mut self,
        text: &str,
        params: &[Value],
        meter: &mut Meter,
        wants_rows: bool,
    ) -> Result<Done, Stop> {
        let deadline = meter.deadline();
        let prepared = self.prepare(text.trim(), params, deadline).await?;
        self.busy = true;
        let client = &self.client;
        let done = timed(deadline, rows(client, &prepared, params, meter, wants_rows)).await?;
        match done {
            Ok((rows, changed)) => {
                self.busy = false;
                Ok(Done {
                    rows,
                    changed,
                    chance: prepared.shape.chance,
                })
            }
            Err(ReadError::Server(error)) => {
                self.busy = false;
                if failure::is_stale(&error) {
                    self.statements.clear();
                }
                Err(self.classify(&error))
            }
            // The result cannot be used. The driver drops the rest of it.
            Err(ReadError::Stop(Stop::Logic(failure))) => {
                self.busy = false;
                Err(Stop::Logic(failure))
            }
            Err(ReadError::Stop(stop)) => Err(stop),
        }
    }

    async fn prepare(
        &mut self,
        text: &str,
        params: &[Value],
        deadline: Instant,
    ) -> Result<Arc<Prepared>, Stop> {
        let wanted = match self.statements.find(text, params)? {
            Ok(prepared) => return Ok(prepared),
            Err(wanted) => wanted,
        };
        self.busy = true;
        let prepared = timed(deadline, self.client.prepare_typed(text, &wanted.types)).await?;
        self.busy = false;
        match prepared {
            Ok(statement) => Ok(self.statements.insert(text, wanted, statement)),
            Err(error) => Err(self.classify(&error)),
        }
    }

    /// Returns the plan of one statement of the logic, without running it.
    pub(super) async fn explain(
        &mut self,
        text: &str,
        params: &[Value],
        deadline: Instant,
    ) -> Result<String, Stop> {
        let text = text.trim();
        let types = self.statements.types_of(text, params)?;
        let fit = |(index, expected): (usize, &Type)| {
            let value = params
                .get(index)
                .filter(|value| value::fits(value, expected));
            Parameter(value.unwrap_or(&Value::Null))
        };
        self.busy = true;
        let planned = timed(deadline, async {
            let text = format!("EXPLAIN (FORMAT JSON) {text}");
            let statement = self.client.prepare_typed(&text, &types).await?;
            let values = statement.params().iter().enumerate().map(fit);
            let rows = self
                .client
                .query_raw(&statement, values.collect::<Vec<_>>());
            rows.await?.try_collect::<Vec<Row>>().await
        });
        let planned = planned.await?;
        self.busy = false;
        let rows = planned.map_err(|error| self.classify(&error))?;
        let explained = rows
            .first()
            .and_then(|row| row.try_get::<_, Explained>(0).ok());
        Ok(explained.map_or_else(String::new, |explained| explained.steps()))
    }

    /// Runs a statement of a migration.
    pub(super) async fn migrate(&mut self, text: &str, deadline: Instant) -> Result<(), Stop> {
        self.busy = true;
        // Prepared, because PostgreSQL then checks that the text is a single statement.
        let done = timed(deadline, self.client.execute(text, &[])).await?;
        self.busy = false;
        // Their plans may not fit the new schema.
        self.statements.clear();
        done.map(drop).map_err(|error| self.classify(&error))
    }

    /// Runs one of the host's own statements.
    pub(super) async fn host(
        &mut self,
        text: &'static str,
        params: &[&(dyn ToSql + Sync)],
        deadline: Instant,
    ) -> Result<Result<Vec<Row>, tokio_postgres::Error>, Error> {
        self.busy = true;
        let done = timed(deadline, async {
            let statement = prepare_own(&self.client, &mut self.statements, text).await?;
            self.client.query(&statement, params).await
        });
        let done = done.await?;
        self.busy = false;
        Ok(done)
    }

    /// Commits. If there is a `last` statement, runs it before, in the same round trip.
    pub(super) async fn commit(
        &mut self,
        last: Option<(&'static str, &[&(dyn ToSql + Sync)])>,
        deadline: Instant,
    ) -> Result<(), NotCommitted> {
        self.busy = true;
        let Self {
            client, statements, ..
        } = self;
        let both = async {
            let Some((text, params)) = last else {
                return client.batch_execute("COMMIT").await;
            };
            let statement = prepare_own(client, statements, text).await?;
            // Both are sent before the first is answered. If the first fails, COMMIT rolls back.
            let (first, commit) = tokio::join!(
                client.query(&statement, params),
                client.batch_execute("COMMIT")
            );
            first.map(drop).and(commit)
        };
        let Ok(done) = timed(deadline, both).await else {
            return Err(NotCommitted::Unknown);
        };
        match done {
            Err(error) if failure::outcome_unknown(&error) => Err(NotCommitted::Unknown),
            done => {
                self.busy = false;
                self.in_transaction = false;
                done.map_err(|error| NotCommitted::RolledBack(failure::classify(&error)))
            }
        }
    }

    /// Rolls an open transaction back. Does not wait for the answer: the server answers in order, so
    /// a later statement on this connection is answered after it.
    pub(super) fn roll_back(&mut self) {
        if std::mem::take(&mut self.in_transaction) {
            // The first poll sends it.
            let _ = self.client.batch_execute("ROLLBACK").now_or_never();
        }
    }

    /// Returns whether another transaction may use the connection.
    pub(super) fn is_usable(&self) -> bool {
        !self.busy && !self.client.is_closed()
    }

    /// Returns the driver's client, for a use that closes the connection at its end. The connection
    /// does not track what the client does.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Returns the names of the columns of a statement that the logic has just run. Empty if it is not
    /// kept.
    pub(super) fn columns(&self, text: &str) -> Vec<String> {
        self.statements.columns(text)
    }

    /// Returns whether a transaction is open.
    pub(super) fn in_transaction(&self) -> bool {
        self.in_transaction
    }

    fn classify(&self, error: &tokio_postgres::Error) -> Stop {
        match self.oversized.load(Relaxed) {
            true => Error::Limit(Limit::Bytes).into(),
            false => failure::classify(error),
        }
    }
}

/// Why a result was not read to its end.
enum ReadError {
    Server(tokio_postgres::Error),
    Stop(Stop),
}

impl From<tokio_postgres::Error> for ReadError {
    fn from(error: tokio_postgres::Error) -> Self {
        ReadError::Server(error)
    }
}

/// Runs a prepared statement of the logic.
async fn rows(
    client: &Client,
    prepared: &Prepared,
    params: &[Value],
    meter: &mut Meter,
    wants_rows: bool,
) -> Result<(Rows, u64), ReadError> {
    let bound = (1..=prepared.statement.params().len()).map(|number| {
        let used = prepared
            .shape
            .parameters
            .iter()
            .any(|n| usize::from(*n) == number);
        Parameter(match used {
            true => &params[number - 1],
            false => &Value::Null,
        })
    });
    let bound: Vec<Parameter<'_>> = bound.collect();
    let mut stream = pin!(client.query_raw(&prepared.statement, bound).await?);
    let mut rows = Rows {
        width: u32::try_from(prepared.statement.columns().len()).unwrap_or(u32::MAX),
        ..Rows::default()
    };
    while let Some(row) = stream.try_next().await? {
        if wants_rows {
            value::push(&mut rows, &row, meter).map_err(ReadError::Stop)?;
        }
    }
    let changed = match prepared.shape.counts_changes {
        true => stream.rows_affected().unwrap_or(0),
        false => 0,
    };
    Ok((rows, changed))
}

/// Returns one of the host's own statements, which is prepared once for each connection.
async fn prepare_own(
    client: &Client,
    statements: &mut Statements,
    text: &'static str,
) -> Result<Statement, tokio_postgres::Error> {
    if let Some(statement) = statements.own(text) {
        return Ok(statement);
    }
    let statement = client.prepare(text).await?;
    statements.insert_own(text, statement.clone());
    Ok(statement)
}

/// Waits at most until the deadline.
async fn timed<T>(deadline: Instant, work: impl Future<Output = T>) -> Result<T, Error> {
    tokio::time::timeout_at(deadline.into(), work)
        .await
        .map_err(|_| Error::Deadline)
}
