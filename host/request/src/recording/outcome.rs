//! What a client was answered, as a recording has it.

use serde_json::{Map, Value, json};

use super::Outcome;
use super::value::Text;
use crate::{Answer, Error, Fault};
use contract::{FieldError, Problem};

impl Outcome {
    /// The outcome of a request.
    pub(crate) fn of(answered: &Result<Answer, Error>) -> Self {
        match answered {
            Ok(answer) => Outcome {
                status: answer.status,
                code: None,
                reason: None,
                body: answer.body.as_deref().map(Text::of),
                location: answer.location.clone(),
                next: answer.next.clone(),
            },
            Err(Error::Problem(problem)) => of_problem(problem),
            Err(error) => {
                let (status, code) = status_and_code(error);
                Outcome {
                    status,
                    code: Some(code.to_owned()),
                    reason: Some(error.to_string()),
                    body: match error {
                        Error::Invalid(errors) => {
                            Some(Text::of(json!(fields(errors)).to_string().as_bytes()))
                        }
                        _ => None,
                    },
                    location: None,
                    next: None,
                }
            }
        }
    }

    /// Whether a client would see the same: the status, the code, and the body as a JSON value.
    pub fn is_like(&self, other: &Outcome) -> bool {
        let value = |outcome: &Outcome| outcome.body.as_ref().map(Text::value);
        self.status == other.status
            && self.code == other.code
            && self.location == other.location
            && self.next == other.next
            && value(self) == value(other)
    }

    /// Whether the logic itself failed.
    pub fn is_fault(&self) -> bool {
        let code = self.code.as_deref().unwrap_or_default();
        Fault::CODES.contains(&code)
    }
}

fn of_problem(problem: &Problem) -> Outcome {
    let mut members = Map::new();
    members.insert("title".to_owned(), problem.title.as_str().into());
    if let Some(detail) = &problem.detail {
        members.insert("detail".to_owned(), detail.as_str().into());
    }
    if !problem.errors.is_empty() {
        members.insert("errors".to_owned(), fields(&problem.errors).into());
    }
    for (name, value) in &problem.extensions {
        members.insert(name.clone(), value.as_str().into());
    }
    Outcome {
        status: problem.status,
        code: Some(problem.code.clone()),
        reason: None,
        body: Some(Text::of(Value::Object(members).to_string().as_bytes())),
        location: None,
        next: None,
    }
}

fn fields(errors: &[FieldError]) -> Vec<Value> {
    let errors = errors.iter();
    errors
        .map(|error| json!({"pointer": error.pointer, "detail": error.detail}))
        .collect()
}

/// The status and the code of an error that is not the logic's problem: those of its response, which
/// the server makes.
fn status_and_code(error: &Error) -> (u16, &str) {
    match error {
        Error::Malformed(_) => (400, "malformed-request"),
        Error::Invalid(_) => (422, "invalid-request"),
        Error::UnsupportedMediaType(_) => (415, "unsupported-media-type"),
        Error::ArgumentsTooLarge => (413, "arguments-too-large"),
        Error::PreconditionFailed => (412, "precondition-failed"),
        Error::BadHeader { .. } => (400, "invalid-header"),
        Error::KeyReused => (422, "idempotency-key-reused"),
        Error::Problem(problem) => (problem.status, &problem.code),
        Error::Overloaded { .. } => (503, "overloaded"),
        Error::Unavailable(_) => (503, "unavailable"),
        Error::Storage(fault) => (503, fault.code()),
        Error::OutcomeUnknown(_) => (503, "outcome-unknown"),
        Error::Fault(fault @ (Fault::Deadline(_) | Fault::CpuTime(_))) => (504, fault.code()),
        Error::Fault(fault) => (500, fault.code()),
    }
}

impl Error {
    /// The status of the response.
    pub(crate) fn status(&self) -> u16 {
        status_and_code(self).0
    }

    /// The code of the problem.
    pub(crate) fn code(&self) -> &str {
        status_and_code(self).1
    }
}
