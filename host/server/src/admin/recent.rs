//! What requests came to lately: figures, and the ones that failed.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;

use super::{Desk, Refused, json, unfit};

/// `GET /admin/figures`.
pub(super) async fn figures(State(desk): State<Arc<Desk>>, uri: Uri) -> Result<Response, Refused> {
    let query = uri.query().unwrap_or_default().split('&');
    let after = query.filter_map(|pair| pair.strip_prefix("after=")).next();
    let after = after.map_or(Ok(0), str::parse).map_err(|_| {
        let detail = "must be a number of seconds since 1970";
        unfit("#/query/after", detail)
    })?;
    Ok(json(StatusCode::OK, &desk.app.recent.figures(after)))
}

/// `GET /admin/failures`.
pub(super) async fn failures(State(desk): State<Arc<Desk>>) -> Response {
    json(StatusCode::OK, &desk.app.recent.failures())
}
