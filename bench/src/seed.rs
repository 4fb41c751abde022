//! The data that every round starts with.

use std::ops::Range;

use anyhow::{Result, ensure};
use testkit::client::Connection;

use crate::kind::Kind;
use crate::setup::{Options, Setup};

/// A number that no seeded task has.
pub const OTHER: usize = 1_000_001;

/// Creates that many tasks through the API, and keeps the database for the rounds to copy. The `options`
/// are those of an empty database.
///
/// # Errors
/// If a task is refused.
pub fn make(setup: &Setup, options: Options<'_>, tasks: usize) -> Result<()> {
    let server = setup.start(Kind::HostWithoutSync, options)?;
    let mut connection = Connection::open(server.api)?;
    for number in 1..=tasks {
        let answer = connection.post("/tasks", &draft(number))?;
        ensure!(
            answer.status == 201,
            "a task was refused: {}",
            answer.text()
        );
    }
    drop(connection);
    server.stop()?;
    setup.stores.keep(options.engine, tasks)
}

/// Returns a task of common size as JSON, a little different for each number.
pub fn draft(number: usize) -> String {
    titled(&format!("Task number {number} of the benchmark"), number)
}

/// Returns the same task with another title.
pub fn titled(title: &str, number: usize) -> String {
    let priority = ["low", "medium", "high", "critical"][number % 4];
    let category = ["development", "testing", "documentation", "bugfix"][number / 4 % 4];
    let hours = number % 16;
    format!(
        r#"{{"title":"{title}","description":"Something to be done, in a sentence or two, as people write them into a list of tasks.","priority":"{priority}","category":"{category}","assignee":"person-{}","estimated_hours":{hours}.5,"tags":["benchmark","number-{}"]}}"#,
        number % 7,
        number % 10,
    )
}

/// Returns several tasks as a JSON array.
pub fn drafts(numbers: Range<usize>) -> String {
    let drafts: Vec<String> = numbers.map(draft).collect();
    format!("[{}]", drafts.join(","))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_draft_is_json() {
        let drafts: Value = serde_json::from_str(&drafts(1..1001)).unwrap();
        let drafts = drafts.as_array().unwrap();
        assert_eq!(drafts.len(), 1000);
        for draft in drafts {
            assert_eq!(draft.as_object().unwrap().len(), 7);
        }
    }
}
