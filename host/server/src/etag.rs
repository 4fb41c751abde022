//! Entity tags, and the conditions of GET and HEAD for every path of both ports (RFC 9110, 13).
//!
//! A handler returns the full answer with the tag of the plain form. [`Reading::conclude`] is the
//! outermost step: it turns the answer into 304 or 412 if the conditions say so, and gives a
//! compressed form a tag of its own.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH,
    VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use axum::response::Response;
use futures_util::stream;

use request::{Conditions, Current, Verdict, gzip_tag};

/// Caches may keep an answer to a GET, and must ask again before they use it.
pub(super) const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

/// Returns the `ETag` header. `None` if the tag has a character that the header cannot have.
pub(super) fn header(etag: &str) -> Option<HeaderValue> {
    let fits = etag
        .bytes()
        .all(|b| b == 0x21 || (0x23..=0x7e).contains(&b) || b >= 0x80);
    fits.then(|| HeaderValue::from_str(&format!("\"{etag}\"")).ok())?
}

/// What a request says about the state that it wants to read.
pub(super) struct Reading {
    /// `None`: the request has no condition, or is not a GET or HEAD.
    conditions: Option<Conditions>,
    is_head: bool,
}

/// A condition that does not hold: 412.
pub(super) struct Failed;

impl Reading {
    /// Reads the conditions of a request.
    pub(super) fn of(request: &Request<Body>) -> Reading {
        let headers = request.headers();
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        let has_condition =
            || headers.contains_key(IF_MATCH) || headers.contains_key(IF_NONE_MATCH);
        let conditions = (is_read && has_condition()).then(|| Conditions {
            if_match: list(headers, &IF_MATCH),
            if_none_match: list(headers, &IF_NONE_MATCH),
        });
        Reading {
            conditions,
            is_head: request.method() == Method::HEAD,
        }
    }

    /// Applies the conditions to an answer. Conditions do not matter to an answer that is not a
    /// success.
    ///
    /// # Errors
    /// The client wants to read another state.
    pub(super) fn conclude(&self, mut answer: Response) -> Result<Response, Failed> {
        let verdict = match &self.conditions {
            Some(conditions) if answer.status().is_success() => {
                conditions.evaluate(current(answer.headers()))
            }
            _ => Verdict::Proceed,
        };
        name_coded_form(answer.headers_mut());
        match verdict {
            Verdict::Proceed => Ok(answer),
            Verdict::Known => Ok(not_modified(answer, self.is_head)),
            Verdict::Failed => Err(Failed),
        }
    }
}

/// Returns a header's lines, joined by commas. A character that is not text matches no tag.
fn list(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let lines = headers.get_all(name).iter();
    let lines: Vec<_> = lines
        .map(|line| String::from_utf8_lossy(line.as_bytes()))
        .collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

/// Returns the state of a resource that an answer shows.
fn current(headers: &HeaderMap) -> Current<'_> {
    let tag = headers.get(ETAG).and_then(|tag| tag.to_str().ok());
    let tag = tag.and_then(|tag| tag.strip_prefix('"')?.strip_suffix('"'));
    tag.map_or(Current::Untagged, Current::Tagged)
}

/// Gives the tag of a compressed form its suffix. The forms differ in their bytes, so that they must
/// not share a strong tag.
fn name_coded_form(headers: &mut HeaderMap) {
    if !headers.contains_key(CONTENT_ENCODING) {
        return;
    }
    if let Current::Tagged(tag) = current(headers)
        && let Some(tag) = header(&gzip_tag(tag))
    {
        headers.insert(ETAG, tag);
    }
}

/// Turns an answer into 304, with the headers that the full answer has for caches, and without a
/// length.
fn not_modified(answer: Response, is_head: bool) -> Response {
    let (mut parts, _) = answer.into_parts();
    parts.status = StatusCode::NOT_MODIFIED;
    let headers = &mut parts.headers;
    for name in [CONTENT_TYPE, CONTENT_ENCODING, CONTENT_LENGTH] {
        headers.remove(name);
    }
    headers.entry(CACHE_CONTROL).or_insert(REVALIDATE);
    let coding = HeaderValue::from_static("accept-encoding");
    if !headers.get_all(VARY).iter().any(|vary| vary == coding) {
        headers.append(VARY, coding);
    }
    // For HEAD, axum would send the length of an empty body as that of the full answer.
    let body = match is_head {
        true => Body::from_stream(stream::empty::<Result<Bytes, Infallible>>()),
        false => Body::empty(),
    };
    Response::from_parts(parts, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_that_would_break_the_header_is_left_out() {
        assert_eq!(header("abc").unwrap(), "\"abc\"");
        assert_eq!(header("a\"b"), None);
        assert_eq!(header("a\r\nb"), None);
        assert_eq!(header("a b"), None);
    }
}
