//! Why a statement did not do its work, and why nothing runs in its transaction any more: the
//! same for every engine. How an engine's own errors are sorted stands with the engine.

use super::{Cause, Error, Failure};

/// Why a statement did not do its work.
#[derive(Debug)]
pub(crate) enum Stop {
    /// By the logic's fault.
    Logic(Failure),
    /// Not by its fault, or by its use of too much.
    Host(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Host(error)
    }
}

impl Stop {
    /// A statement that is wrong or not allowed.
    pub(crate) fn refused(detail: impl Into<String>) -> Self {
        Stop::Logic(refusal(detail))
    }

    /// For the host's own statements, which are never the logic's fault.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Stop::Host(error) => error,
            Stop::Logic(failure) => Error::Unavailable(failure.detail),
        }
    }
}

/// A failure of the kind "the statement is wrong or not allowed".
pub(crate) fn refusal(detail: impl Into<String>) -> Failure {
    Failure {
        cause: Cause::Other,
        constraint: None,
        detail: detail.into(),
    }
}

/// Why nothing runs in a transaction any more.
#[derive(Debug, Clone)]
pub(crate) enum Ended {
    /// A statement of the logic failed.
    Failed(Failure),
    /// The host ended it.
    Stopped(Error),
}

impl From<&Stop> for Ended {
    fn from(stop: &Stop) -> Self {
        match stop {
            Stop::Logic(failure) => Ended::Failed(failure.clone()),
            Stop::Host(error) => Ended::Stopped(error.clone()),
        }
    }
}

impl From<Ended> for Error {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Failed(failure) => Error::Rejected(failure),
            Ended::Stopped(error) => error,
        }
    }
}

/// What a statement gets that comes after a failed one.
pub(crate) fn spent() -> Failure {
    refusal("the transaction is spent after a failed statement")
}
