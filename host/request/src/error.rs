//! Why a request did not succeed: the one enum that the server maps to statuses and metrics.

use std::time::Duration;

use contract::{FieldError, Problem};
use runtime::{Fault, Interruption, TimeLimit};
use storage::StorageFault;
use transcode::InputError;

/// Why a request did not succeed. Nothing that it wrote was kept, except perhaps after
/// [`Error::OutcomeUnknown`].
///
/// Each variant belongs to one of three classes: the client's fault, the logic's fault or the
/// host's fault.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// The body is not JSON, or repeats a member: 400. The text says what is wrong and where.
    #[error("{0}")]
    Malformed(String),
    /// The JSON or a parameter does not fit the operation's types: 422.
    #[error("the request does not fit the operation's types")]
    Invalid(Vec<FieldError>),
    /// The operation does not accept the body's media type: 415. The text is the type that it
    /// accepts.
    #[error("the operation accepts {0}")]
    UnsupportedMediaType(&'static str),
    /// The arguments need more memory than an instance may have: 413.
    #[error("the arguments need too much memory")]
    ArgumentsTooLarge,
    /// A condition (`If-Match`, `If-None-Match`) does not hold for the current state: 412.
    #[error("the resource has changed since it was read")]
    PreconditionFailed,
    /// A header's value is invalid: 400.
    #[error("{header}: {reason}")]
    BadHeader {
        /// The header's name.
        header: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The `Idempotency-Key` was used before with another request: 422.
    #[error("the idempotency key was used with another request")]
    KeyReused,
    /// The logic answered with a problem, which has its own status.
    #[error("{}", .0.title)]
    Problem(Box<Problem>),

    /// The queue for the writer or for instances was full, or the wait was too long: 503.
    #[error("the service is overloaded")]
    Overloaded {
        /// How long a client should wait before it tries again.
        retry_after: Duration,
    },
    /// The database does not answer, or another part of the host failed: 503.
    #[error("the service is unavailable: {0}")]
    Unavailable(String),
    /// The files or the disk of the database are at fault: 503.
    #[error("{0}")]
    Storage(#[from] StorageFault),
    /// It is not known whether the request was carried out: 503. Unlike after every other error,
    /// what it wrote may have been kept.
    #[error("the outcome of a request is unknown: {0}")]
    OutcomeUnknown(String),

    /// The logic failed: 500 or 504. Each kind of fault has a metric of its own.
    #[error("{0}")]
    Fault(#[from] Fault),
}

impl From<InputError> for Error {
    fn from(error: InputError) -> Self {
        match error {
            InputError::Malformed(reason) => Error::Malformed(reason),
            InputError::Invalid(errors) => Error::Invalid(errors),
            InputError::UnsupportedMediaType(accepted) => Error::UnsupportedMediaType(accepted),
            InputError::TooLarge => Error::ArgumentsTooLarge,
        }
    }
}

impl From<storage::Error> for Error {
    fn from(error: storage::Error) -> Self {
        match error {
            storage::Error::Conflict
            | storage::Error::BrokenKey
            | storage::Error::Busy
            | storage::Error::Fenced => Error::Overloaded {
                retry_after: Duration::from_secs(1),
            },
            storage::Error::Unavailable(reason) => Error::Unavailable(reason),
            storage::Error::Storage(fault) => Error::Storage(fault),
            storage::Error::OutcomeUnknown(reason) => Error::OutcomeUnknown(reason),
            storage::Error::Deadline => Fault::Deadline(TimeLimit::Call).into(),
            storage::Error::Limit(storage::Limit::Statements) => Fault::Statements.into(),
            storage::Error::Limit(storage::Limit::Rows) => Fault::Rows.into(),
            storage::Error::Limit(storage::Limit::Bytes) => Fault::Bytes.into(),
            storage::Error::Limit(storage::Limit::Memory) => Fault::StatementMemory.into(),
            storage::Error::Limit(storage::Limit::Room) => Fault::Memory.into(),
            storage::Error::Rejected(failure) => Fault::Transaction(failure.detail).into(),
        }
    }
}

impl From<Interruption> for Error {
    fn from(interruption: Interruption) -> Self {
        match interruption {
            Interruption::Fault(fault) => fault.into(),
            Interruption::Database(error) => error.into(),
        }
    }
}
