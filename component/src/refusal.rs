//! Why an operation was refused, and the problem that the client reads.
//!
//! This is the one place that maps a refusal to a status. Contract 1 says the same things with
//! other statuses and a member `error`.

use crate::contract::log::Level;
use crate::contract::sql::Failure;
use crate::contract::types::{FieldError, Problem};
use crate::platform::Platform;

/// Why an operation did not do what it was asked. The transaction must be rolled back.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    /// Members or parameters break the rules; at least one, each with its place.
    Invalid(Vec<FieldError>),
    /// No task has this id.
    TaskNotFound(String),
    /// Tasks that were named as dependencies do not exist.
    MissingDependencies(Vec<FieldError>),
    /// The task would depend on itself, through others or not.
    DependencyCycle(i64),
    /// More tasks at once than [`crate::operations::BULK_LIMIT`].
    TooManyTasks(usize),
    /// A statement failed: a defect of the logic, because it checks before it writes.
    Database(Failure),
    /// The database holds or returned what the logic never wrote.
    Corrupt(&'static str),
}

impl Refusal {
    /// The answer in contract 2. A defect is logged here and its detail kept from the client.
    pub fn into_problem(self, platform: &mut impl Platform) -> Problem {
        match self {
            Refusal::Invalid(errors) => Problem {
                errors,
                ..problem(422, "validation-failed", "The request breaks the rules")
            },
            Refusal::TaskNotFound(id) => Problem {
                detail: Some(format!("There is no task {id}.")),
                ..problem(404, "task-not-found", "Task not found")
            },
            Refusal::MissingDependencies(errors) => Problem {
                errors,
                ..problem(400, "dependency-not-found", "A dependency does not exist")
            },
            Refusal::DependencyCycle(id) => Problem {
                detail: Some(format!("Task {id} would have to be done before itself.")),
                ..problem(409, "dependency-cycle", "The dependencies form a cycle")
            },
            Refusal::TooManyTasks(count) => Problem {
                detail: Some(format!(
                    "{count} tasks are more than the {} of one request.",
                    crate::operations::BULK_LIMIT
                )),
                ..problem(400, "too-many-tasks", "Too many tasks at once")
            },
            Refusal::Database(failure) => {
                let constraint = failure.constraint.unwrap_or_default();
                defect(platform, &failure.detail, &constraint)
            }
            Refusal::Corrupt(what) => defect(platform, what, ""),
        }
    }

    /// The answer in contract 1: what is wrong with the request is 400, and `error` names it.
    pub fn into_simple_problem(self, platform: &mut impl Platform) -> Problem {
        let invalid = matches!(self, Refusal::Invalid(_));
        let mut problem = self.into_problem(platform);
        if invalid {
            problem.status = 400;
        }
        let error = match problem.errors.first() {
            Some(first) => first.detail.clone(),
            None => problem.title.clone(),
        };
        problem.extensions.push(("error".to_owned(), error));
        problem
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Refusal::Database(failure)
    }
}

fn defect(platform: &mut impl Platform, detail: &str, constraint: &str) -> Problem {
    platform.log(
        Level::Error,
        "the logic could not use its own schema",
        &[
            ("error.detail".to_owned(), detail.to_owned()),
            ("error.constraint".to_owned(), constraint.to_owned()),
        ],
    );
    problem(500, "internal-error", "The service failed")
}

fn problem(status: u16, code: &str, title: &str) -> Problem {
    Problem {
        status,
        code: code.to_owned(),
        title: title.to_owned(),
        detail: None,
        errors: Vec::new(),
        extensions: Vec::new(),
    }
}
