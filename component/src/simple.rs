//! The operations of contract 1, `/api/tasks`: the same tasks in a smaller shape.
//!
//! Faults are answered as this contract's clients know them, see
//! [`Refusal::into_simple_problem`](crate::refusal::Refusal::into_simple_problem).

mod shape;

use crate::contract::simple_tasks::{
    SimpleDeletion, SimpleDraft, SimplePriority, SimpleTask, SimpleUpdate,
};
use crate::contract::tasks::{Category, Direction, SortKey, Status, Task, TaskDraft, TaskUpdate};
use crate::domain::validation::{Faults, TITLE_MAX};
use crate::operations;
use crate::platform::Platform;
use crate::refusal::Refusal;
use crate::simple::shape::{priority, read_priority, task};
use crate::store;
use crate::store::list::Query;

/// Lists the newest tasks, at most [`LIST_LIMIT`].
///
/// # Errors
/// Only what [`crate::operations`] says of every operation.
pub fn list(platform: &mut impl Platform) -> Result<Vec<SimpleTask>, Refusal> {
    let (key, direction) = (SortKey::CreatedAt, Direction::Desc);
    let tasks = Query::new().run(platform, key, direction, LIST_LIMIT, 0)?;
    Ok(tasks.into_iter().map(task).collect())
}

/// Tasks in one answer, at most: this contract knows no pages, and an answer must end.
pub const LIST_LIMIT: i64 = 10_000;

/// Creates a task of the category `feature`.
///
/// # Errors
/// [`Refusal::Invalid`].
pub fn create(platform: &mut impl Platform, draft: SimpleDraft) -> Result<SimpleTask, Refusal> {
    let mut faults = Faults::in_body();
    let title = draft.title.unwrap_or_default();
    check_title(&title, &mut faults);
    let description = draft.description.filter(|text| !text.is_empty());
    if let Some(description) = &description {
        faults.description(description);
    }
    faults.into_result()?;
    let draft = TaskDraft {
        title,
        description,
        priority: draft.priority.map(priority),
        category: Category::Feature,
        assignee: None,
        estimated_hours: None,
        tags: None,
        dependencies: None,
        due_at: None,
    };
    operations::create_valid(platform, draft).map(task)
}

/// Reads one task.
///
/// # Errors
/// [`Refusal::TaskNotFound`], also where the id is no number.
pub fn get(platform: &mut impl Platform, id: &str) -> Result<SimpleTask, Refusal> {
    find(platform, id).map(task)
}

/// Changes a task. `completed` sets the status to completed, or from completed to pending. The
/// priority of a critical task stays where the change says `high`, which it reads as.
///
/// # Errors
/// [`Refusal::Invalid`], [`Refusal::TaskNotFound`].
pub fn update(
    platform: &mut impl Platform,
    id: &str,
    change: SimpleUpdate,
) -> Result<SimpleTask, Refusal> {
    let mut faults = Faults::in_body();
    if let Some(title) = &change.title {
        check_title(title, &mut faults);
    }
    if let Some(description) = &change.description {
        faults.description(description);
    }
    faults.into_result()?;
    let old = find(platform, id)?;
    let change = full_change(&old, change);
    operations::update_valid(platform, old, change).map(task)
}

/// Deletes a task.
///
/// # Errors
/// [`Refusal::TaskNotFound`].
pub fn delete(platform: &mut impl Platform, id: &str) -> Result<SimpleDeletion, Refusal> {
    operations::delete(platform, number(id)?)?;
    Ok(SimpleDeletion {
        message: "Task deleted successfully".to_owned(),
    })
}

fn full_change(old: &Task, change: SimpleUpdate) -> TaskUpdate {
    let status = match change.completed {
        Some(true) => Some(Status::Completed),
        Some(false) if old.status == Status::Completed => Some(Status::Pending),
        _ => None,
    };
    let differs = |new: &SimplePriority| *new != read_priority(old.priority);
    TaskUpdate {
        title: change.title.map(Some),
        description: change
            .description
            .map(|text| Some(text).filter(|text| !text.is_empty())),
        status: status.map(Some),
        priority: change
            .priority
            .filter(differs)
            .map(|new| Some(priority(new))),
        category: None,
        assignee: None,
        estimated_hours: None,
        actual_hours: None,
        tags: None,
        dependencies: None,
        due_at: None,
    }
}

/// A title that is not blank, of any length up to contract 2's limit.
fn check_title(title: &str, faults: &mut Faults) {
    if title.trim().is_empty() {
        faults.add("title", "Title is required");
    } else if title.chars().count() > TITLE_MAX {
        faults.add(
            "title",
            format!("Title has more than {TITLE_MAX} characters"),
        );
    }
}

fn find(platform: &mut impl Platform, id: &str) -> Result<Task, Refusal> {
    store::tasks::find(platform, number(id)?)
}

/// An id as it is written, and in no other way: `007` and `+7` are not task 7.
fn number(id: &str) -> Result<i64, Refusal> {
    let number: Option<i64> = id.parse().ok();
    let number = number.filter(|number| number.to_string() == id);
    number.ok_or_else(|| Refusal::TaskNotFound(id.to_owned()))
}
