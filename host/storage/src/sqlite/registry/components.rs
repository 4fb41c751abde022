//! The statements on components. They are ordered by their times, which always increase, even if
//! the clock is set back.

use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::super::schema::{host, now_micros};
use crate::registry::StoredComponent;

/// The size of a part of a component's bytes, far below the maximum length of a value.
const PART_BYTES: usize = 1 << 20;

/// Stores a component. If it is already stored, updates its time and adds a missing signature.
/// Returns whether it was new.
pub(super) fn put(sqlite: &Connection, component: &StoredComponent) -> Result<bool> {
    let number: Option<i64> = sqlite
        .prepare_cached(host!(
            "INSERT INTO task_host_components (digest, size_bytes, signature, actor, uploaded_at) \
             SELECT ?1, ?2, ?3, ?4, max(?5, coalesce(max(uploaded_at) + 1, 0)) \
             FROM task_host_components WHERE true ON CONFLICT (digest) DO NOTHING \
             RETURNING number"
        ))?
        .query_row(
            params![
                component.digest,
                component.content.len() as i64,
                component.signature,
                component.actor,
                now_micros()
            ],
            |row| row.get(0),
        )
        .optional()?;
    let Some(number) = number else {
        sqlite
            .prepare_cached(host!(
                "UPDATE task_host_components SET signature = coalesce(signature, ?2), \
                 uploaded_at = (SELECT max(?3, max(uploaded_at) + 1) FROM task_host_components) \
                 WHERE digest = ?1"
            ))?
            .execute(params![component.digest, component.signature, now_micros()])?;
        return Ok(false);
    };
    let mut insert = sqlite.prepare_cached(host!(
        "INSERT INTO task_host_component_parts (component, position, bytes) VALUES (?1, ?2, ?3)"
    ))?;
    for (position, bytes) in component.content.chunks(PART_BYTES).enumerate() {
        insert.execute(params![number, position as i64, bytes])?;
    }
    Ok(true)
}

/// Returns a component with its content.
pub(super) fn get(sqlite: &Connection, digest: &str) -> Result<Option<StoredComponent>> {
    let found = sqlite
        .prepare_cached(host!(
            "SELECT digest, size_bytes, signature, actor, uploaded_at, number \
             FROM task_host_components WHERE digest = ?1"
        ))?
        .query_row([digest], |row| Ok((read(row)?, row.get::<_, i64>(5)?)))
        .optional()?;
    let Some((mut component, number)) = found else {
        return Ok(None);
    };
    let mut select = sqlite.prepare_cached(host!(
        "SELECT bytes FROM task_host_component_parts WHERE component = ?1 ORDER BY position"
    ))?;
    let mut parts = select.query([number])?;
    while let Some(part) = parts.next()? {
        component
            .content
            .extend_from_slice(part.get_ref(0)?.as_blob()?);
    }
    Ok(Some(component))
}

/// Returns all components without their content, the latest upload first.
pub(super) fn list(sqlite: &Connection) -> Result<Vec<StoredComponent>> {
    sqlite
        .prepare_cached(host!(
            "SELECT digest, size_bytes, signature, actor, uploaded_at \
             FROM task_host_components ORDER BY uploaded_at DESC"
        ))?
        .query_map([], read)?
        .collect()
}

/// Deletes those of the components that are not needed, with their parts, and returns how many.
pub(super) fn forget(sqlite: &Connection, gone: &[StoredComponent]) -> Result<u64> {
    let gone: Vec<(&str, i64)> = gone
        .iter()
        .map(|one| (one.digest.as_str(), one.uploaded_at))
        .collect();
    let gone = serde_json::to_string(&gone)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    sqlite
        .prepare_cached(host!(
            "DELETE FROM task_host_components WHERE (digest, uploaded_at) IN ( \
             SELECT value ->> 0, value ->> 1 FROM json_each(?1)) AND digest NOT IN ( \
             SELECT digest FROM task_host_active \
             UNION ALL SELECT digest FROM task_host_deployments WHERE outcome IS NULL \
             UNION ALL SELECT from_digest FROM task_host_deployments \
             WHERE outcome IS NULL AND from_digest IS NOT NULL)"
        ))?
        .execute([gone])
        .map(|deleted| deleted as u64)
}

/// Reads everything except the content.
fn read(row: &Row<'_>) -> Result<StoredComponent> {
    Ok(StoredComponent {
        digest: row.get(0)?,
        content: Vec::new(),
        size_bytes: row.get::<_, i64>(1)?.unsigned_abs(),
        signature: row.get(2)?,
        actor: row.get(3)?,
        uploaded_at: row.get(4)?,
    })
}
