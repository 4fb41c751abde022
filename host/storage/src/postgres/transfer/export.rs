//! Reads all rows in one snapshot, on connections of its own.
//!
//! The snapshot is taken by the host's login, which may read what migrations were applied, and
//! handed to the logic's, which may read the tables. Requests go on; a migration that would change
//! a table waits for the export, and gives up after its own time-out.

use std::pin::pin;

use futures_util::TryStreamExt as _;
use tokio::sync::mpsc;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Row};

use super::super::connection::Login;
use super::super::failure::message;
use super::super::setup::logic_login;
use super::super::url::Url;
use super::super::{HOST_MESSAGE_BYTES, socket};
use super::{AT_LEISURE, Column, Kind, Sequence, failed, list, qualified, quoted};
use crate::transfer::{self, Applied, Export, Manifest, TransferError, ordered};
use crate::{Dialect, Error, Value};

/// Rows handed over at a time, at most.
const ROWS: usize = 500;
/// Bytes of text and blobs handed over at a time, about.
const BYTES: usize = 1 << 20;
/// Parts that may wait for whoever takes them.
const PARTS: usize = 4;

type Parts = mpsc::Sender<Result<(usize, Vec<Vec<Value>>), Error>>;

/// Takes the snapshot, counts the rows and begins to read.
///
/// # Errors
/// [`TransferError`].
pub(crate) async fn export(url: &Url) -> Result<Export, TransferError> {
    let login = Login {
        url: url.clone(),
        encryption: socket::encryption(url.roots.as_ref()).map_err(TransferError::Failed)?,
        message_bytes: HOST_MESSAGE_BYTES,
    };
    let host = open(&login).await?;
    let password = password(&host, url).await?;
    let (snapshot, migrations) = snapshot(&host).await.map_err(failed)?;
    let logic = Login {
        url: url.login(&logic_login(&url.database), &password),
        ..login
    };
    let client = open(&logic).await?;
    let begin = format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {AT_LEISURE}; \
         SET TRANSACTION SNAPSHOT '{snapshot}'"
    );
    client.batch_execute(&begin).await.map_err(failed)?;
    // The snapshot is the logic's now.
    drop(host);

    let read = tables(&client).await?;
    let manifest = Manifest {
        dialect: Dialect::Postgres,
        migrations,
        tables: counted(&client, &read).await?,
    };
    let (parts, rows) = mpsc::channel(PARTS);
    tokio::spawn(async move {
        if let Err(error) = send(&client, &read, &parts).await {
            let error = Error::Unavailable(message(&error));
            // Nobody may be left to hear of it.
            let _ = parts.send(Err(error)).await;
        }
    });
    Ok(Export { manifest, rows })
}

async fn open(login: &Login) -> Result<Client, TransferError> {
    let opened = socket::open(&login.url, login.encryption.clone(), login.message_bytes).await;
    let opened = opened.map_err(|error| TransferError::Failed(format!("{}: {error}", login.url)));
    Ok(opened?.client)
}

/// The password of the logic's login, where a host has set this database up.
async fn password(host: &Client, url: &Url) -> Result<String, TransferError> {
    let ask = "SELECT logic_password FROM task_host.settings";
    match host.query_one(ask, &[]).await {
        Ok(row) => Ok(row.get(0)),
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => {
            Err(TransferError::Missing(url.to_string()))
        }
        Err(error) => Err(failed(error)),
    }
}

/// Begins the transaction that others may share the snapshot of.
async fn snapshot(host: &Client) -> Result<(String, Vec<Applied>), tokio_postgres::Error> {
    const APPLIED: &str = "SELECT name, checksum FROM task_host.migrations ORDER BY position";
    host.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .await?;
    let snapshot = host.query_one("SELECT pg_export_snapshot()", &[]).await?;
    let applied = |row: &Row| {
        let checksum: Vec<u8> = row.try_get(1)?;
        Ok(Applied {
            name: row.try_get(0)?,
            // One that cannot be read agrees with nothing.
            checksum: checksum.try_into().unwrap_or_default(),
        })
    };
    let rows = host.query(APPLIED, &[]).await?;
    let applied: Result<_, tokio_postgres::Error> = rows.iter().map(applied).collect();
    Ok((snapshot.try_get(0)?, applied?))
}

/// A table that is read, with the columns that order its rows.
struct Source {
    table: super::Table,
    key: Vec<String>,
}

/// The tables, each after those that it refers to, and locked against changes of their shape.
async fn tables(client: &Client) -> Result<Vec<Source>, TransferError> {
    const REFERENCES: &str = "
        SELECT f.relname::text, t.relname::text FROM pg_constraint c
        JOIN pg_class f ON f.oid = c.conrelid JOIN pg_class t ON t.oid = c.confrelid
        WHERE c.contype = 'f' AND c.connamespace = 'logic'::regnamespace";
    const KEY: &str = "
        SELECT a.attname::text FROM pg_index i
        CROSS JOIN unnest(i.indkey::smallint[]) WITH ORDINALITY AS k (number, place)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
        WHERE i.indisprimary AND i.indrelid = $1::text::regclass ORDER BY k.place";
    let mut tables = super::tables(client).await?;
    if tables.is_empty() {
        return Ok(Vec::new());
    }
    let names = list(tables.iter().map(|table| &*table.name), qualified);
    let lock = format!("LOCK TABLE {names} IN ACCESS SHARE MODE");
    client.batch_execute(&lock).await.map_err(failed)?;
    let references = client.query(REFERENCES, &[]).await.map_err(failed)?;
    let references: Vec<_> = references
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    let names = tables.iter().map(|table| table.name.clone()).collect();
    let mut sources = Vec::with_capacity(tables.len());
    for name in ordered(names, &references) {
        let key = client.query(KEY, &[&qualified(&name)]).await;
        let key = key.map_err(failed)?.iter().map(|row| row.get(0)).collect();
        let of_that_name = tables.iter().position(|table| table.name == name);
        if let Some(index) = of_that_name {
            let table = tables.swap_remove(index);
            sources.push(Source { table, key });
        }
    }
    Ok(sources)
}

async fn counted(
    client: &Client,
    sources: &[Source],
) -> Result<Vec<transfer::Table>, TransferError> {
    let mut counted = Vec::with_capacity(sources.len());
    for Source { table, .. } in sources {
        let count = format!("SELECT count(*) FROM {}", qualified(&table.name));
        let rows: i64 = client.query_one(&count, &[]).await.map_err(failed)?.get(0);
        counted.push(transfer::Table {
            name: table.name.clone(),
            columns: table.columns.iter().map(|one| one.name.clone()).collect(),
            rows: rows.unsigned_abs(),
            last_id: None,
        });
    }
    // Later than the snapshot: so it is above every number in it.
    for Sequence { table, last, .. } in super::sequences(client).await? {
        let of = counted.iter_mut().find(|counted| counted.name == table);
        if let Some(of) = of {
            of.last_id = of.last_id.max(last);
        }
    }
    Ok(counted)
}

/// Sends every row; returns early where nobody takes them.
async fn send(
    client: &Client,
    sources: &[Source],
    parts: &Parts,
) -> Result<(), tokio_postgres::Error> {
    for (index, source) in sources.iter().enumerate() {
        let columns = &source.table.columns;
        let text = select(source);
        let mut rows = pin!(client.query_raw(&text, Vec::<i64>::new()).await?);
        let (mut part, mut bytes) = (Vec::new(), 0);
        while let Some(row) = rows.try_next().await? {
            let row: Vec<Value> = (0..columns.len())
                .map(|at| value(&row, at, columns[at].kind))
                .collect::<Result<_, _>>()?;
            bytes += row.iter().map(size).sum::<usize>();
            part.push(row);
            if part.len() == ROWS || bytes >= BYTES {
                bytes = 0;
                let full = std::mem::take(&mut part);
                if parts.send(Ok((index, full))).await.is_err() {
                    return Ok(());
                }
            }
        }
        if !part.is_empty() && parts.send(Ok((index, part))).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// Reads a table in the order of its key, so that two copies of the same data are the same.
fn select(source: &Source) -> String {
    let Source { table, key } = source;
    let columns: Vec<String> = table.columns.iter().map(expression).collect();
    let order = match key.is_empty() {
        true => "ctid".to_owned(),
        false => list(key.iter().map(|name| &**name), quoted),
    };
    let (columns, name) = (columns.join(", "), qualified(&table.name));
    format!("SELECT {columns} FROM {name} AS t ORDER BY {order}")
}

/// A column in one of the types that [`value`] reads.
fn expression(column: &Column) -> String {
    let name = format!("t.{}", quoted(&column.name));
    match column.kind {
        Kind::Boolean => format!("{name}::boolean"),
        Kind::Integer => format!("{name}::bigint"),
        Kind::Real => format!("{name}::double precision"),
        Kind::Blob => format!("{name}::bytea"),
        Kind::Moment => format!("to_json({name}) #>> '{{}}'"),
        Kind::Text | Kind::Decimal | Kind::Other => format!("{name}::text"),
    }
}

fn value(row: &Row, at: usize, kind: Kind) -> Result<Value, tokio_postgres::Error> {
    let value = match kind {
        Kind::Boolean => row.try_get::<_, Option<_>>(at)?.map(Value::Boolean),
        Kind::Integer => row.try_get::<_, Option<_>>(at)?.map(Value::Integer),
        Kind::Real => row.try_get::<_, Option<_>>(at)?.map(Value::Real),
        Kind::Blob => row.try_get::<_, Option<_>>(at)?.map(Value::Blob),
        Kind::Text | Kind::Decimal | Kind::Moment | Kind::Other => {
            row.try_get::<_, Option<_>>(at)?.map(Value::Text)
        }
    };
    Ok(value.unwrap_or(Value::Null))
}

fn size(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Blob(bytes) => bytes.len(),
        _ => size_of::<u64>(),
    }
}
