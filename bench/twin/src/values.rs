//! Reads path parameters and JSON bodies with serde.
//!
//! Errors are less detailed than the host's, which report each error at its location. The benchmark
//! sends only requests that both accept.

use contract::FieldError;
use serde::{Deserialize, Deserializer};
use tasks::contract::tasks::{Category, Priority, Status, TaskDraft, TaskUpdate};
use transcode::{Input, InputError};

use crate::timestamp::Timestamp;

/// Returns the error of a value that does not fit, with its location.
pub fn invalid(pointer: &str, detail: impl ToString) -> InputError {
    InputError::Invalid(vec![FieldError {
        pointer: pointer.to_owned(),
        detail: detail.to_string(),
    }])
}

/// Reads the path parameter `id`.
///
/// # Errors
/// Returns [`InputError::Invalid`] if it is missing or not an integer.
pub fn id(input: &Input<'_>) -> Result<i64, InputError> {
    let id = input.parameters.iter().find(|(name, _)| name == "id");
    let id = id.and_then(|(_, id)| id.parse().ok());
    id.ok_or_else(|| invalid("#/path/id", "must be an integer"))
}

/// Reads the JSON body. If `patches` is true, it can also have the media type of a JSON merge patch.
///
/// # Errors
/// Returns [`InputError::UnsupportedMediaType`] for other media types, [`InputError::Malformed`] if the
/// body is not JSON, and [`InputError::Invalid`] if it does not fit the type.
pub fn body<'a, T: Deserialize<'a>>(input: &Input<'a>, patches: bool) -> Result<T, InputError> {
    let media_type = input.media_type.unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    let readable = essence.eq_ignore_ascii_case("application/json")
        || patches && essence.eq_ignore_ascii_case("application/merge-patch+json");
    if !readable {
        return Err(InputError::UnsupportedMediaType("application/json"));
    }
    serde_json::from_slice(input.body).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => invalid("#", error),
        _ => InputError::Malformed(error.to_string()),
    })
}

/// A new task. Its texts are read directly into the contract's own type.
pub struct Draft(pub TaskDraft);

impl<'de> Deserialize<'de> for Draft {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Json {
            title: String,
            description: Option<String>,
            priority: Option<PriorityJson>,
            category: CategoryJson,
            assignee: Option<String>,
            estimated_hours: Option<f64>,
            tags: Option<Vec<String>>,
            dependencies: Option<Vec<i64>>,
            due_at: Option<Timestamp>,
        }
        let json = Json::deserialize(deserializer)?;
        Ok(Draft(TaskDraft {
            title: json.title,
            description: json.description,
            priority: json.priority.map(Priority::from),
            category: json.category.into(),
            assignee: json.assignee,
            estimated_hours: json.estimated_hours,
            tags: json.tags,
            dependencies: json.dependencies,
            due_at: json.due_at.map(|time| time.0),
        }))
    }
}

/// A change to a task. Absent fields keep their values; null clears a field.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
pub struct Update {
    #[serde(deserialize_with = "present")]
    title: Option<Option<String>>,
    #[serde(deserialize_with = "present")]
    description: Option<Option<String>>,
    #[serde(deserialize_with = "present")]
    status: Option<Option<StatusJson>>,
    #[serde(deserialize_with = "present")]
    priority: Option<Option<PriorityJson>>,
    #[serde(deserialize_with = "present")]
    category: Option<Option<CategoryJson>>,
    #[serde(deserialize_with = "present")]
    assignee: Option<Option<String>>,
    #[serde(deserialize_with = "present")]
    estimated_hours: Option<Option<f64>>,
    #[serde(deserialize_with = "present")]
    actual_hours: Option<Option<f64>>,
    #[serde(deserialize_with = "present")]
    tags: Option<Option<Vec<String>>>,
    #[serde(deserialize_with = "present")]
    dependencies: Option<Option<Vec<i64>>>,
    #[serde(deserialize_with = "present")]
    due_at: Option<Option<Timestamp>>,
}

/// Reads a field that is present, even if it is null.
fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

impl From<Update> for TaskUpdate {
    fn from(update: Update) -> Self {
        TaskUpdate {
            title: update.title,
            description: update.description,
            status: update.status.map(|status| status.map(Status::from)),
            priority: update.priority.map(|priority| priority.map(Priority::from)),
            category: update.category.map(|category| category.map(Category::from)),
            assignee: update.assignee,
            estimated_hours: update.estimated_hours,
            actual_hours: update.actual_hours,
            tags: update.tags,
            dependencies: update.dependencies,
            due_at: update.due_at.map(|due| due.map(|time| time.0)),
        }
    }
}

/// Defines an enum that reads the JSON names of a contract's enum, with serde or from a query.
macro_rules! names {
    ($json:ident, $contract:ident { $($name:ident),* $(,)? }) => {
        #[derive(Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $json { $($name),* }

        impl From<$json> for $contract {
            fn from(json: $json) -> Self {
                match json { $($json::$name => $contract::$name),* }
            }
        }
    };
}

names!(
    StatusJson,
    Status {
        Pending,
        InProgress,
        Completed,
        Blocked,
        Cancelled
    }
);
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
    fn absent_null_and_present_fields_of_a_change_are_distinguished() {
        let update: Update = serde_json::from_str(r#"{"title": "new", "assignee": null}"#).unwrap();
        let change = TaskUpdate::from(update);
        assert_eq!(change.title, Some(Some("new".to_owned())));
        assert_eq!(change.assignee, Some(None));
        assert_eq!(change.status, None);
    }

    #[test]
    fn invalid_json_and_a_body_that_does_not_fit_are_distinguished() {
        let read = |text: &str| {
            let input = Input {
                media_type: Some("application/json"),
                body: text.as_bytes(),
                ..Input::default()
            };
            body::<Draft>(&input, false).err()
        };
        assert!(matches!(read("{"), Some(InputError::Malformed(_))));
        assert!(matches!(read("{}"), Some(InputError::Invalid(_))));
        assert_eq!(read(r#"{"title": "new", "category": "bugfix"}"#), None);
    }
}
