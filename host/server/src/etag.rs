//! Entity tags, `If-None-Match` and 304 (RFC 9110, section 13.1.2).
//!
//! A tag names the uncompressed form. Proxies that compress add a weak prefix or a suffix such as
//! `-gzip`, which is ignored when tags are compared.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;

use request::tags_match;

/// Caches may keep an answer to a GET, and must ask again before they use it.
pub(super) const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

/// The `ETag` header. `None` if the tag has a character that the header cannot have.
pub(super) fn header(etag: &str) -> Option<HeaderValue> {
    let fits = etag
        .bytes()
        .all(|b| b == 0x21 || (0x23..=0x7e).contains(&b) || b >= 0x80);
    fits.then(|| HeaderValue::from_str(&format!("\"{etag}\"")).ok())?
}

/// Whether the client has this state already. The comparison is weak, as the RFC demands here.
pub(super) fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|list| list.trim() == "*" || tags(list).any(|tag| tags_match(tag, etag)))
}

/// The tags of a list, without quotes or `W/`. A tag may contain a comma.
fn tags(list: &str) -> impl Iterator<Item = &str> {
    list.split('"').skip(1).step_by(2)
}

/// 304, with the caching headers that the full answer would have.
pub(super) fn not_modified(tag: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, REVALIDATE);
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(tag) = header(tag) {
        headers.insert(ETAG, tag);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(header: &str, etag: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(IF_NONE_MATCH, header.parse().unwrap());
        is_known(&headers, etag)
    }

    #[test]
    fn tags_are_compared_weakly_and_without_the_suffix_of_a_coding() {
        for header in [
            "*",
            r#""abc""#,
            r#"W/"abc""#,
            r#""x", W/"abc" , "y""#,
            r#""abc-gzip""#,
            r#"W/"abc-br""#,
            r#""a,b","abc""#,
        ] {
            assert!(known(header, "abc"), "{header}");
        }
        for header in ["abc", r#""abcd""#, r#""abc-gzip-x""#, r#""x,abc,y""#, ""] {
            assert!(!known(header, "abc"), "{header}");
        }
    }

    #[test]
    fn a_tag_that_ends_like_a_coding_suffix_matches_itself() {
        assert!(known(r#""abc-gzip""#, "abc-gzip"));
        assert!(!known(r#""abc""#, "abc-gzip"));
    }

    #[test]
    fn a_tag_that_would_break_the_header_is_left_out() {
        assert_eq!(header("abc").unwrap(), "\"abc\"");
        assert_eq!(header("a\"b"), None);
        assert_eq!(header("a\r\nb"), None);
        assert_eq!(header("a b"), None);
    }
}
