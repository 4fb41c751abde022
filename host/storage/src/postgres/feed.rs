//! The feed in PostgreSQL: one table for all hosts. Commits write it, and it is polled while
//! somebody follows the feed. A NOTIFY in each commit would make these commits wait for each other.
//!
//! A place is the number of a transaction and the number of an event. Only events of transactions
//! before the oldest running one are read (`schema/0002.sql`), so the events of a long transaction
//! come late but never before events that were already read. Therefore a transaction that stays open
//! delays the feed, even in another database of the server.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::database::Postgres;
use super::engine::{Engine, column};
use crate::feed::PAGE_BYTES;
use crate::{Cursor, Error, Event, Feed, Published};

const END: &str = "SELECT transaction, number FROM task_host.events \
    WHERE transaction < task_host.horizon() \
    UNION ALL SELECT transaction, number FROM task_host.events_forgotten \
    WHERE transaction < task_host.horizon() \
    ORDER BY transaction DESC, number DESC LIMIT 1";

/// The page ends with the first event with which it has $4 bytes.
const AFTER: &str = "SELECT transaction, number, kind, subject, attributes, published_at FROM ( \
        SELECT *, sum(bytes) OVER (ORDER BY transaction, number) - bytes AS before FROM ( \
            SELECT transaction, number, kind, subject, attributes, published_at, \
                octet_length(kind) + octet_length(subject) + octet_length(attributes) AS bytes \
            FROM task_host.events WHERE (transaction, number) > ($1, $2) \
            AND transaction < task_host.horizon() ORDER BY transaction, number LIMIT $3 \
        ) AS newer \
    ) AS page WHERE before < $4 ORDER BY transaction, number";

/// Whether events after a place may have been deleted, or the place is beyond what can be read.
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

/// How long a query may take, including the wait for a connection.
const QUERY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the deletion of one batch may take.
const FORGET_TIMEOUT: Duration = Duration::from_secs(10);

/// How often to look for new events.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// A place: the numbers of a transaction and of an event.
type Place = (i64, i64);

#[async_trait]
impl Feed for Postgres {
    async fn end(&self) -> Result<Cursor, Error> {
        let rows = self.engine.rows(END, &[], deadline()).await?;
        rows.first()
            .map_or_else(|| Ok(cursor((0, 0))), |row| place_of(row).map(cursor))
    }

    async fn after(&self, place: &Cursor, limit: u32) -> Result<Option<Vec<Published>>, Error> {
        let Some((transaction, number)) = parse(place) else {
            return Ok(None);
        };
        let limit = i64::from(limit);
        let bytes = PAGE_BYTES as i64;
        let params: [&(dyn ToSql + Sync); 4] = [&transaction, &number, &limit, &bytes];
        let rows = self.engine.rows(AFTER, &params, deadline()).await?;
        // This must be checked after reading: if events were deleted in between, the result is
        // `None` and never a list with a gap.
        if lost(&self.engine, (transaction, number)).await? {
            return Ok(None);
        }
        rows.iter()
            .map(published)
            .collect::<Result<_, _>>()
            .map(Some)
    }

    async fn wait_for_events(&self, place: &Cursor) -> Result<(), Error> {
        loop {
            match self.after(place, 1).await? {
                Some(events) if events.is_empty() => tokio::time::sleep(POLL_INTERVAL).await,
                _ => return Ok(()),
            }
        }
    }

    async fn forget_events(&self, age: Duration, count: u64) -> Result<u64, Error> {
        let age = i64::try_from(age.as_micros()).unwrap_or(i64::MAX / 2);
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let mut forgotten = 0;
        loop {
            let deadline = Instant::now() + FORGET_TIMEOUT;
            let deleted = self.engine.count(FORGET, &[&age, &count], deadline).await?;
            forgotten += deleted;
            if deleted == 0 {
                return Ok(forgotten);
            }
        }
    }
}

fn deadline() -> Instant {
    Instant::now() + QUERY_TIMEOUT
}

async fn lost(engine: &Engine, (transaction, number): Place) -> Result<bool, Error> {
    let rows = engine
        .rows(LOST, &[&transaction, &number], deadline())
        .await?;
    rows.first().map_or(Ok(true), |row| column(row, 0))
}

/// The numbers are not negative, so comparing their 16 digits is the same as comparing the numbers.
fn cursor((transaction, number): Place) -> Cursor {
    Cursor::new(format!("{transaction:016x}-{number:016x}"))
}

fn parse(cursor_text: &Cursor) -> Option<Place> {
    let (transaction, number) = cursor_text.as_str().split_once('-')?;
    let parse = |digits| i64::from_str_radix(digits, 16).ok();
    let place = (parse(transaction)?, parse(number)?);
    (cursor(place) == *cursor_text).then_some(place)
}

fn place_of(row: &Row) -> Result<Place, Error> {
    Ok((column(row, 0)?, column(row, 1)?))
}

fn published(row: &Row) -> Result<Published, Error> {
    let attributes: String = column(row, 4)?;
    let micros: i64 = column(row, 5)?;
    Ok(Published {
        cursor: cursor(place_of(row)?),
        event: Event::with_json(column(row, 2)?, column(row, 3)?, &attributes)
            .map_err(|_| Error::Unavailable("an event cannot be read".into()))?,
        at_ms: micros / 1000,
    })
}
