//! Why an operation failed. An [`Error`] becomes the problem that the client receives.

use std::borrow::Cow;
use std::fmt;

use crate::bindings::task_host::platform::log::Level;
use crate::bindings::task_host::platform::sql::{Cause, Failure};
use crate::bindings::task_host::platform::types::Problem;
use crate::platform::{Host, Platform};
use crate::rows::Mismatch;

/// The result of an operation.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// Why an operation failed: a problem, or a statement that did not do what the logic expects.
///
/// A [`Problem`] is sent to the client as it is. Everything else is a defect of the logic: the client gets 500
/// `service-failed`, and the log gets the details with the statement. So `?` on a statement never shows a message of
/// the database to a client.
#[derive(Debug, Clone, PartialEq)]
pub struct Error(Box<Kind>);

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Problem(Problem),
    Failure {
        failure: Failure,
        statement: Cow<'static, str>,
    },
    /// A statement that must return a row returned none.
    Missing {
        statement: Cow<'static, str>,
    },
    Mismatch {
        mismatch: Mismatch,
        statement: Cow<'static, str>,
    },
}

impl Error {
    pub(crate) fn failure(failure: Failure, statement: Cow<'static, str>) -> Self {
        Self(Box::new(Kind::Failure { failure, statement }))
    }

    pub(crate) fn missing(statement: Cow<'static, str>) -> Self {
        Self(Box::new(Kind::Missing { statement }))
    }

    pub(crate) fn mismatch(mismatch: Mismatch, statement: Cow<'static, str>) -> Self {
        Self(Box::new(Kind::Mismatch {
            mismatch,
            statement,
        }))
    }

    /// Returns the problem, if this is one. `None` for a defect.
    pub fn problem(&self) -> Option<&Problem> {
        match &*self.0 {
            Kind::Problem(problem) => Some(problem),
            _ => None,
        }
    }

    /// Returns the rule that the statement broke, if this is a failed statement.
    pub fn cause(&self) -> Option<Cause> {
        match &*self.0 {
            Kind::Failure { failure, .. } => Some(failure.cause),
            _ => None,
        }
    }

    fn is_missing(&self) -> bool {
        matches!(*self.0, Kind::Missing { .. })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Kind::Problem(problem) => {
                write!(f, "{} {}: {}", problem.status, problem.code, problem.title)
            }
            Kind::Failure { failure, statement } => {
                write!(f, "{} in the statement: {statement}", failure.detail)
            }
            Kind::Missing { statement } => {
                write!(f, "no row from the statement: {statement}")
            }
            Kind::Mismatch {
                mismatch,
                statement,
            } => write!(f, "{mismatch} in the statement: {statement}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self(Box::new(Kind::Problem(problem)))
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::failure(failure, Cow::Borrowed(""))
    }
}

/// Logs a defect and returns a problem that shows nothing of it.
impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let (detail, constraint, statement) = match *error.0 {
            Kind::Problem(problem) => return problem,
            Kind::Failure { failure, statement } => (
                failure.detail,
                failure.constraint.unwrap_or_default(),
                statement,
            ),
            Kind::Missing { statement } => (
                "the statement returned no row".to_owned(),
                String::new(),
                statement,
            ),
            Kind::Mismatch {
                mismatch,
                statement,
            } => (mismatch.to_string(), String::new(), statement),
        };
        let mut fields = vec![("error.detail".to_owned(), detail)];
        if !constraint.is_empty() {
            fields.push(("error.constraint".to_owned(), constraint));
        }
        if !statement.is_empty() {
            fields.push(("db.query.text".to_owned(), statement.into_owned()));
        }
        Host.log(Level::Error, "a statement failed", &fields);
        Problem::new(500, "service-failed", "The service failed")
    }
}

/// Logs the failure and returns a problem that shows nothing of it.
impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Error::from(failure).into()
    }
}

/// Turns the failure of a statement that the logic expects into a problem.
///
/// ```
/// use task_host_sdk::prelude::*;
///
/// fn save(url: &str) -> Result<u64> {
///     sql!("insert into bookmarks (url) values ({url})")
///         .execute()
///         .on_unique(409, "already-saved", "This address is already saved")
/// }
/// ```
pub trait OnFailure: Sized {
    /// If the statement broke a rule of this kind, returns a problem.
    #[must_use]
    fn on(self, cause: Cause, status: u16, code: &str, title: &str) -> Self;

    /// If [`one`](crate::sql::Statement::one) found no row, returns a problem.
    #[must_use]
    fn on_missing(self, status: u16, code: &str, title: &str) -> Self;

    /// If the statement broke a unique constraint or a primary key, returns a problem.
    #[must_use]
    fn on_unique(self, status: u16, code: &str, title: &str) -> Self {
        self.on(Cause::Unique, status, code, title)
    }

    /// If the statement broke a foreign key, returns a problem.
    #[must_use]
    fn on_foreign_key(self, status: u16, code: &str, title: &str) -> Self {
        self.on(Cause::ForeignKey, status, code, title)
    }

    /// If the statement broke a check constraint, returns a problem.
    #[must_use]
    fn on_check(self, status: u16, code: &str, title: &str) -> Self {
        self.on(Cause::Check, status, code, title)
    }
}

impl<T> OnFailure for Result<T> {
    fn on(self, cause: Cause, status: u16, code: &str, title: &str) -> Self {
        self.map_err(|error| match error.cause() {
            Some(found) if found == cause => Problem::new(status, code, title).into(),
            _ => error,
        })
    }

    fn on_missing(self, status: u16, code: &str, title: &str) -> Self {
        self.map_err(|error| match error.is_missing() {
            true => Problem::new(status, code, title).into(),
            false => error,
        })
    }
}
