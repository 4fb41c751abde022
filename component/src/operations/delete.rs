//! Deletes a task.

use crate::contract::tasks::Deletion;
use crate::domain::{change, terms};
use crate::error::Error;
use crate::operations::announce::announce;
use crate::platform::Platform;
use crate::store;

/// Deletes a task and removes it from the dependencies of other tasks. This counts as a change to
/// each of those tasks.
///
/// # Errors
/// Returns [`Error::TaskNotFound`] if no task has this id.
pub fn delete(platform: &mut impl Platform, id: i64) -> Result<Deletion, Error> {
    let task = store::tasks::find(platform, id)?;
    let now = platform.now();
    let mut dependents = store::dependencies::dependents(platform, id)?;
    for dependent in &mut dependents {
        change::remove_dependency(dependent, id, now);
    }
    if !dependents.is_empty() {
        store::tasks::update_dependencies(platform, &dependents)?;
        store::dependencies::remove_from_all(platform, id)?;
    }
    store::dependencies::remove(platform, id, &task.dependencies)?;
    let terms = terms::of(&task.title, task.description.as_deref(), &task.tags);
    store::terms::remove(platform, id, terms)?;
    store::tasks::delete(platform, id)?;
    announce(platform, "deleted", &task);
    for dependent in &dependents {
        announce(platform, "updated", dependent);
    }
    Ok(Deletion {
        message: format!("Task {id} deleted successfully"),
        affected_tasks: dependents.len() as u64,
    })
}
