//! What operators learn about a failed request, which its client does not.

use std::borrow::Cow;

use tracing::{error, warn};

use contract::text::{clipped, escaped};
use request::{Error, Fault, StorageFault};

/// Maximum size of a text of the logic's problem in a log line, in bytes. The problem itself may be
/// as large as an answer.
const MAX_TEXT_BYTES: usize = 4 << 10;

/// Logs a failure of the logic or of the host. The access line of a request covers everything
/// else.
pub(crate) fn log(error: &Error) {
    match error {
        Error::Fault(fault @ (Fault::Trap(_) | Fault::Event(_) | Fault::Value(_))) => {
            error!(fault.kind = fault.code(), "{fault}");
        }
        Error::Fault(fault) => warn!(fault.kind = fault.code(), "{fault}"),
        Error::Unavailable(_) | Error::OutcomeUnknown(_) => error!("{error}"),
        // The database has logged it as an error, once.
        Error::Storage(fault) => warn!(fault.kind = fault.code(), "{fault}"),
        Error::Problem(problem) if !(400..500).contains(&problem.status) => {
            let detail = problem.detail.as_deref().unwrap_or_default();
            error!(
                problem.status,
                problem.code,
                problem.title = &*shown(&problem.title),
                problem.detail = &*shown(detail),
                "the logic answered {} with the problem {}",
                problem.status,
                problem.code
            );
        }
        Error::Problem(_)
        | Error::Malformed(_)
        | Error::Invalid(_)
        | Error::UnsupportedMediaType(_)
        | Error::ArgumentsTooLarge
        | Error::PreconditionFailed
        | Error::BadHeader { .. }
        | Error::KeyReused
        | Error::Overloaded { .. } => {}
    }
}

/// The reason of a failure, for the list of recent failures. `None` if it is the client's fault.
pub(crate) fn reason(error: &Error) -> Option<String> {
    match error {
        Error::Problem(problem) if (400..500).contains(&problem.status) => None,
        Error::Problem(problem) => Some(match &problem.detail {
            Some(detail) => format!("{}: {}", shown(&problem.title), shown(detail)),
            None => shown(&problem.title).into_owned(),
        }),
        Error::Fault(_)
        | Error::Unavailable(_)
        | Error::Storage(_)
        | Error::OutcomeUnknown(_)
        | Error::Overloaded { .. } => Some(error.to_string()),
        Error::Malformed(_)
        | Error::Invalid(_)
        | Error::UnsupportedMediaType(_)
        | Error::ArgumentsTooLarge
        | Error::PreconditionFailed
        | Error::BadHeader { .. }
        | Error::KeyReused => None,
    }
}

/// A text of the logic's problem as a log line has it: on one line, and cut off at its maximum size.
fn shown(text: &str) -> Cow<'_, str> {
    escaped(clipped(text, MAX_TEXT_BYTES))
}

/// The reason of a failed health or readiness check, for everybody. Traps and messages of the
/// database are in the log only.
pub(crate) fn public_reason(error: &Error) -> &'static str {
    match error {
        Error::Fault(fault) => fault.code(),
        Error::Overloaded { .. } => "the host is overloaded",
        Error::Storage(fault) => storage_reason(fault),
        _ => "the database does not answer",
    }
}

/// What is wrong with the database's files, for everybody.
pub(crate) fn storage_reason(fault: &StorageFault) -> &'static str {
    match fault {
        StorageFault::Full(_) => "the disk is full: writes fail, reads are answered",
        StorageFault::Damaged(_) => "the database is damaged: restore a back-up",
        StorageFault::Moved(_) => {
            "the database was removed or replaced: put it back and restart the host"
        }
    }
}
