//! Recordings of requests that failed or were slow, and the examples of the latest rehearsal. They hold what
//! clients sent and what the database returned, so each answer that has them leaves an audit line.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::SystemTime;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::audit::Action;
use super::respond::{ProblemResponse, json};
use super::shared::Shared;
use deployment::AdminError;
use request::recording::Reason;
use request::recordings::Summary;

/// A recording of a request, without what clients sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Recording")]
pub struct RecordingSummary {
    /// The request's id, as the client and the log have it.
    pub request_id: String,
    /// When it was answered: RFC 3339, UTC.
    #[schemars(extend("format" = "date-time"))]
    pub answered_at: String,
    /// Why it was kept: `failed` or `slow`.
    #[schemars(extend("enum" = ["failed", "slow"]))]
    pub reason: String,
    /// Its method.
    pub method: String,
    /// The route's template.
    pub route: String,
    /// The answer's status.
    pub status: u16,
    /// The problem's code. Null after a success.
    pub code: Option<String>,
    /// How long it took, in milliseconds.
    #[schemars(extend("minimum" = 0))]
    pub duration_ms: f64,
    /// The component that answered: SHA-256 in hex.
    pub digest: String,
    /// How many statements were recorded.
    #[schemars(extend("minimum" = 0))]
    pub statements: usize,
    /// The memory that it takes, in bytes.
    #[schemars(extend("minimum" = 0))]
    pub size_bytes: usize,
}

/// `GET /admin/recordings`.
pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Result<Response, ProblemResponse> {
    let recordings = shared.app.api.recordings().ok_or_else(off)?;
    let mut list = recordings.list();
    let stored = recordings.stored().await.map_err(AdminError::from)?;
    let here: HashSet<_> = list.iter().map(key).collect();
    let elsewhere = stored.into_iter().filter(|of| !here.contains(&key(of)));
    let elsewhere: Vec<_> = elsewhere.collect();
    list.extend(elsewhere);
    list.sort_by_key(|of| std::cmp::Reverse(of.answered_at));
    let list: Vec<_> = list.into_iter().map(summary).collect();
    Ok(json(StatusCode::OK, &list))
}

/// `GET /admin/recordings/{id}`.
pub(super) async fn get(
    State(shared): State<Arc<Shared>>,
    Extension(action): Extension<Arc<Action>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, ProblemResponse> {
    // A path that is not UTF-8 is not an id.
    let id = id.map(|Path(id)| id).unwrap_or_default();
    action.set_recording(&id);
    let recordings = shared.app.api.recordings().ok_or_else(off)?;
    if let Some(recording) = recordings.get(&id) {
        return Ok(json(StatusCode::OK, &recording));
    }
    let stored = recordings.stored_document(&id).await;
    let stored = stored.map_err(AdminError::from)?.ok_or_else(|| {
        AdminError::NotFound(format!(
            "No recording of the request {id} is kept. Only requests that failed with 5xx in the logic, or \
             were slow (--record-slow), are kept, in the memory of the host that answered (--recordings) \
             until it restarts, or longer with --recordings-kept."
        ))
    })?;
    let mut response = Response::new(Body::from(stored));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// What tells recordings apart: clients may use an id twice.
fn key(of: &Summary) -> (String, SystemTime) {
    (of.request_id.clone(), of.answered_at)
}

/// `GET /admin/rehearsal`.
pub(super) async fn rehearsal(
    State(shared): State<Arc<Shared>>,
    Extension(action): Extension<Arc<Action>>,
) -> Result<Response, ProblemResponse> {
    shared.app.api.recordings().ok_or_else(off)?;
    let examples = shared.app.api.rehearsed().ok_or_else(|| {
        AdminError::NotFound(
            "This host has rehearsed no deployment since it started. On several hosts, ask the one that \
             carried the deployment out."
                .to_owned(),
        )
    })?;
    action.set_component(&examples.new);
    Ok(json(StatusCode::OK, &*examples))
}

fn off() -> AdminError {
    AdminError::NotFound(
        "This host records no requests: --recordings is 0, or --no-recordings is set.".to_owned(),
    )
}

fn summary(of: Summary) -> RecordingSummary {
    RecordingSummary {
        request_id: of.request_id,
        answered_at: jiff::Timestamp::try_from(of.answered_at)
            .unwrap_or_default()
            .to_string(),
        reason: match of.reason {
            Reason::Failed => "failed",
            Reason::Slow => "slow",
        }
        .to_owned(),
        method: of.method,
        route: of.route,
        status: of.status,
        code: of.code,
        duration_ms: of.took.as_micros() as f64 / 1e3,
        digest: of.digest,
        statements: of.statements,
        size_bytes: of.bytes,
    }
}
