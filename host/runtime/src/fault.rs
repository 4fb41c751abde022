//! How the logic can fail, and what else can interrupt a call.

/// How the logic failed. Each kind has a problem type and a metric label of its own.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Fault {
    /// It trapped: 500. The text has a backtrace and is meant for the log.
    #[error("the logic trapped: {0}")]
    Trap(String),
    /// The wall-clock deadline passed: 504.
    #[error("the deadline passed")]
    Deadline,
    /// It used more CPU time than a request may: 504.
    #[error("the request used too much CPU time")]
    CpuTime,
    /// It requested more memory than a request may use: 500.
    #[error("the request needed too much memory")]
    Memory,
    /// It passed more data to the host than a request may: 500.
    #[error("the logic passed too much data to the host")]
    Handover,
    /// It returned a result whose JSON is larger than an answer may be: 500.
    #[error("the answer is too large")]
    Answer,
    /// It ran more statements than a request may: 500.
    #[error("the request ran too many statements")]
    Statements,
    /// Its statements returned more rows than a request may read: 500.
    #[error("the request read too many rows")]
    Rows,
    /// One of its statements needed more memory than the database may use: 500.
    #[error("a statement needed too much memory")]
    StatementMemory,
    /// Its statements returned more bytes than a request may read: 500.
    #[error("the request read too many bytes")]
    Bytes,
    /// It published more events than a request may: 500.
    #[error("the request published too many events")]
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
            storage::Error::Deadline => Fault::Deadline.into(),
            storage::Error::Limit(storage::Limit::Statements) => Fault::Statements.into(),
            storage::Error::Limit(storage::Limit::Rows) => Fault::Rows.into(),
            storage::Error::Limit(storage::Limit::Bytes) => Fault::Bytes.into(),
            storage::Error::Limit(storage::Limit::Memory) => Fault::StatementMemory.into(),
            storage::Error::Limit(storage::Limit::Room) => Fault::Memory.into(),
            other => Interruption::Database(other),
        }
    }
}
