//! One request's life: admit, begin, idempotency, If-Match, instance, encode, record, commit,
//! durable. The only place that sees `transcode`, `runtime` and `storage` together.

mod admission;
mod broadcast;
mod component;
mod conditions;
mod idempotency;
mod lease;
mod limits;
mod logic;
mod refusal;
mod revision;
mod service;
pub mod shadow;
mod traffic;
mod work;

use bytes::Bytes;

pub use self::broadcast::{Broadcast, Following, News};
pub use self::component::{Component, MissingExport};
pub use self::conditions::{entity_tag_of, names};
pub use self::lease::{Lease, Moment};
pub use self::limits::Limits;
pub use self::logic::{Finished, Invocation, Logic};
pub use self::refusal::Refusal;
pub use self::revision::{Revision, Template};
pub use self::service::Service;
pub use self::traffic::{Candidate, Client, Share, Trial};
pub use runtime::Fault;
pub use telemetry::metrics::{Counts, RevisionStats};

/// A request to an operation, as far as HTTP was understood.
#[derive(Debug, Clone)]
pub struct Request {
    /// The request's id, for logs.
    pub id: String,
    /// The W3C trace id (32 hex digits), for logs.
    pub trace_id: String,
    /// The path, for the idempotency fingerprint.
    pub path: String,
    /// The path's parameters, percent-decoded.
    pub parameters: Vec<(String, String)>,
    /// The raw query string without `?`.
    pub query: Option<String>,
    /// The `Content-Type` header.
    pub media_type: Option<String>,
    /// The body; empty where there is none.
    pub body: Bytes,
    /// The `If-Match` header (several joined by a comma).
    pub if_match: Option<String>,
    /// The `Idempotency-Key` header.
    pub idempotency_key: Option<String>,
}

/// A success.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// 200 to 299.
    pub status: u16,
    /// JSON; none: the answer has no body (204).
    pub body: Option<Bytes>,
    /// The strong entity tag, without quotes. Every GET has one.
    pub etag: Option<String>,
    /// The `Location` header, a path.
    pub location: Option<String>,
    /// The next page's cursor, not encoded.
    pub next: Option<String>,
    /// Whether this is the recorded answer of an earlier request with the same key.
    pub replayed: bool,
}

/// The service's health, for `GET /health`.
#[derive(Debug, Clone, PartialEq)]
pub struct Health {
    /// The figures that the logic gave, such as ("total_tasks", 7), in snake_case.
    pub figures: Vec<(String, i64)>,
    /// Why the logic calls the service unhealthy; none: it is healthy.
    pub unhealthy: Option<String>,
}
