//! CORS (the protocol of the Fetch standard).
//!
//! Not the layer of `tower-http`: it treats every OPTIONS request as a preflight, so a plain OPTIONS
//! request could not be answered with `Allow`.

use axum::body::Body;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
    VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use axum::response::Response;

use super::config::Origin;

const METHODS: HeaderValue =
    HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
/// `*` stands for every other header, such as those of tracing (`baggage`, `sentry-trace`) and of
/// gateways in front. It does not stand for `Authorization`, and not every client knows it, so the
/// common ones are listed. A header gives a page no rights: the host sends no
/// `Access-Control-Allow-Credentials`, so that the browser adds none of the person's.
const HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, Prefer, \
     Last-Event-ID, Mcp-Session-Id, Mcp-Protocol-Version, X-Request-Id, Task-Host-Client, traceparent, tracestate, baggage, *",
);
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "ETag, Location, Link, X-Request-Id, Retry-After, Preference-Applied, Task-Host-Revision, \
     Idempotent-Replayed, Mcp-Session-Id",
);
/// The longest time that browsers accept.
const MAX_AGE_SECONDS: HeaderValue = HeaderValue::from_static("7200");

/// The origins whose pages may use the API.
pub(super) enum Cors {
    Off,
    Any,
    Listed(Vec<HeaderValue>),
}

impl Cors {
    pub(super) fn new(origins: &[Origin]) -> Cors {
        if origins.contains(&Origin::Nowhere) {
            Cors::Off
        } else if origins.contains(&Origin::Any) {
            Cors::Any
        } else {
            let listed = origins.iter().filter_map(|origin| match origin {
                Origin::Exactly(value) => Some(value.clone()),
                Origin::Any | Origin::Nowhere => None,
            });
            Cors::Listed(listed.collect())
        }
    }

    /// Answers a preflight. `None` if the request is not a preflight.
    pub(super) fn preflight(&self, request: &Request<Body>) -> Option<Response> {
        let headers = request.headers();
        if matches!(self, Cors::Off)
            || request.method() != Method::OPTIONS
            || !headers.contains_key(ORIGIN)
            || !headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
        {
            return None;
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
        headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE_SECONDS);
        Some(response)
    }

    /// Adds the headers that let a page with this `Origin` read the answer, if it is allowed to.
    pub(super) fn admit(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        match self {
            Cors::Off => return,
            Cors::Any => {
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            }
            Cors::Listed(listed) => {
                // Also without an origin: a cache must not give this answer to another page.
                headers.append(VARY, HeaderValue::from_static("origin"));
                match origin.filter(|origin| listed.contains(origin)) {
                    Some(origin) => headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()),
                    None => return,
                };
            }
        }
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}
