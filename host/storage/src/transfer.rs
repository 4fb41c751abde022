//! All of the logic's data: out of a database that may be in use, and into an empty one.
//!
//! What is copied are the logic's own tables, row by row; the host's (components, deployments,
//! recorded answers, events) belong to their database and stay there. The schema is not copied:
//! the same migrations make it at the other end, also on another engine. Values cross by the
//! table in [`value`](super::value); a boolean column takes 0 and 1 as false and true.

mod agreement;

use std::path::Path;

use async_trait::async_trait;
use tokio::sync::mpsc;

pub(crate) use self::agreement::ordered;
use super::{Dialect, Error, Location, Value};
use super::{postgres, sqlite};

/// One row: a value for each column of its table.
pub type Row = Vec<Value>;

/// What a copy holds, known before the first row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The engine that it comes from.
    pub dialect: Dialect,
    /// The migrations that made its tables, in order.
    pub migrations: Vec<Applied>,
    /// Its tables: where one refers to another it comes after that, where that can be.
    pub tables: Vec<Table>,
}

/// A migration that was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Its name.
    pub name: String,
    /// SHA-256 of its text for the engine.
    pub checksum: [u8; 32],
}

/// One table of the logic's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// The columns that hold values; generated ones are made anew.
    pub columns: Vec<String>,
    /// How many rows there are.
    pub rows: u64,
    /// The highest number that the table has ever given to a row, where it counts them: the
    /// copy goes on from there, so that none is given twice.
    pub last_id: Option<i64>,
}

/// A copy on its way out. Dropping it ends the reading.
pub struct Export {
    /// What it holds.
    pub manifest: Manifest,
    /// The rows, table by table in the manifest's order, a part of one table at a time: its
    /// index and some rows. The last message is an error where the database failed.
    pub rows: mpsc::Receiver<Result<(usize, Vec<Row>), Error>>,
}

/// A copy on its way in. Dropping it leaves the database as it was.
#[async_trait]
pub trait Import: Send {
    /// Adds rows to the table of that index in the manifest.
    ///
    /// # Errors
    /// [`TransferError`]; the import is over.
    async fn add(&mut self, table: usize, rows: Vec<Row>) -> Result<(), TransferError>;

    /// Checks that nothing is missing, and keeps everything: durable when this returns.
    ///
    /// # Errors
    /// [`TransferError`]; nothing was kept.
    async fn finish(self: Box<Self>) -> Result<(), TransferError>;
}

/// Why data was not copied. The database that it was to go to is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    /// There is no database to read.
    #[error("there is no database at {0}")]
    Missing(String),
    /// A database that others cannot read.
    #[error("sqlite::memory: ends with its process; name a file")]
    Temporary,
    /// An engine that is backed up with its own tools.
    #[error("PostgreSQL is backed up with its own tools, pg_dump and pg_restore")]
    Engine,
    /// Numbers that are given without a table to count them for.
    #[error("the sequence {0} belongs to no column, and a copy has no place for where it stands")]
    Sequence(String),
    /// The database cannot be read or written.
    #[error("{0}")]
    Failed(String),
    /// The database has no such migration.
    #[error(
        "the copy has the migration {0}, and the database has not; set it up with the component \
         that the copy was made with"
    )]
    MissingMigration(String),
    /// The database has a migration more, or another one.
    #[error("the database has the migration {0}, and the copy has not")]
    ForeignMigration(String),
    /// A migration of the same name had another text.
    #[error("the migration {0} differs between the copy and the database")]
    ChangedMigration(String),
    /// A table has rows already.
    #[error("the table {0} has rows already; import into a database without any")]
    NotEmpty(String),
    /// The tables are not those of the copy.
    #[error("the table {table} differs: {reason}")]
    Shape {
        /// The table.
        table: String,
        /// How.
        reason: String,
    },
    /// Rows are missing, or there are too many.
    #[error("the copy should have {expected} rows of {table} and has {found}: it is not whole")]
    Incomplete {
        /// The table.
        table: String,
        /// What the manifest says.
        expected: u64,
        /// What came.
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

/// Reads everything at a location, as it is at one moment; who uses the database meanwhile goes
/// on. Call it within a runtime.
///
/// # Errors
/// [`TransferError`].
pub async fn export(location: &Location) -> Result<Export, TransferError> {
    match location {
        Location::Sqlite(path) => sqlite::export(path),
        Location::Temporary => Err(TransferError::Temporary),
        Location::Postgres(url) => postgres::export(url).await,
    }
}

/// Copies the whole database at a location into a file that is not there yet, as it is at one
/// moment; who uses it meanwhile goes on. Blocks while it works.
///
/// # Errors
/// [`TransferError`]; there is no file of that name.
pub fn backup(location: &Location, copy: &Path) -> Result<(), TransferError> {
    match location {
        Location::Sqlite(path) => sqlite::backup(path, copy),
        Location::Temporary => Err(TransferError::Temporary),
        Location::Postgres(_) => Err(TransferError::Engine),
    }
}
