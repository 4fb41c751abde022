//! Reads all rows in one read transaction, on its own connection and thread.
//!
//! The file may be in use. The export takes only SQLite's lock for readers, so writers are not
//! blocked. What they write meanwhile stays in the write-ahead log until the export has ended.

use std::path::Path;
use std::thread;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::super::config::Config;
use super::super::connection::open_plain;
use super::super::failure::message;
use super::super::file::check_alias;
use super::super::schema::host;
use super::{migrations, names, table};
use crate::dialect::{quoted, quoted_list};
use crate::transfer::batch::{self, Batch};
use crate::transfer::{Export, Manifest, Table, TransferError};
use crate::{Dialect, Error, Value};
use contract::Access;

/// Takes the snapshot and begins to read. Blocks while it counts the rows.
///
/// # Errors
/// Returns [`TransferError`] if there is no database or it cannot be read.
pub(crate) fn export(path: &Path) -> Result<Export, TransferError> {
    // Opening a missing file would fail too, but with a less helpful message.
    if !path.is_file() {
        return Err(TransferError::Missing(path.display().to_string()));
    }
    check_alias(path)?;
    let failed = |error: rusqlite::Error| {
        TransferError::Failed(format!("{}: {}", path.display(), message(&error)))
    };
    let sqlite = open_plain(path, Access::Read, &Config::file(path)).map_err(failed)?;
    let manifest = manifest(&sqlite).map_err(failed)?;
    let (batches, rows) = batch::channel();
    let tables = manifest.tables.clone();
    thread::Builder::new()
        .name("export".into())
        .spawn(move || {
            if let Err(error) = send(&sqlite, &tables, &batches) {
                // The reader may be gone.
                let _ = batches.blocking_send(Err(error));
            }
        })
        .map_err(|error| TransferError::Failed(format!("a thread cannot be started: {error}")))?;
    Ok(Export { manifest, rows })
}

/// Begins the transaction in which `send` reads.
fn manifest(sqlite: &Connection) -> rusqlite::Result<Manifest> {
    sqlite.execute_batch(host!("BEGIN DEFERRED"))?;
    let tables = names(sqlite)?.into_iter();
    Ok(Manifest {
        dialect: Dialect::Sqlite,
        migrations: migrations(sqlite)?,
        tables: tables
            .map(|name| table(sqlite, &name))
            .collect::<rusqlite::Result<_>>()?,
    })
}

/// Sends every row. Returns early if the reader is gone.
fn send(sqlite: &Connection, tables: &[Table], batches: &batch::Sender) -> Result<(), Error> {
    let failed = |error: rusqlite::Error| Error::Unavailable(message(&error));
    for (index, table) in tables.iter().enumerate() {
        let text = select(sqlite, table).map_err(failed)?;
        let mut statement = sqlite.prepare(&text).map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        let mut batch = Batch::default();
        while let Some(row) = rows.next().map_err(failed)? {
            if let Some(full) = batch.push(values(row, table)?)
                && batches.blocking_send(Ok((index, full))).is_err()
            {
                return Ok(());
            }
        }
        if let Some(rest) = batch.rest()
            && batches.blocking_send(Ok((index, rest))).is_err()
        {
            return Ok(());
        }
    }
    Ok(())
}

/// Returns the statement that reads a table in the order of its key, so that two copies of the same
/// data are equal.
fn select(sqlite: &Connection, table: &Table) -> rusqlite::Result<String> {
    let key: Vec<String> = sqlite
        .prepare(host!(
            "SELECT name FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY pk"
        ))?
        .query_map([&table.name], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    // A table without a key has a rowid.
    let order = match key.is_empty() {
        true => "rowid".to_owned(),
        false => quoted_list(&key),
    };
    Ok(format!(
        host!("SELECT {} FROM {} ORDER BY {}"),
        quoted_list(&table.columns),
        quoted(&table.name),
        order
    ))
}

fn values(row: &Row<'_>, table: &Table) -> Result<Vec<Value>, Error> {
    let value = |column: usize| {
        let failed = |error: rusqlite::Error| Error::Unavailable(message(&error));
        Ok(match row.get_ref(column).map_err(failed)? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(value) => Value::Integer(value),
            ValueRef::Real(value) => Value::Real(value),
            ValueRef::Text(text) => match std::str::from_utf8(text) {
                Ok(text) => Value::Text(text.to_owned()),
                Err(_) => {
                    let (table, column) = (&table.name, &table.columns[column]);
                    let reason = format!("a text in {table}.{column} is not UTF-8");
                    return Err(Error::Unavailable(reason));
                }
            },
            ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
        })
    };
    (0..table.columns.len()).map(value).collect()
}
