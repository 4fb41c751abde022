//! What operators order and see: plain data, also the JSON of the admin API.

use serde::{Deserialize, Serialize};

/// An order to deploy a component that was uploaded.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// The component's digest, hex, with or without `sha256:`.
    pub digest: String,
    /// Check everything, switch nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// Let an API through that breaks clients of the active one.
    #[serde(default)]
    pub allow_breaking: bool,
    /// Try a component again that was rolled back before.
    #[serde(default)]
    pub retry_refused: bool,
    /// Send only this share of clients to the new revision until it is promoted, in percent: above
    /// 0, below 100.
    #[serde(default)]
    pub canary_percent: Option<f64>,
    /// Run reads on the new revision too, after the answer, and compare; it answers nobody until
    /// it is promoted. Not together with a canary.
    #[serde(default)]
    pub shadow: bool,
}

/// A deployment, running or ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// Rises with every deployment.
    pub id: i64,
    /// The component's digest.
    pub digest: String,
    /// The digest that was active before.
    pub from: Option<String>,
    /// `deploy`, `rollback`, `dry-run`, `bundled`, `declared`, `fallback`; of a refused one also `upload`.
    pub kind: String,
    /// Who asked.
    pub actor: String,
    /// The latest stage.
    pub stage: String,
    /// `running`, `active`, `checked`, `rejected`, `rolled-back`, `aborted`.
    pub outcome: String,
    /// The reason's slug where it did not succeed.
    pub code: Option<String>,
    /// The reason for people.
    pub reason: Option<String>,
    /// What happened so far, in order.
    pub events: Vec<Event>,
    /// RFC 3339, UTC.
    pub began_at: String,
    /// RFC 3339, UTC; null while it runs.
    pub ended_at: Option<String>,
}

/// One thing that happened in a deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Counts from 0 in a deployment.
    pub number: u64,
    /// RFC 3339, UTC.
    pub at: String,
    /// `verify`, `compile`, `describe`, `bind`, `compare`, `check`, `stage`, `migrate`, `switch`, `canary`,
    /// `shadow`, `probation`, `end`.
    pub stage: String,
    /// `began`, `passed`, `failed`, `noted`.
    pub status: String,
    /// For people.
    pub detail: Option<String>,
    /// How long the stage took, in milliseconds, where it has ended.
    pub duration_ms: Option<f64>,
    /// Changes that break clients, one a line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub breaking: Vec<String>,
}

/// A component that was uploaded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComponentSummary {
    /// SHA-256 in hex.
    pub digest: String,
    /// In bytes.
    pub size_bytes: u64,
    /// Who uploaded it.
    pub actor: String,
    /// RFC 3339, UTC.
    pub uploaded_at: String,
    /// Whether it carries a signature of a trusted key.
    pub signed: bool,
    /// Whether it is the active one.
    pub active: bool,
}

/// What is true now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The active revision.
    pub active: RevisionStatus,
    /// The revision that is tried beside it.
    pub candidate: Option<RevisionStatus>,
    /// The share of clients that the candidate gets, in percent; 0 in shadow.
    pub candidate_percent: Option<f64>,
    /// What a candidate in the shadow came to so far.
    pub shadow: Option<ShadowReport>,
    /// The deployment that runs.
    pub deployment: Option<Deployment>,
    /// The revisions that a rollback reaches without compiling, the latest first.
    pub kept: Vec<RevisionStatus>,
    /// What an operator has to know of the active revision: that the host fell back to it, and
    /// why.
    #[serde(default)]
    pub warning: Option<String>,
    /// The hosts that share the database, this one among them; empty where it belongs to this one.
    #[serde(default)]
    pub replicas: Vec<ReplicaStatus>,
    /// Raised by every change of the active revision.
    pub epoch: i64,
    /// This host's version.
    pub host_version: String,
}

/// A host that shares the database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReplicaStatus {
    /// What people call it.
    pub name: String,
    /// Its process' id; no other one ever had it.
    pub id: String,
    /// Whether it is the one that was asked.
    pub this: bool,
    /// `starting`, `serving`, `failed`: it cannot serve the active component; `gone`: its lease has
    /// run out.
    pub state: String,
    /// The digest of the component that it serves.
    pub digest: Option<String>,
    /// The epoch of that.
    pub epoch: i64,
    /// How long ago it was heard of last, in milliseconds.
    pub heartbeat_ms: u64,
    /// Its version.
    pub host_version: String,
    /// Why it cannot serve the component that is deployed.
    pub problem: Option<String>,
}

/// What reads that were run in the shadow came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowReport {
    /// Reads that both revisions answered.
    pub compared: u64,
    /// Those of them that were not answered alike.
    pub different: u64,
    /// Reads that were left out: the host was busy, or a comparison could not be finished.
    pub skipped: u64,
    /// The first 20 kinds of differences.
    pub samples: Vec<ShadowSample>,
}

/// A kind of difference between two revisions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowSample {
    /// Method and template.
    pub route: String,
    /// A JSON pointer into the body; empty: the kind of answer, or the whole body.
    pub pointer: String,
    /// What differs there, without the data.
    pub detail: String,
    /// How often it was seen.
    pub count: u64,
    /// The id of the first such request.
    pub request_id: String,
}

/// A revision that serves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RevisionStatus {
    /// Its component's digest.
    pub digest: String,
    /// The service's name.
    pub name: String,
    /// The logic's version.
    pub version: String,
    /// Requests that began on it here since it was loaded.
    pub requests: u64,
    /// Those of them that failed by the logic's fault.
    pub failures: u64,
    /// Those that run now.
    pub in_flight: u64,
}
