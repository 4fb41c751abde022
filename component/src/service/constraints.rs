//! The constraints that the API's documentation states.
//!
//! The logic enforces them itself: it counts the characters of texts in normalisation form C, reports
//! every error of a request together, and answers contract 1 with the status 400.

use crate::contract::service::Constraint;
use crate::domain::validation::{
    ASSIGNEE_MAX, DEPENDENCIES_MAX, DESCRIPTION_MAX, HOURS_MAX, TAG_MAX, TAGS_MAX, TITLE_MAX,
    TITLE_MIN,
};
use crate::operations::{BULK_LIMIT, MAX_LIMIT};

/// Returns the constraints of both contracts.
pub fn all() -> Vec<Constraint> {
    let mut all = Vec::new();
    for record in ["task-draft", "task-update"] {
        let field = |name: &str| format!("tasks:api/tasks#{record}.{name}");
        all.extend([
            characters(field("title"), TITLE_MIN, TITLE_MAX),
            characters(field("description"), 0, DESCRIPTION_MAX),
            characters(field("assignee"), 0, ASSIGNEE_MAX),
            numbers(field("estimated-hours"), 0.0, Some(HOURS_MAX)),
            items(field("tags"), TAGS_MAX),
            characters(field("tags[]"), 1, TAG_MAX),
            items(field("dependencies"), DEPENDENCIES_MAX),
        ]);
    }
    let tasks = |path: &str| format!("tasks:api/tasks#{path}");
    all.extend([
        numbers(tasks("task-update.actual-hours"), 0.0, Some(HOURS_MAX)),
        numbers(tasks("task-filter.limit"), 1.0, Some(MAX_LIMIT as f64)),
        numbers(tasks("task-filter.offset"), 0.0, None),
        items(tasks("create-bulk.drafts"), BULK_LIMIT),
    ]);
    for record in ["simple-draft", "simple-update"] {
        let field = |name: &str| format!("tasks:api/simple-tasks#{record}.{name}");
        all.extend([
            characters(field("title"), 1, TITLE_MAX),
            characters(field("description"), 0, DESCRIPTION_MAX),
        ]);
    }
    all
}

fn characters(place: String, min: usize, max: usize) -> Constraint {
    Constraint {
        min_length: (min > 0).then_some(min as u32),
        max_length: Some(max as u32),
        ..constraint(place)
    }
}

fn items(place: String, max: usize) -> Constraint {
    Constraint {
        max_items: Some(max as u32),
        ..constraint(place)
    }
}

fn numbers(place: String, minimum: f64, maximum: Option<f64>) -> Constraint {
    Constraint {
        minimum: Some(minimum),
        maximum,
        ..constraint(place)
    }
}

/// The logic enforces its limits itself, with its own messages.
fn constraint(place: String) -> Constraint {
    Constraint {
        enforced: Some(false),
        ..Constraint::at(place)
    }
}
