//! The feed in PostgreSQL: one table for all hosts, written by the commits and looked at now and
//! then while somebody follows. A NOTIFY would make every commit that has one wait for the others.
//!
//! A place is a transaction's number and an event's, and only what lies below the oldest running
//! transaction is read (`schema/0002.sql`): a commit that took long comes late and not in between.
//! So a transaction that stays open holds the feed up, also one of another database of the server.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio_postgres::Row;

use super::{Engine, Postgres, failure};
use crate::{Cursor, Error, Event, Feed, Published};

/// Publishes with the transaction.
pub(super) const PUBLISH: &str = "SELECT task_host.publish($1, $2, $3, $4)";

const END: &str = "SELECT transaction, number FROM task_host.events \
    WHERE transaction < task_host.horizon() \
    UNION ALL SELECT transaction, number FROM task_host.events_forgotten \
    WHERE transaction < task_host.horizon() \
    ORDER BY transaction DESC, number DESC LIMIT 1";

const AFTER: &str = "SELECT transaction, number, kind, subject, attributes, published_at \
    FROM task_host.events WHERE (transaction, number) > ($1, $2) \
    AND transaction < task_host.horizon() ORDER BY transaction, number LIMIT $3";

/// Whether events after a place may be gone, or it lies where none was read yet.
const LOST: &str = "SELECT $1::bigint >= task_host.horizon() \
    OR EXISTS (SELECT FROM task_host.events_forgotten f WHERE f.transaction < task_host.horizon() \
        AND ($1::bigint, $2::bigint) < (f.transaction, f.number))";

const FORGET: &str = "WITH newest AS (SELECT transaction, number FROM task_host.events \
        ORDER BY transaction DESC, number DESC LIMIT 1), \
    oldest AS (SELECT transaction, number, published_at FROM task_host.events \
        WHERE transaction < task_host.horizon() ORDER BY transaction, number LIMIT 500), \
    gone AS (DELETE FROM task_host.events e USING oldest o, newest n \
        WHERE (e.transaction, e.number) = (o.transaction, o.number) \
        AND (o.published_at < task_host.now_micros() - $1 OR o.number <= n.number - $2) \
        AND (o.transaction, o.number) < (n.transaction, n.number) \
        RETURNING e.transaction, e.number), \
    last AS (SELECT transaction, number FROM gone \
        ORDER BY transaction DESC, number DESC LIMIT 1), \
    noted AS (INSERT INTO task_host.events_forgotten AS f (transaction, number) \
        SELECT transaction, number FROM last ON CONFLICT (only_row) DO UPDATE \
        SET transaction = excluded.transaction, number = excluded.number \
        WHERE (f.transaction, f.number) < (excluded.transaction, excluded.number)) \
    SELECT count(*) FROM gone";

/// How long a question may take, waiting for a connection included.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long each part of forgetting may take.
const FORGET_PATIENCE: Duration = Duration::from_secs(10);

/// How often is looked for new events.
const EVERY: Duration = Duration::from_millis(100);

/// A place: the numbers of a transaction and of an event.
type Place = (i64, i64);

#[async_trait]
impl Feed for Postgres {
    async fn end(&self) -> Result<Cursor, Error> {
        let rows = self.engine.own(END, &[], soon()).await?;
        rows.first()
            .map_or_else(|| Ok(cursor((0, 0))), |row| place_of(row).map(cursor))
    }

    async fn after(&self, place: &Cursor, limit: u32) -> Result<Option<Vec<Published>>, Error> {
        let Some((transaction, number)) = place_named(place) else {
            return Ok(None);
        };
        let limit = i64::from(limit);
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
            [&transaction, &number, &limit];
        let rows = self.engine.own(AFTER, &params, soon()).await?;
        // Asked after reading: what is forgotten in between makes it lost, and never a gap.
        if lost(&self.engine, (transaction, number)).await? {
            return Ok(None);
        }
        rows.iter()
            .map(published)
            .collect::<Result<_, _>>()
            .map(Some)
    }

    async fn awaken(&self, place: &Cursor) -> Result<(), Error> {
        loop {
            match self.after(place, 1).await? {
                Some(events) if events.is_empty() => tokio::time::sleep(EVERY).await,
                _ => return Ok(()),
            }
        }
    }

    async fn forget_events(&self, age: Duration, count: u64) -> Result<u64, Error> {
        let age = i64::try_from(age.as_micros()).unwrap_or(i64::MAX / 2);
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let mut forgotten = 0;
        loop {
            let deadline = Instant::now() + FORGET_PATIENCE;
            let part = self
                .engine
                .own_count(FORGET, &[&age, &count], deadline)
                .await?;
            forgotten += part;
            if part == 0 {
                return Ok(forgotten);
            }
        }
    }
}

/// The events of a transaction as the columns that [`PUBLISH`] takes.
pub(super) fn columns(events: &[Event]) -> [Vec<String>; 3] {
    let column = |of: fn(&Event) -> String| events.iter().map(of).collect();
    [
        column(|event| event.kind().to_owned()),
        column(|event| event.subject().to_owned()),
        column(|event| event.attributes_json()),
    ]
}

fn soon() -> Instant {
    Instant::now() + PATIENCE
}

async fn lost(engine: &Engine, (transaction, number): Place) -> Result<bool, Error> {
    let rows = engine.own(LOST, &[&transaction, &number], soon()).await?;
    match rows.first() {
        Some(row) => row.try_get(0).map_err(|error| failure::sort_own(&error)),
        None => Ok(true),
    }
}

/// The numbers are not negative, so 16 digits of each compare as the numbers do.
fn cursor((transaction, number): Place) -> Cursor {
    Cursor::new(format!("{transaction:016x}-{number:016x}"))
}

fn place_named(place: &Cursor) -> Option<Place> {
    let (transaction, number) = place.as_str().split_once('-')?;
    let named = |digits| i64::from_str_radix(digits, 16).ok();
    let named = (named(transaction)?, named(number)?);
    (cursor(named) == *place).then_some(named)
}

fn place_of(row: &Row) -> Result<Place, Error> {
    let own = |error| failure::sort_own(&error);
    Ok((row.try_get(0).map_err(own)?, row.try_get(1).map_err(own)?))
}

fn published(row: &Row) -> Result<Published, Error> {
    let own = |error| failure::sort_own(&error);
    let [kind, subject, attributes] = [2, 3, 4].map(|column| row.try_get::<_, String>(column));
    let micros: i64 = row.try_get(5).map_err(own)?;
    let attributes = attributes.map_err(own)?;
    Ok(Published {
        cursor: cursor(place_of(row)?),
        event: Event::with_json(kind.map_err(own)?, subject.map_err(own)?, &attributes)
            .map_err(|_| Error::Unavailable("an event cannot be read".into()))?,
        at_ms: micros / 1000,
    })
}
