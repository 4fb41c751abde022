//! Fills an empty database in one transaction, on a connection of its own.
//!
//! Foreign keys are checked once, at the end, because rows may refer to later ones; triggers are
//! off, because what they do was done before the rows were copied. The commit is synced by
//! SQLite itself (`synchronous=FULL`), so that nothing has to wait for the flusher.

use async_trait::async_trait;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use super::super::aside::aside;
use super::super::config::Config;
use super::super::connection::open_plain;
use super::super::failure::message;
use super::{columns, counts, migrations, names, quoted};
use crate::transfer::{Import, Manifest, Row, Table, TransferError};
use crate::{Dialect, Value};
use contract::Access;

/// Pages that the connection keeps, in bytes. Indexes grow at many places at a time: what does not fit is
/// written to the log again and again before the commit.
const PAGE_CACHE_BYTES: u32 = 128 << 20;

/// An import whose transaction is open.
pub(in crate::sqlite) struct SqliteImport {
    /// Closing it rolls back what was not committed.
    sqlite: Connection,
    tables: Vec<Table>,
    /// The statement that adds a row, for each table.
    inserts: Vec<String>,
    /// The rows that came, for each table.
    found: Vec<u64>,
}

impl SqliteImport {
    /// Checks that the database fits the copy and is empty, and begins.
    ///
    /// # Errors
    /// [`TransferError`]; nothing was begun.
    pub(in crate::sqlite) fn begin(
        path: &std::path::Path,
        manifest: &Manifest,
    ) -> Result<Self, TransferError> {
        let sqlite = open(path).map_err(failed)?;
        let applied = migrations(&sqlite).map_err(failed)?;
        manifest.agrees(Dialect::Sqlite, &applied)?;
        let existing = names(&sqlite).map_err(failed)?;
        for name in &existing {
            let any = format!(
                "/*task-host*/SELECT EXISTS (SELECT 1 FROM {})",
                quoted(name)
            );
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
            inserts: manifest.tables.iter().map(insert).collect(),
            found: vec![0; manifest.tables.len()],
            tables: manifest.tables.clone(),
            sqlite,
        })
    }

    fn write(&mut self, table: usize, rows: &[Row]) -> Result<(), TransferError> {
        let name = &self.tables[table].name;
        let refused = |error: rusqlite::Error| TransferError::Row {
            table: name.clone(),
            reason: message(&error),
        };
        let mut insert = self
            .sqlite
            .prepare_cached(&self.inserts[table])
            .map_err(refused)?;
        for row in rows {
            // SQLite would make a null of it.
            if row
                .iter()
                .any(|value| matches!(value, Value::Real(real) if real.is_nan()))
            {
                let reason = "a real that is not a number has no place in SQLite".to_owned();
                let table = name.clone();
                return Err(TransferError::Row { table, reason });
            }
            insert.execute(params_from_iter(row)).map_err(refused)?;
        }
        self.found[table] += rows.len() as u64;
        Ok(())
    }

    fn complete(self) -> Result<(), TransferError> {
        for (table, found) in self.tables.iter().zip(self.found) {
            if table.rows != found {
                return Err(TransferError::Incomplete {
                    table: table.name.clone(),
                    expected: table.rows,
                    found,
                });
            }
            if let Some(last) = table.last_id {
                count_from(&self.sqlite, &table.name, last).map_err(failed)?;
            }
        }
        let dangling: Option<String> = self
            .sqlite
            .query_row(
                "/*task-host*/SELECT \"table\" FROM pragma_foreign_key_check LIMIT 1",
                [],
                |row| row.get(0),
            )
            .optional()
            .map_err(failed)?;
        if let Some(table) = dangling {
            let reason = "it refers to a row that is not there".to_owned();
            return Err(TransferError::Row { table, reason });
        }
        self.sqlite
            .execute_batch("/*task-host*/COMMIT")
            .map_err(failed)
    }
}

#[async_trait]
impl Import for SqliteImport {
    async fn add(&mut self, table: usize, rows: Vec<Row>) -> Result<(), TransferError> {
        aside(|| self.write(table, &rows))
    }

    async fn finish(self: Box<Self>) -> Result<(), TransferError> {
        aside(|| self.complete())
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

fn insert(table: &Table) -> String {
    let names: Vec<String> = table.columns.iter().map(|name| quoted(name)).collect();
    let values: Vec<String> = (1..=names.len())
        .map(|number| format!("?{number}"))
        .collect();
    format!(
        "/*task-host*/INSERT INTO {} ({}) VALUES ({})",
        quoted(&table.name),
        names.join(", "),
        values.join(", ")
    )
}

/// Makes AUTOINCREMENT go on after a number; of the rows that came it knows by itself.
fn count_from(sqlite: &Connection, table: &str, last: i64) -> rusqlite::Result<()> {
    if !counts(sqlite)? {
        return Ok(());
    }
    let known = sqlite.execute(
        "/*task-host*/UPDATE sqlite_sequence SET seq = max(seq, ?2) WHERE name = ?1",
        params![table, last],
    )?;
    if known == 0 {
        sqlite.execute(
            "/*task-host*/INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)",
            params![table, last],
        )?;
    }
    Ok(())
}

fn failed(error: rusqlite::Error) -> TransferError {
    TransferError::Failed(message(&error))
}
