//! Reads all rows in one read transaction, from a connection and a thread of its own.
//!
//! The file may be in use: no lock is taken but SQLite's own for readers, and writers go on. What
//! they write meanwhile stays in the write-ahead log until the export has ended.

use std::path::Path;
use std::thread;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use tokio::sync::mpsc;

use super::super::config::Config;
use super::super::connection::open_plain;
use super::super::failure::message;
use super::{migrations, names, quoted, table};
use crate::transfer::{Export, Manifest, Table, TransferError};
use crate::{Dialect, Error, Value};
use contract::Access;

/// Rows handed over at a time, at most.
const ROWS: usize = 500;
/// Bytes of text and blobs handed over at a time, about.
const BYTES: usize = 1 << 20;
/// Parts that may wait for whoever takes them.
const PARTS: usize = 4;

type Parts = mpsc::Sender<Result<(usize, Vec<Vec<Value>>), Error>>;

/// Takes the snapshot and begins to read. Blocks while it counts the rows.
///
/// # Errors
/// [`TransferError`].
pub(crate) fn export(path: &Path) -> Result<Export, TransferError> {
    // Opening would find out too, and say less.
    if !path.is_file() {
        return Err(TransferError::Missing(path.display().to_string()));
    }
    let failed = |error: rusqlite::Error| {
        TransferError::Failed(format!("{}: {}", path.display(), message(&error)))
    };
    let sqlite = open_plain(path, Access::Read, &Config::file(path)).map_err(failed)?;
    let manifest = manifest(&sqlite).map_err(failed)?;
    let (parts, rows) = mpsc::channel(PARTS);
    let tables = manifest.tables.clone();
    thread::Builder::new()
        .name("export".into())
        .spawn(move || {
            if let Err(error) = send(&sqlite, &tables, &parts) {
                // Nobody may be left to hear of it.
                let _ = parts.blocking_send(Err(error));
            }
        })
        .map_err(|error| TransferError::Failed(format!("a thread cannot be started: {error}")))?;
    Ok(Export { manifest, rows })
}

/// Begins the transaction that `send` reads in.
fn manifest(sqlite: &Connection) -> rusqlite::Result<Manifest> {
    sqlite.execute_batch("/*task-host*/BEGIN DEFERRED")?;
    let tables = names(sqlite)?.into_iter();
    Ok(Manifest {
        dialect: Dialect::Sqlite,
        migrations: migrations(sqlite)?,
        tables: tables
            .map(|name| table(sqlite, &name))
            .collect::<rusqlite::Result<_>>()?,
    })
}

/// Sends every row; returns early where nobody takes them.
fn send(sqlite: &Connection, tables: &[Table], parts: &Parts) -> Result<(), Error> {
    let failed = |error: rusqlite::Error| Error::Unavailable(message(&error));
    for (index, table) in tables.iter().enumerate() {
        let text = select(sqlite, table).map_err(failed)?;
        let mut statement = sqlite.prepare(&text).map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        let (mut part, mut bytes) = (Vec::new(), 0);
        while let Some(row) = rows.next().map_err(failed)? {
            let row = values(row, table)?;
            bytes += row.iter().map(size).sum::<usize>();
            part.push(row);
            if part.len() == ROWS || bytes >= BYTES {
                bytes = 0;
                let full = std::mem::take(&mut part);
                if parts.blocking_send(Ok((index, full))).is_err() {
                    return Ok(());
                }
            }
        }
        if !part.is_empty() && parts.blocking_send(Ok((index, part))).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// Reads a table in the order of its key, so that two copies of the same data are the same.
fn select(sqlite: &Connection, table: &Table) -> rusqlite::Result<String> {
    let key: Vec<String> = sqlite
        .prepare("/*task-host*/SELECT name FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY pk")?
        .query_map([&table.name], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let list = |names: &[String]| {
        let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
        names.join(", ")
    };
    // A table without a key has a rowid.
    let order = match key.is_empty() {
        true => "rowid".to_owned(),
        false => list(&key),
    };
    Ok(format!(
        "/*task-host*/SELECT {} FROM {} ORDER BY {order}",
        list(&table.columns),
        quoted(&table.name)
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

fn size(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Blob(bytes) => bytes.len(),
        _ => size_of::<u64>(),
    }
}
