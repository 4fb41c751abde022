//! Checks changes and applies them to tasks.
//!
//! In a change, `None` is an absent field, which keeps its value. `Some(None)` is an explicit null.

use crate::contract::Datetime;
use crate::contract::tasks::{Status, Task, TaskUpdate};
use crate::domain::draft::{distinct, normalized_tags, unsigned_zero};
use crate::domain::validation::Validator;
use crate::domain::{checksum, text, timestamp};

/// Brings a change's values into the form in which they are checked, stored and compared. See
/// [`draft::normalized`](crate::domain::draft::normalized).
pub fn normalized(change: TaskUpdate) -> TaskUpdate {
    TaskUpdate {
        title: change.title.map(|title| title.map(text::normalized)),
        description: change.description.map(|text| text.map(text::normalized)),
        assignee: change.assignee.map(|name| name.map(text::normalized)),
        estimated_hours: change.estimated_hours.map(|hours| hours.map(unsigned_zero)),
        actual_hours: change.actual_hours.map(|hours| hours.map(unsigned_zero)),
        tags: change.tags.map(|tags| tags.map(normalized_tags)),
        ..change
    }
}

/// Collects the errors in a normalized change. Only the fields of the change are checked. A task with values
/// that only contract 1 allows, such as a short title, can therefore still be changed.
pub fn check(change: &TaskUpdate, validator: &mut Validator) {
    match &change.title {
        Some(Some(title)) => validator.title(title),
        Some(None) => reject_null(validator, "title"),
        None => {}
    }
    if change.status == Some(None) {
        reject_null(validator, "status");
    }
    if change.priority == Some(None) {
        reject_null(validator, "priority");
    }
    if change.category == Some(None) {
        reject_null(validator, "category");
    }
    if let Some(Some(description)) = &change.description {
        validator.description(description);
    }
    if let Some(Some(assignee)) = &change.assignee {
        validator.assignee(assignee);
    }
    if let Some(Some(hours)) = change.estimated_hours {
        validator.hours("estimated_hours", hours);
    }
    if let Some(Some(hours)) = change.actual_hours {
        validator.hours("actual_hours", hours);
    }
    if let Some(Some(tags)) = &change.tags {
        validator.tags(tags);
    }
    if let Some(Some(dependencies)) = &change.dependencies {
        validator.dependencies(dependencies);
    }
    if let Some(Some(due_at)) = change.due_at {
        validator.timestamp("due_at", due_at);
    }
}

fn reject_null(validator: &mut Validator, field: &str) {
    validator.add(field, format!("The {field} must not be null."));
}

/// Applies a valid change. `updated_at` is set even if every value stays the same, because clients of
/// both contracts expect that after a PUT.
pub fn apply(task: &mut Task, change: TaskUpdate, now: Datetime) {
    if let Some(title) = change.title.flatten() {
        task.title = title;
    }
    if let Some(status) = change.status.flatten() {
        task.status = status;
    }
    if let Some(priority) = change.priority.flatten() {
        task.priority = priority;
    }
    if let Some(category) = change.category.flatten() {
        task.category = category;
    }
    if let Some(description) = change.description {
        task.description = description;
    }
    if let Some(assignee) = change.assignee {
        task.assignee = assignee;
    }
    if let Some(hours) = change.estimated_hours {
        task.estimated_hours = hours;
    }
    if let Some(hours) = change.actual_hours {
        task.actual_hours = hours;
    }
    if let Some(tags) = change.tags {
        task.tags = distinct(tags.unwrap_or_default());
    }
    if let Some(dependencies) = change.dependencies {
        task.dependencies = distinct(dependencies.unwrap_or_default());
    }
    if let Some(due_at) = change.due_at {
        task.due_at = due_at.map(timestamp::truncate);
    }
    update_derived(task, now);
}

/// Updates the fields that follow from the others: `completed_at`, `updated_at` and `checksum`.
fn update_derived(task: &mut Task, now: Datetime) {
    let now = timestamp::truncate(now);
    if task.status == Status::Completed && task.completed_at.is_none() {
        task.completed_at = Some(now);
    }
    task.updated_at = Some(now);
    task.checksum = checksum::of(task);
}
