//! One connection to PostgreSQL, and how statements run on it.
//!
//! Between sending and the end of the answer a connection is *busy*. Who goes away then, or whose
//! deadline passes, leaves it busy: it is not used again. The server ends what still runs there
//! at the time-out that every transaction sets.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;

use futures_util::{FutureExt as _, TryStreamExt as _};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::failure;
use super::socket;
use super::statements::{Prepared, Statements};
use super::url::Url;
use super::value::{self, Parameter};
use crate::budget::Meter;
use crate::stop::Stop;
use crate::{Error, Rows, Value};

/// As whom connections log in, and what they may do then.
#[derive(Clone)]
pub(super) struct Login {
    pub(super) url: Url,
    pub(super) encryption: Option<MakeRustlsConnect>,
    /// The longest message that is read.
    pub(super) message_bytes: u32,
}

/// One connection, used by one transaction at a time.
pub(super) struct Connection {
    client: Client,
    oversized: Arc<AtomicBool>,
    statements: Statements,
    busy: bool,
    in_transaction: bool,
    /// When it came back to its pool.
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

/// Why a COMMIT did not succeed.
pub(super) enum NotCommitted {
    /// It was rolled back.
    Refused(Stop),
    /// The connection was lost, so nobody said what became of it.
    Unknown,
}

impl Connection {
    /// Begins a transaction.
    pub(super) async fn begin(&mut self, text: &str, deadline: Instant) -> Result<(), Stop> {
        // Before it is known: a part of it may have been done.
        self.in_transaction = true;
        self.batch(text, deadline).await
    }

    /// Runs statements of the host without parameters and results.
    pub(super) async fn batch(&mut self, text: &str, deadline: Instant) -> Result<(), Stop> {
        self.busy = true;
        let done = timed(deadline, self.client.batch_execute(text)).await?;
        self.busy = false;
        done.map_err(|error| self.sort(&error))
    }

    /// Runs one statement of the logic: its rows, where they are charged, and the number of rows
    /// that it changed.
    pub(super) async fn guest(
        &mut self,
        text: &str,
        params: &[Value],
        meter: &mut Meter,
        charged: bool,
    ) -> Result<(Rows, u64), Stop> {
        let deadline = meter.deadline();
        let prepared = self.prepare(text.trim(), params, deadline).await?;
        self.busy = true;
        let client = &self.client;
        let done = timed(deadline, rows(client, &prepared, params, meter, charged)).await?;
        match done {
            Ok(result) => {
                self.busy = false;
                Ok(result)
            }
            Err(Fault::Server(error)) => {
                self.busy = false;
                if failure::is_stale(&error) {
                    self.statements.clear();
                }
                Err(self.sort(&error))
            }
            // The logic's result is of no use; the driver drops what is left of it.
            Err(Fault::Stop(Stop::Logic(failure))) => {
                self.busy = false;
                Err(Stop::Logic(failure))
            }
            Err(Fault::Stop(stop)) => Err(stop),
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
            Ok(statement) => Ok(self.statements.keep(text, wanted, statement)),
            Err(error) => Err(self.sort(&error)),
        }
    }

    /// Runs a statement of a migration.
    pub(super) async fn migrate(&mut self, text: &str, deadline: Instant) -> Result<(), Stop> {
        self.busy = true;
        // Prepared, and not as a text that may hold several: PostgreSQL itself says that it is one.
        let done = timed(deadline, self.client.execute(text, &[])).await?;
        self.busy = false;
        done.map(drop).map_err(|error| self.sort(&error))
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
            let statement = own(&self.client, &mut self.statements, text).await?;
            self.client.query(&statement, params).await
        });
        let done = done.await?;
        self.busy = false;
        Ok(done)
    }

    /// Commits, after a last statement that goes with it in one round trip.
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
            let statement = own(client, statements, text).await?;
            // Both are sent before the first is answered. Where it fails, COMMIT rolls back.
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
                done.map_err(|error| NotCommitted::Refused(failure::sort(&error)))
            }
        }
    }

    /// Ends a transaction that changed nothing, or whose changes are not to stay. Does not wait:
    /// what is sent on this connection later is answered later.
    pub(super) fn end(&mut self) {
        if std::mem::take(&mut self.in_transaction) {
            // The first poll sends it.
            let _ = self.client.batch_execute("ROLLBACK").now_or_never();
        }
    }

    /// Whether another transaction may use it.
    pub(super) fn is_usable(&self) -> bool {
        !self.busy && !self.client.is_closed()
    }

    /// What is underneath, for a loan that ends with the connection: what it does there is not
    /// known to this.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Whether a transaction is open.
    pub(super) fn in_transaction(&self) -> bool {
        self.in_transaction
    }

    fn sort(&self, error: &tokio_postgres::Error) -> Stop {
        match self.oversized.load(Relaxed) {
            true => Error::Limit(crate::Limit::Bytes).into(),
            false => failure::sort(error),
        }
    }
}

/// Why a result was not read to its end.
enum Fault {
    Server(tokio_postgres::Error),
    Stop(Stop),
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        Fault::Server(error)
    }
}

/// Runs a prepared statement of the logic.
async fn rows(
    client: &Client,
    prepared: &Prepared,
    params: &[Value],
    meter: &mut Meter,
    charged: bool,
) -> Result<(Rows, u64), Fault> {
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
        if charged {
            value::push(&mut rows, &row, meter).map_err(Fault::Stop)?;
        }
    }
    let changed = match prepared.shape.counts_changes {
        true => stream.rows_affected().unwrap_or(0),
        false => 0,
    };
    Ok((rows, changed))
}

/// One of the host's own statements, prepared once.
async fn own(
    client: &Client,
    statements: &mut Statements,
    text: &'static str,
) -> Result<Statement, tokio_postgres::Error> {
    if let Some(statement) = statements.own(text) {
        return Ok(statement);
    }
    let statement = client.prepare(text).await?;
    statements.keep_own(text, statement.clone());
    Ok(statement)
}

/// Waits no longer than until the deadline.
async fn timed<T>(deadline: Instant, work: impl Future<Output = T>) -> Result<T, Error> {
    tokio::time::timeout_at(deadline.into(), work)
        .await
        .map_err(|_| Error::Deadline)
}
