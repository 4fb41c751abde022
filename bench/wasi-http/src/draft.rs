//! Reads a new task from JSON with serde.

use serde::Deserialize;
use tasks::contract::tasks::{Category, Priority, TaskDraft};
use tasks::contract::types::Problem;

#[derive(Deserialize)]
struct Draft {
    title: String,
    description: Option<String>,
    priority: Option<PriorityJson>,
    category: CategoryJson,
    assignee: Option<String>,
    estimated_hours: Option<f64>,
    tags: Option<Vec<String>>,
    dependencies: Option<Vec<i64>>,
}

/// Reads a new task. The due date is ignored, because no measured request has one.
///
/// # Errors
/// Returns a [`Problem`] with the same status as the host: 400 if the body is not JSON, 422 if it is
/// not a task.
pub fn read(body: &[u8]) -> Result<TaskDraft, Box<Problem>> {
    let draft: Draft = serde_json::from_slice(body).map_err(|error| {
        let (status, code) = match error.is_data() {
            true => (422, "invalid-request"),
            false => (400, "malformed-request"),
        };
        Box::new(Problem {
            status,
            code: code.to_owned(),
            title: "The body cannot be read".to_owned(),
            detail: Some(error.to_string()),
            errors: Vec::new(),
            extensions: Vec::new(),
        })
    })?;
    Ok(TaskDraft {
        title: draft.title,
        description: draft.description,
        priority: draft.priority.map(Priority::from),
        category: draft.category.into(),
        assignee: draft.assignee,
        estimated_hours: draft.estimated_hours,
        tags: draft.tags,
        dependencies: draft.dependencies,
        due_at: None,
    })
}

/// Defines an enum that reads the JSON names of a contract's enum.
macro_rules! names {
    ($json:ident, $contract:ident { $($name:ident),* $(,)? }) => {
        #[derive(Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum $json { $($name),* }

        impl From<$json> for $contract {
            fn from(json: $json) -> Self {
                match json { $($json::$name => $contract::$name),* }
            }
        }
    };
}

names!(
    PriorityJson,
    Priority {
        Low,
        Medium,
        High,
        Critical
    }
);
names!(
    CategoryJson,
    Category {
        Development,
        Testing,
        Documentation,
        Deployment,
        Bugfix,
        Feature,
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_is_read_and_anything_else_is_rejected() {
        let draft = read(br#"{"title":"ab","category":"bugfix","tags":["x"]}"#).unwrap();
        assert_eq!(
            (draft.title.as_str(), draft.category),
            ("ab", Category::Bugfix)
        );
        assert_eq!(read(b"{").unwrap_err().status, 400);
        assert_eq!(read(br#"{"title":1}"#).unwrap_err().status, 422);
    }
}
