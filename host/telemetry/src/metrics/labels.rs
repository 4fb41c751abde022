//! The labels of the metrics, as types. Values on the hot path are `&'static str` or shared, so
//! that a lookup copies no text.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;

use contract::Access;

/// The labels of a request's duration.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// The name of a known method, or `_OTHER`.
    pub http_request_method: &'static str,
    /// The route's template. Empty if no route matched.
    pub http_route: Arc<str>,
    /// The status. 499 if the client disconnected before the answer.
    pub http_response_status_code: u16,
    /// The first 12 hex digits of the revision's digest. Empty for the host's own paths.
    pub task_host_revision: Arc<str>,
}

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It committed and is durable.
    Commit,
    /// Nothing was kept. A read transaction that did not commit counts as this.
    Rollback,
    /// Another transaction was in the way.
    Conflict,
    /// It could not be determined whether it committed.
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct AccessLabel {
    access: &'static str,
}

impl From<Access> for AccessLabel {
    fn from(access: Access) -> AccessLabel {
        let access = match access {
            Access::Read => "read",
            Access::Write => "write",
        };
        AccessLabel { access }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct TransactionLabels {
    access: &'static str,
    outcome: &'static str,
}

impl TransactionLabels {
    pub(super) fn new(access: AccessLabel, outcome: Outcome) -> TransactionLabels {
        let outcome = match outcome {
            Outcome::Commit => "commit",
            Outcome::Rollback => "rollback",
            Outcome::Conflict => "conflict",
            Outcome::Unknown => "unknown",
        };
        TransactionLabels {
            access: access.access,
            outcome,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct KindLabel {
    kind: &'static str,
}

impl KindLabel {
    pub(super) fn new(kind: &'static str) -> KindLabel {
        KindLabel { kind }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ModeLabel {
    pub(super) mode: &'static str,
}

/// How a deployment ended. The reason is the code of a rejection, or empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct DeploymentLabels {
    pub(super) outcome: String,
    pub(super) reason: String,
}

/// A stage of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct StageLabel {
    pub(super) stage: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RevisionLabels {
    task_host_revision: String,
    service_name: String,
    service_version: String,
}

/// How something ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OutcomeLabel {
    pub(super) outcome: String,
}

/// A digest as it appears in labels: its first 12 digits.
pub(super) fn short(digest: &str) -> String {
    digest.chars().take(12).collect()
}

impl RevisionLabels {
    pub(super) fn new(digest: &str, service: &str, version: &str) -> RevisionLabels {
        RevisionLabels {
            task_host_revision: short(digest),
            service_name: service.to_owned(),
            service_version: version.to_owned(),
        }
    }
}
