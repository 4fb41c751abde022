//! The host's own tables, and its statements on them.
//!
//! Each text begins with [`HOST_MARK`], which no statement of the logic may begin with: prepared
//! statements are kept by text, and these were not judged by the logic's rules.

use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OptionalExtension, Result, params};

use crate::migration::Step;
use crate::{RecordedAnswer, stats};

/// How every statement of the host begins.
pub(super) const HOST_MARK: &str = "/*task-host*/";

/// Prefixes a statement with the mark.
macro_rules! host {
    ($text:literal) => {
        concat!("/*task-host*/", $text)
    };
}
pub(super) use host;

pub(super) const BEGIN_READ: &str = host!("BEGIN DEFERRED");
pub(super) const BEGIN_WRITE: &str = host!("BEGIN IMMEDIATE");
pub(super) const COMMIT: &str = host!("COMMIT");
pub(super) const ROLLBACK: &str = host!("ROLLBACK");

/// How many answers are deleted in one transaction: a few milliseconds of the writer's time.
pub(super) const FORGET_AT_ONCE: u64 = 500;

/// Creates what is missing. Times are milliseconds since 1970, UTC.
pub(super) const TABLES: &str = "
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS task_host_migrations (
        position INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        checksum BLOB NOT NULL,
        applied_at INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS task_host_answers (
        key TEXT PRIMARY KEY,
        fingerprint BLOB NOT NULL,
        status INTEGER NOT NULL,
        headers TEXT NOT NULL,
        body BLOB NOT NULL,
        created_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS task_host_answers_by_age ON task_host_answers (created_at);
    COMMIT;";

/// Runs a statement without parameters and results.
pub(super) fn run(sqlite: &Connection, text: &str) -> Result<()> {
    sqlite.prepare_cached(text)?.raw_execute().map(drop)
}

/// Reads something, so that a database that does not answer is noticed.
pub(super) fn probe(sqlite: &Connection) -> Result<()> {
    sqlite
        .prepare_cached(host!("SELECT count(*) FROM task_host_migrations"))?
        .query_row([], |_| Ok(()))
}

/// The migrations that were applied, in order.
pub(super) fn applied(sqlite: &Connection) -> Result<Vec<Step>> {
    sqlite
        .prepare_cached(host!(
            "SELECT name, checksum FROM task_host_migrations ORDER BY position"
        ))?
        .query_map([], |row| {
            Ok(Step {
                name: row.get(0)?,
                checksum: row.get(1)?,
            })
        })?
        .collect()
}

/// Notes that a migration was applied.
pub(super) fn note(sqlite: &Connection, position: usize, step: &Step) -> Result<()> {
    sqlite
        .prepare_cached(host!(
            "INSERT INTO task_host_migrations (position, name, checksum, applied_at) \
             VALUES ($1, $2, $3, $4)"
        ))?
        .execute(params![position as i64, step.name, step.checksum, now()])
        .map(drop)
}

/// A name of the host's that migrations have given, or that a foreign key of theirs refers to:
/// the authorizer hears of neither the new name of a table nor of a key's. A key would be checked
/// by the host's own statements, and could make them fail.
pub(super) fn stolen_name(sqlite: &Connection) -> Result<Option<String>> {
    sqlite
        .prepare_cached(host!(
            "SELECT name FROM sqlite_schema WHERE name LIKE 'task\\_host\\_%' ESCAPE '\\' AND name \
             NOT IN ('task_host_migrations', 'task_host_answers', 'task_host_answers_by_age', \
             'task_host_components', 'task_host_component_parts', 'task_host_deployments', \
             'task_host_deployments_running', 'task_host_deployments_by_digest', \
             'task_host_active', 'task_host_events') \
             UNION ALL SELECT key.\"table\" FROM sqlite_schema AS child, \
             pragma_foreign_key_list(child.name) AS key WHERE child.type = 'table' \
             AND child.name NOT LIKE 'task\\_host\\_%' ESCAPE '\\' \
             AND key.\"table\" LIKE 'task\\_host\\_%' ESCAPE '\\'"
        ))?
        .query_row([], |row| row.get(0))
        .optional()
}

/// A table with a row whose deferred foreign key refers to nothing: COMMIT will fail. Tables
/// without such keys are not looked at, as theirs hold after every statement.
pub(super) fn dangling_key(sqlite: &Connection) -> Result<Option<String>> {
    sqlite
        .prepare_cached(host!(
            "SELECT dangling.\"table\" FROM sqlite_schema AS child, \
             pragma_foreign_key_check(child.name) AS dangling \
             WHERE child.type = 'table' AND child.sql LIKE '%deferred%'"
        ))?
        .query_row([], |row| row.get(0))
        .optional()
}

/// The answer recorded under a key.
pub(super) fn recall(sqlite: &Connection, key: &str) -> Result<Option<RecordedAnswer>> {
    sqlite
        .prepare_cached(host!(
            "SELECT fingerprint, status, headers, body FROM task_host_answers WHERE key = $1"
        ))?
        .query_row([key], |row| {
            let headers: String = row.get(2)?;
            Ok(RecordedAnswer {
                fingerprint: row.get(0)?,
                status: row.get(1)?,
                headers: serde_json::from_str(&headers).map_err(|error| {
                    let kind = rusqlite::types::Type::Text;
                    rusqlite::Error::FromSqlConversionFailure(2, kind, error.into())
                })?,
                body: row.get(3)?,
            })
        })
        .optional()
}

/// Records an answer.
pub(super) fn record(sqlite: &Connection, key: &str, answer: &RecordedAnswer) -> Result<()> {
    let headers = serde_json::to_string(&answer.headers)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    sqlite
        .prepare_cached(host!(
            "INSERT INTO task_host_answers (key, fingerprint, status, headers, body, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6)"
        ))?
        .execute(params![
            key,
            answer.fingerprint,
            answer.status,
            headers,
            answer.body,
            now()
        ])
        .map(drop)
}

/// Deletes some of the answers that are older, and returns how many.
pub(super) fn forget(sqlite: &Connection, age: Duration) -> Result<u64> {
    let before = now().saturating_sub_unsigned(u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
    sqlite
        .prepare_cached(host!(
            "DELETE FROM task_host_answers WHERE key IN (SELECT key FROM task_host_answers \
             WHERE created_at < $1 ORDER BY created_at LIMIT $2)"
        ))?
        .execute(params![before, FORGET_AT_ONCE as i64])
        .map(|deleted| deleted as u64)
}

/// Milliseconds since 1970, UTC.
pub(super) fn now() -> i64 {
    let since_1970 = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(stats::nanos(since_1970) / 1_000_000).unwrap_or(i64::MAX)
}
