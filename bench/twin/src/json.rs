//! Writes responses as JSON, with the same fields, order and format as the host.

use serde::{Serialize, Serializer};
use tasks::contract::tasks::{BulkOutcome, Category, Deletion, Priority, Status, Summary, Task};

use crate::timestamp::Timestamp;

/// A task, by reference: nothing is copied.
#[derive(Serialize)]
struct TaskJson<'a> {
    id: i64,
    title: &'a str,
    description: Option<&'a str>,
    status: &'static str,
    priority: &'static str,
    category: &'static str,
    assignee: Option<&'a str>,
    estimated_hours: Option<f64>,
    actual_hours: Option<f64>,
    tags: &'a [String],
    dependencies: &'a [i64],
    due_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Option<Timestamp>,
    completed_at: Option<Timestamp>,
    checksum: &'a str,
}

impl<'a> From<&'a Task> for TaskJson<'a> {
    fn from(task: &'a Task) -> Self {
        TaskJson {
            id: task.id,
            title: &task.title,
            description: task.description.as_deref(),
            status: status(task.status),
            priority: priority(task.priority),
            category: category(task.category),
            assignee: task.assignee.as_deref(),
            estimated_hours: task.estimated_hours,
            actual_hours: task.actual_hours,
            tags: &task.tags,
            dependencies: &task.dependencies,
            due_at: task.due_at.map(Timestamp),
            created_at: Timestamp(task.created_at),
            updated_at: task.updated_at.map(Timestamp),
            completed_at: task.completed_at.map(Timestamp),
            checksum: &task.checksum,
        }
    }
}

#[derive(Serialize)]
struct DeletionJson<'a> {
    message: &'a str,
    affected_tasks: u64,
}

#[derive(Serialize)]
struct BulkJson<'a> {
    message: &'a str,
    task_ids: &'a [i64],
}

#[derive(Serialize)]
struct SummaryJson<'a> {
    total: u64,
    by_status: Counts<'a>,
    by_priority: Counts<'a>,
    by_category: Counts<'a>,
    by_assignee: Counts<'a>,
    other_assignees: u64,
    completion_rate: f64,
    average_estimated_hours: f64,
    average_actual_hours: f64,
    overdue_tasks: u64,
    blocked_tasks: u64,
}

/// Counts by name, written as an object.
struct Counts<'a>(&'a [(String, u64)]);

impl Serialize for Counts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, count)| (name, count)))
    }
}

/// Writes one task.
pub fn task(task: &Task) -> Vec<u8> {
    write(512, &TaskJson::from(task))
}

/// Writes an array of tasks.
pub fn list(tasks: &[Task]) -> Vec<u8> {
    let mut out = Vec::with_capacity(tasks.len() * 512 + 2);
    out.push(b'[');
    for (index, task) in tasks.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        serialize(&mut out, &TaskJson::from(task));
    }
    out.push(b']');
    out
}

/// Writes the result of a deletion.
pub fn deletion(deletion: &Deletion) -> Vec<u8> {
    write(
        64,
        &DeletionJson {
            message: &deletion.message,
            affected_tasks: deletion.affected_tasks,
        },
    )
}

/// Writes the result of a bulk creation.
pub fn bulk(outcome: &BulkOutcome) -> Vec<u8> {
    write(
        1024,
        &BulkJson {
            message: &outcome.message,
            task_ids: &outcome.task_ids,
        },
    )
}

/// Writes the figures over all tasks.
pub fn summary(summary: &Summary) -> Vec<u8> {
    write(
        1024,
        &SummaryJson {
            total: summary.total,
            by_status: Counts(&summary.by_status),
            by_priority: Counts(&summary.by_priority),
            by_category: Counts(&summary.by_category),
            by_assignee: Counts(&summary.by_assignee),
            other_assignees: summary.other_assignees,
            completion_rate: summary.completion_rate,
            average_estimated_hours: summary.average_estimated_hours,
            average_actual_hours: summary.average_actual_hours,
            overdue_tasks: summary.overdue_tasks,
            blocked_tasks: summary.blocked_tasks,
        },
    )
}

fn write(capacity: usize, value: &impl Serialize) -> Vec<u8> {
    let mut out = Vec::with_capacity(capacity);
    serialize(&mut out, value);
    out
}

fn serialize(out: &mut Vec<u8>, value: &impl Serialize) {
    // All map keys are strings, and writing to a Vec cannot fail.
    serde_json::to_writer(out, value).expect("responses serialize");
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Pending => "pending",
        Status::InProgress => "in_progress",
        Status::Completed => "completed",
        Status::Blocked => "blocked",
        Status::Cancelled => "cancelled",
    }
}

fn priority(priority: Priority) -> &'static str {
    match priority {
        Priority::Low => "low",
        Priority::Medium => "medium",
        Priority::High => "high",
        Priority::Critical => "critical",
    }
}

fn category(category: Category) -> &'static str {
    match category {
        Category::Development => "development",
        Category::Testing => "testing",
        Category::Documentation => "documentation",
        Category::Deployment => "deployment",
        Category::Bugfix => "bugfix",
        Category::Feature => "feature",
    }
}
