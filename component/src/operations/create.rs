//! Creating tasks, one or many.

use crate::contract::tasks::{BulkOutcome, Task, TaskDraft};
use crate::domain::validation::Faults;
use crate::domain::{draft, terms};
use crate::operations::announce;
use crate::platform::Platform;
use crate::refusal::Refusal;
use crate::store;

/// Tasks in one request, at most.
pub const BULK_LIMIT: usize = 100;

/// Creates a task.
///
/// # Errors
/// [`Refusal::Invalid`], [`Refusal::MissingDependencies`].
pub fn create(platform: &mut impl Platform, draft: TaskDraft) -> Result<Task, Refusal> {
    let mut faults = Faults::in_body();
    draft::check(&draft, &mut faults);
    faults.into_result()?;
    if let Some(ids) = &draft.dependencies {
        require(platform, &[ids], |faults, _| faults)?;
    }
    create_valid(platform, draft)
}

/// Creates up to [`BULK_LIMIT`] tasks, all or none; none of none. A draft may only depend on
/// tasks that were there before.
///
/// # Errors
/// [`Refusal::TooManyTasks`], [`Refusal::Invalid`], [`Refusal::MissingDependencies`].
pub fn create_bulk(
    platform: &mut impl Platform,
    drafts: Vec<TaskDraft>,
) -> Result<BulkOutcome, Refusal> {
    if drafts.len() > BULK_LIMIT {
        return Err(Refusal::TooManyTasks(drafts.len()));
    }
    let mut faults = Faults::in_body();
    for (index, draft) in drafts.iter().enumerate() {
        faults.enter(index);
        draft::check(draft, &mut faults);
    }
    faults.into_result()?;
    let lists: Vec<&[i64]> = drafts
        .iter()
        .map(|draft| draft.dependencies.as_deref().unwrap_or_default())
        .collect();
    require(platform, &lists, |mut faults, index| {
        faults.enter(index);
        faults
    })?;

    let tasks = save(platform, drafts)?;
    Ok(BulkOutcome {
        message: format!("Created {} tasks successfully", tasks.len()),
        task_ids: tasks.into_iter().map(|task| task.id).collect(),
    })
}

/// Creates a task from a draft that is known to be valid.
pub(crate) fn create_valid(
    platform: &mut impl Platform,
    draft: TaskDraft,
) -> Result<Task, Refusal> {
    let mut tasks = save(platform, vec![draft])?;
    tasks
        .pop()
        .ok_or(Refusal::Corrupt("a draft became no task"))
}

/// Writes the tasks' rows one by one, in the order of the drafts, and then the index rows of
/// all of them together.
fn save(platform: &mut impl Platform, drafts: Vec<TaskDraft>) -> Result<Vec<Task>, Refusal> {
    let now = platform.now();
    let mut tasks = Vec::with_capacity(drafts.len());
    let (mut found_by, mut waits_for) = (Vec::new(), Vec::new());
    for draft in drafts {
        let mut task = draft::into_task(draft, now);
        task.id = store::tasks::insert(platform, &task)?;
        let terms = terms::of(&task.title, task.description.as_deref(), &task.tags);
        found_by.extend(terms.into_iter().map(|term| (term, task.id)));
        waits_for.extend(
            task.dependencies
                .iter()
                .map(|dependency| (task.id, *dependency)),
        );
        announce(platform, "created", &task);
        tasks.push(task);
    }
    store::terms::add(platform, found_by)?;
    store::dependencies::add(platform, &waits_for)?;
    Ok(tasks)
}

/// Refuses dependencies that do not exist, each at its place. `enter` leads from the body to
/// the object that a list belongs to.
pub(super) fn require(
    platform: &mut impl Platform,
    lists: &[&[i64]],
    enter: impl Fn(Faults, usize) -> Faults,
) -> Result<(), Refusal> {
    let missing = store::dependencies::missing(platform, lists.concat())?;
    if missing.is_empty() {
        return Ok(());
    }
    let mut faults = Faults::in_body();
    for (index, ids) in lists.iter().enumerate() {
        faults = enter(faults, index);
        for (place, id) in ids.iter().enumerate() {
            if missing.binary_search(id).is_ok() {
                let member = format!("dependencies/{place}");
                faults.add(&member, format!("There is no task {id}."));
            }
        }
    }
    Err(Refusal::MissingDependencies(faults.into_errors()))
}
