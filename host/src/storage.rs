//! A database, a transaction, and the values that pass between them.
//!
//! One engine today: [`sqlite`]. A transaction belongs to one request; dropping it rolls back.
//! [`Failure`] is the logic's fault and goes back to it; [`Error`] never reaches the logic: the
//! host ends the instance and answers, or runs the request again.

pub mod sqlite;

use std::time::{Duration, Instant};

use async_trait::async_trait;

use crate::contract::{Access, Migration};

/// Which SQL a database speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// The embedded engine.
    Sqlite,
    /// The engine for many replicas.
    Postgres,
}

/// A database that runs transactions.
#[async_trait]
pub trait Database: Send + Sync + 'static {
    /// Which SQL it speaks.
    fn dialect(&self) -> Dialect;

    /// Begins a transaction. A write waits for the writer in order of arrival, at most
    /// [`Budget::wait`], and never past the deadline. Cancel-safe.
    ///
    /// # Errors
    /// [`Error::Busy`] when the wait was too long, [`Error::Unavailable`] when the database
    /// does not answer. Nothing was begun.
    async fn begin(&self, access: Access, budget: Budget) -> Result<Box<dyn Transaction>, Error>;

    /// Begins a write transaction whose statements may also change the schema, for
    /// [`Transaction::migrate`] and a component's self-test.
    ///
    /// # Errors
    /// As [`Database::begin`].
    async fn begin_migration(&self, budget: Budget) -> Result<Box<dyn Transaction>, Error>;

    /// Whether the database answers and can still make writes durable.
    ///
    /// # Errors
    /// [`Error::Unavailable`] with the reason.
    async fn ping(&self) -> Result<(), Error>;

    /// Deletes the recorded answers that are older than `age` and returns their number.
    ///
    /// # Errors
    /// As [`Database::begin`].
    async fn forget_answers(&self, age: Duration) -> Result<u64, Error>;
}

/// One transaction. Dropping it without [`Transaction::commit`] rolls it back.
#[async_trait]
pub trait Transaction: Send {
    /// Runs one statement of the logic that returns rows.
    ///
    /// # Errors
    /// The inner [`Failure`] is for the logic; after it the transaction is spent, and every
    /// further statement fails. [`Error`] is for the host.
    async fn query(
        &mut self,
        statement: &str,
        params: &[Value],
    ) -> Result<Result<Rows, Failure>, Error>;

    /// Runs one statement of the logic and returns the number of rows it changed.
    ///
    /// # Errors
    /// As [`Transaction::query`].
    async fn execute(
        &mut self,
        statement: &str,
        params: &[Value],
    ) -> Result<Result<u64, Failure>, Error>;

    /// Applies those of `migrations` that were not applied yet, in order, and returns their
    /// names. Only in a transaction from [`Database::begin_migration`].
    ///
    /// The list must agree with what was applied, name and checksum, as far as both reach.
    /// Applied steps beyond the list are accepted only where `rollback` is true.
    ///
    /// # Errors
    /// The inner [`MigrationError`] names the step; the transaction is then spent.
    async fn migrate(
        &mut self,
        migrations: &[Migration],
        rollback: bool,
    ) -> Result<Result<Vec<String>, MigrationError>, Error>;

    /// The answer recorded under an idempotency key.
    ///
    /// # Errors
    /// As [`Transaction::query`].
    async fn recall(&mut self, key: &str) -> Result<Option<RecordedAnswer>, Error>;

    /// Records an answer under an idempotency key, in this transaction.
    ///
    /// # Errors
    /// As [`Transaction::query`].
    async fn record(&mut self, key: &str, answer: &RecordedAnswer) -> Result<(), Error>;

    /// Commits, and returns when everything that the transaction wrote or saw is durable.
    /// Once it was polled, the commit itself is not cancelled by dropping the future.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where durability could not be reached: the caller must not
    /// acknowledge.
    async fn commit(self: Box<Self>) -> Result<(), Error>;

    /// How long the database has worked for this transaction so far.
    fn busy(&self) -> Duration;

    /// How many statements have run and how many rows they returned.
    fn usage(&self) -> Usage;
}

/// What one transaction may use. Exceeding it ends the request with [`Error::Limit`].
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// When the request must be over; it interrupts a statement that runs.
    pub deadline: Instant,
    /// How long to wait for the writer or a connection.
    pub wait: Duration,
    /// Statements in all.
    pub statements: u32,
    /// Rows returned by all statements together.
    pub rows: u64,
    /// Bytes of all results together, text and blobs.
    pub bytes: u64,
}

/// What a transaction has used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Statements run.
    pub statements: u32,
    /// Rows returned.
    pub rows: u64,
    /// Bytes of text and blobs returned.
    pub bytes: u64,
}

/// A parameter of a statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// In SQLite 0 or 1.
    Boolean(bool),
    /// A 64-bit integer.
    Integer(i64),
    /// A double.
    Real(f64),
    /// UTF-8 without U+0000.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

/// A result: row-major, `width` cells a row; text and blobs are spans of one heap.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    /// Cells in a row.
    pub width: u32,
    /// The rows one after the other.
    pub cells: Vec<Cell>,
    /// The bytes of all text and blobs.
    pub heap: Vec<u8>,
}

/// One result value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell {
    /// SQL NULL.
    Null,
    /// Never from SQLite.
    Boolean(bool),
    /// A 64-bit integer.
    Integer(i64),
    /// A double.
    Real(f64),
    /// UTF-8 in the heap.
    Text(Span),
    /// Bytes in the heap.
    Blob(Span),
}

/// A part of [`Rows::heap`], in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// The number of bytes.
    pub len: u32,
}

/// A statement that failed by the logic's fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Which kind of rule it broke.
    pub cause: Cause,
    /// The constraint's name where the engine tells it.
    pub constraint: Option<String>,
    /// The engine's message.
    pub detail: String,
}

/// Which kind of rule a failed statement broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A unique or primary key.
    Unique,
    /// A foreign key.
    ForeignKey,
    /// A check constraint.
    Check,
    /// A missing value.
    NotNull,
    /// The statement is wrong or not allowed.
    Other,
}

/// An answer kept under an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedAnswer {
    /// SHA-256 over the request: method, path, query and body.
    pub fingerprint: [u8; 32],
    /// The HTTP status.
    pub status: u16,
    /// The headers that belong to the answer: names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The uncompressed body.
    pub body: Vec<u8>,
}

/// Why a migration was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MigrationError {
    /// An applied step has another text now.
    #[error("migration {name} was changed after it was applied; add a new step instead")]
    Changed {
        /// The step.
        name: String,
    },
    /// The list and what was applied disagree in their order.
    #[error(
        "migration {name} stands where {applied} was applied; steps may only be added at the end"
    )]
    Reordered {
        /// The step in the list.
        name: String,
        /// The step that was applied at its place.
        applied: String,
    },
    /// The database has steps that the list does not know.
    #[error("the database has migration {name}, which this component does not know")]
    Unknown {
        /// The first such step.
        name: String,
    },
    /// Two steps of the list have one name.
    #[error("two migrations are called {name}")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// A statement failed.
    #[error("migration {name} failed: {detail}")]
    Failed {
        /// The step.
        name: String,
        /// The engine's message.
        detail: String,
    },
}

/// What ends a request without the logic hearing of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Another transaction was in the way: run the request again.
    #[error("the transaction conflicts with another one")]
    Conflict,
    /// The writer or a connection was not free in time.
    #[error("the database is busy")]
    Busy,
    /// The database does not answer, or cannot make writes durable.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The request's deadline passed.
    #[error("the deadline passed while the database worked")]
    Deadline,
    /// The budget was exceeded.
    #[error("the request exceeded its limit of {0}")]
    Limit(Limit),
}

/// Which part of a [`Budget`] was exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Too many statements.
    Statements,
    /// Too many rows.
    Rows,
    /// Too many bytes.
    Bytes,
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Limit::Statements => "statements",
            Limit::Rows => "rows",
            Limit::Bytes => "result bytes",
        })
    }
}
