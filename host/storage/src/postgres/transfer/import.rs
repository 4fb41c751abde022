//! Fills an empty database in one transaction, on its own connection, with COPY.
//!
//! The tables are locked first, so that no request of any host writes meanwhile. Foreign keys are
//! checked once, at the end, because rows may refer to later ones. The logic's login owns the tables
//! and does all of this. There are no triggers, and COPY does not apply rules.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::SinkExt as _;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, CopyInSink};

use super::super::engine::Engine;
use super::super::failure::message;
use super::super::migrate::APPLIED;
use super::super::pool::Lease;
use super::{Column, LONG_TRANSACTION, failed, line, qualified, qualified_list, sequences, tables};
use crate::Dialect;
use crate::dialect::{quoted, quoted_list};
use crate::transfer::agreement::dangling_reference;
use crate::transfer::{self, Applied, Import, Manifest, Row, TransferError};

/// How long to wait for the connection.
const WAIT: Duration = Duration::from_secs(10);

/// An import whose transaction is open.
pub(crate) struct PostgresImport {
    /// The connection is closed when this is dropped, which rolls the transaction back unless it was
    /// committed.
    lease: Lease,
    tables: Vec<Target>,
    /// The statements that restore the tables' foreign keys.
    restore: Vec<String>,
    /// The COPY in progress and the index of its table.
    open: Option<(usize, Pin<Box<CopyInSink<Bytes>>>)>,
}

struct Target {
    /// The table in the copy.
    copy: transfer::Table,
    /// The columns in this database, in the copy's order.
    columns: Vec<Column>,
    /// The number of rows that were added.
    found: u64,
}

impl PostgresImport {
    /// Checks that the database fits the copy and is empty, and begins the transaction.
    ///
    /// # Errors
    /// Returns [`TransferError`] if not. Nothing was begun.
    pub(crate) async fn begin(
        engine: &Arc<Engine>,
        manifest: &Manifest,
    ) -> Result<Self, TransferError> {
        let until = Instant::now() + WAIT;
        let taken = engine.migrations.take(until, until).await;
        let mut lease = taken.map_err(|error| TransferError::Failed(error.to_string()))?;
        let client = lease.connection().client();
        let begin = format!("BEGIN; SET LOCAL synchronous_commit = on; {LONG_TRANSACTION}");
        client.batch_execute(&begin).await.map_err(failed)?;
        let secret = &engine.shared.secret;
        let applied = client.query(APPLIED, &[secret]).await.map_err(failed)?;
        let applied: Vec<Applied> = applied
            .iter()
            .map(|row| Applied {
                name: row.get(0),
                // An unreadable checksum becomes zeros and agrees with no migration.
                checksum: row.get::<_, Vec<u8>>(1).try_into().unwrap_or_default(),
            })
            .collect();
        manifest.agrees(Dialect::Postgres, &applied)?;
        let here = tables(client).await?;
        let names = |table: &super::Table| {
            let columns = table.columns.iter().map(|column| column.name.clone());
            (table.name.clone(), columns.collect())
        };
        manifest.fits(&here.iter().map(names).collect::<Vec<_>>())?;
        // Checked now, so that a problem is not found only after all rows were copied.
        sequences(client).await?;
        lock(client, &here).await?;
        let restore = defer(client).await?;
        Ok(Self {
            lease,
            tables: targets(manifest, here),
            restore,
            open: None,
        })
    }

    /// Sends rows. Starts another COPY if the table changes.
    async fn write(&mut self, table: usize, rows: &[Row]) -> Result<(), TransferError> {
        if self.open.as_ref().is_none_or(|(open, _)| *open != table) {
            self.close().await?;
            let target = &self.tables[table];
            let text = format!(
                "COPY {} ({}) FROM STDIN",
                qualified(&target.copy.name),
                quoted_list(target.columns.iter().map(|column| &column.name))
            );
            let client = self.lease.connection().client();
            let sink = client.copy_in(&text).await.map_err(failed)?;
            self.open = Some((table, Box::pin(sink)));
        }
        let target = &mut self.tables[table];
        let mut lines = Vec::new();
        for row in rows {
            line::write(&mut lines, row, &target.columns).map_err(|reason| {
                let table = target.copy.name.clone();
                TransferError::Row { table, reason }
            })?;
        }
        target.found += rows.len() as u64;
        let Some((_, sink)) = &mut self.open else {
            return Ok(());
        };
        match sink.send(Bytes::from(lines)).await {
            Ok(()) => Ok(()),
            // The server has ended the COPY. Closing it returns the reason.
            Err(_) => self.close().await,
        }
    }

    /// Ends the COPY in progress, if there is one.
    async fn close(&mut self) -> Result<(), TransferError> {
        let Some((table, mut sink)) = self.open.take() else {
            return Ok(());
        };
        match sink.as_mut().finish().await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.refused(table, &error)),
        }
    }

    fn refused(&self, table: usize, error: &tokio_postgres::Error) -> TransferError {
        let mut reason = message(error);
        if let Some(place) = error.as_db_error().and_then(|refused| refused.where_()) {
            reason = format!("{reason} ({place})");
        }
        let table = self.tables[table].copy.name.clone();
        TransferError::Row { table, reason }
    }

    async fn complete(mut self) -> Result<(), TransferError> {
        self.close().await?;
        for Target { copy, found, .. } in &self.tables {
            copy.check_rows(*found)?;
        }
        let client = self.lease.connection().client();
        check(client).await?;
        let restore = self.restore.join("; ");
        client.batch_execute(&restore).await.map_err(failed)?;
        continue_sequences(client, &self.tables).await?;
        for table in &self.tables {
            // Without this, the server would use bad query plans until it analyzes the tables
            // automatically.
            let analyze = format!("ANALYZE {}", qualified(&table.copy.name));
            client.batch_execute(&analyze).await.map_err(failed)?;
        }
        match client.batch_execute("COMMIT").await {
            Err(error) if error.as_db_error().is_none() => Err(TransferError::Failed(format!(
                "the connection was lost at the end ({}): it is unknown whether the copy was \
                 committed",
                message(&error)
            ))),
            done => done.map_err(failed),
        }
    }
}

#[async_trait]
impl Import for PostgresImport {
    async fn add(&mut self, table: usize, rows: Vec<Row>) -> Result<(), TransferError> {
        self.write(table, &rows).await
    }

    async fn finish(self: Box<Self>) -> Result<(), TransferError> {
        self.complete().await
    }
}

/// Returns the copy's tables with their columns in this database, which are known to fit.
fn targets(manifest: &Manifest, mut here: Vec<super::Table>) -> Vec<Target> {
    let mut targets = Vec::with_capacity(manifest.tables.len());
    for copy in &manifest.tables {
        let mut columns = Vec::with_capacity(copy.columns.len());
        if let Some(table) = here.iter_mut().find(|table| table.name == copy.name) {
            for name in &copy.columns {
                let position = table.columns.iter().position(|column| column.name == *name);
                columns.extend(position.map(|index| table.columns.swap_remove(index)));
            }
        }
        targets.push(Target {
            copy: copy.clone(),
            columns,
            found: 0,
        });
    }
    targets
}

/// Locks the tables against all other writers, and checks that they are empty.
async fn lock(client: &Client, tables: &[super::Table]) -> Result<(), TransferError> {
    if tables.is_empty() {
        return Ok(());
    }
    let names = qualified_list(tables);
    let lock = format!("LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE");
    client.batch_execute(&lock).await.map_err(failed)?;
    for table in tables {
        let any = format!("SELECT EXISTS (SELECT FROM {})", qualified(&table.name));
        if client.query_one(&any, &[]).await.map_err(failed)?.get(0) {
            return Err(TransferError::NotEmpty(table.name.clone()));
        }
    }
    Ok(())
}

/// Defers the checks of all foreign keys to the end, and returns the statements that restore the
/// keys.
async fn defer(client: &Client) -> Result<Vec<String>, TransferError> {
    const FOREIGN_KEYS: &str = "
        SELECT format('ALTER TABLE logic.%I ALTER CONSTRAINT %I', t.relname, c.conname)
        FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
        WHERE c.contype = 'f' AND c.connamespace = 'logic'::regnamespace
            AND NOT c.condeferrable AND c.conparentid = 0
        ORDER BY t.relname, c.conname";
    let rows = client.query(FOREIGN_KEYS, &[]).await.map_err(failed)?;
    let alter: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let with = |end: &str| -> Vec<String> {
        let whole = |start: &String| format!("{start} {end}");
        alter.iter().map(whole).collect()
    };
    let mut defer = with("DEFERRABLE");
    defer.push("SET CONSTRAINTS ALL DEFERRED".to_owned());
    let done = client.batch_execute(&defer.join("; ")).await;
    done.map_err(failed)?;
    Ok(with("NOT DEFERRABLE"))
}

/// Checks the foreign keys.
async fn check(client: &Client) -> Result<(), TransferError> {
    let checked = client.batch_execute("SET CONSTRAINTS ALL IMMEDIATE").await;
    checked.map_err(|error| {
        let refused = error.as_db_error();
        match refused.and_then(|refused| refused.table()) {
            Some(table) if error.code() == Some(&SqlState::FOREIGN_KEY_VIOLATION) => {
                dangling_reference(table.to_owned())
            }
            _ => failed(error),
        }
    })
}

/// Makes every sequence continue after the highest number that was ever assigned: by this database,
/// by the copied database, or in a row.
async fn continue_sequences(client: &Client, tables: &[Target]) -> Result<(), TransferError> {
    for sequence in sequences(client).await? {
        let highest = format!(
            "SELECT max({})::bigint FROM {}",
            quoted(&sequence.column),
            qualified(&sequence.table)
        );
        let highest = client.query_one(&highest, &[]).await.map_err(failed)?;
        let copied = tables
            .iter()
            .find(|table| table.copy.name == sequence.table);
        let copied = copied.and_then(|table| table.copy.last_id);
        let last = highest.get::<_, Option<i64>>(0).max(copied);
        if last > sequence.last
            && let Some(next) = last.and_then(|last| last.checked_add(1))
        {
            // Unlike `setval`, a rollback of the transaction undoes this.
            let restart = format!("ALTER SEQUENCE {} RESTART WITH {next}", sequence.name);
            client.batch_execute(&restart).await.map_err(failed)?;
        }
    }
    Ok(())
}
