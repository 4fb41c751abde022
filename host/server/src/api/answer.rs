//! Turns an operation's answer into a response.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, LINK, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::response::Response;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tracing::warn;

use crate::config::PublicPath;
use crate::etag::{self, REVALIDATE};
use request::{Answer, entity_tag_of};

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Everything except RFC 3986's unreserved characters.
const QUERY_VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The cursor of the next page, for callers within this process. In the extensions of a response.
#[derive(Debug, Clone)]
pub(crate) struct NextPage(pub(crate) String);

/// Leaves out the body. 200 becomes 204; the headers and every other status stay.
pub(super) fn minimal(answer: Answer) -> Answer {
    Answer {
        status: match answer.status {
            200 => 204,
            status => status,
        },
        body: None,
        ..answer
    }
}

/// Makes the response to a request. Its paths have the prefix that clients see.
pub(super) fn respond(answer: Answer, parts: &Parts, public: &PublicPath) -> Response {
    let is_read = matches!(parts.method, Method::GET | Method::HEAD);
    let body = answer.body.unwrap_or_default();
    let tag = match answer.etag {
        None if is_read && !body.is_empty() => Some(entity_tag_of(&body)),
        tag => tag,
    };
    let is_empty = body.is_empty();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if !is_empty {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    if is_read {
        headers.insert(CACHE_CONTROL, REVALIDATE);
    }
    if let Some(tag) = tag.as_deref().and_then(etag::header) {
        headers.insert(ETAG, tag);
    }
    if let Some(location) = answer.location {
        match HeaderValue::try_from(public.of(&location)) {
            Ok(location) => drop(headers.insert(LOCATION, location)),
            Err(_) => warn!("the logic returned a location that is not a valid header value"),
        }
    }
    if answer.replayed {
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    if let Some(cursor) = answer.next {
        if let Ok(link) = HeaderValue::try_from(next_link(public, &parts.uri, &cursor)) {
            headers.insert(LINK, link);
        }
        response.extensions_mut().insert(NextPage(cursor));
    }
    response
}

/// The `Link` header of the next page: the request's path and query with the new cursor. `offset`
/// is left out, because the cursor already points to the next page.
fn next_link(public: &PublicPath, uri: &Uri, cursor: &str) -> String {
    let kept = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .filter(|pair| !matches!(pair.split('=').next(), Some("cursor" | "offset")));
    let cursor = format!("cursor={}", utf8_percent_encode(cursor, QUERY_VALUE));
    let query = kept.chain([cursor.as_str()]).collect::<Vec<_>>().join("&");
    format!("<{}?{query}>; rel=\"next\"", public.of(uri.path()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(uri: &'static str, cursor: &str) -> String {
        next_link(&PublicPath::default(), &Uri::from_static(uri), cursor)
    }

    #[test]
    fn the_next_page_keeps_the_query_and_takes_the_cursor() {
        assert_eq!(link("/things", "abc"), "</things?cursor=abc>; rel=\"next\"");
        assert_eq!(
            link("/things?status=pending&offset=20&limit=10", "a+b/c=&d"),
            "</things?status=pending&limit=10&cursor=a%2Bb%2Fc%3D%26d>; rel=\"next\""
        );
        assert_eq!(
            link("/things?cursor=old&q=a%20b", "new"),
            "</things?q=a%20b&cursor=new>; rel=\"next\""
        );
    }
}
