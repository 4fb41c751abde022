//! Why an operation failed, and the problem that the client receives.
//!
//! This is the only file that maps an error to a status. Contract 1 reports the same errors with
//! other statuses and an additional member `error`.

use crate::contract::log::Level;
use crate::contract::sql::Failure;
use crate::contract::types::{FieldError, Problem};
use crate::platform::Platform;
use task_host_sdk::rows::Corrupt;

/// Why an operation failed. The caller must roll the transaction back.
#[derive(Debug, Clone, PartialEq)]
pub enum Error {
    /// Fields or parameters break the rules. At least one, each with its location.
    Invalid(Vec<FieldError>),
    /// No task has this id.
    TaskNotFound(String),
    /// No task has this id, and none that was deleted is kept.
    NotRestorable(i64),
    /// Tasks that were named as dependencies do not exist.
    MissingDependencies(Vec<FieldError>),
    /// The task with this id would depend on itself, directly or through other tasks.
    DependencyCycle(i64),
    /// A task would depend on too many tasks, directly or through other tasks.
    TooManyNeeded {
        /// The id of the task.
        id: i64,
        /// The largest number that is allowed.
        limit: usize,
    },
    /// So many tasks depend on this one, or such large ones, that it cannot be deleted in one request.
    TooManyDependents(i64),
    /// One request creates too many tasks.
    TooManyTasks {
        /// The number of tasks in the request.
        count: usize,
        /// The largest number that is allowed.
        limit: usize,
    },
    /// A statement failed. This is a defect in the logic, because it checks before it writes.
    Database(Failure),
    /// The database holds or returned something that the logic never wrote.
    Corrupt(&'static str),
}

impl Error {
    /// Converts the error to the problem that contract 2 returns. If the error is a defect, its
    /// detail is logged and not sent to the client.
    pub fn into_problem(self, platform: &mut impl Platform) -> Problem {
        match self {
            Error::Invalid(errors) => Problem {
                errors,
                ..Problem::new(422, "validation-failed", "The request is not valid")
            },
            Error::TaskNotFound(id) => Problem {
                detail: Some(format!("There is no task {id}.")),
                ..Problem::new(404, "task-not-found", "Task not found")
            },
            Error::NotRestorable(id) => Problem {
                detail: Some(format!(
                    "There is no task {id}, and none that can be restored: a deleted task is kept for \
                     30 days, and of more than 10,000 only the latest are kept."
                )),
                ..Problem::new(404, "task-not-found", "Task not found")
            },
            Error::MissingDependencies(errors) => Problem {
                errors,
                ..Problem::new(400, "dependency-not-found", "A dependency does not exist")
            },
            Error::DependencyCycle(id) => Problem {
                detail: Some(format!("Task {id} would depend on itself.")),
                ..Problem::new(409, "dependency-cycle", "The dependencies form a cycle")
            },
            Error::TooManyNeeded { id, limit } => Problem {
                detail: Some(format!(
                    "Task {id} would depend on more than {limit} tasks, directly or through other \
                     tasks."
                )),
                ..Problem::new(409, "too-many-dependencies", "Too many dependencies")
            },
            Error::TooManyDependents(id) => Problem {
                detail: Some(format!(
                    "Too many tasks depend on task {id}. Remove it from the dependencies of some of \
                     them, and try again."
                )),
                ..Problem::new(
                    409,
                    "too-many-dependents",
                    "Too many tasks depend on this one",
                )
            },
            Error::TooManyTasks { count, limit } => Problem {
                detail: Some(format!(
                    "The request has {count} tasks. At most {limit} are allowed."
                )),
                ..Problem::new(400, "too-many-tasks", "Too many tasks in one request")
            },
            Error::Database(failure) => {
                let constraint = failure.constraint.unwrap_or_default();
                defect(platform, &failure.detail, &constraint)
            }
            Error::Corrupt(what) => defect(platform, what, ""),
        }
    }

    /// Converts the error to the problem that contract 1 returns. An invalid request has status
    /// 400, and the member `error` says what is wrong.
    pub fn into_simple_problem(self, platform: &mut impl Platform) -> Problem {
        let invalid = matches!(self, Error::Invalid(_));
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

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Error::Database(failure)
    }
}

impl From<Corrupt> for Error {
    fn from(Corrupt(what): Corrupt) -> Self {
        Error::Corrupt(what)
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
    Problem::new(500, "service-failed", "The service failed")
}
