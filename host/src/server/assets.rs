//! Files: the web UI's, and the API's description.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use axum::http::{HeaderMap, Method};
use axum::response::Response;

use super::api::answer::{REVALIDATE, not_modified};
use super::api::{READ_ONLY, options};
use super::etag;
use super::surface::File;

/// Answers a request for a file: 200, or 304 where the client has it; none where files do not
/// take the method.
pub(super) fn serve(file: &File, method: &Method, headers: &HeaderMap) -> Option<Response> {
    match *method {
        Method::GET | Method::HEAD => Some(read(file, headers)),
        Method::OPTIONS => Some(options(READ_ONLY)),
        _ => None,
    }
}

/// The same for GET and HEAD alone.
pub(super) fn read(file: &File, headers: &HeaderMap) -> Response {
    if etag::is_known(headers, &file.etag) {
        return not_modified(&file.etag);
    }
    let mut response = Response::new(Body::from(file.content.clone()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, file.media_type.clone());
    headers.insert(CACHE_CONTROL, REVALIDATE);
    if let Some(tag) = etag::header(&file.etag) {
        headers.insert(ETAG, tag);
    }
    response
}
