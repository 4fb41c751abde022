//! What a change does to a task.
//!
//! A member that is absent (`None`) stays; `Some(None)` is an explicit null.

use crate::contract::Datetime;
use crate::contract::tasks::{Status, Task, TaskUpdate};
use crate::domain::draft::distinct;
use crate::domain::validation::Faults;
use crate::domain::{checksum, moment};

/// Collects what is wrong with a change. Only what it names is looked at, so that a task whose
/// other members another contract allowed can still be changed.
pub fn check(change: &TaskUpdate, faults: &mut Faults) {
    match &change.title {
        Some(Some(title)) => faults.title(title),
        Some(None) => null(faults, "title"),
        None => {}
    }
    if change.status == Some(None) {
        null(faults, "status");
    }
    if change.priority == Some(None) {
        null(faults, "priority");
    }
    if change.category == Some(None) {
        null(faults, "category");
    }
    if let Some(Some(description)) = &change.description {
        faults.description(description);
    }
    if let Some(Some(assignee)) = &change.assignee {
        faults.assignee(assignee);
    }
    if let Some(Some(hours)) = change.estimated_hours {
        faults.hours("estimated_hours", hours);
    }
    if let Some(Some(hours)) = change.actual_hours {
        faults.hours("actual_hours", hours);
    }
    if let Some(Some(tags)) = &change.tags {
        faults.tags(tags);
    }
    if let Some(Some(dependencies)) = &change.dependencies {
        faults.dependencies(dependencies);
    }
    if let Some(Some(due_at)) = change.due_at {
        faults.moment("due_at", due_at);
    }
}

fn null(faults: &mut Faults, member: &str) {
    faults.add(member, format!("The {member} cannot be null."));
}

/// Applies a valid change. It is a change even where every value stays the same: `updated_at`
/// is set, as clients of both contracts expect after a PUT.
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
        task.due_at = due_at.map(moment::truncate);
    }
    touch(task, now);
}

/// Takes a task that no longer exists out of the dependencies.
pub fn forget_dependency(task: &mut Task, dependency: i64, now: Datetime) {
    task.dependencies.retain(|id| *id != dependency);
    touch(task, now);
}

/// Brings what follows from the other members up to date.
fn touch(task: &mut Task, now: Datetime) {
    let now = moment::truncate(now);
    if task.status == Status::Completed && task.completed_at.is_none() {
        task.completed_at = Some(now);
    }
    task.updated_at = Some(now);
    task.checksum = checksum::of(task);
}
