//! Classifies PostgreSQL's errors by who is at fault and by what may be tried again.

use tokio_postgres::error::{DbError, SqlState};

use crate::stop::{READ_ONLY, Stop};
use crate::{Cause, Error, Failure, StorageFault};

/// Classifies the error of a statement. A connection that was lost before the commit is a conflict:
/// nothing of the transaction was kept, so it may run again.
pub(super) fn classify(error: &tokio_postgres::Error) -> Stop {
    let Some(refused) = error.as_db_error() else {
        return match error.is_closed() {
            true => Error::Conflict.into(),
            // The driver could not read a result or write a parameter.
            false => Error::Unavailable(message(error)).into(),
        };
    };
    let code = refused.code();
    match code.code() {
        // It conflicts with another transaction, or another one held a lock for too long.
        "40001" | "40P01" | "55P03" => Error::Conflict.into(),
        // The schema has changed since the statement was prepared. The next run prepares it again.
        "0A000" if is_stale_plan(refused) => Error::Conflict.into(),
        "57014" => Error::Deadline.into(),
        // Raised by `task_host.seal`.
        "TH001" => Error::Fenced.into(),
        "25006" => Stop::refused(READ_ONLY),
        "22003" | "23502" | "23503" | "23505" | "23514" => Stop::Logic(constraint(refused)),
        // The server shuts down or has ended the session.
        _ if ends_the_session(refused) => Error::Conflict.into(),
        "53100" => Error::from(StorageFault::Full(refused.message().to_owned())).into(),
        "XX001" | "XX002" => {
            Error::from(StorageFault::Damaged(refused.message().to_owned())).into()
        }
        // Insufficient resources, a system error, or an internal error of the server.
        _ if ["53", "58", "F0", "XX"].contains(&&code.code()[..2]) => {
            Error::Unavailable(refused.message().to_owned()).into()
        }
        _ => Stop::refused(refused.message()),
    }
}

/// Classifies the error of a statement of the host on its own tables. If it breaks a constraint,
/// another transaction caused that.
pub(super) fn classify_own(error: &tokio_postgres::Error) -> Error {
    classify(error).into_host_error()
}

/// Returns whether it is unknown after this error if a COMMIT succeeded.
pub(super) fn outcome_unknown(error: &tokio_postgres::Error) -> bool {
    match error.as_db_error() {
        Some(refused) => ends_the_session(refused),
        None => true,
    }
}

/// Returns whether a prepared statement no longer fits the schema.
pub(super) fn is_stale(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(is_stale_plan)
}

/// Returns PostgreSQL's message without its severity and code.
pub(super) fn message(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(refused) => refused.message().to_owned(),
        None => {
            let mut text = error.to_string();
            let mut source = std::error::Error::source(error);
            while let Some(cause) = source {
                let cause_text = cause.to_string();
                if !text.contains(&cause_text) {
                    text = format!("{text}: {cause_text}");
                }
                source = cause.source();
            }
            text
        }
    }
}

fn is_stale_plan(error: &DbError) -> bool {
    *error.code() == SqlState::FEATURE_NOT_SUPPORTED && error.message().starts_with("cached plan")
}

fn ends_the_session(error: &DbError) -> bool {
    let code = error.code().code();
    matches!(
        code,
        "57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "25P04"
    ) || code.starts_with("08")
}

fn constraint(error: &DbError) -> Failure {
    let cause = match error.code().code() {
        "23502" => Cause::NotNull,
        "23503" => Cause::ForeignKey,
        "23505" => Cause::Unique,
        "23514" => Cause::Check,
        _ => Cause::Other,
    };
    // A NOT NULL constraint is reported without a name, so the column names it.
    let column = || Some(format!("{}.{}", error.table()?, error.column()?));
    let constraint = match cause {
        Cause::Other => None,
        Cause::NotNull => column(),
        _ => error.constraint().map(str::to_owned),
    };
    Failure {
        cause,
        constraint,
        detail: error.message().to_owned(),
    }
}
