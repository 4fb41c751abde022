//! Restores a deleted task.

use crate::contract::tasks::Task;
use crate::domain::draft::distinct;
use crate::domain::validation::DEPENDENCIES_MAX;
use crate::domain::{checksum, timestamp};
use crate::error::Error;
use crate::operations::announce::{announce_dependents, announce_restored};
use crate::operations::delete::DEPENDENTS_BYTES_MAX;
use crate::operations::update::NEEDED_MAX;
use crate::operations::upkeep;
use crate::platform::Platform;
use crate::store;
use crate::store::deleted::Deleted;
use crate::store::dependencies::{Dependent, Needs};

/// Restores a deleted task under its id. It depends again on the tasks that still exist. The tasks that
/// depended on it depend on it again, except those that it needs itself by now, and those that have
/// as many dependencies as a task can have. With a task that is still deleted, both happen when that one is
/// restored, so the order in which tasks are restored does not matter.
///
/// If the task exists, it is returned as it is.
///
/// # Errors
/// Returns [`Error::NotRestorable`] if there is no such task and no deleted one,
/// [`Error::TooManyNeeded`] if the task would depend on more than [`NEEDED_MAX`] tasks, and
/// [`Error::TooManyDependents`] if the tasks that depend on it again have more than
/// [`DEPENDENTS_BYTES_MAX`].
pub fn restore(platform: &mut impl Platform, id: i64) -> Result<Task, Error> {
    let now = platform.now();
    let Some(deleted) = store::deleted::find(platform, id, timestamp::micros(now))? else {
        return store::tasks::find(platform, id).map_err(|error| match error {
            Error::TaskNotFound(_) => Error::NotRestorable(id),
            other => other,
        });
    };
    let Deleted {
        mut task,
        dependents,
    } = deleted;
    let missing = store::dependencies::missing(platform, task.dependencies.clone())?;
    task.dependencies
        .retain(|other| missing.binary_search(other).is_err());
    task.dependencies = distinct(task.dependencies);
    store::deleted::add_dependent(platform, id, &missing)?;
    task.updated_at = Some(timestamp::truncate(now));
    task.checksum = checksum::of(&task);

    store::tasks::insert_again(platform, &task)?;
    store::terms::add(platform, std::slice::from_ref(&task))?;
    store::dependencies::add(platform, id, &task.dependencies)?;
    if store::dependencies::needs(platform, id, NEEDED_MAX)? == Needs::TooMany {
        return Err(Error::TooManyNeeded {
            id,
            limit: NEEDED_MAX,
        });
    }
    store::deleted::add_dependency(platform, id, &dependents)?;
    let dependents = add_to(platform, id, &dependents)?;
    store::deleted::remove(platform, id)?;
    upkeep::sometimes(platform, 1)?;
    announce_restored(platform, &task);
    announce_dependents(platform, id, &dependents)?;
    Ok(task)
}

/// Adds a task to the dependencies of those of these tasks that can depend on it. Returns them with their new
/// checksums.
fn add_to(
    platform: &mut impl Platform,
    id: i64,
    dependents: &[i64],
) -> Result<Vec<Dependent>, Error> {
    if dependents.is_empty() {
        return Ok(Vec::new());
    }
    let limit = DEPENDENCIES_MAX as i64;
    let mut dependents = store::dependencies::former_dependents(platform, id, dependents, limit)?;
    if dependents.is_empty() {
        return Ok(dependents);
    }
    let bytes: u64 = dependents.iter().map(|dependent| dependent.bytes).sum();
    if bytes > DEPENDENTS_BYTES_MAX {
        return Err(Error::TooManyDependents(id));
    }
    let now = platform.now();
    for dependent in &mut dependents {
        dependent.checksum = checksum::after_restoration(&dependent.checksum, id, now);
    }
    let changes = dependents
        .iter()
        .map(|dependent| (dependent.id, dependent.checksum.as_str()));
    store::tasks::add_dependency(platform, id, timestamp::micros(now), changes)?;
    let pairs = dependents.iter().map(|dependent| (dependent.id, [id]));
    let pairs: Vec<(i64, [i64; 1])> = pairs.collect();
    store::dependencies::add_all(platform, pairs.iter().map(|(task, ids)| (*task, &ids[..])))?;
    Ok(dependents)
}
