//! Why a component was refused: each reason has a code and a sentence that names the item.

use super::signature::SignatureError;
use request::MissingExport;
use runtime::{CompileError, Fault, Interruption, LoadError, ServiceError};
use storage::{self, MigrationError};
use transcode::{BindError, BindFault, DecodeError, SignatureError as FunctionError};

/// Why a component may not serve. What was active before stays so.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The bytes are no component, or none that this host can compile within its limits.
    #[error("the component cannot be compiled: {0}")]
    Compile(#[from] CompileError),
    /// Its types cannot be read.
    #[error(transparent)]
    Interface(#[from] DecodeError),
    /// It does not link: imports, exports or size.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A route's function is not in the compiled code.
    #[error(transparent)]
    Export(#[from] MissingExport),
    /// It carries no signature of a trusted key, and one is required.
    #[error("the component is not signed as this host requires: {0}")]
    Signature(#[from] SignatureError),
    /// Its content has another digest than its name: it was damaged.
    #[error("the component's content is damaged: its digest is {0} now")]
    Damaged(String),
    /// Its content is not in the database any more.
    #[error("the component {0} is not kept here any more")]
    Gone(String),
    /// Its API breaks clients of the active one, by at least one change.
    #[error("{}", broken(.0))]
    Breaking(Vec<String>),
    /// It could not be asked what it is.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// A route does not fit the function it names.
    #[error(transparent)]
    Route(#[from] BindError),
    /// Two routes answer the same method and path.
    #[error("two routes answer {method} {path}")]
    RouteTwice {
        /// The method of both.
        method: String,
        /// The path of the later one.
        path: String,
    },
    /// Two paths cannot be told apart.
    #[error("the path {path} cannot be told apart from {other}")]
    PathAmbiguous {
        /// The later path.
        path: String,
        /// The earlier one.
        other: String,
    },
    /// A path is one that the host keeps for itself.
    #[error("{path} is a path that the host keeps for itself")]
    PathReserved {
        /// The path.
        path: String,
    },
    /// A web UI's file has a path that cannot be served.
    #[error("the asset {path} cannot be served: {reason}")]
    Asset {
        /// Its path.
        path: String,
        /// Why not.
        reason: &'static str,
    },
    /// A migration disagrees with what was applied, or failed.
    #[error(transparent)]
    Migration(#[from] MigrationError),
    /// Its self-test failed.
    #[error("the component's self-test failed: {0}")]
    Check(String),
    /// As a canary it failed more often than the active one.
    #[error("{0}")]
    Canary(String),
    /// Another host of the database cannot serve it.
    #[error("the replica {name} cannot serve it: {reason}")]
    Replica {
        /// What people call that host.
        name: String,
        /// Its reason.
        reason: String,
    },
    /// Other hosts did not say in time whether they can serve it.
    #[error("not staged in time on {0}")]
    Unstaged(String),
    /// The database did not do its part.
    #[error(transparent)]
    Database(#[from] storage::Error),
}

impl Refused {
    /// The reason's stable slug.
    pub fn code(&self) -> &'static str {
        match self {
            Refused::Compile(error) => compile_code(error),
            Refused::Interface(_) => "unreadable-interface",
            Refused::Load(error) => load_code(error),
            Refused::Export(_) => "missing-export",
            Refused::Signature(SignatureError::Missing) => "not-signed",
            Refused::Signature(_) => "wrong-signature",
            Refused::Damaged(_) => "digest-mismatch",
            Refused::Gone(_) => "component-gone",
            Refused::Breaking(_) => "breaking-change",
            Refused::Service(error) => service_code(error),
            Refused::Route(error) => route_code(&error.fault),
            Refused::RouteTwice { .. } => "route-twice",
            Refused::PathAmbiguous { .. } => "path-ambiguous",
            Refused::PathReserved { .. } => "path-reserved",
            Refused::Asset { .. } => "asset-unfit",
            Refused::Migration(error) => migration_code(error),
            Refused::Check(_) => "check-failed",
            Refused::Canary(_) => "canary-failed",
            Refused::Replica { .. } => "replica-refused",
            Refused::Unstaged(_) => "replica-late",
            Refused::Database(_) => "database-unavailable",
        }
    }

    /// Whether the machine's state was the reason rather than the component, so that the same
    /// component may pass in a moment.
    pub fn may_pass(&self) -> bool {
        match self {
            Refused::Database(_)
            | Refused::Unstaged(_)
            | Refused::Migration(MigrationError::Blocked { .. }) => true,
            Refused::Compile(error) => matches!(
                error,
                CompileError::TimedOut(_) | CompileError::OutOfMemory(_) | CompileError::Failed(_)
            ),
            Refused::Service(ServiceError::Interrupted(_, by)) => matches!(
                by,
                Interruption::Database(_) | Interruption::Fault(Fault::Deadline | Fault::CpuTime)
            ),
            _ => false,
        }
    }
}

/// How many changes break clients, and the first. The whole list is in the deployment's events.
fn broken(changes: &[String]) -> String {
    let first = changes.first().map_or("", String::as_str);
    match changes.len() {
        1 => format!("1 change breaks clients of the active API: {first}"),
        count => format!("{count} changes break clients of the active API, the first: {first}"),
    }
}

fn compile_code(error: &CompileError) -> &'static str {
    match error {
        CompileError::Refused(_) => "not-a-component",
        CompileError::Module => "core-module",
        CompileError::Precompiled => "precompiled-code",
        CompileError::TimedOut(_) => "compile-time-exceeded",
        CompileError::OutOfMemory(_) => "compile-memory-exceeded",
        CompileError::Failed(_) => "compiler-failed",
    }
}

fn load_code(error: &LoadError) -> &'static str {
    match error {
        LoadError::Unfit(_) => "unfit-code",
        LoadError::TooLarge(_) => "memory-too-large",
        LoadError::Import(_) => "unknown-import",
        LoadError::Shape(_) => "import-shape",
        LoadError::Newer { .. } => "contract-newer",
        LoadError::Export(_) => "missing-export",
    }
}

fn service_code(error: &ServiceError) -> &'static str {
    match error {
        ServiceError::Missing(_) => "missing-export",
        ServiceError::Interrupted(_, Interruption::Fault(fault)) => fault.code(),
        ServiceError::Interrupted(_, Interruption::Database(_)) => "database-unavailable",
        ServiceError::Unreadable(..) => "service-unreadable",
    }
}

fn route_code(fault: &BindFault) -> &'static str {
    match fault {
        BindFault::UnknownFunction(_) => "unknown-function",
        BindFault::Signature { reason, .. } => match reason {
            FunctionError::Unsupported { .. } => "unreadable-type",
            FunctionError::NoProblem | FunctionError::Async => "function-unfit",
        },
        BindFault::Path(_) => "path-malformed",
        BindFault::UnknownPathParameter(_) => "unknown-path-parameter",
        BindFault::PathParameterType(_) => "path-parameter-type",
        BindFault::QueryType(_) => "query-parameter-type",
        BindFault::RepeatedQueryParameter(_) => "query-parameter-twice",
        BindFault::AmbiguousBody(_) => "body-ambiguous",
        BindFault::SuccessStatus(_) | BindFault::BodyWithoutContent(_) => "status-unfit",
        BindFault::SafeMethodWrites(_) => "safe-method-writes",
        BindFault::UnknownMember { .. } => "unknown-member",
        BindFault::MemberType { .. } => "member-type",
        BindFault::Location(_) => "location-malformed",
        BindFault::NoCursor => "no-cursor",
    }
}

fn migration_code(error: &MigrationError) -> &'static str {
    match error {
        MigrationError::Changed { .. } => "migration-changed",
        MigrationError::Reordered { .. } => "migration-reordered",
        MigrationError::Unknown { .. } => "migration-missing",
        MigrationError::Duplicate { .. } => "migration-twice",
        MigrationError::Failed { .. } => "migration-failed",
        MigrationError::Blocked { .. } => "migration-blocked",
    }
}
