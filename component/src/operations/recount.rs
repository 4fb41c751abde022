//! Counts the tasks anew for the figures over all tasks.

use crate::contract::tasks::RecountProgress;
use crate::error::Error;
use crate::platform::Platform;
use crate::store::figures::sums;

/// Number of ids that one request counts. Other writes wait for it on SQLite, and may have to run
/// again on PostgreSQL.
pub const RECOUNT_IDS: i64 = 5_000;

/// Continues the count of all tasks, or begins a new one if all are counted.
///
/// # Errors
/// Only those that every operation can return; see [`crate::operations`].
pub fn recount(platform: &mut impl Platform) -> Result<RecountProgress, Error> {
    let last = sums::state(platform)?;
    let state = match last {
        Some(state) if state.has_begun() && !state.is_complete() => state,
        last => sums::begin(platform, last)?,
    };
    let state = sums::step(platform, state, RECOUNT_IDS)?;
    Ok(RecountProgress {
        complete: state.is_complete(),
        remaining_ids: state.remaining(),
    })
}
