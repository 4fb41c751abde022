//! Answers that depend on the path and method alone: 404, 405 and OPTIONS.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Extension;
use axum::http::header::ALLOW;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::Response;

use super::problem::Problem;
use super::trace::Context;

/// The `Allow` header of a path that can only be read.
pub(super) const READ_ONLY: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// Answers methods other than GET and HEAD on a fixed route.
pub(super) async fn only_get(
    Extension(context): Extension<Arc<Context>>,
    method: Method,
) -> Response {
    match method {
        Method::OPTIONS => options(READ_ONLY),
        _ => Problem::method_not_allowed(READ_ONLY).respond(&context.request_id),
    }
}

/// Answers paths that do not exist.
pub(super) async fn not_found(Extension(context): Extension<Arc<Context>>) -> Response {
    Problem::not_found().respond(&context.request_id)
}

/// Answers an OPTIONS request that is not a preflight.
pub(super) fn options(allow: HeaderValue) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(ALLOW, allow);
    response
}
