//! How the logic can fail, and what else can interrupt a call.

use std::fmt;
use std::time::Duration;

use humantime::format_duration;

/// The limit of time that a call has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeLimit {
    /// The deadline of the call, whoever set it.
    Call,
    /// The time of the whole request, from its arrival.
    Request(Duration),
    /// The time for which one request may hold up other writes.
    WriteHold(Duration),
}

/// Names the limit, its value and its flag.
impl fmt::Display for TimeLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TimeLimit::Call => f.write_str("the deadline passed"),
            TimeLimit::Request(limit) => write!(
                f,
                "the deadline passed: the request took longer than {} (--request-timeout)",
                format_duration(*limit)
            ),
            TimeLimit::WriteHold(limit) => write!(
                f,
                "the deadline passed: the request held up other writes for longer than {} \
                 (--write-hold)",
                format_duration(*limit)
            ),
        }
    }
}

/// How the logic failed. Each kind has a problem type and a metric label of its own.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Fault {
    /// It trapped: 500. The text has a backtrace and is meant for the log.
    #[error("the logic trapped: {0}")]
    Trap(String),
    /// The wall-clock deadline passed: 504.
    #[error("{0}")]
    Deadline(TimeLimit),
    /// It used more CPU time than a request may, which is this: 504.
    #[error(
        "the request used too much CPU time: more than {} (--cpu-limit)",
        format_duration(*.0)
    )]
    CpuTime(Duration),
    /// It requested more memory than a request may use: 500.
    #[error("the request needed too much memory (--memory-limit)")]
    Memory,
    /// It passed more data to the host than a request may: 500.
    #[error("the logic passed too much data to the host (--handover-limit)")]
    Handover,
    /// It returned a result whose JSON is larger than an answer may be: 500.
    #[error("the answer is too large (--answer-limit)")]
    Answer,
    /// It ran more statements than a request may: 500.
    #[error("the request ran too many statements (--statement-limit)")]
    Statements,
    /// Its statements returned more rows than a request may read: 500.
    #[error("the request read too many rows (--row-limit)")]
    Rows,
    /// One of its statements needed more memory than the database may use: 500.
    #[error("a statement needed too much memory (--sqlite-memory)")]
    StatementMemory,
    /// Its statements returned more bytes than a request may read: 500.
    #[error("the request read too many bytes (--byte-limit)")]
    Bytes,
    /// It published more events than a request may: 500.
    #[error("the request published too many events (--event-limit)")]
    Events,
    /// It published an event that breaks the contract's rules, or published one in a read: 500.
    #[error("the logic published an event that is not allowed: {0}")]
    Event(String),
    /// It returned a value that cannot be written as JSON, such as NaN or a repeated map key: 500.
    #[error("the logic returned a value that cannot be written as JSON: {0}")]
    Value(String),
    /// It returned a success although a statement had failed, or a deferred constraint failed at
    /// the end: 500.
    #[error("the logic returned a success in a transaction that had failed: {0}")]
    Transaction(String),
    /// It exited with that status instead of returning: 500.
    #[error("the logic exited with status {0} instead of returning")]
    Exit(u8),
    /// It waited for a timer, which cannot elapse because time stands still during a request: 500.
    #[error("the logic waited, but time stands still during a request, so that no timer elapses")]
    Wait,
}

impl Fault {
    /// All values of [`Fault::code`].
    pub const CODES: [&'static str; 16] = contract::FAULT_PROBLEMS;

    /// Returns the fault's slug: the name of its problem type and of its metric label.
    pub fn code(&self) -> &'static str {
        let index = match self {
            Fault::Trap(_) => 0,
            Fault::Deadline(_) => 1,
            Fault::CpuTime(_) => 2,
            Fault::Memory => 3,
            Fault::Handover => 4,
            Fault::Statements => 5,
            Fault::Rows => 6,
            Fault::Bytes => 7,
            Fault::Value(_) => 8,
            Fault::Transaction(_) => 9,
            Fault::Events => 10,
            Fault::Event(_) => 11,
            Fault::Answer => 12,
            Fault::StatementMemory => 13,
            Fault::Exit(_) => 14,
            Fault::Wait => 15,
        };
        Self::CODES[index]
    }
}

/// What ended a call before the logic returned, or made its result unusable.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Interruption {
    /// The logic failed.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The database failed. After a conflict the call may be retried.
    #[error(transparent)]
    Database(storage::Error),
}

impl From<storage::Error> for Interruption {
    fn from(error: storage::Error) -> Self {
        match error {
            storage::Error::Deadline => Fault::Deadline(TimeLimit::Call).into(),
            storage::Error::Limit(storage::Limit::Statements) => Fault::Statements.into(),
            storage::Error::Limit(storage::Limit::Rows) => Fault::Rows.into(),
            storage::Error::Limit(storage::Limit::Bytes) => Fault::Bytes.into(),
            storage::Error::Limit(storage::Limit::Memory) => Fault::StatementMemory.into(),
            storage::Error::Limit(storage::Limit::Room) => Fault::Memory.into(),
            other => Interruption::Database(other),
        }
    }
}
