//! What can go wrong. [`Failure`] and [`MigrationError`] are the logic's fault; an [`Error`] ends a
//! request and never reaches the logic; an [`OpenError`] stops the host at its start.

use crate::stop::READ_ONLY;

/// A statement that failed, which is the logic's fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Which kind of rule it broke.
    pub cause: Cause,
    /// The constraint's name, if the engine reports it.
    pub constraint: Option<String>,
    /// The engine's message.
    pub detail: String,
}

impl Failure {
    /// A statement that is wrong or not allowed.
    pub(crate) fn other(detail: impl Into<String>) -> Self {
        Self {
            cause: Cause::Other,
            constraint: None,
            detail: detail.into(),
        }
    }

    /// An event or a change in a transaction that may only read.
    pub fn read_only() -> Self {
        Self::other(READ_ONLY)
    }

    /// A deferred foreign key of a table that refers to a missing row.
    pub(crate) fn dangling_key(table: &str) -> Self {
        Self {
            cause: Cause::ForeignKey,
            ..Self::other(format!("a foreign key of {table} refers to a missing row"))
        }
    }
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

impl Cause {
    /// Whether another row is in the way, or missing.
    pub(crate) fn is_key(self) -> bool {
        match self {
            Cause::Unique | Cause::ForeignKey => true,
            Cause::Check | Cause::NotNull | Cause::Other => false,
        }
    }
}

/// Why migrations were not applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MigrationError {
    /// The text of an applied migration has changed.
    #[error("migration {name} was changed after it was applied; add a new migration instead")]
    Changed {
        /// The migration.
        name: String,
    },
    /// The list and the applied migrations are in a different order.
    #[error(
        "migration {name} is at the position where {applied} was applied; add new migrations only \
         at the end"
    )]
    Reordered {
        /// The migration in the list.
        name: String,
        /// The migration that was applied at its position.
        applied: String,
    },
    /// The database has applied migrations that are not in the list.
    #[error("the database has migration {name}, which this component does not know")]
    Unknown {
        /// The first of them.
        name: String,
    },
    /// Two migrations of the list have the same name.
    #[error("two migrations are called {name}")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// A statement failed.
    #[error("migration {name} failed: {detail}")]
    Failed {
        /// The migration.
        name: String,
        /// The engine's message.
        detail: String,
    },
    /// It ran for longer than the transaction's budget allows. Nothing was changed.
    #[error(
        "migration {name} did not end within the time limit for migrations; writes waited for it, \
         and nothing was changed"
    )]
    TooSlow {
        /// The migration.
        name: String,
    },
    /// Other transactions blocked it. Nothing was changed; it may be tried again.
    #[error(
        "other transactions blocked migration {name} each time; nothing was changed, so try again"
    )]
    Blocked {
        /// The migration.
        name: String,
    },
}

/// What ends a request and is not reported to the logic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The transaction conflicts with another one. Nothing was kept: run the request again.
    #[error("the transaction conflicts with another one")]
    Conflict,
    /// The transaction breaks a unique or foreign key, maybe by a row of another transaction that it
    /// cannot see. Nothing was kept: run the request again with
    /// [`Attempt::Repeated`](crate::Attempt::Repeated).
    #[error("the transaction breaks a key, maybe because of another one")]
    BrokenKey,
    /// Another host has made another component active and this host has not switched yet. Nothing
    /// that this host writes is kept.
    #[error("another component is active and this host has not switched to it yet")]
    Fenced,
    /// Neither the writer nor a connection became free in time.
    #[error("the database is busy")]
    Busy,
    /// The database does not answer, or cannot make writes durable.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The files or the disk of the database are at fault. Nothing of the transaction was kept.
    #[error(transparent)]
    Storage(#[from] StorageFault),
    /// It cannot be found out whether the transaction was committed, or whether it is durable.
    /// Before the request runs again, somebody must look at the data.
    #[error("it is not known whether the transaction was committed: {0}")]
    OutcomeUnknown(String),
    /// The request's deadline passed.
    #[error("the deadline passed while the database worked")]
    Deadline,
    /// The budget was exceeded.
    #[error("the request exceeded its limit of {0}")]
    Limit(Limit),
    /// The transaction cannot be committed, which is the logic's fault: one of its statements
    /// failed, or a deferred constraint does not hold at its end. Nothing was kept.
    #[error("the transaction cannot be committed: {}", .0.detail)]
    Rejected(Failure),
}

/// What is wrong with the files or the disk of a database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StorageFault {
    /// The disk refuses writes: it is full, or a quota is used up. Reads work. Writes work again as
    /// soon as there is space.
    #[error("the disk of the database refuses writes: {0}")]
    Full(String),
    /// A page of the database cannot be right. The engine refuses all writes, so that the damage
    /// does not spread. Reads of undamaged pages work. A person has to restore a back-up.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// A file of the database was removed or replaced while it was open. The engine refuses reads
    /// and writes. A person has to put the file back and to restart the host.
    #[error("the database was moved: {0}")]
    Moved(String),
}

impl StorageFault {
    /// All values of [`StorageFault::code`].
    pub const CODES: [&'static str; 3] = contract::STORAGE_PROBLEMS;

    /// Returns the fault's slug: the name of its problem type.
    pub fn code(&self) -> &'static str {
        let index = match self {
            StorageFault::Full(_) => 0,
            StorageFault::Damaged(_) => 1,
            StorageFault::Moved(_) => 2,
        };
        Self::CODES[index]
    }
}

/// Why a database was not opened. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("the database {path} is in use by another process")]
    InUse {
        /// The database file.
        path: String,
    },
    /// The file is not a SQLite database.
    #[error(
        "{path} is not a SQLite database. If it was one, its first page is damaged: restore a \
         back-up (docs/BACKUP.md)"
    )]
    NotADatabase {
        /// The database file.
        path: String,
    },
    /// A page of the file is damaged.
    #[error(
        "the database {path} is damaged ({reason}): keep a copy of it and restore a back-up \
         (docs/BACKUP.md)"
    )]
    Damaged {
        /// The database file.
        path: String,
        /// The engine's message.
        reason: String,
    },
    /// A file of the database has more than one name, or its name is in another place than the file.
    /// SQLite finds the write-ahead log by the name, so users of the other name would not see it.
    #[error("the database cannot be used by this name: {path} {reason}")]
    Alias {
        /// The file.
        path: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The file or its directory cannot be written.
    #[error("the database {path} cannot be written: {reason}")]
    ReadOnly {
        /// The database file.
        path: String,
        /// The operating system's message.
        reason: String,
    },
    /// The host's login lacks the rights to set the database up.
    #[error(
        "the host's login lacks the rights to set up {path}; as an administrator of the database, \
         run this there once, then start the host again:\n{}",
        statements.join("\n")
    )]
    NeedsAdministrator {
        /// The database, without a password.
        path: String,
        /// What to run.
        statements: Vec<String>,
    },
    /// It failed for any other reason.
    #[error("cannot open the database {path}: {reason}")]
    Failed {
        /// The database file.
        path: String,
        /// The engine's or the operating system's message.
        reason: String,
    },
}

/// Which part of a [`Budget`](crate::Budget), or which other limit of a request, was exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Too many statements.
    Statements,
    /// Too many rows.
    Rows,
    /// Too many bytes.
    Bytes,
    /// A statement needed more memory than the database may use.
    Memory,
    /// A result needed more memory than the request may still use.
    Room,
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Limit::Statements => "statements",
            Limit::Rows => "rows",
            Limit::Bytes => "result bytes",
            Limit::Memory => "memory for one statement",
            Limit::Room => "memory for a result",
        })
    }
}
