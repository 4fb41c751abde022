//! Answers as JSON: the members, their order and their form are the host's.

use std::fmt;

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use serde::{Serialize, Serializer};
use tasks::contract::Datetime;
use tasks::contract::tasks::{BulkOutcome, Category, Deletion, Priority, Status, Summary, Task};

/// A task, of which nothing is copied.
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
    due_at: Option<Moment>,
    created_at: Moment,
    updated_at: Option<Moment>,
    completed_at: Option<Moment>,
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
            due_at: task.due_at.map(Moment),
            created_at: Moment(task.created_at),
            updated_at: task.updated_at.map(Moment),
            completed_at: task.completed_at.map(Moment),
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
    completion_rate: f64,
    average_estimated_hours: f64,
    average_actual_hours: f64,
    overdue_tasks: u64,
    blocked_tasks: u64,
}

/// Numbers by name: an object.
struct Counts<'a>(&'a [(String, u64)]);

impl Serialize for Counts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, count)| (name, count)))
    }
}

/// One task.
pub fn task(task: &Task) -> Vec<u8> {
    write(512, &TaskJson::from(task))
}

/// An array of tasks.
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

/// What a deletion did.
pub fn deletion(deletion: &Deletion) -> Vec<u8> {
    write(
        64,
        &DeletionJson {
            message: &deletion.message,
            affected_tasks: deletion.affected_tasks,
        },
    )
}

/// What was created in bulk.
pub fn bulk(outcome: &BulkOutcome) -> Vec<u8> {
    write(
        1024,
        &BulkJson {
            message: &outcome.message,
            task_ids: &outcome.task_ids,
        },
    )
}

/// Figures over all tasks.
pub fn summary(summary: &Summary) -> Vec<u8> {
    write(
        1024,
        &SummaryJson {
            total: summary.total,
            by_status: Counts(&summary.by_status),
            by_priority: Counts(&summary.by_priority),
            by_category: Counts(&summary.by_category),
            by_assignee: Counts(&summary.by_assignee),
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
    // Nothing here is a map with keys that are no strings, and a Vec takes every byte.
    serde_json::to_writer(out, value).expect("answers serialize");
}

/// A moment after RFC 3339, its fraction with 0, 3, 6 or 9 digits.
struct Moment(Datetime);

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Datetime {
            seconds,
            nanoseconds,
        } = self.0;
        let digits = match nanoseconds {
            0 => 0,
            nanoseconds if nanoseconds % 1_000_000 == 0 => 3,
            nanoseconds if nanoseconds % 1_000 == 0 => 6,
            _ => 9,
        };
        let seconds = i64::try_from(seconds).map_err(|_| fmt::Error)?;
        let nanoseconds = i32::try_from(nanoseconds).map_err(|_| fmt::Error)?;
        let moment = Timestamp::new(seconds, nanoseconds).map_err(|_| fmt::Error)?;
        DateTimePrinter::new()
            .precision(Some(digits))
            .print_timestamp(&moment, jiff::fmt::StdFmtWrite(f))
            .map_err(|_| fmt::Error)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_as_many_digits_as_it_needs_in_threes() {
        for (nanoseconds, text) in [
            (0, "2026-03-01T10:20:30Z"),
            (100_000_000, "2026-03-01T10:20:30.100Z"),
            (123_456_000, "2026-03-01T10:20:30.123456Z"),
            (1, "2026-03-01T10:20:30.000000001Z"),
        ] {
            let moment = Moment(Datetime {
                seconds: 1_772_360_430,
                nanoseconds,
            });
            assert_eq!(moment.to_string(), text);
        }
    }
}
