//! Why a request got no success: the one enum that the server maps to statuses and metrics.

use std::time::Duration;

use contract::{FieldError, Problem};
use runtime::{Fault, Interruption};
use transcode::InputError;

/// Why a request got no success. Nothing that the request wrote was kept, but for the one case
/// where nobody knows.
///
/// Three classes, never mixed: the client's fault, the logic's fault, the host's fault.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The body is not JSON, or repeats a member: 400. The text says what and where.
    #[error("{0}")]
    Malformed(String),
    /// The JSON or a parameter does not fit the operation's types: 422.
    #[error("the request does not fit the operation's types")]
    Invalid(Vec<FieldError>),
    /// The body's media type is not one that the operation reads: 415.
    #[error("the operation reads {0}")]
    UnsupportedMediaType(&'static str),
    /// `If-Match` names another state than the current one: 412.
    #[error("the resource has changed since it was read")]
    PreconditionFailed,
    /// The header (named) cannot be used as it stands: 400. The text says why.
    #[error("{header}: {reason}")]
    BadHeader {
        /// The header's name.
        header: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// An `Idempotency-Key` was used before with another request: 422.
    #[error("the idempotency key was used with another request")]
    KeyReused,
    /// The logic answered with a problem: its own status.
    #[error("{}", .0.title)]
    Problem(Box<Problem>),

    /// The queue for instances or for the writer was full, or the wait too long: 503.
    #[error("the service is overloaded")]
    Overloaded {
        /// When to come back.
        retry_after: Duration,
    },
    /// The database does not answer, or another host's fault: 503.
    #[error("the service is unavailable: {0}")]
    Unavailable(String),
    /// Whether the request was carried out is not known: 503. Unlike after every other refusal,
    /// what it wrote may be kept.
    #[error("the outcome of a request is unknown: {0}")]
    OutcomeUnknown(String),

    /// The logic failed: 500 or 504, and a metric of its own by kind.
    #[error("{0}")]
    Fault(#[from] Fault),
}

impl From<InputError> for Refusal {
    fn from(error: InputError) -> Self {
        match error {
            InputError::Malformed(reason) => Refusal::Malformed(reason),
            InputError::Invalid(errors) => Refusal::Invalid(errors),
            InputError::UnsupportedMediaType(reads) => Refusal::UnsupportedMediaType(reads),
        }
    }
}

impl From<storage::Error> for Refusal {
    fn from(error: storage::Error) -> Self {
        match error {
            storage::Error::Conflict | storage::Error::Busy | storage::Error::Fenced => {
                Refusal::Overloaded {
                    retry_after: Duration::from_secs(1),
                }
            }
            storage::Error::Unavailable(reason) => Refusal::Unavailable(reason),
            storage::Error::OutcomeUnknown(reason) => Refusal::OutcomeUnknown(reason),
            storage::Error::Deadline => Fault::Deadline.into(),
            storage::Error::Limit(storage::Limit::Statements) => Fault::Statements.into(),
            storage::Error::Limit(storage::Limit::Rows) => Fault::Rows.into(),
            storage::Error::Limit(storage::Limit::Bytes) => Fault::Bytes.into(),
            storage::Error::Rejected(failure) => Fault::Transaction(failure.detail).into(),
        }
    }
}

impl From<Interruption> for Refusal {
    fn from(interruption: Interruption) -> Self {
        match interruption {
            Interruption::Fault(fault) => fault.into(),
            Interruption::Database(error) => error.into(),
        }
    }
}
