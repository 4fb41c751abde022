//! Why a request got no success: the one enum that the server maps to statuses and metrics.

use std::time::Duration;

use crate::contract::{FieldError, Problem};
use crate::storage;

/// Why a request got no success. Nothing that the request wrote was kept.
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
    Problem(Problem),

    /// The queue for instances or for the writer was full, or the wait too long: 503.
    #[error("the service is overloaded")]
    Overloaded {
        /// When to come back.
        retry_after: Duration,
    },
    /// The database does not answer, or another host's fault: 503.
    #[error("the service is unavailable: {0}")]
    Unavailable(String),

    /// The logic failed: 500 or 504, and a metric of its own by kind.
    #[error("{0}")]
    Fault(#[from] Fault),
}

/// How the logic failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Fault {
    /// It trapped: 500. The text is for the log.
    #[error("the logic trapped: {0}")]
    Trap(String),
    /// The wall-clock deadline passed: 504.
    #[error("the deadline passed")]
    Deadline,
    /// It used more CPU time than a request may: 504.
    #[error("the request used too much CPU time")]
    CpuTime,
    /// It asked for more memory than a request may have: 500.
    #[error("the request needed too much memory")]
    Memory,
    /// It handed more data to the host than a request may: 500.
    #[error("the logic handed over too much data")]
    Handover,
    /// It ran more statements than a request may: 500.
    #[error("the request ran too many statements")]
    Statements,
    /// Its statements returned more rows than a request may have: 500.
    #[error("the request read too many rows")]
    Rows,
    /// Its statements returned more bytes than a request may have: 500.
    #[error("the request read too many bytes")]
    Bytes,
    /// It returned a value that has no JSON form, such as NaN or a repeated map key: 500.
    #[error("the logic returned a value without a JSON form: {0}")]
    Value(String),
}

impl Fault {
    /// The fault's slug: the problem type's and the metric label's name.
    pub fn code(&self) -> &'static str {
        match self {
            Fault::Trap(_) => "logic-trapped",
            Fault::Deadline => "deadline-exceeded",
            Fault::CpuTime => "cpu-time-exceeded",
            Fault::Memory => "memory-limit-exceeded",
            Fault::Handover => "handover-limit-exceeded",
            Fault::Statements => "statement-limit-exceeded",
            Fault::Rows => "row-limit-exceeded",
            Fault::Bytes => "byte-limit-exceeded",
            Fault::Value(_) => "logic-returned-invalid-value",
        }
    }
}

impl From<storage::Error> for Refusal {
    fn from(error: storage::Error) -> Self {
        match error {
            storage::Error::Conflict | storage::Error::Busy => Refusal::Overloaded {
                retry_after: Duration::from_secs(1),
            },
            storage::Error::Unavailable(reason) => Refusal::Unavailable(reason),
            storage::Error::Deadline => Fault::Deadline.into(),
            storage::Error::Limit(storage::Limit::Statements) => Fault::Statements.into(),
            storage::Error::Limit(storage::Limit::Rows) => Fault::Rows.into(),
            storage::Error::Limit(storage::Limit::Bytes) => Fault::Bytes.into(),
            rejected @ storage::Error::Rejected(_) => Fault::Trap(rejected.to_string()).into(),
        }
    }
}
