//! The one place that chooses an engine: opens a database, exports its data or backs it up.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;

use crate::postgres::{self, Postgres, Url};
use crate::sqlite::{self, Durability, Sqlite};
use crate::transfer::{Export, Place, TransferError, View};
use crate::{Database, Location, OpenError};

/// How a database is opened, for every engine.
#[derive(Debug, Clone)]
pub struct Options {
    /// SQLite: maximum number of concurrent read transactions.
    pub readers: usize,
    /// SQLite: maximum size of its heap, see [`sqlite::Config::memory_bytes`].
    pub memory_bytes: u64,
    /// PostgreSQL: connections for requests, one half for reads, the other half for writes.
    pub connections: usize,
    /// PostgreSQL: how long an unused connection stays open.
    pub idle: Duration,
    /// PostgreSQL: the URL of the same database that bypasses a pooler. `None`: there is no pooler.
    pub direct: Option<Url>,
    /// PostgreSQL: how long to wait for a server that does not answer yet.
    pub wait: Duration,
    /// PostgreSQL: the maximum bytes of text and blobs in one row, see
    /// [`postgres::Config::row_bytes`].
    pub row_bytes: u64,
    /// Statements of the logic that take longer are noted. Zero: none.
    pub slow_statement: Duration,
    /// Acknowledges commits that are not durable yet. For benchmarks: an acknowledged commit
    /// survives a crash of the process, but not of the machine.
    pub no_sync: bool,
}

impl Default for Options {
    /// Sizes for a small machine.
    fn default() -> Self {
        Self {
            readers: 64,
            memory_bytes: 256 << 20,
            connections: 24,
            idle: Duration::from_secs(300),
            direct: None,
            wait: Duration::ZERO,
            row_bytes: 8 << 20,
            slow_statement: Duration::ZERO,
            no_sync: false,
        }
    }
}

/// Opens the database at a location. Blocks until it is open.
///
/// # Errors
/// Returns [`OpenError`], any variant.
pub fn connect(location: &Location, options: Options) -> Result<Arc<dyn Database>, OpenError> {
    check_place(location)?;
    let config = match location {
        Location::Sqlite(path) => sqlite::Config::file(path),
        Location::Temporary => sqlite::Config::temporary(),
        Location::Postgres(url) => {
            return Ok(Arc::new(Postgres::open(&postgres::Config {
                url: (**url).clone(),
                direct: options.direct,
                connections: options.connections,
                idle: options.idle,
                wait: options.wait,
                row_bytes: options.row_bytes,
                slow_statement: options.slow_statement,
                no_sync: options.no_sync,
            })?));
        }
    };
    let durability = match options.no_sync {
        true => Durability::None,
        false => config.durability.clone(),
    };
    Ok(Arc::new(Sqlite::open(sqlite::Config {
        readers: options.readers,
        memory_bytes: options.memory_bytes,
        durability,
        slow_statement: options.slow_statement,
        ..config
    })?))
}

/// Checks the place of a database, before anything is created. Only files are checked: a server is
/// reached by [`connect`].
///
/// # Errors
/// Returns [`OpenError::Failed`] if a part of the path is a link to nothing or not a directory, or if
/// the path leads to something else than a file.
pub fn check_place(location: &Location) -> Result<(), OpenError> {
    match location {
        Location::Sqlite(path) => sqlite::check_place(path),
        Location::Temporary | Location::Postgres(_) => Ok(()),
    }
}

/// Reads the logic's data at a location, as it is at one moment. Other users of the database are
/// not blocked. Call it within a tokio runtime.
///
/// # Errors
/// Returns [`TransferError`] if there is no database or it cannot be read.
pub async fn export(location: &Location) -> Result<Export, TransferError> {
    match location {
        Location::Sqlite(path) => sqlite::export(path),
        Location::Temporary => Err(TransferError::Temporary),
        Location::Postgres(url) => postgres::export(url).await,
    }
}

/// Reads the names of the logic's tables at a location, and some rows of one of them, for people. Other
/// users of the database are not blocked.
///
/// # Errors
/// As [`export`].
pub async fn view(location: &Location, place: Option<Place>) -> Result<View, TransferError> {
    match location {
        Location::Sqlite(path) => {
            let path = path.clone();
            let viewed = spawn_blocking(move || sqlite::view(&path, place.as_ref())).await;
            viewed.unwrap_or_else(|error| Err(TransferError::Failed(error.to_string())))
        }
        Location::Temporary => Err(TransferError::Temporary),
        Location::Postgres(url) => postgres::view(url, place.as_ref()).await,
    }
}

/// Copies the whole database at a location into a new file, as it is at one moment. Other users of
/// the database are not blocked. Blocks until the copy is complete and durable.
///
/// # Errors
/// Returns [`TransferError`] if there is no SQLite database or the copy cannot be written. Then no
/// file with that name was created.
pub fn backup(location: &Location, copy: &Path) -> Result<(), TransferError> {
    match location {
        Location::Sqlite(path) => sqlite::backup(path, copy),
        Location::Temporary => Err(TransferError::Temporary),
        Location::Postgres(_) => Err(TransferError::Engine),
    }
}
