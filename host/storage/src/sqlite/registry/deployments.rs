//! The statements on deployments and on the one row of the active component.
//!
//! A deployment is running while it has no outcome. `activated_at` records whether its component
//! ever became active. The outcome does not show that: a deployment may have been rolled back before
//! or after its switch.

use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::super::schema::{host, now_micros};
use crate::registry::{Active, DeploymentRow, End, NewDeployment};
use contract::Word;
use contract::deployment::Progress;

/// Selects the columns that [`read`] reads.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            host!(
                "SELECT id, digest, from_digest, kind, actor, order_json, stage, report_json, \
                 outcome, code, reason, began_at, ended_at FROM task_host_deployments "
            ),
            $rest
        )
    };
}

/// Begins a deployment, or returns the id of the running one as the inner error.
pub(super) fn begin(
    sqlite: &Connection,
    new: &NewDeployment,
) -> Result<std::result::Result<i64, i64>> {
    let begun = sqlite
        .prepare_cached(host!(
            "INSERT INTO task_host_deployments \
             (digest, from_digest, kind, actor, order_json, began_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING RETURNING id"
        ))?
        .query_row(
            params![
                new.digest,
                new.from,
                new.kind.as_str(),
                new.actor,
                new.order,
                now_micros()
            ],
            |row| row.get(0),
        )
        .optional()?;
    if let Some(id) = begun {
        return Ok(Ok(id));
    }
    sqlite
        .prepare_cached(host!(
            "SELECT id FROM task_host_deployments WHERE outcome IS NULL"
        ))?
        .query_row([], |row| row.get(0))
        .map(Err)
}

/// Records the stage and the report of a deployment. Returns `None` if it is not running.
pub(super) fn advance(
    sqlite: &Connection,
    id: i64,
    progress: Progress,
    report: &str,
) -> Result<Option<()>> {
    sqlite
        .prepare_cached(host!(
            "UPDATE task_host_deployments SET stage = ?2, report_json = ?3 \
             WHERE id = ?1 AND outcome IS NULL"
        ))?
        .execute(params![id, progress.as_str(), report])
        .map(changed_one)
}

/// Makes a deployment's component the active one and returns the epoch. Returns `None` if the
/// deployment is not running or is for another component.
pub(super) fn activate(
    sqlite: &Connection,
    id: i64,
    digest: &str,
    progress: Progress,
) -> Result<Option<i64>> {
    let now = now_micros();
    let changed = sqlite
        .prepare_cached(host!(
            "UPDATE task_host_deployments SET stage = ?3, activated_at = ?4 \
             WHERE id = ?1 AND digest = ?2 AND outcome IS NULL"
        ))?
        .execute(params![id, digest, progress.as_str(), now])?;
    match changed_one(changed) {
        Some(()) => set_active(sqlite, digest, id, now).map(Some),
        None => Ok(None),
    }
}

/// Ends a deployment, and makes another component active if one is given. Returns `None` if the
/// deployment is not running.
pub(super) fn end(
    sqlite: &Connection,
    id: i64,
    end: &End,
    back_to: Option<&str>,
) -> Result<Option<()>> {
    let now = now_micros();
    let changed = sqlite
        .prepare_cached(host!(
            "UPDATE task_host_deployments SET outcome = ?2, code = ?3, reason = ?4, \
             report_json = ?5, ended_at = ?6 WHERE id = ?1 AND outcome IS NULL"
        ))?
        .execute(params![
            id,
            end.outcome.as_str(),
            end.code.as_ref().map(Word::as_str),
            end.reason,
            end.report,
            now
        ])?;
    let ended = changed_one(changed);
    if let (Some(()), Some(digest)) = (ended, back_to) {
        set_active(sqlite, digest, id, now)?;
    }
    Ok(ended)
}

/// Records a deployment that ended without running.
pub(super) fn record(sqlite: &Connection, new: &NewDeployment, end: &End) -> Result<i64> {
    sqlite
        .prepare_cached(host!(
            "INSERT INTO task_host_deployments \
             (digest, from_digest, kind, actor, order_json, report_json, outcome, code, reason, \
             began_at, ended_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10) RETURNING id"
        ))?
        .query_row(
            params![
                new.digest,
                new.from,
                new.kind.as_str(),
                new.actor,
                new.order,
                end.report,
                end.outcome.as_str(),
                end.code.as_ref().map(Word::as_str),
                end.reason,
                now_micros()
            ],
            |row| row.get(0),
        )
}

/// Returns the active component.
pub(super) fn active(sqlite: &Connection) -> Result<Option<Active>> {
    sqlite
        .prepare_cached(host!(
            "SELECT digest, epoch, deployment, since FROM task_host_active"
        ))?
        .query_row([], |row| {
            Ok(Active {
                digest: row.get(0)?,
                epoch: row.get(1)?,
                deployment: row.get(2)?,
                since: row.get(3)?,
            })
        })
        .optional()
}

/// Returns whether a component is or was active.
pub(super) fn was_active(sqlite: &Connection, digest: &str) -> Result<bool> {
    sqlite
        .prepare_cached(host!(
            "SELECT EXISTS (SELECT 1 FROM task_host_active WHERE digest = ?1) \
             OR EXISTS (SELECT 1 FROM task_host_deployments \
             WHERE digest = ?1 AND activated_at IS NOT NULL)"
        ))?
        .query_row([digest], |row| row.get(0))
}

/// Returns one deployment.
pub(super) fn get(sqlite: &Connection, id: i64) -> Result<Option<DeploymentRow>> {
    sqlite
        .prepare_cached(select!("WHERE id = ?1"))?
        .query_row([id], read)
        .optional()
}

/// Returns the running deployment.
pub(super) fn running(sqlite: &Connection) -> Result<Option<DeploymentRow>> {
    sqlite
        .prepare_cached(select!("WHERE outcome IS NULL"))?
        .query_row([], read)
        .optional()
}

/// Returns the newest deployments, the newest first.
pub(super) fn latest(sqlite: &Connection, limit: u32) -> Result<Vec<DeploymentRow>> {
    sqlite
        .prepare_cached(select!("ORDER BY id DESC LIMIT ?1"))?
        .query_map([limit], read)?
        .collect()
}

/// Deletes ended deployments that are neither among the newest nor needed, and returns how many.
/// The newest one always stays: the next id is counted from it.
pub(super) fn forget(sqlite: &Connection, keep: u32) -> Result<u64> {
    sqlite
        .prepare_cached(host!(
            "DELETE FROM task_host_deployments WHERE outcome IS NOT NULL AND id NOT IN ( \
             SELECT id FROM (SELECT id FROM task_host_deployments WHERE outcome IS NOT NULL \
             ORDER BY id DESC LIMIT ?1) \
             UNION ALL SELECT deployment FROM task_host_active \
             UNION ALL SELECT max(id) FROM task_host_deployments \
             WHERE activated_at IS NOT NULL GROUP BY digest \
             UNION ALL SELECT max(id) FROM task_host_deployments \
             WHERE outcome = 'rolled-back' GROUP BY digest \
             UNION ALL SELECT max(id) FROM task_host_deployments)"
        ))?
        .execute([keep])
        .map(|deleted| deleted as u64)
}

/// Makes a component the active one and returns the new epoch. If the component is not stored, this
/// violates the foreign key.
fn set_active(sqlite: &Connection, digest: &str, deployment: i64, now: i64) -> Result<i64> {
    sqlite
        .prepare_cached(host!(
            "INSERT INTO task_host_active (only_row, digest, epoch, deployment, since) \
             VALUES (1, ?1, 1, ?2, ?3) ON CONFLICT (only_row) DO UPDATE SET \
             digest = excluded.digest, epoch = epoch + 1, deployment = excluded.deployment, \
             since = excluded.since RETURNING epoch"
        ))?
        .query_row(params![digest, deployment, now], |row| row.get(0))
}

fn changed_one(changed: usize) -> Option<()> {
    (changed == 1).then_some(())
}

fn read(row: &Row<'_>) -> Result<DeploymentRow> {
    let report: String = row.get(7)?;
    let outcome: Option<String> = row.get(8)?;
    let code: Option<String> = row.get(9)?;
    let end = match outcome {
        None => None,
        Some(outcome) => Some(End {
            outcome: outcome.into(),
            code: code.map(Word::from),
            reason: row.get(10)?,
            report: report.clone(),
        }),
    };
    Ok(DeploymentRow {
        id: row.get(0)?,
        new: NewDeployment {
            digest: row.get(1)?,
            from: row.get(2)?,
            kind: row.get::<_, String>(3)?.into(),
            actor: row.get(4)?,
            order: row.get(5)?,
        },
        stage: row.get::<_, String>(6)?.into(),
        end,
        report,
        began_at: row.get(11)?,
        ended_at: row.get(12)?,
        coordinator: None,
    })
}
