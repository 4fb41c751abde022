//! The statements on deployments and on the one row of the active component.
//!
//! A deployment is running while it has no outcome. `activated_at` records whether its component
//! ever became active, which the outcome does not show.

use tokio_postgres::Row;

use super::super::engine::column;
use crate::Error;
use crate::registry::{Active, DeploymentRow, End, NewDeployment};
use contract::Word;

/// Selects the columns that [`read`] reads, and two that only `replicas.rs` reads.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, digest, from_digest, kind, actor, order_json, stage, report_json, \
             outcome, code, reason, began_at, ended_at, coordinator, canary_percent, wish \
             FROM task_host.deployments ",
            $rest
        )
    };
}

/// Makes a component active if `changed` has a row `(digest, id)`, and returns the epoch.
macro_rules! set_active {
    () => {
        "INSERT INTO task_host.active AS a (digest, epoch, deployment) \
         SELECT digest, 1, id FROM changed ON CONFLICT (only_row) DO UPDATE SET \
         digest = excluded.digest, epoch = a.epoch + 1, deployment = excluded.deployment, \
         since = excluded.since RETURNING epoch, pg_notify('task_host', '')"
    };
}

/// Begins a deployment. Returns no row if another one is running or took the id.
pub(super) const BEGIN: &str = "INSERT INTO task_host.deployments \
     (id, digest, from_digest, kind, actor, order_json, coordinator) \
     SELECT coalesce(max(id), 0) + 1, $1, $2, $3, $4, $5, $6 FROM task_host.deployments \
     ON CONFLICT DO NOTHING RETURNING id";

/// Makes a host the one that runs a deployment, unless another host with a lease runs it.
pub(super) const TAKE_OVER: &str = "UPDATE task_host.deployments d SET coordinator = $2 \
     WHERE id = $1 AND outcome IS NULL AND (coordinator = $2 OR NOT EXISTS ( \
     SELECT FROM task_host.replicas r WHERE r.id = d.coordinator \
     AND r.lease_until > task_host.now_micros())) RETURNING id";

/// Records the stage and the report of a deployment and notifies the other hosts. Returns no row if
/// this host does not run it.
pub(super) const ADVANCE: &str = "UPDATE task_host.deployments SET stage = $2, report_json = $3 \
     WHERE id = $1 AND outcome IS NULL AND coordinator = $4 \
     RETURNING id, pg_notify('task_host', '')";

/// Makes a deployment's component the active one and returns the epoch. Returns no row if this host
/// does not run the deployment, or the deployment is for another component.
pub(super) const ACTIVATE: &str = concat!(
    "WITH changed AS (UPDATE task_host.deployments \
     SET stage = $3, activated_at = task_host.now_micros() \
     WHERE id = $1 AND digest = $2 AND outcome IS NULL AND coordinator = $4 \
     RETURNING digest, id) ",
    set_active!()
);

/// Ends a deployment, and makes another component active if one is given. Returns no row if this
/// host does not run the deployment.
pub(super) const END: &str = concat!(
    "WITH ended AS (UPDATE task_host.deployments SET outcome = $2, code = $3, reason = $4, \
     report_json = $5, ended_at = task_host.now_micros() \
     WHERE id = $1 AND outcome IS NULL AND coordinator = $7 RETURNING id), \
     changed AS (SELECT $6::text AS digest, id FROM ended WHERE $6::text IS NOT NULL), \
     back AS (",
    set_active!(),
    ") SELECT id, pg_notify('task_host', '') FROM ended"
);

/// Records a deployment that ended without running. Returns no row if another host took the id.
pub(super) const RECORD: &str = "INSERT INTO task_host.deployments \
     (id, digest, from_digest, kind, actor, order_json, report_json, outcome, code, reason, \
     began_at, ended_at) SELECT next.id, $1, $2, $3, $4, $5, $6, $7, $8, $9, next.now, next.now \
     FROM (SELECT coalesce(max(id), 0) + 1 AS id, task_host.now_micros() AS now \
     FROM task_host.deployments) AS next ON CONFLICT DO NOTHING RETURNING id";

pub(in crate::postgres) const ACTIVE: &str =
    "SELECT digest, epoch, deployment, since, fence FROM task_host.active";

/// Whether a component is or was active.
pub(super) const WAS_ACTIVE: &str = "SELECT EXISTS (SELECT FROM task_host.active WHERE digest = $1) \
     OR EXISTS (SELECT FROM task_host.deployments \
     WHERE digest = $1 AND activated_at IS NOT NULL)";

pub(super) const GET: &str = select!("WHERE id = $1");

pub(in crate::postgres) const RUNNING: &str = select!("WHERE outcome IS NULL");

pub(super) const LATEST: &str = select!("ORDER BY id DESC LIMIT $1");

/// Deletes ended deployments that are neither among the newest nor needed. The newest one always
/// stays: the next id is counted from it.
pub(super) const FORGET: &str = "WITH gone AS (DELETE FROM task_host.deployments \
     WHERE outcome IS NOT NULL AND id NOT IN ( \
     (SELECT id FROM task_host.deployments WHERE outcome IS NOT NULL ORDER BY id DESC LIMIT $1) \
     UNION ALL SELECT deployment FROM task_host.active \
     UNION ALL SELECT max(id) FROM task_host.deployments \
     WHERE activated_at IS NOT NULL GROUP BY digest \
     UNION ALL SELECT max(id) FROM task_host.deployments \
     WHERE outcome = 'rolled-back' GROUP BY digest \
     UNION ALL SELECT coalesce(max(id), 0) FROM task_host.deployments) RETURNING 1) \
     SELECT count(*) FROM gone";

pub(in crate::postgres) fn read_active(row: &Row) -> Result<Active, Error> {
    Ok(Active {
        digest: column(row, 0)?,
        epoch: column(row, 1)?,
        deployment: column(row, 2)?,
        since: column(row, 3)?,
    })
}

pub(in crate::postgres) fn read(row: &Row) -> Result<DeploymentRow, Error> {
    let report: String = column(row, 7)?;
    let outcome: Option<String> = column(row, 8)?;
    let code: Option<String> = column(row, 9)?;
    let end = match outcome {
        None => None,
        Some(outcome) => Some(End {
            outcome: outcome.into(),
            code: code.map(Word::from),
            reason: column(row, 10)?,
            report: report.clone(),
        }),
    };
    Ok(DeploymentRow {
        id: column(row, 0)?,
        new: NewDeployment {
            digest: column(row, 1)?,
            from: column(row, 2)?,
            kind: column::<String>(row, 3)?.into(),
            actor: column(row, 4)?,
            order: column(row, 5)?,
        },
        stage: column::<String>(row, 6)?.into(),
        end,
        report,
        began_at: column(row, 11)?,
        ended_at: column(row, 12)?,
        coordinator: column(row, 13)?,
    })
}
