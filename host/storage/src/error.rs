//! What goes wrong: the logic's fault ([`Failure`], [`MigrationError`]) apart from what ends a
//! request without the logic hearing of it ([`Error`]).

/// A statement that failed by the logic's fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Which kind of rule it broke.
    pub cause: Cause,
    /// The constraint's name where the engine tells it.
    pub constraint: Option<String>,
    /// The engine's message.
    pub detail: String,
}

/// Which kind of rule a failed statement broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A unique or primary key.
    Unique,
    /// A foreign key.
    ForeignKey,
    /// A check constraint.
    Check,
    /// A missing value.
    NotNull,
    /// The statement is wrong or not allowed.
    Other,
}

/// Why a migration was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MigrationError {
    /// An applied step has another text now.
    #[error("migration {name} was changed after it was applied; add a new step instead")]
    Changed {
        /// The step.
        name: String,
    },
    /// The list and what was applied disagree in their order.
    #[error(
        "migration {name} stands where {applied} was applied; steps may only be added at the end"
    )]
    Reordered {
        /// The step in the list.
        name: String,
        /// The step that was applied at its place.
        applied: String,
    },
    /// The database has steps that the list does not know.
    #[error("the database has migration {name}, which this component does not know")]
    Unknown {
        /// The first such step.
        name: String,
    },
    /// Two steps of the list have one name.
    #[error("two migrations are called {name}")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// A statement failed.
    #[error("migration {name} failed: {detail}")]
    Failed {
        /// The step.
        name: String,
        /// The engine's message.
        detail: String,
    },
    /// Another transaction was in the way. Nothing was changed, and it may be tried again.
    #[error(
        "other transactions were in the way of migration {name} each time; nothing was changed, \
         so try again"
    )]
    Blocked {
        /// The step.
        name: String,
    },
}

/// What ends a request without the logic hearing of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Another transaction was in the way: run the request again.
    #[error("the transaction conflicts with another one")]
    Conflict,
    /// Another host has made another component active, and this one does not know yet: nothing that
    /// it writes is kept.
    #[error("this host was passed by: another component is active")]
    Fenced,
    /// The writer or a connection was not free in time.
    #[error("the database is busy")]
    Busy,
    /// The database does not answer, or cannot make writes durable.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// Whether the commit happened, or whether it lasts, cannot be found out. Nobody may run the
    /// request again who does not look first.
    #[error("whether it was committed is not known: {0}")]
    OutcomeUnknown(String),
    /// The request's deadline passed.
    #[error("the deadline passed while the database worked")]
    Deadline,
    /// The budget was exceeded.
    #[error("the request exceeded its limit of {0}")]
    Limit(Limit),
    /// By the logic's fault the transaction cannot be committed: a statement of it had failed
    /// before, or a deferred constraint does not hold at its end. Nothing was kept.
    #[error("the transaction cannot be committed: {}", .0.detail)]
    Rejected(Failure),
}

/// Why a database was not opened. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Another host has it open.
    #[error("the database {path} is in use by another process")]
    InUse {
        /// The database file.
        path: String,
    },
    /// The file is something else, or damaged.
    #[error("{path} is not a SQLite database")]
    NotADatabase {
        /// The database file.
        path: String,
    },
    /// The file, or its directory, cannot be written.
    #[error("the database {path} cannot be written: {reason}")]
    ReadOnly {
        /// The database file.
        path: String,
        /// The system's message.
        reason: String,
    },
    /// The host's login may not make what the database needs.
    #[error(
        "the host's login may not prepare {path}; an administrator of the database has to run \
         this there once, then start the host again:\n{}",
        statements.join("\n")
    )]
    NeedsAdministrator {
        /// The database, without a password.
        path: String,
        /// What to run.
        statements: Vec<String>,
    },
    /// Anything else.
    #[error("cannot open the database {path}: {reason}")]
    Failed {
        /// The database file.
        path: String,
        /// The engine's or the system's message.
        reason: String,
    },
}

/// Which part of a [`Budget`](super::Budget) was exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Too many statements.
    Statements,
    /// Too many rows.
    Rows,
    /// Too many bytes.
    Bytes,
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Limit::Statements => "statements",
            Limit::Rows => "rows",
            Limit::Bytes => "result bytes",
        })
    }
}
