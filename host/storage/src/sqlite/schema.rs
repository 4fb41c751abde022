//! The host's own tables, and the host's statements that run in a request's transaction.
//!
//! Each statement of the host begins with [`HOST_MARK`], and no statement of the logic may begin
//! with it. Prepared statements are cached by text, so without the mark the logic could run a
//! statement that was not checked by its policy.

use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OptionalExtension, Result, params};

use crate::migration::Step;
use crate::{Event, RecordedAnswer, stats};

/// The beginning of every statement of the host.
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
pub(super) const BEGIN_STEP: &str = host!("SAVEPOINT task_host_step");
pub(super) const UNDO_STEP: &str = host!("ROLLBACK TO task_host_step");
pub(super) const MARK: &str = host!("SAVEPOINT task_host_mark");
pub(super) const UNDO: &str = host!("ROLLBACK TO task_host_mark");
pub(super) const END_STEP: &str = host!("RELEASE task_host_step");

/// How many old rows are deleted in one transaction: a few milliseconds of the writer's time.
pub(super) const FORGET_BATCH: u64 = 500;

/// Creates the tables that are missing.
///
/// Times are since 1970, UTC: in microseconds for components and deployments, in milliseconds for
/// the rest. A component's bytes are stored in parts, so that they fit into the maximum length of
/// the logic's values, and so that SQLite needs memory for only one part at a time. No table uses
/// AUTOINCREMENT: it counts in `sqlite_sequence`, where migrations may write, so they could stop the
/// host from numbering its rows. It would also cost every transaction another page. For the same
/// reason the newest event and the newest deployment are never deleted: the next id is counted from
/// them.
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
    CREATE TABLE IF NOT EXISTS task_host_events (
        id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        subject TEXT NOT NULL,
        attributes TEXT NOT NULL,
        published_at INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS task_host_components (
        number INTEGER PRIMARY KEY,
        digest TEXT NOT NULL UNIQUE,
        size_bytes INTEGER NOT NULL,
        signature BLOB,
        actor TEXT NOT NULL,
        uploaded_at INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS task_host_component_parts (
        component INTEGER NOT NULL REFERENCES task_host_components (number) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        bytes BLOB NOT NULL,
        PRIMARY KEY (component, position)
    ) STRICT;
    CREATE TABLE IF NOT EXISTS task_host_deployments (
        id INTEGER PRIMARY KEY,
        digest TEXT NOT NULL,
        from_digest TEXT,
        kind TEXT NOT NULL,
        actor TEXT NOT NULL,
        order_json TEXT NOT NULL,
        stage TEXT NOT NULL DEFAULT '',
        report_json TEXT NOT NULL DEFAULT '[]',
        outcome TEXT,
        code TEXT,
        reason TEXT,
        began_at INTEGER NOT NULL,
        activated_at INTEGER,
        ended_at INTEGER,
        CHECK ((outcome IS NULL) = (ended_at IS NULL))
    ) STRICT;
    CREATE UNIQUE INDEX IF NOT EXISTS task_host_deployments_running
        ON task_host_deployments (outcome IS NULL) WHERE outcome IS NULL;
    CREATE INDEX IF NOT EXISTS task_host_deployments_by_digest
        ON task_host_deployments (digest);
    CREATE TABLE IF NOT EXISTS task_host_active (
        only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
        digest TEXT NOT NULL REFERENCES task_host_components (digest),
        epoch INTEGER NOT NULL,
        deployment INTEGER NOT NULL REFERENCES task_host_deployments (id),
        since INTEGER NOT NULL
    ) STRICT;
    COMMIT;";

/// Runs a statement without parameters and results.
pub(super) fn run(sqlite: &Connection, text: &str) -> Result<()> {
    sqlite.prepare_cached(text)?.raw_execute().map(drop)
}

/// Reads something, to check that the database answers. The statement is compiled each time, so this
/// fails if there is no memory for statements.
pub(super) fn probe(sqlite: &Connection) -> Result<()> {
    sqlite
        .prepare(host!("SELECT count(*) FROM task_host_migrations"))?
        .query_row([], |_| Ok(()))
}

/// Writes something and deletes it again, to find out whether the disk accepts writes.
pub(super) fn probe_write(sqlite: &Connection) -> Result<()> {
    sqlite
        .prepare_cached(host!(
            "INSERT INTO task_host_answers (key, fingerprint, status, headers, body, created_at) \
             VALUES ('', x'', 200, '{}', x'', 0)"
        ))?
        .raw_execute()?;
    sqlite
        .prepare_cached(host!("DELETE FROM task_host_answers WHERE key = ''"))?
        .raw_execute()
        .map(drop)
}

/// Returns the applied migrations, in order.
pub(super) fn applied_migrations(sqlite: &Connection) -> Result<Vec<Step>> {
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

/// Records that a migration was applied.
pub(super) fn record_migration(sqlite: &Connection, position: usize, step: &Step) -> Result<()> {
    sqlite
        .prepare_cached(host!(
            "INSERT INTO task_host_migrations (position, name, checksum, applied_at) \
             VALUES ($1, $2, $3, $4)"
        ))?
        .execute(params![
            position as i64,
            step.name,
            step.checksum,
            now_millis()
        ])
        .map(drop)
}

/// Returns a name that is reserved for the host and that migrations have given to something, or
/// that a foreign key of theirs refers to. The authorizer does not see the new name of a renamed
/// table or the target of a foreign key. The host's own statements would check that key, and it
/// could make them fail.
pub(super) fn taken_host_name(sqlite: &Connection) -> Result<Option<String>> {
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

/// Returns the length of all definitions of tables, indexes, views and triggers.
pub(super) fn definition_bytes(sqlite: &Connection) -> Result<i64> {
    sqlite
        .prepare_cached(host!(
            "SELECT coalesce(sum(octet_length(sql)), 0) FROM sqlite_schema"
        ))?
        .query_row([], |row| row.get(0))
}

/// Returns a table with a row whose deferred foreign key refers to a missing row: COMMIT would fail.
/// Only tables with deferred keys are checked, because SQLite checks other keys after every
/// statement.
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

/// Returns the answer recorded under an idempotency key.
pub(super) fn recall_answer(sqlite: &Connection, key: &str) -> Result<Option<RecordedAnswer>> {
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

/// Records an answer under an idempotency key.
pub(super) fn record_answer(sqlite: &Connection, key: &str, answer: &RecordedAnswer) -> Result<()> {
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
            now_millis()
        ])
        .map(drop)
}

/// Deletes a batch of the answers that are older than `age`, and returns how many.
pub(super) fn forget_answers(sqlite: &Connection, age: Duration) -> Result<u64> {
    let before =
        now_millis().saturating_sub_unsigned(u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
    sqlite
        .prepare_cached(host!(
            "DELETE FROM task_host_answers WHERE key IN (SELECT key FROM task_host_answers \
             WHERE created_at < $1 ORDER BY created_at LIMIT $2)"
        ))?
        .execute(params![before, FORGET_BATCH as i64])
        .map(|deleted| deleted as u64)
}

/// Returns the id of the last event, or 0 if there are no events.
pub(super) fn last_event(sqlite: &Connection) -> Result<i64> {
    sqlite
        .prepare_cached(host!("SELECT coalesce(max(id), 0) FROM task_host_events"))?
        .query_row([], |row| row.get(0))
}

/// Writes events in their order and returns the id of the last one. `None` if there are no events.
pub(super) fn insert_events(sqlite: &Connection, events: &[Event]) -> Result<Option<i64>> {
    if events.is_empty() {
        return Ok(None);
    }
    let mut insert = sqlite.prepare_cached(host!(
        "INSERT INTO task_host_events (kind, subject, attributes, published_at) \
         VALUES (?1, ?2, ?3, ?4)"
    ))?;
    let now = now_millis();
    for event in events {
        let attributes = event.attributes_json();
        insert.execute(params![event.kind(), event.subject(), attributes, now])?;
    }
    Ok(Some(sqlite.last_insert_rowid()))
}

/// Milliseconds since 1970, UTC.
pub(super) fn now_millis() -> i64 {
    now_micros() / 1000
}

/// Microseconds since 1970, UTC.
pub(super) fn now_micros() -> i64 {
    let since_1970 = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(stats::nanos(since_1970) / 1000).unwrap_or(i64::MAX)
}
