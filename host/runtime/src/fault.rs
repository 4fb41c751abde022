//! How the logic can fail, and what else can end a call.

/// How the logic failed. Each kind has a problem type and a metric label of its own.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Fault {
    /// It trapped: 500. The text, with a backtrace, is for the log.
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
    /// It published more events than a request may: 500.
    #[error("the request published too many events")]
    Events,
    /// It published an event that breaks the contract's rules, or in a read: 500.
    #[error("the logic published an event that it may not: {0}")]
    Event(String),
    /// It returned a value that has no JSON form, such as NaN or a repeated map key: 500.
    #[error("the logic returned a value without a JSON form: {0}")]
    Value(String),
    /// It returned a success although a statement had failed or, at the end, a deferred
    /// constraint did: 500.
    #[error("the logic returned a success in a transaction that had failed: {0}")]
    Transaction(String),
}

impl Fault {
    /// Every [`code`](Fault::code).
    pub const CODES: [&'static str; 12] = [
        "logic-trapped",
        "deadline-exceeded",
        "cpu-time-exceeded",
        "memory-limit-exceeded",
        "handover-limit-exceeded",
        "statement-limit-exceeded",
        "row-limit-exceeded",
        "byte-limit-exceeded",
        "logic-returned-invalid-value",
        "logic-ignored-failure",
        "event-limit-exceeded",
        "logic-published-invalid-event",
    ];

    /// The fault's slug: the problem type's and the metric label's name.
    pub fn code(&self) -> &'static str {
        let index = match self {
            Fault::Trap(_) => 0,
            Fault::Deadline => 1,
            Fault::CpuTime => 2,
            Fault::Memory => 3,
            Fault::Handover => 4,
            Fault::Statements => 5,
            Fault::Rows => 6,
            Fault::Bytes => 7,
            Fault::Value(_) => 8,
            Fault::Transaction(_) => 9,
            Fault::Events => 10,
            Fault::Event(_) => 11,
        };
        Self::CODES[index]
    }
}

/// What ended a call before the logic returned.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Interruption {
    /// The logic's fault.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The database's; a conflict may be tried again.
    #[error(transparent)]
    Database(storage::Error),
}

impl From<storage::Error> for Interruption {
    fn from(error: storage::Error) -> Self {
        match error {
            storage::Error::Deadline => Fault::Deadline.into(),
            storage::Error::Limit(storage::Limit::Statements) => Fault::Statements.into(),
            storage::Error::Limit(storage::Limit::Rows) => Fault::Rows.into(),
            storage::Error::Limit(storage::Limit::Bytes) => Fault::Bytes.into(),
            other => Interruption::Database(other),
        }
    }
}
