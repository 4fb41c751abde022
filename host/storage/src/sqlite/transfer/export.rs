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
use crate::transfer::batch::{self, Batch, Page};
use crate::transfer::{self, Export, Manifest, Place, Table, TransferError, View};
use crate::{Dialect, Error, Value};
use contract::Access;

/// Takes the snapshot and begins to read. Blocks while it counts the rows.
///
/// # Errors
/// Returns [`TransferError`] if there is no database or it cannot be read.
pub(crate) fn export(path: &Path) -> Result<Export, TransferError> {
    let sqlite = open(path)?;
    let manifest = manifest(&sqlite).map_err(|error| failed(path, &error))?;
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

/// Reads the list of tables, and rows of one of them.
///
/// # Errors
/// As [`export`].
pub(crate) fn view(path: &Path, place: Option<&Place>) -> Result<View, TransferError> {
    let sqlite = open(path)?;
    let viewed = manifest(&sqlite).and_then(|manifest| {
        let tables = manifest.tables;
        let named = |table: &Table| place.is_some_and(|place| place.table == table.name);
        let shown = tables.iter().position(named);
        let rows = match (shown, place) {
            (Some(index), Some(place)) => page(&sqlite, &tables[index], place.offset)?,
            _ => Vec::new(),
        };
        Ok(View {
            tables,
            shown,
            rows,
        })
    });
    viewed.map_err(|error| failed(path, &error))
}

/// Reads the rows of a table from an offset on.
fn page(sqlite: &Connection, table: &Table, offset: u64) -> rusqlite::Result<Vec<transfer::Row>> {
    let text = select(sqlite, table)? + " LIMIT ?1 OFFSET ?2";
    let mut statement = sqlite.prepare(&text)?;
    let offset = i64::try_from(offset).unwrap_or(i64::MAX);
    let mut rows = statement.query([Page::ROWS, offset])?;
    let mut page = Page::new();
    while let Some(row) = rows.next()? {
        let cells = (0..table.columns.len()).map(|column| {
            Ok(match row.get_ref(column)? {
                ValueRef::Text(text) if std::str::from_utf8(text).is_err() => {
                    Value::Blob(text.to_vec())
                }
                other => owned(other),
            })
        });
        if !page.push(cells.collect::<rusqlite::Result<_>>()?) {
            break;
        }
    }
    Ok(page.into_rows())
}

fn open(path: &Path) -> Result<Connection, TransferError> {
    // Opening a missing file would fail too, but with a less helpful message.
    if !path.is_file() {
        return Err(TransferError::Missing(path.display().to_string()));
    }
    check_alias(path)?;
    let opened = open_plain(path, Access::Read, &Config::file(path));
    opened.map_err(|error| failed(path, &error))
}

fn failed(path: &Path, error: &rusqlite::Error) -> TransferError {
    TransferError::Failed(format!("{}: {}", path.display(), message(error)))
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
        match row.get_ref(column).map_err(failed)? {
            ValueRef::Text(text) if std::str::from_utf8(text).is_err() => {
                let (table, column) = (&table.name, &table.columns[column]);
                let reason = format!("a text in {table}.{column} is not UTF-8");
                Err(Error::Unavailable(reason))
            }
            other => Ok(owned(other)),
        }
    };
    (0..table.columns.len()).map(value).collect()
}

/// Copies a value. A text must be UTF-8.
fn owned(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value) => Value::Integer(value),
        ValueRef::Real(value) => Value::Real(value),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    }
}
