//! The web UI's files: their methods and their security headers.

use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::response::Response;

use super::fallback::{READ_ONLY, options};
use super::file::File;

/// Pages of the web UI may use this service and load nothing from elsewhere. Inline scripts and
/// styles are forbidden, so text that a person typed into a task stays text even if a page forgets
/// to escape it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; \
     form-action 'self'; frame-ancestors 'self'",
);

/// Answers a request for a file of the web UI. `None` if files do not take the method.
pub(super) fn respond(file: &File, method: &Method, headers: &HeaderMap) -> Option<Response> {
    match *method {
        Method::GET | Method::HEAD => {
            let mut response = file.respond(headers);
            let headers = response.headers_mut();
            headers.insert(CONTENT_SECURITY_POLICY, POLICY);
            headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
            Some(response)
        }
        Method::OPTIONS => Some(options(READ_ONLY)),
        _ => None,
    }
}
