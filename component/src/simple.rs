//! The operations of contract 1, `/api/tasks`: the same tasks in a smaller shape.
//!
//! Errors are returned in the form that this contract's clients expect; see
//! [`Error::into_simple_problem`](crate::error::Error::into_simple_problem). Every operation can also
//! return [`Error::Database`] and [`Error::Corrupt`]; the `# Errors` sections list only the others.

mod shape;

use crate::contract::simple_tasks::{
    SimpleDeletion, SimpleDraft, SimplePage, SimplePriority, SimpleTask, SimpleUpdate,
};
use crate::contract::tasks::{Category, Direction, SortKey, Status, Task, TaskDraft, TaskUpdate};
use crate::domain::text;
use crate::domain::validation::{TITLE_MAX, Validator};
use crate::error::Error;
use crate::operations::{self, Bounds, Page};
use crate::platform::Platform;
use crate::simple::shape::{from_simple_priority, to_simple, to_simple_priority};
use crate::store;
use crate::store::list::{Filters, Order};

/// Maximum number of tasks on a page.
pub const LIST_LIMIT: usize = 10_000;

/// Lists all tasks, newest first. The page ends after [`LIST_LIMIT`] tasks, or before
/// [`PAGE_BYTES`](operations::PAGE_BYTES), and has a cursor for the next one.
///
/// # Errors
/// Returns [`Error::Invalid`] if the cursor is not from this list.
pub fn list(platform: &mut impl Platform, cursor: Option<String>) -> Result<SimplePage, Error> {
    let order = Order {
        key: SortKey::CreatedAt,
        direction: Direction::Desc,
    };
    let mut validator = Validator::in_query();
    let start = cursor.and_then(|cursor| {
        let start = operations::read_cursor(&cursor, order);
        if start.is_none() {
            validator.add("cursor", "The cursor is not from this list.");
        }
        start
    });
    validator.finish()?;
    let bounds = Bounds {
        start,
        offset: 0,
        limit: LIST_LIMIT,
    };
    let filters = Filters::default();
    let Page { tasks, next } =
        operations::read_page(platform, &filters, order, bounds, shape::size)?;
    Ok(SimplePage {
        tasks: tasks.into_iter().map(to_simple).collect(),
        next: next.map(|position| operations::write_cursor(position, order)),
    })
}

/// Creates a task of the category `feature`.
///
/// # Errors
/// Returns [`Error::Invalid`] if a field breaks the rules.
pub fn create(platform: &mut impl Platform, draft: SimpleDraft) -> Result<SimpleTask, Error> {
    let mut validator = Validator::in_body();
    let title = text::normalized(draft.title.unwrap_or_default());
    check_title(&title, &mut validator);
    let description = draft.description.filter(|text| !text.is_empty());
    let description = description.map(text::normalized);
    if let Some(description) = &description {
        validator.description(description);
    }
    validator.finish()?;
    let draft = TaskDraft {
        title,
        description,
        priority: draft.priority.map(from_simple_priority),
        category: Category::Feature,
        assignee: None,
        estimated_hours: None,
        tags: None,
        dependencies: None,
        due_at: None,
    };
    operations::create_valid(platform, draft).map(to_simple)
}

/// Returns one task.
///
/// # Errors
/// Returns [`Error::TaskNotFound`] if no task has this id or the id is not a number.
pub fn get(platform: &mut impl Platform, id: &str) -> Result<SimpleTask, Error> {
    find(platform, id).map(to_simple)
}

/// Changes a task. `completed: true` sets the status to completed. `completed: false` sets a completed
/// task to pending. This contract returns the priority `critical` as `high`, so a change to `high`
/// leaves a critical task critical.
///
/// # Errors
/// Returns [`Error::Invalid`] if a field breaks the rules, and [`Error::TaskNotFound`] if no task has
/// this id or the id is not a number.
pub fn update(
    platform: &mut impl Platform,
    id: &str,
    change: SimpleUpdate,
) -> Result<SimpleTask, Error> {
    let change = SimpleUpdate {
        title: change.title.map(text::normalized),
        description: change.description.map(text::normalized),
        ..change
    };
    let mut validator = Validator::in_body();
    if let Some(title) = &change.title {
        check_title(title, &mut validator);
    }
    if let Some(description) = &change.description {
        validator.description(description);
    }
    validator.finish()?;
    let old = find(platform, id)?;
    let change = to_task_update(&old, change);
    operations::update_valid(platform, old, change).map(to_simple)
}

/// Deletes a task.
///
/// # Errors
/// Returns [`Error::TaskNotFound`] if no task has this id or the id is not a number, and
/// [`Error::TooManyDependents`] if too many tasks depend on it.
pub fn delete(platform: &mut impl Platform, id: &str) -> Result<SimpleDeletion, Error> {
    operations::delete(platform, parse_id(id)?)?;
    Ok(SimpleDeletion {
        message: "Task deleted successfully".to_owned(),
    })
}

/// Converts a change of this contract to a change of contract 2.
fn to_task_update(old: &Task, change: SimpleUpdate) -> TaskUpdate {
    let status = match change.completed {
        Some(true) => Some(Status::Completed),
        Some(false) if old.status == Status::Completed => Some(Status::Pending),
        _ => None,
    };
    let differs = |new: &SimplePriority| *new != to_simple_priority(old.priority);
    TaskUpdate {
        title: change.title.map(Some),
        description: change
            .description
            .map(|text| Some(text).filter(|text| !text.is_empty())),
        status: status.map(Some),
        priority: change
            .priority
            .filter(differs)
            .map(|new| Some(from_simple_priority(new))),
        category: None,
        assignee: None,
        estimated_hours: None,
        actual_hours: None,
        tags: None,
        dependencies: None,
        due_at: None,
    }
}

/// Checks a title: not blank, at most as long as in contract 2.
fn check_title(title: &str, validator: &mut Validator) {
    if title.trim().is_empty() {
        validator.add("title", "Title is required");
    } else if title.chars().count() > TITLE_MAX {
        validator.add(
            "title",
            format!("Title has more than {TITLE_MAX} characters"),
        );
    }
}

fn find(platform: &mut impl Platform, id: &str) -> Result<Task, Error> {
    store::tasks::find(platform, parse_id(id)?)
}

/// Parses an id. Only its canonical form is valid: `007` and `+7` are not task 7.
fn parse_id(id: &str) -> Result<i64, Error> {
    let number: Option<i64> = id.parse().ok();
    let number = number.filter(|number| number.to_string() == id);
    number.ok_or_else(|| Error::TaskNotFound(id.to_owned()))
}
