//! One request's life: admit, begin, idempotency, If-Match, instance, encode, record, commit,
//! durable. The only place that sees `transcode`, `runtime` and `storage` together.

mod refusal;

use std::sync::Arc;

use bytes::Bytes;

pub use self::refusal::{Fault, Refusal};
use crate::contract::{Asset, Description, Method};

/// One version of the logic, with everything that HTTP needs to know of it.
pub struct Revision {
    /// SHA-256 of the component, in lower-case hex.
    pub digest: String,
    /// What the component says of itself.
    pub description: Description,
    /// Path templates to their operations; each index is one of `description.routes`.
    pub router: matchit::Router<Template>,
    /// The OpenAPI document of this revision.
    pub openapi: serde_json::Value,
    /// The web UI's files.
    pub assets: Vec<Asset>,
}

/// One path template and the routes that stand on it.
#[derive(Debug, Clone)]
pub struct Template {
    /// Such as `/tasks/{id}`: also the metric's label.
    pub path: String,
    /// Each method's index into `description.routes`.
    pub methods: Vec<(Method, usize)>,
}

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
    /// The strong entity tag, without quotes.
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
}

/// Answers requests with the active revision.
pub struct Service {}

impl Service {
    /// The revision that requests begin on now.
    pub fn active(&self) -> Arc<Revision> {
        unreachable!()
    }

    /// Answers a request with the route of that index of that revision. Dropping the future
    /// before the commit began rolls everything back.
    ///
    /// # Errors
    /// Every [`Refusal`]; nothing that the request wrote was kept.
    pub async fn answer(
        &self,
        _revision: &Arc<Revision>,
        _route: usize,
        _request: Request,
    ) -> Result<Answer, Refusal> {
        unreachable!()
    }

    /// Asks the logic for its figures, in a read transaction.
    ///
    /// # Errors
    /// As [`Service::answer`]; the logic's own "unhealthy" is [`Refusal::Unavailable`].
    pub async fn health(&self) -> Result<Health, Refusal> {
        unreachable!()
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] with the reason.
    pub async fn ready(&self) -> Result<(), Refusal> {
        unreachable!()
    }

    /// Whether the runtime's ticker has ticked lately.
    pub fn alive(&self) -> bool {
        unreachable!()
    }
}
