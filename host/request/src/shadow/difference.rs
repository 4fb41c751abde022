//! The first difference between two answers to one request. Values are compared but never shown.

use serde_json::{Value, json};

use super::MAX_ANSWER;
use crate::{Answer, Error};
use contract::Problem;

/// The parts of an answer that two revisions must agree on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Comparable {
    /// The kind of answer: a status, a problem's code or a fault.
    kind: String,
    body: Value,
}

/// A difference between two answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// A JSON pointer into the body. Empty: the kind of answer, or the whole body.
    pub(crate) pointer: String,
    /// What differs there.
    pub(crate) detail: String,
}

impl Difference {
    /// The candidate does not have the route.
    pub(crate) fn no_route() -> Self {
        Difference {
            pointer: String::new(),
            detail: "the route is gone".to_owned(),
        }
    }
}

impl Comparable {
    /// The comparable parts of an answer. `None` if it says more about the host's load than about
    /// the logic.
    pub(crate) fn of(answered: &Result<Answer, Error>) -> Option<Comparable> {
        let (kind, body) = match answered {
            Ok(answer) => (answer.status.to_string(), body(answer)),
            Err(Error::Problem(problem)) => {
                let kind = format!("{} {}", problem.status, problem.code);
                (kind, members(problem))
            }
            Err(Error::Fault(fault)) => (fault.code().to_owned(), Value::Null),
            Err(Error::Malformed(_)) => ("malformed".to_owned(), Value::Null),
            Err(Error::UnsupportedMediaType(_)) => {
                ("unsupported-media-type".to_owned(), Value::Null)
            }
            Err(Error::ArgumentsTooLarge) => ("arguments-too-large".to_owned(), Value::Null),
            Err(Error::Invalid(errors)) => {
                let pointers = errors.iter().map(|error| error.pointer.as_str());
                ("invalid".to_owned(), pointers.collect())
            }
            Err(
                Error::PreconditionFailed
                | Error::BadHeader { .. }
                | Error::KeyReused
                | Error::Overloaded { .. }
                | Error::Unavailable(_)
                | Error::Storage(_)
                | Error::OutcomeUnknown(_),
            ) => return None,
        };
        Some(Comparable { kind, body })
    }

    /// The first difference between this answer and the candidate's.
    pub(crate) fn first_difference(&self, candidate: &Comparable) -> Option<Difference> {
        if self.kind != candidate.kind {
            return Some(Difference {
                pointer: String::new(),
                detail: format!("{} became {}", self.kind, candidate.kind),
            });
        }
        first_difference(&self.body, &candidate.body, "")
    }
}

fn body(answer: &Answer) -> Value {
    let text = answer.body.as_deref().unwrap_or(b"null");
    if text.len() > MAX_ANSWER {
        // Only the candidate's answer can be, so the two differ.
        return "a large answer".into();
    }
    serde_json::from_slice(text).unwrap_or_default()
}

/// The members that a client may act on. Title and detail are for people.
fn members(problem: &Problem) -> Value {
    let errors = problem.errors.iter().map(|error| error.pointer.as_str());
    let mut members = json!({ "errors": errors.collect::<Vec<_>>() });
    for (name, value) in &problem.extensions {
        members[name.as_str()] = value.as_str().into();
    }
    members
}

fn first_difference(active: &Value, candidate: &Value, at: &str) -> Option<Difference> {
    let here = |detail: String| {
        Some(Difference {
            pointer: at.to_owned(),
            detail,
        })
    };
    match (active, candidate) {
        (Value::Object(active), Value::Object(candidate)) => {
            let below = |name: &str| {
                let name = name.replace('~', "~0").replace('/', "~1");
                format!("{at}/{name}")
            };
            for (name, value) in active {
                let Some(other) = candidate.get(name) else {
                    return Some(Difference {
                        pointer: below(name),
                        detail: "is missing".to_owned(),
                    });
                };
                if let Some(found) = first_difference(value, other, &below(name)) {
                    return Some(found);
                }
            }
            let new = candidate.keys().find(|name| !active.contains_key(*name))?;
            Some(Difference {
                pointer: below(new),
                detail: "is new".to_owned(),
            })
        }
        (Value::Array(active), Value::Array(candidate)) => {
            let mut pairs = active.iter().zip(candidate).enumerate();
            let found = pairs.find_map(|(index, (value, other))| {
                first_difference(value, other, &format!("{at}/{index}"))
            });
            match (active.len(), candidate.len()) {
                _ if found.is_some() => found,
                (before, after) if before != after => {
                    here(format!("{before} items became {after}"))
                }
                _ => None,
            }
        }
        (active, candidate) if active == candidate => None,
        (active, candidate) if kind(active) == kind(candidate) => {
            here(format!("is another {}", kind(active)))
        }
        (active, candidate) => here(format!("{} became {}", kind(active), kind(candidate))),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::Fault;

    fn between(active: Value, candidate: Value) -> Option<(String, String)> {
        let found = first_difference(&active, &candidate, "")?;
        Some((found.pointer, found.detail))
    }

    fn at(pointer: &str, detail: &str) -> Option<(String, String)> {
        Some((pointer.to_owned(), detail.to_owned()))
    }

    #[test]
    fn the_first_difference_names_its_place_and_never_its_value() {
        let task = json!({"id": 1, "tags": ["a", "b"], "due": null, "a/b": 1});
        let with = |name: &str, value: Value| {
            let mut task = task.clone();
            task[name] = value;
            task
        };
        for (candidate, expected) in [
            (task.clone(), None),
            (with("id", json!(2)), at("/id", "is another number")),
            (with("id", json!("1")), at("/id", "number became string")),
            (
                with("tags", json!(["a", "c"])),
                at("/tags/1", "is another string"),
            ),
            (with("tags", json!(["a"])), at("/tags", "2 items became 1")),
            (with("a/b", json!(2)), at("/a~1b", "is another number")),
            (with("new", json!(2)), at("/new", "is new")),
            (json!({"id": 1}), at("/tags", "is missing")),
            (json!([]), at("", "object became array")),
        ] {
            assert_eq!(
                between(task.clone(), candidate.clone()),
                expected,
                "{candidate}"
            );
        }
    }

    #[test]
    fn another_kind_of_answer_is_a_difference_whatever_its_body() {
        let found = Answer {
            status: 200,
            body: None,
            etag: None,
            location: None,
            next: None,
            replayed: false,
        };
        let found = Comparable::of(&Ok(found)).unwrap();
        let trapped = Comparable::of(&Err(Fault::Trap("at 0x1".into()).into())).unwrap();
        let difference = found.first_difference(&trapped).unwrap();
        assert_eq!(difference.detail, "200 became logic-trapped");
        assert_eq!(trapped.first_difference(&trapped), None);
        let busy = Error::Unavailable("no disk".into());
        assert_eq!(Comparable::of(&Err(busy)), None);
    }
}
