//! Checks drafts and turns them into new tasks.

use crate::contract::Datetime;
use crate::contract::tasks::{Priority, Status, Task, TaskDraft};
use crate::domain::validation::Validator;
use crate::domain::{checksum, text, timestamp};

/// Brings a draft's values into the form in which they are checked, stored and compared: texts in
/// normalisation form C, and zero without a sign.
pub fn normalized(draft: TaskDraft) -> TaskDraft {
    TaskDraft {
        title: text::normalized(draft.title),
        description: draft.description.map(text::normalized),
        assignee: draft.assignee.map(text::normalized),
        estimated_hours: draft.estimated_hours.map(unsigned_zero),
        tags: draft.tags.map(normalized_tags),
        ..draft
    }
}

/// Brings tags into normalisation form C.
pub fn normalized_tags(tags: Vec<String>) -> Vec<String> {
    tags.into_iter().map(text::normalized).collect()
}

/// Turns -0.0 into 0.0.
pub fn unsigned_zero(hours: f64) -> f64 {
    hours + 0.0
}

/// Collects the errors in a normalized draft.
pub fn check(draft: &TaskDraft, validator: &mut Validator) {
    validator.title(&draft.title);
    if let Some(description) = &draft.description {
        validator.description(description);
    }
    if let Some(assignee) = &draft.assignee {
        validator.assignee(assignee);
    }
    if let Some(hours) = draft.estimated_hours {
        validator.hours("estimated_hours", hours);
    }
    if let Some(tags) = &draft.tags {
        validator.tags(tags);
    }
    if let Some(dependencies) = &draft.dependencies {
        validator.dependencies(dependencies);
    }
    if let Some(due_at) = draft.due_at {
        validator.timestamp("due_at", due_at);
    }
}

/// Returns the task for a valid draft. Its id is 0 until the database assigns one. The checksum does
/// not depend on the id, so a single insertion writes both.
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
        due_at: draft.due_at.map(timestamp::truncate),
        created_at: timestamp::truncate(now),
        updated_at: None,
        completed_at: None,
        checksum: String::new(),
    };
    task.checksum = checksum::of(&task);
    task
}

/// Removes duplicates and keeps the order. Lists are short, so allocating a set would cost more.
pub fn distinct<T: PartialEq>(values: Vec<T>) -> Vec<T> {
    let mut kept: Vec<T> = Vec::with_capacity(values.len());
    for value in values {
        if !kept.contains(&value) {
            kept.push(value);
        }
    }
    kept
}
