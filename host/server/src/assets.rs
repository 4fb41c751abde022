//! Files: the web UI's, and the API's description.

use axum::body::Body;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    REFERRER_POLICY, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::response::Response;

use super::api::answer::{REVALIDATE, not_modified};
use super::api::{READ_ONLY, options};
use super::etag;
use super::surface::File;

/// What the web UI's pages may do: use this service, and nothing from elsewhere. Without inline
/// scripts and styles, what a person typed into a task stays text even where a page forgets to
/// escape it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; \
     form-action 'self'; frame-ancestors 'self'",
);

/// Answers a request for a file of the web UI: 200, or 304 where the client has it; none where
/// files do not take the method.
pub(super) fn serve(file: &File, method: &Method, headers: &HeaderMap) -> Option<Response> {
    match *method {
        Method::GET | Method::HEAD => {
            let mut response = read(file, headers);
            let headers = response.headers_mut();
            headers.insert(CONTENT_SECURITY_POLICY, POLICY);
            headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
            Some(response)
        }
        Method::OPTIONS => Some(options(READ_ONLY)),
        _ => None,
    }
}

/// Answers GET and HEAD for any file, packed where the client takes it so.
pub(super) fn read(file: &File, headers: &HeaderMap) -> Response {
    if etag::is_known(headers, &file.etag) {
        return not_modified(&file.etag);
    }
    let packed = file.gzip().filter(|_| takes_gzip(headers));
    let content = packed.unwrap_or_else(|| file.plain());
    let mut response = Response::new(Body::from(content.clone()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, file.media_type.clone());
    headers.insert(CACHE_CONTROL, REVALIDATE);
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if packed.is_some() {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if let Some(tag) = etag::header(&file.etag) {
        headers.insert(ETAG, tag);
    }
    response
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(ACCEPT_ENCODING).iter();
    lists
        .filter_map(|list| list.to_str().ok())
        .flat_map(|list| list.split(','))
        .any(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            let named = matches!(parts.next(), Some("gzip" | "*"));
            named && !parts.any(|weight| matches!(weight, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
        })
}
