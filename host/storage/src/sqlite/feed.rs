//! The feed in SQLite: one table, written at the end of the transaction that published.
//!
//! Only one transaction writes at a time, so the ids have the order of the commits. SQLite counts
//! the next id from the newest row, which is therefore never deleted.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Result as SqlResult, Row, params};

use super::database::Sqlite;
use super::schema::{FORGET_BATCH, host, last_event, now_millis};
use crate::feed::PAGE_BYTES;
use crate::{Cursor, Error, Event, Feed, Published};

#[async_trait]
impl Feed for Sqlite {
    async fn end(&self) -> Result<Cursor, Error> {
        self.read(last_event).await.map(cursor)
    }

    async fn after(&self, place: &Cursor, limit: u32) -> Result<Option<Vec<Published>>, Error> {
        match id(place) {
            Some(id) => self.read(|sqlite| after(sqlite, id, limit)).await,
            None => Ok(None),
        }
    }

    async fn wait_for_events(&self, place: &Cursor) -> Result<(), Error> {
        let mut last = self.engine.last_event.subscribe();
        // For an invalid place, or one beyond the end, return at once: `after` reports it.
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

/// Ids are not negative, so comparing their 16 digits is the same as comparing the numbers.
fn cursor(id: i64) -> Cursor {
    Cursor::new(format!("{id:016x}"))
}

fn id(place: &Cursor) -> Option<i64> {
    let id = i64::from_str_radix(place.as_str(), 16).ok()?;
    (cursor(id) == *place).then_some(id)
}

fn after(sqlite: &Connection, id: i64, limit: u32) -> SqlResult<Option<Vec<Published>>> {
    let first: Option<i64> = sqlite
        .prepare_cached(host!("SELECT min(id) FROM task_host_events"))?
        .query_row([], |row| row.get(0))
        .optional()?
        .flatten();
    if id < first.map_or(0, |first| first - 1) || id > last_event(sqlite)? {
        return Ok(None);
    }
    let mut select = sqlite.prepare_cached(host!(
        "SELECT id, kind, subject, attributes, published_at \
         FROM task_host_events WHERE id > ?1 ORDER BY id LIMIT ?2"
    ))?;
    let (mut events, mut bytes) = (Vec::new(), 0);
    for event in select.query_map([id, limit.into()], published)? {
        let event = event?;
        bytes += event.event.size_bytes();
        events.push(event);
        if bytes >= PAGE_BYTES {
            break;
        }
    }
    Ok(Some(events))
}

fn published(row: &Row<'_>) -> SqlResult<Published> {
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

fn forget(sqlite: &Connection, age: Duration, count: u64) -> SqlResult<u64> {
    let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    sqlite
        .prepare_cached(host!(
            "DELETE FROM task_host_events WHERE id IN \
             (SELECT id FROM task_host_events ORDER BY id LIMIT ?1) \
             AND (published_at < ?2 OR id <= (SELECT max(id) FROM task_host_events) - ?3) \
             AND id < (SELECT max(id) FROM task_host_events)"
        ))?
        .execute(params![
            FORGET_BATCH as i64,
            now_millis().saturating_sub(age),
            count
        ])
        .map(|deleted| deleted as u64)
}
