//! Fills an empty database in one transaction, on its own connection.
//!
//! Foreign keys are checked once, at the end, because rows may refer to later ones. Triggers are
//! off, because the copied rows already contain their effects. SQLite itself syncs the commit
//! (`synchronous=FULL`), so nothing has to wait for the flusher. It takes a number there all the same,
//! so that what was read before is known to be out of date.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use super::super::blocking::run_blocking;
use super::super::config::Config;
use super::super::connection::open_plain;
use super::super::engine::Engine;
use super::super::failure::message;
use super::super::schema::host;
use super::{columns, has_autoincrement, migrations, names};
use crate::dialect::{quoted, quoted_list};
use crate::rules::MAX_PARAMETER;
use crate::transfer::agreement::dangling_reference;
use crate::transfer::{Import, Manifest, Row, Table, TransferError};
use crate::{Dialect, Value};
use contract::Access;

/// Size of the connection's page cache, in bytes. Indexes change on many pages at a time. Pages that
/// do not fit are written to the log repeatedly before the commit.
const PAGE_CACHE_BYTES: u32 = 128 << 20;

/// Maximum number of rows that one statement adds. SQLite opens the table and its indexes for each statement:
/// with so many rows at a time it takes a third less time than with one.
const ROWS: usize = 50;

/// The statements that add rows to a table.
struct Inserts {
    /// Adds one row.
    one: String,
    /// Adds [`many`](Self::many) rows.
    several: String,
    /// As many as have places for their values, at most [`ROWS`].
    many: usize,
}

/// An import whose transaction is open.
pub(crate) struct SqliteImport {
    /// Closing it rolls the transaction back, unless it was committed. Dropped before `engine`.
    sqlite: Connection,
    engine: Arc<Engine>,
    tables: Vec<Table>,
    /// For each table.
    inserts: Vec<Inserts>,
    /// The number of rows that were added, for each table.
    found: Vec<u64>,
}

impl SqliteImport {
    /// Checks that the database fits the copy and is empty, and begins the transaction.
    ///
    /// # Errors
    /// Returns [`TransferError`] if not. Nothing was begun.
    pub(crate) fn begin(engine: Arc<Engine>, manifest: &Manifest) -> Result<Self, TransferError> {
        let sqlite = open(engine.file.path()).map_err(failed)?;
        let applied = migrations(&sqlite).map_err(failed)?;
        manifest.agrees(Dialect::Sqlite, &applied)?;
        let existing = names(&sqlite).map_err(failed)?;
        for name in &existing {
            let any = format!(host!("SELECT EXISTS (SELECT 1 FROM {})"), quoted(name));
            if sqlite
                .query_row(&any, [], |row| row.get(0))
                .map_err(failed)?
            {
                return Err(TransferError::NotEmpty(name.clone()));
            }
        }
        let columns = |name: String| Ok((name.clone(), columns(&sqlite, &name)?));
        let existing: Vec<_> = existing
            .into_iter()
            .map(columns)
            .collect::<rusqlite::Result<_>>()
            .map_err(failed)?;
        manifest.fits(&existing)?;
        Ok(Self {
            inserts: manifest.tables.iter().map(Inserts::of).collect(),
            found: vec![0; manifest.tables.len()],
            tables: manifest.tables.clone(),
            sqlite,
            engine,
        })
    }

    fn write(&mut self, table: usize, rows: &[Row]) -> Result<(), TransferError> {
        let name = &self.tables[table].name;
        let refused = |error: rusqlite::Error| TransferError::Row {
            table: name.clone(),
            reason: message(&error),
        };
        // SQLite would store null.
        if rows
            .iter()
            .flatten()
            .any(|value| matches!(value, Value::Real(real) if real.is_nan()))
        {
            let reason = "SQLite cannot store NaN".to_owned();
            let table = name.clone();
            return Err(TransferError::Row { table, reason });
        }
        let Inserts { one, several, many } = &self.inserts[table];
        let mut chunks = rows.chunks_exact(*many);
        for chunk in &mut chunks {
            self.insert(several, chunk).map_err(refused)?;
        }
        for row in chunks.remainder().chunks(1) {
            self.insert(one, row).map_err(refused)?;
        }
        self.found[table] += rows.len() as u64;
        Ok(())
    }

    /// Runs a statement with the values of these rows.
    fn insert(&self, statement: &str, rows: &[Row]) -> rusqlite::Result<()> {
        let mut statement = self.sqlite.prepare_cached(statement)?;
        statement.execute(params_from_iter(rows.iter().flatten()))?;
        Ok(())
    }

    fn complete(self) -> Result<(), TransferError> {
        for (table, found) in self.tables.iter().zip(self.found) {
            table.check_rows(found)?;
            if let Some(last) = table.last_id {
                set_last_id(&self.sqlite, &table.name, last).map_err(failed)?;
            }
        }
        let dangling: Option<String> = self
            .sqlite
            .query_row(
                host!("SELECT \"table\" FROM pragma_foreign_key_check LIMIT 1"),
                [],
                |row| row.get(0),
            )
            .optional()
            .map_err(failed)?;
        if let Some(table) = dangling {
            return Err(dangling_reference(table));
        }
        let ticket = self.engine.flusher.issue();
        self.engine.tables.whole().changes(ticket.number());
        self.sqlite.execute_batch(host!("COMMIT")).map_err(failed)?;
        self.engine.readers.committed(ticket.number());
        Ok(())
    }
}

#[async_trait]
impl Import for SqliteImport {
    async fn add(&mut self, table: usize, rows: Vec<Row>) -> Result<(), TransferError> {
        run_blocking(|| self.write(table, &rows))
    }

    async fn finish(self: Box<Self>) -> Result<(), TransferError> {
        run_blocking(|| self.complete())
    }
}

fn open(path: &std::path::Path) -> rusqlite::Result<Connection> {
    let config = Config {
        page_cache_bytes: PAGE_CACHE_BYTES,
        ..Config::file(path)
    };
    let sqlite = open_plain(path, Access::Write, &config)?;
    sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, false)?;
    sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    sqlite.execute_batch("PRAGMA synchronous = full; /*task-host*/BEGIN IMMEDIATE")?;
    Ok(sqlite)
}

impl Inserts {
    fn of(table: &Table) -> Self {
        let width = table.columns.len();
        let many = (usize::from(MAX_PARAMETER) / width.max(1)).clamp(1, ROWS);
        let statement = |rows: usize| {
            let row = format!("({})", vec!["?"; width].join(", "));
            // OR FAIL keeps SQLite from copying each page before it changes it, to undo the statement alone. If a
            // statement fails, all of the import is undone.
            format!(
                host!("INSERT OR FAIL INTO {} ({}) VALUES {}"),
                quoted(&table.name),
                quoted_list(&table.columns),
                vec![row; rows].join(", ")
            )
        };
        Self {
            one: statement(1),
            several: statement(many),
            many,
        }
    }
}

/// Makes AUTOINCREMENT continue after a number, which may be above that of every copied row.
fn set_last_id(sqlite: &Connection, table: &str, last: i64) -> rusqlite::Result<()> {
    if !has_autoincrement(sqlite)? {
        return Ok(());
    }
    let known = sqlite.execute(
        host!("UPDATE sqlite_sequence SET seq = max(seq, ?2) WHERE name = ?1"),
        params![table, last],
    )?;
    if known == 0 {
        sqlite.execute(
            host!("INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)"),
            params![table, last],
        )?;
    }
    Ok(())
}

fn failed(error: rusqlite::Error) -> TransferError {
    TransferError::Failed(message(&error))
}
