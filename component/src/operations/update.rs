//! Changing a task, whole (PUT) or in part (PATCH): absent members stay in both.

use crate::contract::tasks::{Task, TaskUpdate};
use crate::domain::validation::Faults;
use crate::domain::{change, terms};
use crate::operations::announce;
use crate::operations::create::require;
use crate::platform::Platform;
use crate::refusal::Refusal;
use crate::store;

/// Changes a task.
///
/// # Errors
/// [`Refusal::Invalid`], [`Refusal::TaskNotFound`], [`Refusal::MissingDependencies`],
/// [`Refusal::DependencyCycle`].
pub fn update(platform: &mut impl Platform, id: i64, change: TaskUpdate) -> Result<Task, Refusal> {
    let mut faults = Faults::in_body();
    change::check(&change, &mut faults);
    faults.into_result()?;
    let old = store::tasks::find(platform, id)?;
    if let Some(Some(ids)) = &change.dependencies {
        if ids.contains(&id) {
            return Err(Refusal::DependencyCycle(id));
        }
        require(platform, &[ids], |faults, _| faults)?;
    }
    update_valid(platform, old, change)
}

/// Applies a change that is known to be valid, but for cycles.
pub(crate) fn update_valid(
    platform: &mut impl Platform,
    old: Task,
    change: TaskUpdate,
) -> Result<Task, Refusal> {
    let mut new = old.clone();
    change::apply(&mut new, change, platform.now());
    store::tasks::update(platform, &old, &new)?;
    index_terms(platform, &old, &new)?;
    index_dependencies(platform, &old, &new)?;
    announce(platform, "updated", &new);
    Ok(new)
}

fn index_terms(platform: &mut impl Platform, old: &Task, new: &Task) -> Result<(), Refusal> {
    let same = old.title == new.title && old.description == new.description && old.tags == new.tags;
    if same {
        return Ok(());
    }
    let (added, removed) = terms::difference(
        terms::of(&old.title, old.description.as_deref(), &old.tags),
        terms::of(&new.title, new.description.as_deref(), &new.tags),
    );
    store::terms::remove(platform, new.id, removed)?;
    store::terms::add(
        platform,
        added.into_iter().map(|term| (term, new.id)).collect(),
    )
}

fn index_dependencies(platform: &mut impl Platform, old: &Task, new: &Task) -> Result<(), Refusal> {
    let missing_in = |from: &Task, other: &Task| -> Vec<i64> {
        let ids = from.dependencies.iter().copied();
        ids.filter(|id| !other.dependencies.contains(id)).collect()
    };
    store::dependencies::remove(platform, new.id, &missing_in(old, new))?;
    let added = missing_in(new, old);
    if added.is_empty() {
        return Ok(());
    }
    let pairs: Vec<(i64, i64)> = added.into_iter().map(|on| (new.id, on)).collect();
    store::dependencies::add(platform, &pairs)?;
    // Asked after writing, so that the database walks what is to be kept.
    if store::dependencies::in_cycle(platform, new.id)? {
        return Err(Refusal::DependencyCycle(new.id));
    }
    Ok(())
}
