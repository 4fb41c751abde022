//! The feed in SQLite: one table, written at the end of the transaction that published.
//!
//! Commits have one order here, and so have the ids that SQLite counts up from the newest row,
//! which is therefore never deleted. AUTOINCREMENT would count in `sqlite_sequence`, where
//! migrations may write, and cost every transaction one page more.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::Sqlite;
use super::schema::{FORGET_AT_ONCE, now};
use crate::{Cursor, Error, Event, Feed, Published};

/// Creates what is missing. Times are milliseconds since 1970, UTC; attributes are a JSON object.
pub(super) const TABLES: &str = "
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS task_host_events (
        id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        subject TEXT NOT NULL,
        attributes TEXT NOT NULL,
        published_at INTEGER NOT NULL
    ) STRICT;
    COMMIT;";

#[async_trait]
impl Feed for Sqlite {
    async fn end(&self) -> Result<Cursor, Error> {
        self.look(last).await.map(cursor)
    }

    async fn after(&self, place: &Cursor, limit: u32) -> Result<Option<Vec<Published>>, Error> {
        match id(place) {
            Some(id) => self.look(|sqlite| after(sqlite, id, limit)).await,
            None => Ok(None),
        }
    }

    async fn awaken(&self, place: &Cursor) -> Result<(), Error> {
        let mut last = self.engine.last_event.subscribe();
        // What is no place, or one beyond the end, has nothing to wait for: `after` says so.
        let id = id(place).filter(|id| *id <= *last.borrow_and_update());
        let id = id.unwrap_or(i64::MIN);
        let closed = |_| Error::Unavailable("the database was closed".into());
        last.wait_for(|last| *last > id).await.map_err(closed)?;
        Ok(())
    }

    async fn forget_events(&self, age: Duration, count: u64) -> Result<u64, Error> {
        self.forget(|sqlite| forget(sqlite, age, count)).await
    }
}

/// Ids are not negative, so 16 digits compare as the numbers do.
fn cursor(id: i64) -> Cursor {
    Cursor::new(format!("{id:016x}"))
}

fn id(place: &Cursor) -> Option<i64> {
    let id = i64::from_str_radix(place.as_str(), 16).ok()?;
    (cursor(id) == *place).then_some(id)
}

/// The id of the last event; 0 where there was none.
pub(super) fn last(sqlite: &Connection) -> rusqlite::Result<i64> {
    sqlite
        .prepare_cached("/*task-host*/SELECT coalesce(max(id), 0) FROM task_host_events")?
        .query_row([], |row| row.get(0))
}

/// Writes events in their order and returns the id of the last one; none of none.
pub(super) fn insert(sqlite: &Connection, events: &[Event]) -> rusqlite::Result<Option<i64>> {
    if events.is_empty() {
        return Ok(None);
    }
    let mut insert = sqlite.prepare_cached(
        "/*task-host*/INSERT INTO task_host_events (kind, subject, attributes, published_at) \
         VALUES (?1, ?2, ?3, ?4)",
    )?;
    let now = now();
    for event in events {
        let attributes = event.attributes_json();
        insert.execute(params![event.kind(), event.subject(), attributes, now])?;
    }
    Ok(Some(sqlite.last_insert_rowid()))
}

fn after(sqlite: &Connection, id: i64, limit: u32) -> rusqlite::Result<Option<Vec<Published>>> {
    let first: Option<i64> = sqlite
        .prepare_cached("/*task-host*/SELECT min(id) FROM task_host_events")?
        .query_row([], |row| row.get(0))
        .optional()?
        .flatten();
    if id < first.map_or(0, |first| first - 1) || id > last(sqlite)? {
        return Ok(None);
    }
    sqlite
        .prepare_cached(
            "/*task-host*/SELECT id, kind, subject, attributes, published_at \
             FROM task_host_events WHERE id > ?1 ORDER BY id LIMIT ?2",
        )?
        .query_map([id, limit.into()], published)?
        .collect::<rusqlite::Result<_>>()
        .map(Some)
}

fn published(row: &Row<'_>) -> rusqlite::Result<Published> {
    let attributes: String = row.get(3)?;
    Ok(Published {
        cursor: cursor(row.get(0)?),
        event: Event::with_json(row.get(1)?, row.get(2)?, &attributes).map_err(|error| {
            let kind = rusqlite::types::Type::Text;
            rusqlite::Error::FromSqlConversionFailure(3, kind, error.into())
        })?,
        at_ms: row.get(4)?,
    })
}

fn forget(sqlite: &Connection, age: Duration, count: u64) -> rusqlite::Result<u64> {
    let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    sqlite
        .prepare_cached(
            "/*task-host*/DELETE FROM task_host_events WHERE id IN \
             (SELECT id FROM task_host_events ORDER BY id LIMIT ?1) \
             AND (published_at < ?2 OR id <= (SELECT max(id) FROM task_host_events) - ?3) \
             AND id < (SELECT max(id) FROM task_host_events)",
        )?
        .execute(params![
            FORGET_AT_ONCE as i64,
            now().saturating_sub(age),
            count
        ])
        .map(|deleted| deleted as u64)
}
