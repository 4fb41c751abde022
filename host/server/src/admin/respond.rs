//! Building responses of the admin API.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::problem::Problem;
use contract::FieldError;
use request::Error;

/// Why a request failed. `guard` builds the response, because it knows the request's id.
pub(super) struct ProblemResponse(Box<Problem>);

impl<P: Into<Problem>> From<P> for ProblemResponse {
    fn from(problem: P) -> ProblemResponse {
        ProblemResponse(Box::new(problem.into()))
    }
}

impl IntoResponse for ProblemResponse {
    fn into_response(self) -> Response {
        let mut response = Response::default();
        *response.status_mut() = self.0.status;
        response.extensions_mut().insert(*self.0);
        response
    }
}

/// The problem of a body or parameter that is not valid, with its place.
pub(super) fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> ProblemResponse {
    Error::Invalid(vec![FieldError {
        pointer: pointer.into(),
        detail: detail.into(),
    }])
    .into()
}

/// A JSON response. It is never cached.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let body = serde_json::to_vec(body).expect("plain data with string keys is always JSON");
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A response with a `Location` header.
pub(super) fn located(status: StatusCode, location: &str, body: &impl Serialize) -> Response {
    let mut response = json(status, body);
    let location = HeaderValue::from_str(location).expect("digests and numbers are ASCII");
    response.headers_mut().insert(LOCATION, location);
    response
}
