//! Lists what changed in a task.

use crate::contract::tasks::TaskChange;
use crate::error::Error;
use crate::platform::Platform;
use crate::store;

/// Lists the latest changes of a task, the latest first.
///
/// # Errors
/// Returns [`Error::TaskNotFound`] if no task has this id.
pub fn changes(platform: &mut impl Platform, id: i64) -> Result<Vec<TaskChange>, Error> {
    store::tasks::find(platform, id)?;
    store::history::read(platform, id)
}
