//! PostgreSQL's errors, sorted by who is at fault and by what may be tried again.

use tokio_postgres::error::{DbError, SqlState};

use crate::stop::Stop;
use crate::{Cause, Error, Failure};

/// Sorts an error of a statement. A connection that was lost before the commit is a conflict:
/// nothing of the transaction was kept, so it may run again.
pub(super) fn sort(error: &tokio_postgres::Error) -> Stop {
    let Some(refused) = error.as_db_error() else {
        return match error.is_closed() {
            true => Error::Conflict.into(),
            // A result or a parameter that the library could not read or write.
            false => Error::Unavailable(message(error)).into(),
        };
    };
    let code = refused.code();
    match code.code() {
        // Another transaction was in the way, or held a lock for too long.
        "40001" | "40P01" | "55P03" => Error::Conflict.into(),
        // The schema changed under a prepared statement; it is prepared anew for the next run.
        "0A000" if is_stale_plan(refused) => Error::Conflict.into(),
        "57014" => Error::Deadline.into(),
        // Raised by `task_host.seal`.
        "TH001" => Error::Fenced.into(),
        "25006" => Stop::refused("the route's access is read"),
        "22003" | "23502" | "23503" | "23505" | "23514" => Stop::Logic(constraint(refused)),
        // The server shuts down, ended the session, or changed hands.
        _ if ends_the_session(refused) => Error::Conflict.into(),
        // No room, no memory, the system, the server itself.
        _ if ["53", "58", "F0", "XX"].contains(&&code.code()[..2]) => {
            Error::Unavailable(refused.message().to_owned()).into()
        }
        _ => Stop::refused(refused.message()),
    }
}

/// Sorts an error of the host's own statement. A rule that it breaks is another transaction's
/// doing.
pub(super) fn sort_own(error: &tokio_postgres::Error) -> Error {
    match sort(error) {
        Stop::Logic(failure) if failure.cause != Cause::Other => Error::Conflict,
        stop => stop.into_error(),
    }
}

/// Whether what happened to a COMMIT is unknown after this error.
pub(super) fn outcome_unknown(error: &tokio_postgres::Error) -> bool {
    match error.as_db_error() {
        Some(refused) => ends_the_session(refused),
        None => true,
    }
}

/// Whether a prepared statement does not fit the schema any more.
pub(super) fn is_stale(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(is_stale_plan)
}

/// PostgreSQL's message alone.
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
    // What is not null has no name of its own, so the column tells it.
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
