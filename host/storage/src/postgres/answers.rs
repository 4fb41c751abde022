//! Answers by idempotency key.
//!
//! A write takes the key's lock in its own transaction, which ends with it, and looks the answer
//! up on a connection of the host's. That one sees what was committed a moment ago, by whoever
//! held the lock before; the transaction's own snapshot may be older. And what the transaction
//! does not read itself cannot make it conflict with others.

use std::time::{Duration, Instant};

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::{Engine, commit, failure};
use crate::{Error, RecordedAnswer};

/// Takes a key's lock until the transaction ends.
pub(super) const LOCK: &str = "SELECT task_host.lock_key($1, $2)";

/// Records an answer in the transaction.
pub(super) const RECORD: &str = "SELECT task_host.record_answer($1, $2, $3, $4, $5, $6)";

const FIND: &str =
    "SELECT fingerprint, status, headers, body FROM task_host.answers WHERE key = $1";

const FORGET: &str = "WITH gone AS (DELETE FROM task_host.answers WHERE key IN (SELECT key \
                      FROM task_host.answers WHERE created_at < task_host.now_micros() - $1 \
                      ORDER BY created_at LIMIT 500) RETURNING 1) SELECT count(*) FROM gone";

/// Nobody asks for the outcome of commits that are as old. They have no index by age, which every
/// commit would pay for; the oldest lie in front. In parts, so that one of them is in time
/// however many there are.
const FORGET_COMMITS: &str = "WITH gone AS (DELETE FROM task_host.commits WHERE ctid = ANY (ARRAY(\
                              SELECT ctid FROM task_host.commits \
                              WHERE created_at < task_host.now_micros() - $1 \
                              LIMIT 100000)) RETURNING 1) SELECT count(*) FROM gone";

/// How long each part of forgetting may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The answer recorded under a key.
pub(super) async fn recall(
    engine: &Engine,
    key: &str,
    deadline: Instant,
) -> Result<Option<RecordedAnswer>, Error> {
    let rows = engine.own(FIND, &[&key], deadline).await?;
    rows.first().map(read).transpose()
}

/// Deletes answers that are older, and returns how many. The tokens of old commits go as well.
pub(super) async fn forget(engine: &Engine, age: Duration) -> Result<u64, Error> {
    let micros = |age: Duration| i64::try_from(age.as_micros()).unwrap_or(i64::MAX / 2);
    let forgotten = in_parts(engine, FORGET, &[&micros(age)]).await?;
    in_parts(engine, FORGET_COMMITS, &[&micros(commit::REMEMBERED)]).await?;
    Ok(forgotten)
}

async fn in_parts(
    engine: &Engine,
    text: &'static str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<u64, Error> {
    let mut forgotten = 0;
    loop {
        match engine
            .own_count(text, params, Instant::now() + PATIENCE)
            .await?
        {
            0 => return Ok(forgotten),
            part => forgotten += part,
        }
    }
}

/// The headers as they are kept.
pub(super) fn written(headers: &[(String, String)]) -> Result<String, Error> {
    serde_json::to_string(headers).map_err(|error| Error::Unavailable(error.to_string()))
}

fn read(row: &Row) -> Result<RecordedAnswer, Error> {
    let unreadable = || Error::Unavailable("a recorded answer cannot be read".into());
    let own = |error| failure::sort_own(&error);
    let fingerprint: Vec<u8> = row.try_get(0).map_err(own)?;
    let status: i32 = row.try_get(1).map_err(own)?;
    let headers: String = row.try_get(2).map_err(own)?;
    Ok(RecordedAnswer {
        fingerprint: fingerprint.try_into().map_err(|_| unreadable())?,
        status: u16::try_from(status).map_err(|_| unreadable())?,
        headers: serde_json::from_str(&headers).map_err(|_| unreadable())?,
        body: row.try_get(3).map_err(own)?,
    })
}
