//! Entity tags and `If-None-Match` (RFC 9110, section 13.1.2).
//!
//! A tag names the uncompressed form. Proxies that compress mark it, by a weak prefix or a
//! suffix such as `-gzip`; the mark is taken off again when tags are compared.

use axum::http::header::IF_NONE_MATCH;
use axum::http::{HeaderMap, HeaderValue};

use request::names;

/// The `ETag` header; none where the tag holds what a header cannot.
pub(super) fn header(etag: &str) -> Option<HeaderValue> {
    let fits = etag
        .bytes()
        .all(|b| b == 0x21 || (0x23..=0x7e).contains(&b) || b >= 0x80);
    fits.then(|| HeaderValue::from_str(&format!("\"{etag}\"")).ok())?
}

/// Whether the client has this state already. Comparison is weak, as the RFC wants it here.
pub(super) fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|list| list.trim() == "*" || tags(list).any(|tag| names(tag, etag)))
}

/// The tags of a list, without quotes or `W/`. A tag may itself hold a comma.
fn tags(list: &str) -> impl Iterator<Item = &str> {
    list.split('"').skip(1).step_by(2)
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
    fn tags_are_compared_weakly_and_without_the_mark_of_a_coding() {
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
    fn a_tag_that_ends_like_a_coding_matches_itself() {
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
