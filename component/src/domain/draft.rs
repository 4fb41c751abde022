//! From a draft to a new task.

use crate::contract::Datetime;
use crate::contract::tasks::{Priority, Status, Task, TaskDraft};
use crate::domain::validation::Faults;
use crate::domain::{checksum, moment};

/// Collects what is wrong with a draft.
pub fn check(draft: &TaskDraft, faults: &mut Faults) {
    faults.title(&draft.title);
    if let Some(description) = &draft.description {
        faults.description(description);
    }
    if let Some(assignee) = &draft.assignee {
        faults.assignee(assignee);
    }
    if let Some(hours) = draft.estimated_hours {
        faults.hours("estimated_hours", hours);
    }
    if let Some(tags) = &draft.tags {
        faults.tags(tags);
    }
    if let Some(dependencies) = &draft.dependencies {
        faults.dependencies(dependencies);
    }
    if let Some(due_at) = draft.due_at {
        faults.moment("due_at", due_at);
    }
}

/// The task that a valid draft becomes. Its id is 0 until the database has assigned one; the
/// checksum leaves the id out, so that one insertion can carry it.
pub fn into_task(draft: TaskDraft, now: Datetime) -> Task {
    let mut task = Task {
        id: 0,
        title: draft.title,
        description: draft.description,
        status: Status::Pending,
        priority: draft.priority.unwrap_or(Priority::Medium),
        category: draft.category,
        assignee: draft.assignee,
        estimated_hours: draft.estimated_hours,
        actual_hours: None,
        tags: distinct(draft.tags.unwrap_or_default()),
        dependencies: distinct(draft.dependencies.unwrap_or_default()),
        due_at: draft.due_at.map(moment::truncate),
        created_at: moment::truncate(now),
        updated_at: None,
        completed_at: None,
        checksum: String::new(),
    };
    task.checksum = checksum::of(&task);
    task
}

/// Drops repeats and keeps the order. Lists are short: no set is worth its allocation.
pub fn distinct<T: PartialEq>(values: Vec<T>) -> Vec<T> {
    let mut kept: Vec<T> = Vec::with_capacity(values.len());
    for value in values {
        if !kept.contains(&value) {
            kept.push(value);
        }
    }
    kept
}
