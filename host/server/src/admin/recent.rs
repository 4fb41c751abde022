//! Recent requests: figures by revision, and the requests that failed.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;

use super::respond::{ProblemResponse, invalid, json};
use super::shared::Shared;

/// `GET /admin/figures`.
pub(super) async fn figures(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
) -> Result<Response, ProblemResponse> {
    let query = uri.query().unwrap_or_default().split('&');
    let after = query.filter_map(|pair| pair.strip_prefix("after=")).next();
    let after = after.map_or(Ok(0), str::parse).map_err(|_| {
        let detail = "must be a number of seconds since 1970";
        invalid("#/query/after", detail)
    })?;
    Ok(json(StatusCode::OK, &shared.app.recent.figures(after)))
}

/// `GET /admin/failures`.
pub(super) async fn failures(State(shared): State<Arc<Shared>>) -> Response {
    json(StatusCode::OK, &shared.app.recent.failures())
}

/// `GET /admin/failures/groups`.
pub(super) async fn failure_groups(State(shared): State<Arc<Shared>>) -> Response {
    let mut found = shared.app.recent.failure_groups();
    if let Some(recordings) = shared.app.api.recordings() {
        let recorded = recordings.ids();
        for group in &mut found.groups {
            group.recorded = recorded.contains(&group.request_id);
        }
    }
    json(StatusCode::OK, &found)
}
