//! Adds the terms that a search looks for to the tasks of earlier logic.

use crate::contract::tasks::ReindexProgress;
use crate::error::Error;
use crate::platform::Platform;
use crate::store;

/// Maximum number of ids that one request reaches. Other writes wait for it on SQLite, and may have to run
/// again on PostgreSQL.
pub const REINDEX_IDS: i64 = 5_000;

/// Continues with the next tasks.
///
/// # Errors
/// Only those that every operation can return; see [`crate::operations`].
pub fn reindex(platform: &mut impl Platform) -> Result<ReindexProgress, Error> {
    let state = store::terms::reindex(platform, REINDEX_IDS)?;
    Ok(ReindexProgress {
        complete: state.is_none(),
        remaining_ids: state.map_or(0, |state| state.remaining()),
    })
}
