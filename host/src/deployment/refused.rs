//! Why a component was refused: each reason has a code and a sentence that names the item.

use super::signature::SignatureError;
use crate::request::MissingExport;
use crate::runtime::{LoadError, ServiceError};
use crate::storage::{self, MigrationError};
use crate::transcode::{BindError, DecodeError};

/// Why a component may not serve. What was active before stays so.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The bytes are no component that this host can compile.
    #[error("the component cannot be compiled: {0}")]
    Compile(String),
    /// Its types cannot be read or have no JSON form.
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
    #[error("the component's content has the digest {0}")]
    Damaged(String),
    /// Its API breaks clients of the active one.
    #[error("the API breaks clients of the active one: {}", .0.join("; "))]
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
    /// The database did not do its part.
    #[error(transparent)]
    Database(#[from] storage::Error),
}

impl Refused {
    /// The reason's stable slug.
    pub fn code(&self) -> &'static str {
        match self {
            Refused::Compile(_) => "not-compilable",
            Refused::Interface(_) => "unreadable-interface",
            Refused::Load(LoadError::Unfit(_)) => "unfit-code",
            Refused::Load(LoadError::TooLarge(_)) => "too-large",
            Refused::Load(LoadError::Import(_)) => "unknown-import",
            Refused::Load(LoadError::Export(_)) => "missing-export",
            Refused::Export(_) => "missing-export",
            Refused::Signature(_) => "not-signed",
            Refused::Damaged(_) => "digest-mismatch",
            Refused::Breaking(_) => "breaking-change",
            Refused::Service(_) => "service-failed",
            Refused::Route(_) => "route-unfit",
            Refused::RouteTwice { .. } => "route-twice",
            Refused::PathAmbiguous { .. } => "path-ambiguous",
            Refused::PathReserved { .. } => "path-reserved",
            Refused::Asset { .. } => "asset-unfit",
            Refused::Migration(_) => "migration-refused",
            Refused::Check(_) => "check-failed",
            Refused::Canary(_) => "canary-failed",
            Refused::Database(_) => "database-unavailable",
        }
    }
}
