//! Why a component or a deployment was rejected. Each rejection has a reason code and a sentence
//! that names the item.

use super::signature::SignatureError;
use contract::deployment::Reason;
use request::MissingExport;
use runtime::{CompileError, Fault, Interruption, LoadError, ServiceError};
use storage::{self, MigrationError};
use transcode::{
    BindError, BindFault, ConstraintErrors, DecodeError, SignatureError as FunctionError,
};

/// Why a component or a deployment was rejected. The active revision stays active.
#[derive(Debug, thiserror::Error)]
pub enum Rejection {
    /// The bytes are not a component, or this host cannot compile it within its limits.
    #[error("the component cannot be compiled: {0}")]
    Compile(CompileError),
    /// Its types cannot be read.
    #[error(transparent)]
    Interface(#[from] DecodeError),
    /// It does not link, because of its imports, exports or size.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The compiled code does not have a route's function.
    #[error(transparent)]
    Export(#[from] MissingExport),
    /// It has no signature of a trusted key, and this host requires one.
    #[error("the component is not signed as this host requires: {0}")]
    Signature(#[from] SignatureError),
    /// Its content was damaged: the digest differs from its name.
    #[error("the component's content is damaged: its digest is {0} now")]
    Damaged(String),
    /// The database does not have its content any more.
    #[error("the component {0} is not kept here any more")]
    Gone(String),
    /// Its API breaks clients of the active one. Lists the changes, at least one.
    #[error("{}", broken(.0))]
    Breaking(Vec<String>),
    /// It could not be asked for its description.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// A route does not fit the function that it names.
    #[error(transparent)]
    Route(#[from] BindError),
    /// Constraints do not fit the types that they name, or cannot be enforced.
    #[error(transparent)]
    Constraints(#[from] ConstraintErrors),
    /// Two routes answer the same method and path.
    #[error("two routes answer {method} {path}")]
    RouteTwice {
        /// The method of both.
        method: String,
        /// The path of the later one.
        path: String,
    },
    /// Two paths match the same requests.
    #[error("the path {path} cannot be told apart from {other}")]
    PathAmbiguous {
        /// The later path.
        path: String,
        /// The earlier one.
        other: String,
    },
    /// A path is reserved for the host.
    #[error("{path} is a path that the host keeps for itself")]
    PathReserved {
        /// The path.
        path: String,
    },
    /// A text that the component states about itself cannot be shown safely.
    #[error("{what} {fault}")]
    Text {
        /// Which text it is.
        what: String,
        /// Why not.
        fault: TextFault,
    },
    /// A file of the web UI has a path that cannot be served.
    #[error("the asset {path} cannot be served: {reason}")]
    Asset {
        /// Its path.
        path: String,
        /// Why not.
        reason: &'static str,
    },
    /// A migration conflicts with what was applied, or failed.
    #[error(transparent)]
    Migration(#[from] MigrationError),
    /// Its self-test failed.
    #[error("the component's self-test failed: {0}")]
    Check(String),
    /// Sampled requests failed in the new logic and not in the active one. Says how many, and the first.
    #[error("{0}")]
    Trapped(String),
    /// Sampled requests ended differently, which the order does not accept. Says how many, and the first.
    #[error("{0}")]
    Differs(String),
    /// No sampled request could be compared, which the order does not accept. Says how many there were, and why
    /// the first was left out.
    #[error("{0}")]
    NotCompared(String),
    /// The canary failed more often than the active revision.
    #[error("{0}")]
    Canary(String),
    /// Another host of the database cannot serve it.
    #[error("the replica {name} cannot serve it: {reason}")]
    Replica {
        /// The other host's name.
        name: String,
        /// The other host's reason.
        reason: String,
    },
    /// Other hosts did not report in time whether they can serve it. Names them.
    #[error("not staged in time on {0}")]
    Unstaged(String),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] storage::Error),
    /// Several of these, at least two. The first one decides code and sentence.
    #[error("{}", first(.0))]
    Several(Vec<Rejection>),
}

/// The largest number of rejections of one component. Further ones say nothing new.
const MAX_REJECTIONS: usize = 50;

/// Why a text cannot be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextFault {
    /// It has this character.
    #[error(
        "has the character U+{0:04X}, which can forge what a terminal or a log shows; leave out \
         control characters, line separators and marks for the direction of writing"
    )]
    Character(u32),
    /// It is longer than this many bytes.
    #[error("is longer than {0} bytes")]
    TooLong(usize),
}

impl Rejection {
    /// Fails with these rejections, in their order; succeeds if the list is empty.
    pub(crate) fn unless_empty(rejections: Vec<Rejection>) -> Result<(), Rejection> {
        match rejections.is_empty() {
            true => Ok(()),
            false => Err(Rejection::several(rejections)),
        }
    }

    /// Makes one rejection of these, in their order. There must be at least one.
    pub(crate) fn several(rejections: Vec<Rejection>) -> Rejection {
        let single = rejections
            .into_iter()
            .flat_map(|rejection| match rejection {
                Rejection::Several(several) => several,
                single => vec![single],
            });
        let mut all: Vec<_> = single.take(MAX_REJECTIONS).collect();
        match all.len() {
            1 => all.remove(0),
            _ => Rejection::Several(all),
        }
    }

    /// Returns the rejections that this one consists of: itself, or several.
    pub fn all(&self) -> &[Rejection] {
        match self {
            Rejection::Several(several) => several,
            single => std::slice::from_ref(single),
        }
    }

    /// Returns the reason's code.
    pub fn code(&self) -> Reason {
        match self {
            Rejection::Several(several) => several
                .first()
                .map_or(Reason::NotAComponent, Rejection::code),
            Rejection::Compile(error) => compile_code(error),
            Rejection::Interface(DecodeError::TooLarge) => Reason::TypesTooLarge,
            Rejection::Interface(_) => Reason::UnreadableInterface,
            Rejection::Load(error) => load_code(error),
            Rejection::Export(_) => Reason::MissingExport,
            Rejection::Signature(SignatureError::Missing) => Reason::NotSigned,
            Rejection::Signature(_) => Reason::WrongSignature,
            Rejection::Damaged(_) => Reason::DigestMismatch,
            Rejection::Gone(_) => Reason::ComponentGone,
            Rejection::Breaking(_) => Reason::BreakingChange,
            Rejection::Service(error) => service_code(error),
            Rejection::Route(error) => route_code(&error.fault),
            Rejection::Constraints(_) => Reason::ConstraintUnfit,
            Rejection::RouteTwice { .. } => Reason::RouteTwice,
            Rejection::PathAmbiguous { .. } => Reason::PathAmbiguous,
            Rejection::PathReserved { .. } => Reason::PathReserved,
            Rejection::Text { .. } => Reason::TextUnfit,
            Rejection::Asset { .. } => Reason::AssetUnfit,
            Rejection::Migration(error) => migration_code(error),
            Rejection::Check(_) => Reason::CheckFailed,
            Rejection::Trapped(_) => Reason::RehearsalTrapped,
            Rejection::Differs(_) => Reason::RehearsalDiffers,
            Rejection::NotCompared(_) => Reason::RehearsalIncomplete,
            Rejection::Canary(_) => Reason::CanaryFailed,
            Rejection::Replica { .. } => Reason::ReplicaRefused,
            Rejection::Unstaged(_) => Reason::ReplicaLate,
            Rejection::Database(_) => Reason::DatabaseUnavailable,
        }
    }

    /// Returns whether the machine's state was the reason rather than the component. Then the
    /// same component may be accepted later.
    pub fn is_temporary(&self) -> bool {
        match self {
            Rejection::Several(several) => several.iter().all(Rejection::is_temporary),
            Rejection::Database(_)
            | Rejection::NotCompared(_)
            | Rejection::Unstaged(_)
            | Rejection::Migration(MigrationError::Blocked { .. }) => true,
            Rejection::Compile(error) => matches!(
                error,
                CompileError::TimedOut(_)
                    | CompileError::OutOfMemory(_)
                    | CompileError::Killed
                    | CompileError::Failed(_)
            ),
            Rejection::Service(ServiceError::Interrupted(_, by)) => matches!(
                by,
                Interruption::Database(_)
                    | Interruption::Fault(Fault::Deadline(_) | Fault::CpuTime(_))
            ),
            _ => false,
        }
    }
}

impl From<CompileError> for Rejection {
    fn from(error: CompileError) -> Self {
        match error {
            CompileError::Interfaces(errors) => {
                Rejection::several(errors.into_iter().map(Rejection::Load).collect())
            }
            other => Rejection::Compile(other),
        }
    }
}

fn first(several: &[Rejection]) -> String {
    several.first().map(ToString::to_string).unwrap_or_default()
}

/// Returns the number of changes that break clients, and the first change. The deployment's events
/// have the whole list.
fn broken(changes: &[String]) -> String {
    let first = changes.first().map_or("", String::as_str);
    match changes.len() {
        1 => format!("1 change breaks clients of the active API: {first}"),
        count => format!("{count} changes break clients of the active API, the first: {first}"),
    }
}

fn compile_code(error: &CompileError) -> Reason {
    match error {
        CompileError::Refused(_) => Reason::NotAComponent,
        CompileError::Module => Reason::CoreModule,
        CompileError::Precompiled => Reason::PrecompiledCode,
        CompileError::Interfaces(errors) => errors.first().map_or(Reason::NotAComponent, load_code),
        CompileError::TimedOut(_) => Reason::CompileTimeExceeded,
        CompileError::OutOfMemory(_) | CompileError::Killed => Reason::CompileMemoryExceeded,
        CompileError::Failed(_) => Reason::CompilerFailed,
    }
}

fn load_code(error: &LoadError) -> Reason {
    match error {
        LoadError::Unfit(_) => Reason::UnfitCode,
        LoadError::TooLarge(_) => Reason::MemoryTooLarge,
        LoadError::TooManyParts(_) => Reason::TooManyParts,
        LoadError::Import(_) => Reason::UnknownImport,
        LoadError::Shape(_) => Reason::ImportShape,
        LoadError::Newer { .. } => Reason::ContractNewer,
        LoadError::Export(_) => Reason::MissingExport,
        LoadError::Function(_) => Reason::ServiceUnreadable,
    }
}

fn service_code(error: &ServiceError) -> Reason {
    match error {
        ServiceError::Missing(_) => Reason::MissingExport,
        ServiceError::Interrupted(_, Interruption::Fault(fault)) => fault_code(fault),
        ServiceError::Interrupted(_, Interruption::Database(_)) => Reason::DatabaseUnavailable,
        ServiceError::Unreadable(..) => Reason::ServiceUnreadable,
    }
}

fn fault_code(fault: &Fault) -> Reason {
    match fault {
        Fault::Trap(_) => Reason::LogicTrapped,
        Fault::Deadline(_) => Reason::DeadlineExceeded,
        Fault::CpuTime(_) => Reason::CpuTimeExceeded,
        Fault::Memory => Reason::MemoryLimitExceeded,
        Fault::Handover => Reason::HandoverLimitExceeded,
        Fault::Answer => Reason::AnswerLimitExceeded,
        Fault::Statements => Reason::StatementLimitExceeded,
        Fault::Rows => Reason::RowLimitExceeded,
        Fault::Bytes => Reason::ByteLimitExceeded,
        Fault::StatementMemory => Reason::StatementMemoryExceeded,
        Fault::Value(_) => Reason::LogicReturnedInvalidValue,
        Fault::Transaction(_) => Reason::LogicIgnoredFailure,
        Fault::Events => Reason::EventLimitExceeded,
        Fault::Event(_) => Reason::LogicPublishedInvalidEvent,
        Fault::Exit(_) => Reason::LogicExited,
        Fault::Wait => Reason::LogicWaited,
    }
}

fn route_code(fault: &BindFault) -> Reason {
    match fault {
        BindFault::UnknownFunction(_) => Reason::UnknownFunction,
        BindFault::Signature { reason, .. } => match reason {
            FunctionError::Unsupported { .. } => Reason::UnreadableType,
            FunctionError::NoProblem | FunctionError::Async => Reason::FunctionUnfit,
        },
        BindFault::Path(_) => Reason::PathMalformed,
        BindFault::UnknownPathParameter(_) => Reason::UnknownPathParameter,
        BindFault::PathParameterType(_) => Reason::PathParameterType,
        BindFault::QueryType(_) => Reason::QueryParameterType,
        BindFault::RepeatedQueryParameter(_) => Reason::QueryParameterTwice,
        BindFault::AmbiguousBody(_) => Reason::BodyAmbiguous,
        BindFault::SuccessStatus(_) | BindFault::BodyWithoutContent(_) => Reason::StatusUnfit,
        BindFault::SafeMethodWrites(_) => Reason::SafeMethodWrites,
        BindFault::UnknownMember { .. } => Reason::UnknownMember,
        BindFault::MemberType { .. } => Reason::MemberType,
        BindFault::Location(_) => Reason::LocationMalformed,
        BindFault::NoCursor => Reason::NoCursor,
        BindFault::TooManyRoutes => Reason::TooManyRoutes,
        BindFault::TypesTooLarge => Reason::TypesTooLarge,
    }
}

fn migration_code(error: &MigrationError) -> Reason {
    match error {
        MigrationError::Changed { .. } => Reason::MigrationChanged,
        MigrationError::Reordered { .. } => Reason::MigrationReordered,
        MigrationError::Unknown { .. } => Reason::MigrationMissing,
        MigrationError::Duplicate { .. } => Reason::MigrationTwice,
        MigrationError::Failed { .. } => Reason::MigrationFailed,
        MigrationError::TooSlow { .. } => Reason::MigrationTimeExceeded,
        MigrationError::Blocked { .. } => Reason::MigrationBlocked,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use runtime::TimeLimit;

    #[test]
    fn a_fault_has_one_code_in_problems_and_in_the_history() {
        for fault in [
            Fault::Trap(String::new()),
            Fault::Deadline(TimeLimit::Call),
            Fault::CpuTime(Duration::ZERO),
            Fault::Memory,
            Fault::Handover,
            Fault::Answer,
            Fault::Statements,
            Fault::Rows,
            Fault::Bytes,
            Fault::StatementMemory,
            Fault::Value(String::new()),
            Fault::Transaction(String::new()),
            Fault::Events,
            Fault::Event(String::new()),
            Fault::Exit(0),
            Fault::Wait,
        ] {
            assert_eq!(fault_code(&fault).as_str(), fault.code());
        }
    }
}
