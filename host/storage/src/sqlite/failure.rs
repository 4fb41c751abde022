//! Classifies SQLite's errors by who is at fault.

use rusqlite::{ErrorCode, ffi};

use crate::stop::{ONE_STATEMENT, Stop};
use crate::{Cause, Error, Failure, StorageFault, rules};

/// Classifies the error of a statement that no callback of the guard has ended.
pub(super) fn classify(error: &rusqlite::Error) -> Stop {
    let detail = message(error);
    let Some(code) = error.sqlite_error() else {
        return match error {
            rusqlite::Error::MultipleStatement => Stop::refused(ONE_STATEMENT),
            _ if detail.starts_with("too many SQL variables") => {
                Stop::refused(rules::too_many_parameters())
            }
            _ => Stop::refused(detail),
        };
    };
    match code.code {
        ErrorCode::ConstraintViolation => Stop::Logic(constraint(code.extended_code, detail)),
        ErrorCode::OperationInterrupted => Error::Deadline.into(),
        ErrorCode::OutOfMemory => Stop::Memory(detail),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Error::Conflict.into(),
        // A virtual table says so of its own content, which the logic writes.
        _ if code.extended_code == ffi::SQLITE_CORRUPT_VTAB => Stop::refused(detail),
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
            Error::from(StorageFault::Damaged(detail)).into()
        }
        ErrorCode::DiskFull => Error::from(StorageFault::Full(detail)).into(),
        // How SQLite reports a quota, a limit of the file's size, and a file system that became
        // read-only. Growing the index of the log needs space, too.
        _ if matches!(
            code.extended_code,
            ffi::SQLITE_IOERR_WRITE | ffi::SQLITE_IOERR_SHMSIZE
        ) =>
        {
            Error::from(StorageFault::Full(detail)).into()
        }
        ErrorCode::SystemIoFailure
        | ErrorCode::CannotOpen
        | ErrorCode::ReadOnly
        | ErrorCode::FileLockingProtocolFailed
        | ErrorCode::PermissionDenied
        | ErrorCode::NoLargeFileSupport
        | ErrorCode::InternalMalfunction
        | ErrorCode::ApiMisuse => Error::Unavailable(detail).into(),
        _ => Stop::refused(detail),
    }
}

/// Returns SQLite's message without the statement's text.
pub(super) fn message(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        rusqlite::Error::SqlInputError { msg, offset, .. } => format!("{msg} at byte {offset}"),
        error => error.to_string(),
    }
}

fn constraint(extended: i32, detail: String) -> Failure {
    let cause = match extended {
        ffi::SQLITE_CONSTRAINT_UNIQUE
        | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
        | ffi::SQLITE_CONSTRAINT_ROWID => Cause::Unique,
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => Cause::ForeignKey,
        ffi::SQLITE_CONSTRAINT_CHECK => Cause::Check,
        ffi::SQLITE_CONSTRAINT_NOTNULL => Cause::NotNull,
        // RAISE in a trigger, or the types of a STRICT table.
        _ => Cause::Other,
    };
    // Such as "UNIQUE constraint failed: tasks.title". A trigger's RAISE may have any text.
    let constraint = match cause {
        Cause::Other => None,
        _ => detail
            .split_once(" constraint failed: ")
            .map(|(_, name)| name.strip_prefix("index ").unwrap_or(name))
            .map(|name| name.trim_matches('\'').to_owned()),
    };
    Failure {
        cause,
        constraint,
        detail,
    }
}
