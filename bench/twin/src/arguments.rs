//! Requests into arguments, by serde. Refusals are coarser than the host's, which name each
//! fault by its place; what is measured is accepted by both.

use contract::FieldError;
use serde::{Deserialize, Deserializer, de};
use tasks::contract::Datetime;
use tasks::contract::tasks::{Category, Priority, Status, TaskDraft, TaskFilter, TaskUpdate};
use transcode::{Input, InputError};

use crate::filter;
use crate::logic::Operation;

/// An operation with its arguments.
pub enum Arguments {
    Get(i64),
    List(Box<TaskFilter>),
    Create(Box<TaskDraft>),
    CreateBulk(Vec<TaskDraft>),
    Update(i64, Box<TaskUpdate>),
    Delete(i64),
    Summarize,
}

impl Arguments {
    /// Reads what a request brings.
    ///
    /// # Errors
    /// [`InputError`]: what the client sent does not fit the operation.
    pub fn read(operation: Operation, input: &Input<'_>) -> Result<Self, InputError> {
        Ok(match operation {
            Operation::Get => Arguments::Get(id(input)?),
            Operation::Delete => Arguments::Delete(id(input)?),
            Operation::List => {
                Arguments::List(Box::new(filter::read(input.query.unwrap_or_default())?))
            }
            Operation::Create => Arguments::Create(Box::new(body::<Draft>(input, false)?.0)),
            Operation::CreateBulk => {
                let drafts = body::<Vec<Draft>>(input, false)?;
                Arguments::CreateBulk(drafts.into_iter().map(|draft| draft.0).collect())
            }
            Operation::Summarize => Arguments::Summarize,
            Operation::Update => {
                Arguments::Update(id(input)?, Box::new(body::<Update>(input, true)?.into()))
            }
        })
    }
}

/// A value that does not fit, and where.
pub fn invalid(pointer: &str, detail: impl ToString) -> InputError {
    InputError::Invalid(vec![FieldError {
        pointer: pointer.to_owned(),
        detail: detail.to_string(),
    }])
}

fn id(input: &Input<'_>) -> Result<i64, InputError> {
    let id = input.parameters.iter().find(|(name, _)| name == "id");
    let id = id.and_then(|(_, id)| id.parse().ok());
    id.ok_or_else(|| invalid("#/path/id", "must be an integer"))
}

fn body<'a, T: Deserialize<'a>>(input: &Input<'a>, patches: bool) -> Result<T, InputError> {
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

/// A new task. The contract's own type owns its texts, so they are read straight into it.
struct Draft(TaskDraft);

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
            due_at: Option<Moment>,
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
            due_at: json.due_at.map(|moment| moment.0),
        }))
    }
}

/// A change to a task: what is absent stays, null clears.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Update {
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
    due_at: Option<Option<Moment>>,
}

/// A member that is there, be it null.
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
            due_at: update.due_at.map(|due| due.map(|moment| moment.0)),
        }
    }
}

/// A moment after RFC 3339, from 1970 on.
pub struct Moment(pub Datetime);

impl std::str::FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let moment: jiff::Timestamp = text.parse().map_err(|error| format!("{error}"))?;
        let seconds = moment.as_second().try_into();
        let nanoseconds = moment.subsec_nanosecond().try_into();
        match (seconds, nanoseconds) {
            (Ok(seconds), Ok(nanoseconds)) => Ok(Moment(Datetime {
                seconds,
                nanoseconds,
            })),
            _ => Err("must not be before 1970-01-01T00:00:00Z".to_owned()),
        }
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// The JSON names of a contract's enum, read by serde and from a query.
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
    fn absent_null_and_present_members_of_a_change_are_told_apart() {
        let update: Update = serde_json::from_str(r#"{"title": "new", "assignee": null}"#).unwrap();
        let change = TaskUpdate::from(update);
        assert_eq!(change.title, Some(Some("new".to_owned())));
        assert_eq!(change.assignee, Some(None));
        assert_eq!(change.status, None);
    }

    #[test]
    fn a_body_that_is_no_json_and_one_that_does_not_fit_are_told_apart() {
        let read = |body: &str| {
            let input = Input {
                media_type: Some("application/json"),
                body: body.as_bytes(),
                ..Input::default()
            };
            Arguments::read(Operation::Create, &input).err()
        };
        assert!(matches!(read("{"), Some(InputError::Malformed(_))));
        assert!(matches!(read("{}"), Some(InputError::Invalid(_))));
        assert_eq!(read(r#"{"title": "new", "category": "bugfix"}"#), None);
    }
}
