//! The statements on components.

use tokio_postgres::Row;

use super::super::engine::column;
use crate::Error;
use crate::registry::StoredComponent;

/// Stores a component. If it is already stored, updates its time and adds a missing signature.
/// Returns true for a new row, whose `xmax` is not set. The times always increase, even if the clock
/// is set back.
pub(super) const PUT: &str = "INSERT INTO task_host.components AS c \
     (digest, content, signature, actor, uploaded_at) \
     SELECT $1, $2, $3, $4, greatest(task_host.now_micros(), max(uploaded_at) + 1) \
     FROM task_host.components ON CONFLICT (digest) DO UPDATE SET \
     signature = coalesce(c.signature, excluded.signature), \
     uploaded_at = excluded.uploaded_at RETURNING xmax = 0";

pub(super) const GET: &str = "SELECT digest, content, length(content)::bigint, signature, actor, \
     uploaded_at FROM task_host.components WHERE digest = $1";

/// All components without their content, the latest upload first.
pub(super) const LIST: &str = "SELECT digest, ''::bytea, length(content)::bigint, signature, \
     actor, uploaded_at FROM task_host.components ORDER BY uploaded_at DESC, number DESC";

/// Deletes those of the components that are not needed.
pub(super) const FORGET: &str = "WITH gone AS (DELETE FROM task_host.components \
     WHERE (digest, uploaded_at) IN (SELECT * FROM unnest($1::text[], $2::bigint[])) \
     AND digest NOT IN ( \
     SELECT digest FROM task_host.active \
     UNION ALL SELECT digest FROM task_host.deployments WHERE outcome IS NULL \
     UNION ALL SELECT from_digest FROM task_host.deployments \
     WHERE outcome IS NULL AND from_digest IS NOT NULL) RETURNING 1) SELECT count(*) FROM gone";

pub(super) fn read(row: &Row) -> Result<StoredComponent, Error> {
    Ok(StoredComponent {
        digest: column(row, 0)?,
        content: column(row, 1)?,
        size_bytes: column::<i64>(row, 2)?.unsigned_abs(),
        signature: column(row, 3)?,
        actor: column(row, 4)?,
        uploaded_at: column(row, 5)?,
    })
}
