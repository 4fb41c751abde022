//! Reads all rows in one snapshot, on its own connections.
//!
//! The host's login takes the snapshot and reads which migrations were applied. The logic's login
//! uses the same snapshot to read the tables. Requests are not blocked. A migration that would change
//! a table waits for the export and gives up after its own time-out.

use std::pin::pin;

use futures_util::TryStreamExt as _;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Row};

use super::super::connection::{HOST_MESSAGE_BYTES, Login};
use super::super::failure::message;
use super::super::setup::logic_login;
use super::super::socket;
use super::super::url::Url;
use super::{Column, Kind, LONG_TRANSACTION, Sequence, failed, qualified, qualified_list};
use crate::dialect::{quoted, quoted_list};
use crate::transfer::agreement::ordered;
use crate::transfer::batch::{self, Batch, Page};
use crate::transfer::{self, Applied, Export, Manifest, Place, TransferError, View};
use crate::{Dialect, Error, Value};

/// Takes the snapshot, counts the rows and begins to read.
///
/// # Errors
/// Returns [`TransferError`] if no host has set the database up, or it cannot be read.
pub(crate) async fn export(url: &Url) -> Result<Export, TransferError> {
    let (client, migrations) = begin(url).await?;
    let read = tables(&client).await?;
    let manifest = Manifest {
        dialect: Dialect::Postgres,
        migrations,
        tables: counted(&client, &read).await?,
    };
    let (batches, rows) = batch::channel();
    tokio::spawn(async move {
        if let Err(error) = send(&client, &read, &batches).await {
            let error = Error::Unavailable(message(&error));
            // The reader may be gone.
            let _ = batches.send(Err(error)).await;
        }
    });
    Ok(Export { manifest, rows })
}

/// Reads the list of tables, and rows of one of them.
///
/// # Errors
/// As [`export`].
pub(crate) async fn view(url: &Url, place: Option<&Place>) -> Result<View, TransferError> {
    let (client, _) = begin(url).await?;
    let sources = tables(&client).await?;
    let tables = counted(&client, &sources).await?;
    let named = |source: &Source| place.is_some_and(|place| place.table == source.table.name);
    let shown = sources.iter().position(named);
    let rows = match (shown, place) {
        (Some(index), Some(place)) => page(&client, &sources[index], place.offset).await,
        _ => Ok(Vec::new()),
    };
    Ok(View {
        tables,
        shown,
        rows: rows.map_err(failed)?,
    })
}

/// Reads the rows of a table from an offset on.
async fn page(
    client: &Client,
    source: &Source,
    offset: u64,
) -> Result<Vec<transfer::Row>, tokio_postgres::Error> {
    let text = select(source) + " LIMIT $1 OFFSET $2";
    let offset = i64::try_from(offset).unwrap_or(i64::MAX);
    let mut rows = pin!(client.query_raw(&text, [Page::ROWS, offset]).await?);
    let mut page = Page::new();
    while let Some(row) = rows.try_next().await? {
        if !page.push(values(&row, source)?) {
            break;
        }
    }
    Ok(page.into_rows())
}

/// Begins the transaction that reads the tables, with the logic's login. Returns the migrations that were
/// applied, too.
async fn begin(url: &Url) -> Result<(Client, Vec<Applied>), TransferError> {
    let login = Login {
        url: url.clone(),
        encryption: socket::encryption(url.roots.as_ref()).map_err(TransferError::Failed)?,
        message_bytes: HOST_MESSAGE_BYTES,
    };
    let host = open(&login).await?;
    let password = password(&host, url).await?;
    let (snapshot, migrations) = snapshot(&host).await.map_err(failed)?;
    let logic = Login {
        url: url.with_login(&logic_login(&url.database), &password),
        ..login
    };
    let client = open(&logic).await?;
    let begin = format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {LONG_TRANSACTION}; \
         SET TRANSACTION SNAPSHOT '{snapshot}'"
    );
    client.batch_execute(&begin).await.map_err(failed)?;
    // The logic's transaction now keeps the snapshot.
    drop(host);
    Ok((client, migrations))
}

async fn open(login: &Login) -> Result<Client, TransferError> {
    let opened = socket::open(&login.url, login.encryption.clone(), login.message_bytes).await;
    let opened = opened.map_err(|error| TransferError::Failed(format!("{}: {error}", login.url)));
    Ok(opened?.client)
}

/// Returns the password of the logic's login, if a host has set this database up.
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

/// Begins the transaction whose snapshot is exported, and returns the snapshot and the applied
/// migrations.
async fn snapshot(host: &Client) -> Result<(String, Vec<Applied>), tokio_postgres::Error> {
    const APPLIED: &str = "SELECT name, checksum FROM task_host.migrations ORDER BY position";
    host.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .await?;
    let snapshot = host.query_one("SELECT pg_export_snapshot()", &[]).await?;
    let applied = |row: &Row| {
        let checksum: Vec<u8> = row.try_get(1)?;
        Ok(Applied {
            name: row.try_get(0)?,
            // An unreadable checksum becomes zeros and agrees with no migration.
            checksum: checksum.try_into().unwrap_or_default(),
        })
    };
    let rows = host.query(APPLIED, &[]).await?;
    let applied: Result<_, tokio_postgres::Error> = rows.iter().map(applied).collect();
    Ok((snapshot.try_get(0)?, applied?))
}

/// A table to read.
struct Source {
    table: super::Table,
    /// The columns of its primary key, which order the rows.
    key: Vec<String>,
}

/// Returns the tables, locked against changes of their columns. Each comes after the tables that it
/// refers to, unless they form a circle.
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
    let lock = format!(
        "LOCK TABLE {} IN ACCESS SHARE MODE",
        qualified_list(&tables)
    );
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
        let position = tables.iter().position(|table| table.name == name);
        if let Some(index) = position {
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
    // The sequences are read after the snapshot was taken, so they are above every number in it.
    for Sequence { table, last, .. } in super::sequences(client).await? {
        if let Some(counted) = counted.iter_mut().find(|counted| counted.name == table) {
            counted.last_id = counted.last_id.max(last);
        }
    }
    Ok(counted)
}

/// Sends every row. Returns early if the reader is gone.
async fn send(
    client: &Client,
    sources: &[Source],
    batches: &batch::Sender,
) -> Result<(), tokio_postgres::Error> {
    for (index, source) in sources.iter().enumerate() {
        let text = select(source);
        let mut rows = pin!(client.query_raw(&text, Vec::<i64>::new()).await?);
        let mut batch = Batch::default();
        while let Some(row) = rows.try_next().await? {
            if let Some(full) = batch.push(values(&row, source)?)
                && batches.send(Ok((index, full))).await.is_err()
            {
                return Ok(());
            }
        }
        if let Some(rest) = batch.rest()
            && batches.send(Ok((index, rest))).await.is_err()
        {
            return Ok(());
        }
    }
    Ok(())
}

/// Returns the statement that reads a table in the order of its key, so that two copies of the same
/// data are equal.
fn select(source: &Source) -> String {
    let Source { table, key } = source;
    let columns: Vec<String> = table.columns.iter().map(expression).collect();
    let order = match key.is_empty() {
        true => "ctid".to_owned(),
        false => quoted_list(key),
    };
    let (columns, name) = (columns.join(", "), qualified(&table.name));
    format!("SELECT {columns} FROM {name} AS t ORDER BY {order}")
}

/// Converts a column to one of the types that [`value`] reads.
fn expression(column: &Column) -> String {
    let name = format!("t.{}", quoted(&column.name));
    match column.kind {
        Kind::Boolean => format!("{name}::boolean"),
        Kind::Integer => format!("{name}::bigint"),
        Kind::Real => format!("{name}::double precision"),
        Kind::Blob => format!("{name}::bytea"),
        Kind::DateTime => format!("to_json({name}) #>> '{{}}'"),
        Kind::Text | Kind::Decimal | Kind::Other => format!("{name}::text"),
    }
}

fn values(row: &Row, source: &Source) -> Result<Vec<Value>, tokio_postgres::Error> {
    let columns = source.table.columns.iter().enumerate();
    columns
        .map(|(at, column)| value(row, at, column.kind))
        .collect()
}

fn value(row: &Row, at: usize, kind: Kind) -> Result<Value, tokio_postgres::Error> {
    let value = match kind {
        Kind::Boolean => row.try_get::<_, Option<_>>(at)?.map(Value::Boolean),
        Kind::Integer => row.try_get::<_, Option<_>>(at)?.map(Value::Integer),
        Kind::Real => row.try_get::<_, Option<_>>(at)?.map(Value::Real),
        Kind::Blob => row.try_get::<_, Option<_>>(at)?.map(Value::Blob),
        Kind::Text | Kind::Decimal | Kind::DateTime | Kind::Other => {
            row.try_get::<_, Option<_>>(at)?.map(Value::Text)
        }
    };
    Ok(value.unwrap_or(Value::Null))
}
