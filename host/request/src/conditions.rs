//! Entity tags and the `If-Match` condition (RFC 9110, 8.8.3 and 13.1.1).

use sha2::{Digest, Sha256};

/// Suffixes that proxies add to the tag of a compressed answer (nginx, Apache, Caddy, Jetty and
/// others). The host's tags name the uncompressed form.
const CODINGS: [&str; 8] = [
    "-gzip", ";gzip", "--gzip", "-br", ";br", "/gzip", "-zstd", "-deflate",
];

/// Returns the entity tag of content that has none of its own: the first 16 hex digits of its
/// SHA-256.
pub fn entity_tag_of(content: &[u8]) -> String {
    let hash = Sha256::digest(content);
    let first = hash.first_chunk().expect("SHA-256 has 32 bytes");
    format!("{:016x}", u64::from_be_bytes(*first))
}

/// Whether a tag from a header (without quotes) matches an entity tag. A suffix that a compressing
/// proxy added is ignored.
pub fn tags_match(from_header: &str, etag: &str) -> bool {
    from_header == etag
        || CODINGS
            .iter()
            .any(|coding| from_header.strip_suffix(coding) == Some(etag))
}

/// Whether `If-Match` holds for a resource with this tag (strong comparison).
pub(super) fn if_match(header: &str, current: &str) -> bool {
    header.trim() == "*"
        || header
            .split(',')
            .any(|tag| strong_tag(tag).is_some_and(|tag| tags_match(tag, current)))
}

/// A tag from a list without its quotes. `None` if it is weak or not a tag.
fn strong_tag(tag: &str) -> Option<&str> {
    tag.trim().strip_prefix('"')?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::{entity_tag_of, if_match};

    #[test]
    fn a_tag_matches_itself_a_list_a_star_and_its_compressed_form() {
        assert!(if_match("\"abc\"", "abc"));
        assert!(if_match("\"x\", \"abc\"", "abc"));
        assert!(if_match("*", "abc"));
        assert!(if_match("\"abc-gzip\"", "abc"));
    }

    #[test]
    fn a_weak_tag_and_another_tag_do_not_match() {
        assert!(!if_match("W/\"abc\"", "abc"));
        assert!(!if_match("\"abd\"", "abc"));
        assert!(!if_match("abc", "abc"));
        assert!(!if_match("", "abc"));
    }

    #[test]
    fn content_without_a_tag_gets_one_from_its_hash() {
        assert_eq!(entity_tag_of(b"abc"), "ba7816bf8f01cfea");
    }
}
