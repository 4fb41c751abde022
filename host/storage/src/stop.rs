//! Why a statement did not do its work, for every engine. How an engine's own errors are
//! classified is in the engine's `failure.rs`.

use crate::{Cause, Error, Failure};

/// Why a read transaction refuses a write.
pub(crate) const READ_ONLY: &str = "the route's access is read";

/// Why a text with several statements is refused.
pub(crate) const ONE_STATEMENT: &str = "a call runs one statement, and the text has several";

/// Why a text without a statement is refused.
pub(crate) const NO_STATEMENT: &str = "the text contains no statement";

/// Why a statement of another kind is refused in a request.
pub(crate) const REQUEST_STATEMENTS: &str = "only SELECT, INSERT, UPDATE, DELETE, WITH and VALUES run here; \
     the schema changes in migrations";

/// Why a name is refused.
pub(crate) fn host_name(name: &str) -> String {
    format!("{name} is a name that is reserved for the host")
}

/// Why a statement did not do its work.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It is the logic's fault.
    Logic(Failure),
    /// It is not the logic's fault, or the logic used too much.
    Host(Error),
    /// SQLite ran out of memory. Whose fault it is depends on what else runs (`sqlite/heap.rs`).
    Memory(String),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Host(error)
    }
}

impl Stop {
    /// A statement that is wrong or not allowed.
    pub(crate) fn refused(detail: impl Into<String>) -> Self {
        Stop::Logic(Failure::other(detail))
    }

    /// Returns the logic's fault as the inner result, as [`Transaction`](crate::Transaction) has
    /// it.
    pub(crate) fn split<T>(outcome: Result<T, Stop>) -> Result<Result<T, Failure>, Error> {
        match outcome {
            Ok(value) => Ok(Ok(value)),
            Err(Stop::Logic(failure)) => Ok(Err(failure)),
            Err(stop) => Err(stop.into_error()),
        }
    }

    /// Returns the error of a statement of the host, which is never the logic's fault.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Stop::Host(error) => error,
            Stop::Logic(failure) => Error::Unavailable(failure.detail),
            Stop::Memory(detail) => Error::Unavailable(detail),
        }
    }

    /// Returns the error of a statement of the host on its own tables. If it breaks a constraint,
    /// another transaction caused that: a conflict. If there is no memory, others use it.
    pub(crate) fn into_host_error(self) -> Error {
        match self {
            Stop::Logic(failure) if failure.cause != Cause::Other => Error::Conflict,
            Stop::Memory(_) => Error::Conflict,
            stop => stop.into_error(),
        }
    }
}
