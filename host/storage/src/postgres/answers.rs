//! Recorded answers, by idempotency key.
//!
//! A write locks the key until its transaction ends, and reads the answer on a connection of the
//! host. That connection sees what the previous holder of the lock has committed, while the
//! transaction's own snapshot may be older. In addition, the transaction cannot conflict because of
//! something that it did not read itself.

use std::time::{Duration, Instant};

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::commit;
use super::engine::{Engine, column};
use crate::{Error, RecordedAnswer};

/// Locks a key until the transaction ends.
pub(super) const LOCK: &str = "SELECT task_host.lock_key($1, $2)";

/// Records an answer in the transaction.
pub(super) const RECORD: &str = "SELECT task_host.record_answer($1, $2, $3, $4, $5, $6)";

const FIND: &str =
    "SELECT fingerprint, status, headers, body FROM task_host.answers WHERE key = $1";

const FORGET: &str = "WITH gone AS (DELETE FROM task_host.answers WHERE key IN (SELECT key \
                      FROM task_host.answers WHERE created_at < task_host.now_micros() - $1 \
                      ORDER BY created_at LIMIT 500) RETURNING 1) SELECT count(*) FROM gone";

/// Nobody looks for the outcome of commits that are this old. The table has no index by age, which
/// every commit would have to update, but the oldest rows come first in it. They are deleted in
/// batches, so that each meets its deadline, no matter how many rows there are.
const FORGET_COMMITS: &str = "WITH gone AS (DELETE FROM task_host.commits WHERE ctid = ANY (ARRAY(\
                              SELECT ctid FROM task_host.commits \
                              WHERE created_at < task_host.now_micros() - $1 \
                              LIMIT 100000)) RETURNING 1) SELECT count(*) FROM gone";

/// How long the deletion of one batch may take.
const BATCH_TIMEOUT: Duration = Duration::from_secs(10);

/// Returns the answer recorded under a key.
pub(super) async fn recall(
    engine: &Engine,
    key: &str,
    deadline: Instant,
) -> Result<Option<RecordedAnswer>, Error> {
    let rows = engine.rows(FIND, &[&key], deadline).await?;
    rows.first().map(read).transpose()
}

/// Deletes the answers that are older than `age`, and returns how many. Also deletes the tokens of
/// old commits.
pub(super) async fn forget(engine: &Engine, age: Duration) -> Result<u64, Error> {
    let micros = |age: Duration| i64::try_from(age.as_micros()).unwrap_or(i64::MAX / 2);
    let forgotten = in_batches(engine, FORGET, &[&micros(age)]).await?;
    in_batches(engine, FORGET_COMMITS, &[&micros(commit::TOKEN_AGE)]).await?;
    Ok(forgotten)
}

async fn in_batches(
    engine: &Engine,
    text: &'static str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<u64, Error> {
    let mut forgotten = 0;
    loop {
        match engine
            .count(text, params, Instant::now() + BATCH_TIMEOUT)
            .await?
        {
            0 => return Ok(forgotten),
            deleted => forgotten += deleted,
        }
    }
}

/// Returns the headers as they are stored.
pub(super) fn headers_json(headers: &[(String, String)]) -> Result<String, Error> {
    serde_json::to_string(headers).map_err(|error| Error::Unavailable(error.to_string()))
}

fn read(row: &Row) -> Result<RecordedAnswer, Error> {
    let unreadable = || Error::Unavailable("a recorded answer cannot be read".into());
    let fingerprint: Vec<u8> = column(row, 0)?;
    let status: i32 = column(row, 1)?;
    let headers: String = column(row, 2)?;
    Ok(RecordedAnswer {
        fingerprint: fingerprint.try_into().map_err(|_| unreadable())?,
        status: u16::try_from(status).map_err(|_| unreadable())?,
        headers: serde_json::from_str(&headers).map_err(|_| unreadable())?,
        body: column(row, 3)?,
    })
}
