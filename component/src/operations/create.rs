//! Creates one task or many.

use crate::contract::tasks::{BulkOutcome, Task, TaskDraft};
use crate::domain::draft;
use crate::domain::validation::Validator;
use crate::error::Error;
use crate::operations::announce::announce;
use crate::operations::upkeep;
use crate::platform::Platform;
use crate::store;

/// Maximum number of tasks in one request.
pub const BULK_LIMIT: usize = 100;

/// Creates a task.
///
/// # Errors
/// Returns [`Error::Invalid`] if a field breaks the rules, and [`Error::MissingDependencies`] if a
/// dependency does not exist.
pub fn create(platform: &mut impl Platform, draft: TaskDraft) -> Result<Task, Error> {
    let draft = draft::normalized(draft);
    let mut validator = Validator::in_body();
    draft::check(&draft, &mut validator);
    validator.finish()?;
    if let Some(ids) = &draft.dependencies {
        require_dependencies(platform, &[ids], |validator, _| validator)?;
    }
    create_valid(platform, draft)
}

/// Creates up to [`BULK_LIMIT`] tasks. Atomic. An empty list creates nothing.
///
/// # Errors
/// Returns [`Error::TooManyTasks`] if there are more, [`Error::Invalid`] if a field breaks the
/// rules, and [`Error::MissingDependencies`] if a dependency did not exist before this request.
pub fn create_bulk(
    platform: &mut impl Platform,
    drafts: Vec<TaskDraft>,
) -> Result<BulkOutcome, Error> {
    if drafts.len() > BULK_LIMIT {
        return Err(Error::TooManyTasks {
            count: drafts.len(),
            limit: BULK_LIMIT,
        });
    }
    let drafts: Vec<TaskDraft> = drafts.into_iter().map(draft::normalized).collect();
    let mut validator = Validator::in_body();
    for (index, draft) in drafts.iter().enumerate() {
        validator.enter(index);
        draft::check(draft, &mut validator);
    }
    validator.finish()?;
    let lists: Vec<&[i64]> = drafts
        .iter()
        .map(|draft| draft.dependencies.as_deref().unwrap_or_default())
        .collect();
    require_dependencies(platform, &lists, |mut validator, index| {
        validator.enter(index);
        validator
    })?;

    let tasks = save(platform, drafts)?;
    Ok(BulkOutcome {
        message: format!("Created {} tasks successfully", tasks.len()),
        task_ids: tasks.into_iter().map(|task| task.id).collect(),
    })
}

/// Creates a task from a draft that was already checked.
pub(crate) fn create_valid(platform: &mut impl Platform, draft: TaskDraft) -> Result<Task, Error> {
    let mut tasks = save(platform, vec![draft])?;
    tasks
        .pop()
        .ok_or(Error::Corrupt("no task was created from the draft"))
}

/// Writes the tasks in the order of the drafts, and then the index rows of all of them.
fn save(platform: &mut impl Platform, drafts: Vec<TaskDraft>) -> Result<Vec<Task>, Error> {
    let now = platform.now();
    let drafts = drafts.into_iter();
    let mut tasks: Vec<Task> = drafts.map(|draft| draft::into_task(draft, now)).collect();
    store::tasks::insert(platform, &mut tasks)?;
    store::terms::add(platform, &tasks)?;
    let dependencies = tasks.iter().map(|task| (task.id, &*task.dependencies));
    store::dependencies::add_all(platform, dependencies)?;
    for task in &tasks {
        announce(platform, "created", task);
    }
    upkeep::sometimes(platform, tasks.len())?;
    Ok(tasks)
}

/// Checks that all dependencies exist. `enter` moves the validator to the object in the body that a
/// list belongs to.
///
/// # Errors
/// Returns [`Error::MissingDependencies`] with the location of each dependency that does not exist.
pub(super) fn require_dependencies(
    platform: &mut impl Platform,
    lists: &[&[i64]],
    enter: impl Fn(Validator, usize) -> Validator,
) -> Result<(), Error> {
    let missing = store::dependencies::missing(platform, lists.concat())?;
    if missing.is_empty() {
        return Ok(());
    }
    let mut validator = Validator::in_body();
    for (index, ids) in lists.iter().enumerate() {
        validator = enter(validator, index);
        for (index, id) in ids.iter().enumerate() {
            if missing.binary_search(id).is_ok() {
                let member = format!("dependencies/{index}");
                validator.add(&member, format!("There is no task {id}."));
            }
        }
    }
    Err(Error::MissingDependencies(validator.into_errors()))
}
