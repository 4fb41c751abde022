//! The data that operators send and see. Its JSON is that of the admin API.
//!
//! The command line reads it too, perhaps from a host of another version: so members that came
//! later have defaults, and words are lenient ([`Word`]).

use std::time::SystemTime;

use schemars::generate::SchemaGenerator;
use schemars::{JsonSchema, Schema, json_schema};
use serde::{Deserialize, Serialize};

use contract::deployment::{EventStatus, Kind, Outcome, Progress, Reason, Stage};
use contract::{Vocabulary, Word};

/// An order to deploy a component that was uploaded.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Order {
    /// The digest of a component that was uploaded: 64 hex digits. The admin API also takes it with
    /// `sha256:` and in upper case.
    #[schemars(extend("pattern" = "^(sha256:)?[0-9a-fA-F]{64}$"))]
    pub digest: String,
    /// Run every check and switch nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// Accept an API that breaks clients of the active one.
    #[serde(default)]
    pub allow_breaking: bool,
    /// Accept a component that was rolled back before.
    #[serde(default)]
    pub retry_refused: bool,
    /// Send only this share of clients to the new revision until it is promoted, in percent: above
    /// 0, below 100.
    #[serde(default)]
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 100))]
    pub canary_percent: Option<f64>,
    /// The shares that follow `canary_percent`, in percent, each larger than the one before it. The
    /// canary goes on to the next one by itself when it has had a share for `canary_step_ms`, has
    /// answered enough requests in that time, and does not fail too often.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("maxItems" = 20))]
    pub canary_steps: Vec<f64>,
    /// How long the canary keeps each share at least, in milliseconds: at most 30 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minimum" = 1, "maximum" = 2_592_000_000_u64))]
    pub canary_step_ms: Option<u64>,
    /// Promote the canary by itself after its last share, under the same conditions as to go on to
    /// another share.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub promote_by_itself: bool,
    /// Repeat reads on the new revision after their response and compare the results. The new
    /// revision answers no client until it is promoted. Not allowed together with a canary.
    #[serde(default)]
    pub shadow: bool,
    /// How many of the requests that were sampled lately are rehearsed on the new revision before the
    /// switch. 0: none. Null: 200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub rehearse: Option<u32>,
    /// Refuse the component if a rehearsed request ends differently, or if there are sampled requests and none
    /// could be compared.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rehearse_strict: bool,
    /// What the deployment is for, in a line, for the history: at most 300 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxLength" = 300))]
    pub message: Option<String>,
    /// The Git revision that the component was built from, as its author names it: at most 100
    /// characters. The host does not check it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxLength" = 100))]
    pub git_revision: Option<String>,
}

impl Order {
    /// Returns the stage of the ordered trial, or `None` if the new revision becomes active at
    /// once.
    pub(crate) fn trial(&self) -> Option<Stage> {
        match (self.canary_percent, self.shadow) {
            (Some(_), _) => Some(Stage::Canary),
            (None, true) => Some(Stage::Shadow),
            (None, false) => None,
        }
    }
}

/// A deployment, running or ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Deployment {
    /// Increases with every deployment.
    #[schemars(range(min = 0))]
    pub id: i64,
    /// The component's digest.
    pub digest: String,
    /// The digest of the component that was active before.
    pub from: Option<String>,
    /// What was asked for.
    #[schemars(schema_with = "one_of::<Kind>")]
    pub kind: Word<Kind>,
    /// Who asked for it.
    pub actor: String,
    /// What it was for, in the words of who asked for it.
    #[serde(default)]
    pub message: Option<String>,
    /// The Git revision that the component was built from, according to who asked for it.
    #[serde(default)]
    pub git_revision: Option<String>,
    /// If it was a canary: the share of the clients that it was ordered with, in percent.
    #[serde(default)]
    pub canary_percent: Option<f64>,
    /// If it was a canary: the share of the clients that it reached last, in percent; 100 after the
    /// switch. Null if it never began.
    #[serde(default)]
    pub canary_reached_percent: Option<f64>,
    /// If it was a canary in steps: the steps, in order.
    #[serde(default)]
    pub canary_steps: Vec<CanaryStep>,
    /// If it was a canary in steps: how long each one takes at least, in milliseconds.
    #[serde(default)]
    pub canary_step_ms: Option<u64>,
    /// Whether it was a shadow.
    #[serde(default)]
    pub shadow: bool,
    /// How far it is, or was when it ended.
    #[schemars(with = "String")]
    pub stage: Word<Progress>,
    /// How it ended, or that it runs.
    #[schemars(schema_with = "one_of::<Outcome>")]
    pub outcome: Word<Outcome>,
    /// The reason's code, if it did not succeed.
    #[schemars(with = "Option<String>")]
    pub code: Option<Word<Reason>>,
    /// The reason for people.
    pub reason: Option<String>,
    /// The events so far, in order.
    pub events: Vec<Event>,
    /// When it began, as RFC 3339 in UTC.
    #[schemars(extend("format" = "date-time"))]
    pub began_at: String,
    /// When it ended, as RFC 3339 in UTC; null while it runs.
    #[schemars(extend("format" = "date-time"))]
    pub ended_at: Option<String>,
}

/// A step of a canary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CanaryStep {
    /// The share of the clients, in percent. 100: the promotion, which the canary reaches by itself.
    pub percent: f64,
    /// `ahead`, `running`, `passed`, `failed` (the canary failed too often in it), `stopped` (an
    /// operator or a crash of the host ended it) or `skipped` (it was never reached).
    #[schemars(extend("enum" = ["ahead", "running", "passed", "failed", "stopped", "skipped"]))]
    pub state: String,
    /// When it began, as RFC 3339 in UTC; null if it has not.
    #[schemars(extend("format" = "date-time"))]
    pub began_at: Option<String>,
}

/// An event of a deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// The event's position in its deployment, from 0.
    pub number: u64,
    /// When it happened, as RFC 3339 in UTC.
    #[schemars(extend("format" = "date-time"))]
    pub at: String,
    /// The stage that it belongs to.
    #[schemars(schema_with = "one_of::<Stage>")]
    pub stage: Word<Stage>,
    /// What it says of the stage.
    #[schemars(schema_with = "one_of::<EventStatus>")]
    pub status: Word<EventStatus>,
    /// Details for people.
    pub detail: Option<String>,
    /// How long the stage took, in milliseconds, if this event ends it.
    pub duration_ms: Option<f64>,
    /// The share of clients that the canary gets from now on, in percent, if this event changes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary_percent: Option<f64>,
    /// How the host of a trial ended, if the trial goes on afterwards: `stop` or `crash`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub host_end: Option<HostEnd>,
    /// Changes that break clients.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub breaking: Vec<String>,
    /// The first lines that the component logged in this stage, each with its level.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<String>,
    /// Everything that the stage rejects, if that is more than the detail says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejections: Vec<StageRejection>,
    /// The result of the rehearsal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rehearsal: Option<Rehearsal>,
}

/// How a host ended while it ran a trial, which goes on afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostEnd {
    /// It was stopped.
    Stop,
    /// It crashed, or was away for longer than its lease.
    Crash,
    /// A word of a later version.
    #[serde(other)]
    Other,
}

/// The result of a rehearsal: sampled requests ran on the active and on the new revision, and were undone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rehearsal {
    /// Requests that ran on both.
    pub compared: u64,
    /// Those of them that ended differently.
    pub different: u64,
    /// Requests that were not compared.
    pub skipped: u64,
    /// Why the first of them was not.
    pub skipped_because: Option<String>,
    /// The kinds of differences, at most 50: failures of the new logic first, then those that occurred most
    /// often.
    pub differences: Vec<RehearsalDifference>,
}

/// A kind of difference at one route. Numbers and booleans are shown, and no texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RehearsalDifference {
    /// The difference in a sentence.
    pub summary: String,
    /// The route's method and template.
    pub route: String,
    /// What differs: `trap` (the new logic failed), `status`, `body`, `header` (location or next page),
    /// `events`, or `rows` (how many rows changed).
    #[schemars(extend("enum" = ["trap", "status", "body", "header", "events", "rows"]))]
    pub part: String,
    /// Where: a JSON pointer in which `*` is any position, or a kind of statement and its table. Empty: the
    /// whole.
    pub place: String,
    /// What became of it in the first request with this difference.
    pub detail: String,
    /// How many requests differ so.
    pub count: u64,
    /// How many requests of the route were compared.
    pub compared: u64,
    /// The id of the first of them.
    pub request_id: String,
    /// Why the new logic failed, if it did; after a trap with a backtrace.
    pub reason: Option<String>,
}

/// One of several reasons for which a stage failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StageRejection {
    /// The reason's code.
    #[schemars(with = "String")]
    pub code: Word<Reason>,
    /// The reason for people.
    pub reason: String,
}

/// A component that was uploaded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ComponentSummary {
    /// SHA-256 in hex.
    #[schemars(extend("pattern" = "^[0-9a-f]{64}$"))]
    pub digest: String,
    /// In bytes.
    pub size_bytes: u64,
    /// Who uploaded it.
    pub actor: String,
    /// When it was uploaded last, as RFC 3339 in UTC.
    #[schemars(extend("format" = "date-time"))]
    pub uploaded_at: String,
    /// Whether it has a signature of a trusted key.
    pub signed: bool,
    /// Whether it is the active one.
    pub active: bool,
}

/// A component, with what its bytes say of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComponentDetails {
    /// The component as a list shows it.
    #[serde(flatten)]
    pub summary: ComponentSummary,
    /// Its interface. A component whose types cannot be read can be uploaded, too.
    #[serde(flatten)]
    pub interface: ComponentInterface,
}

/// What a component's bytes say of its interface.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ComponentInterface {
    /// The component's types could be read.
    Readable {
        /// The interfaces that it imports.
        imports: Vec<String>,
        /// The interfaces that it exports.
        exports: Vec<String>,
    },
    /// The component's types could not be read.
    Unreadable {
        /// The reason for people.
        unreadable: String,
    },
}

/// The current state of a host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Status {
    /// The active revision.
    pub active: RevisionStatus,
    /// The revision on trial.
    pub candidate: Option<RevisionStatus>,
    /// The share of clients that the candidate answers, in percent; 0 for a shadow.
    pub candidate_percent: Option<f64>,
    /// The comparison of reads so far, if the candidate is a shadow.
    pub shadow: Option<ShadowReport>,
    /// The running deployment.
    pub deployment: Option<Deployment>,
    /// How the new revision is judged now, if the deployment is in probation or a canary and runs on
    /// this host.
    #[serde(default)]
    pub verdict: Option<VerdictStatus>,
    /// The earlier revisions that are in memory, the latest first. The list is empty after a
    /// restart: a rollback then loads one first.
    pub kept: Vec<RevisionStatus>,
    /// What an operator should know about the active revision: that the host fell back to it,
    /// and why.
    #[serde(default)]
    pub warning: Option<String>,
    /// The hosts that share the database, including this one. Empty if the database belongs to
    /// this host alone.
    #[serde(default)]
    pub replicas: Vec<ReplicaStatus>,
    /// Increases with every change of the active revision.
    #[schemars(range(min = 0))]
    pub epoch: i64,
    /// This host's version.
    pub host_version: String,
    /// How this host clears an instance's memory for the next one. A host of an earlier version does
    /// not say it.
    #[serde(default)]
    pub memory_clearing: Option<MemoryClearing>,
}

/// How a new revision is judged so far, by its requests on all hosts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VerdictStatus {
    /// `probation` or `canary`.
    #[schemars(schema_with = "one_of::<Stage>")]
    pub stage: Word<Stage>,
    /// How long it has been judged, in milliseconds.
    pub elapsed_ms: u64,
    /// How long the probation takes, in milliseconds. Null: a canary has no end of its own.
    pub window_ms: Option<u64>,
    /// Its requests since then.
    pub requests: u64,
    /// Those of them that failed because of the logic.
    pub failures: u64,
    /// Requests of the revision that it is compared with: in the same time for a canary, before the
    /// switch for a probation.
    pub other_requests: u64,
    /// Those of them that failed because of the logic.
    pub other_failures: u64,
    /// The share of failures above which it is undone, in percent, if that is hardly chance.
    pub limit_percent: f64,
    /// The number of requests without which it is not judged.
    pub minimum_requests: u64,
    /// The current step, if the deployment is a canary that goes on by itself.
    #[serde(default)]
    pub step: Option<StepStatus>,
}

/// How far the current step of a canary is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepStatus {
    /// The share of the clients, in percent.
    pub percent: f64,
    /// How long the step has taken, in milliseconds.
    pub elapsed_ms: u64,
    /// How long it takes at least, in milliseconds.
    pub least_ms: u64,
    /// Requests of the canary in this step.
    pub requests: u64,
    /// The share that follows, in percent; 100 for the promotion. Null: an operator promotes.
    pub next_percent: Option<f64>,
    /// Why the step goes on although its time is over: `too-few-requests`, or `too-many-failures` if
    /// the failures exceed the limit but may be chance. Null if it does not.
    #[schemars(extend("enum" = ["too-few-requests", "too-many-failures", null]))]
    pub waits_for: Option<String>,
}

/// How a host clears an instance's memory for the next one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryClearing {
    /// `scan` or `exact`.
    #[schemars(extend("enum" = ["scan", "exact"]))]
    pub mode: String,
    /// Why this mode.
    pub reason: String,
    /// Why a request may see memory of an earlier one now: memory is cleared by scan, and pages can
    /// be swapped out. Null if it cannot.
    pub risk: Option<String>,
}

/// A host that shares the database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReplicaStatus {
    /// Its name for people.
    pub name: String,
    /// The id of its process. No other process has had the same id.
    pub id: String,
    /// Whether it is the host that was asked.
    pub this: bool,
    /// `starting`, `serving`, `failed` (it cannot serve the active component) or `gone` (its lease
    /// has expired).
    #[schemars(extend("enum" = ["starting", "serving", "failed", "gone"]))]
    pub state: String,
    /// The digest of the component that it serves.
    pub digest: Option<String>,
    /// The epoch that it serves.
    #[schemars(range(min = 0))]
    pub epoch: i64,
    /// The age of its last heartbeat, in milliseconds.
    pub heartbeat_ms: u64,
    /// Its version.
    pub host_version: String,
    /// Why it cannot serve the component of the running deployment.
    pub problem: Option<String>,
    /// Since when it has been in this state and served this component, as RFC 3339 in UTC. Null if
    /// that is not known.
    #[serde(default)]
    #[schemars(extend("format" = "date-time"))]
    pub serving_since: Option<String>,
}

/// The comparison of reads that a shadow repeated.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShadowReport {
    /// Reads that both revisions answered.
    pub compared: u64,
    /// Those of them with different results.
    pub different: u64,
    /// Reads that were not compared, because the host was busy or the comparison could not be
    /// finished.
    pub skipped: u64,
    /// The first 20 kinds of differences.
    pub samples: Vec<ShadowSample>,
}

/// A kind of difference between two revisions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShadowSample {
    /// Method and template.
    pub route: String,
    /// A JSON pointer into the body. Empty: the kind of response, or the whole body.
    pub pointer: String,
    /// What differs, without the data.
    pub detail: String,
    /// How often it occurred.
    pub count: u64,
    /// The id of the first request with this difference.
    pub request_id: String,
}

/// A revision that serves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RevisionStatus {
    /// Its component's digest.
    #[schemars(extend("pattern" = "^[0-9a-f]{64}$"))]
    pub digest: String,
    /// The service's name.
    pub name: String,
    /// The logic's version.
    pub version: String,
    /// Requests that began on it in this host since it was loaded.
    pub requests: u64,
    /// Those of them that failed because of the logic.
    pub failures: u64,
    /// Those of them that run now.
    pub in_flight: u64,
}

/// Formats a time as RFC 3339 in UTC.
pub(crate) fn timestamp(at: SystemTime) -> String {
    jiff::Timestamp::try_from(at).map_or_else(|_| String::new(), |at| at.to_string())
}

/// The schema of a word: its texts in this version.
fn one_of<T: Vocabulary>(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": T::texts()})
}
