//! Changes a task (PUT or PATCH). With both methods, absent fields keep their values.

use crate::contract::tasks::{Task, TaskUpdate};
use crate::domain::change;
use crate::domain::validation::Validator;
use crate::error::Error;
use crate::operations::announce::announce;
use crate::operations::create::require_dependencies;
use crate::operations::upkeep;
use crate::platform::Platform;
use crate::store;
use crate::store::dependencies::Needs;

/// Maximum number of tasks that a task can depend on, directly or through other tasks, when its
/// dependencies change. It limits the work of looking for a cycle.
pub const NEEDED_MAX: usize = 10_000;

/// Changes a task.
///
/// # Errors
/// Returns [`Error::Invalid`] if a field breaks the rules, [`Error::TaskNotFound`] if no task has
/// this id, [`Error::MissingDependencies`] if a dependency does not exist,
/// [`Error::DependencyCycle`] if the task would depend on itself, and [`Error::TooManyNeeded`] if it
/// would depend on more than [`NEEDED_MAX`] tasks.
pub fn update(platform: &mut impl Platform, id: i64, change: TaskUpdate) -> Result<Task, Error> {
    let change = change::normalized(change);
    let mut validator = Validator::in_body();
    change::check(&change, &mut validator);
    validator.finish()?;
    let old = store::tasks::find(platform, id)?;
    if let Some(Some(ids)) = &change.dependencies {
        if ids.contains(&id) {
            return Err(Error::DependencyCycle(id));
        }
        require_dependencies(platform, &[ids], |validator, _| validator)?;
    }
    update_valid(platform, old, change)
}

/// Applies a change that was already checked, except for dependency cycles.
///
/// # Errors
/// Returns [`Error::DependencyCycle`] if the task would depend on itself, and
/// [`Error::TooManyNeeded`] if it would depend on more than [`NEEDED_MAX`] tasks.
pub(crate) fn update_valid(
    platform: &mut impl Platform,
    old: Task,
    change: TaskUpdate,
) -> Result<Task, Error> {
    let mut new = old.clone();
    change::apply(&mut new, change, platform.now());
    store::tasks::update(platform, &old, &new)?;
    index_terms(platform, &old, &new)?;
    index_dependencies(platform, &old, &new)?;
    store::history::prune_sometimes(platform, &new)?;
    upkeep::sometimes(platform, 2)?;
    announce(platform, "updated", &new);
    Ok(new)
}

fn index_terms(platform: &mut impl Platform, old: &Task, new: &Task) -> Result<(), Error> {
    let same = old.title == new.title && old.description == new.description && old.tags == new.tags;
    if same {
        return Ok(());
    }
    store::terms::change(platform, old, new)
}

fn index_dependencies(platform: &mut impl Platform, old: &Task, new: &Task) -> Result<(), Error> {
    let missing_in = |from: &Task, other: &Task| -> Vec<i64> {
        let ids = from.dependencies.iter().copied();
        ids.filter(|id| !other.dependencies.contains(id)).collect()
    };
    store::dependencies::remove(platform, new.id, &missing_in(old, new))?;
    let added = missing_in(new, old);
    if added.is_empty() {
        return Ok(());
    }
    store::dependencies::add(platform, new.id, &added)?;
    // Checked after writing, so that the query sees the new dependencies.
    match store::dependencies::needs(platform, new.id, NEEDED_MAX)? {
        Needs::Others => Ok(()),
        Needs::Itself => Err(Error::DependencyCycle(new.id)),
        Needs::TooMany => Err(Error::TooManyNeeded {
            id: new.id,
            limit: NEEDED_MAX,
        }),
    }
}
