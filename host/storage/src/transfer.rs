//! Copies all of the logic's data, from a database that may be in use into an empty one.
//!
//! Only the logic's tables are copied, row by row. The host's tables (components, deployments,
//! recorded answers, events) are not copied. Neither is the schema: the same migrations create it in
//! the target, which may be of another engine. Values are converted by the table in
//! [`value`](crate::value); a boolean column takes 0 and 1 as false and true.

pub(crate) mod agreement;
pub(crate) mod batch;

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::{Dialect, Error, OpenError, Value};

/// One row: a value for each column of its table.
pub type Row = Vec<Value>;

/// What a copy contains. Known before the first row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The dialect of the database that it comes from.
    pub dialect: Dialect,
    /// The migrations that made its tables, in order.
    pub migrations: Vec<Applied>,
    /// Its tables. Each comes after the tables that it refers to, unless they form a circle.
    pub tables: Vec<Table>,
}

/// A migration that was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Its name.
    pub name: String,
    /// SHA-256 of its text in the manifest's dialect.
    pub checksum: [u8; 32],
}

/// One table of the logic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// The columns that store values. Generated columns are computed again.
    pub columns: Vec<String>,
    /// The number of rows.
    pub rows: u64,
    /// The highest number that the table has ever assigned to a row, if it numbers them. The target
    /// continues from there, so that no number is used twice.
    pub last_id: Option<i64>,
}

/// Reads a copy. Dropping it stops reading.
pub struct Export {
    /// What the copy contains.
    pub manifest: Manifest,
    /// The rows, table by table in the manifest's order. Each message has the index of a table and
    /// some of its rows. If the database fails, the last message is the error.
    pub rows: mpsc::Receiver<Result<(usize, Vec<Row>), Error>>,
}

/// A place in one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The name of the table.
    pub table: String,
    /// The number of rows before it, in the order of the table's key.
    pub offset: u64,
}

/// The logic's tables at one moment, with some rows of one of them.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// All tables, in the order of a [`Manifest`].
    pub tables: Vec<Table>,
    /// The index of the table that was asked for. `None`: no table has this name, or none was named.
    pub shown: Option<usize>,
    /// Its rows from the place on: 100, or as many as have 1 MiB of text and blobs. Texts of SQLite that
    /// are not UTF-8 are blobs.
    pub rows: Vec<Row>,
}

/// Writes a copy into a database. Dropping it leaves the database as it was.
#[async_trait]
pub trait Import: Send {
    /// Adds rows to the table with this index in the manifest.
    ///
    /// # Errors
    /// Returns [`TransferError`] if a row does not fit or the database fails. The import is over.
    async fn add(&mut self, table: usize, rows: Vec<Row>) -> Result<(), TransferError>;

    /// Checks that no row is missing and commits. The copy is durable when this returns.
    ///
    /// # Errors
    /// Returns [`TransferError`] if the copy is incomplete or the database fails. Nothing was
    /// written.
    async fn finish(self: Box<Self>) -> Result<(), TransferError>;
}

/// Why data was not copied. The target database was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    /// The database to read does not exist.
    #[error("there is no database at {0}")]
    Missing(String),
    /// Other processes cannot read a temporary database.
    #[error("sqlite::memory: exists only in its own process; name a file")]
    Temporary,
    /// The engine is backed up with its own tools.
    #[error("PostgreSQL is backed up with its own tools, pg_dump and pg_restore")]
    Engine,
    /// The database cannot be read by this name.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A sequence does not number the rows of a table.
    #[error("the sequence {0} belongs to no column, so a copy cannot record its position")]
    Sequence(String),
    /// The database cannot be read or written.
    #[error("{0}")]
    Failed(String),
    /// The target lacks a migration.
    #[error(
        "the copy has the migration {0}, which the database does not have; set the database up \
         with the component that the copy was made with"
    )]
    MissingMigration(String),
    /// The target has another migration, or one more.
    #[error("the database has the migration {0}, which the copy does not have")]
    ForeignMigration(String),
    /// The texts of a migration differ.
    #[error("the migration {0} differs between the copy and the database")]
    ChangedMigration(String),
    /// A table of the target has rows.
    #[error("the table {0} already has rows; import into a database without any")]
    NotEmpty(String),
    /// The tables differ.
    #[error("the table {table} differs: {reason}")]
    Shape {
        /// The table.
        table: String,
        /// How it differs.
        reason: String,
    },
    /// The copy has too few or too many rows.
    #[error("the copy should have {expected} rows of {table} but has {found}: it is incomplete")]
    Incomplete {
        /// The table.
        table: String,
        /// How many rows the manifest lists.
        expected: u64,
        /// How many rows the copy had.
        found: u64,
    },
    /// A row does not fit.
    #[error("a row of {table} does not fit: {reason}")]
    Row {
        /// The table.
        table: String,
        /// The engine's message.
        reason: String,
    },
}
