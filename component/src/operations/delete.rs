//! Deletes a task.

use crate::contract::tasks::Deletion;
use crate::domain::{checksum, timestamp};
use crate::error::Error;
use crate::operations::announce::{announce, announce_dependents};
use crate::operations::upkeep;
use crate::platform::Platform;
use crate::store;
use crate::store::dependencies::Dependent;

/// Maximum number of tasks that can depend on a task that is deleted. All of them change in the same
/// transaction, and other writes wait for it.
pub const DEPENDENTS_MAX: usize = 20_000;

/// Maximum size of the texts of these tasks together, in bytes. Changing a task writes them again.
pub const DEPENDENTS_BYTES_MAX: u64 = 64 << 20;

/// Deletes a task and removes it from the dependencies of other tasks. This counts as a change to
/// each of those tasks. The task is kept for a time, so that it can be restored.
///
/// # Errors
/// Returns [`Error::TaskNotFound`] if no task has this id, and [`Error::TooManyDependents`] if more
/// than [`DEPENDENTS_MAX`] tasks depend on it, or if they have more than [`DEPENDENTS_BYTES_MAX`].
pub fn delete(platform: &mut impl Platform, id: i64) -> Result<Deletion, Error> {
    let task = store::tasks::find(platform, id)?;
    let dependents = store::dependencies::dependents(platform, id, DEPENDENTS_MAX + 1)?;
    let bytes: u64 = dependents.iter().map(|dependent| dependent.bytes).sum();
    if dependents.len() > DEPENDENTS_MAX || bytes > DEPENDENTS_BYTES_MAX {
        return Err(Error::TooManyDependents(id));
    }
    let ids: Vec<i64> = dependents.iter().map(|dependent| dependent.id).collect();
    store::deleted::keep(platform, id, timestamp::micros(platform.now()), &ids)?;
    let dependents = remove_from(platform, id, dependents)?;
    store::dependencies::remove(platform, id, &task.dependencies)?;
    store::terms::remove(platform, &task)?;
    store::tasks::delete(platform, id)?;
    upkeep::sometimes(platform, 1)?;

    announce(platform, "deleted", &task);
    announce_dependents(platform, id, &dependents)?;
    Ok(Deletion {
        message: format!("Task {id} deleted successfully"),
        affected_tasks: dependents.len() as u64,
    })
}

/// Removes a task from the dependencies of these tasks. Returns them with their new checksums.
fn remove_from(
    platform: &mut impl Platform,
    id: i64,
    mut dependents: Vec<Dependent>,
) -> Result<Vec<Dependent>, Error> {
    if dependents.is_empty() {
        return Ok(dependents);
    }
    let now = platform.now();
    for dependent in &mut dependents {
        dependent.checksum = checksum::after_deletion(&dependent.checksum, id, now);
    }
    let changes = dependents
        .iter()
        .map(|dependent| (dependent.id, dependent.checksum.as_str()));
    store::tasks::remove_dependency(platform, id, timestamp::micros(now), changes)?;
    store::dependencies::remove_from_all(platform, id)?;
    Ok(dependents)
}
