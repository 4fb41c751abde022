//! Entity tags and the `If-Match` condition (RFC 9110, 8.8.3 and 13.1.1).

use sha2::{Digest, Sha256};

/// The marks that proxies put on the tag of a compressed form, nginx and Apache, Caddy and Jetty
/// among them. Ours names the plain form.
const CODINGS: [&str; 8] = [
    "-gzip", ";gzip", "--gzip", "-br", ";br", "/gzip", "-zstd", "-deflate",
];

/// The entity tag of content that names none itself: 16 hex digits of its SHA-256.
pub fn entity_tag_of(content: &[u8]) -> String {
    let hash = Sha256::digest(content);
    let first = hash.first_chunk().expect("SHA-256 has 32 bytes");
    format!("{:016x}", u64::from_be_bytes(*first))
}

/// Whether a tag of a header (without quotes) names this state, compressed or not.
pub fn names(tag: &str, etag: &str) -> bool {
    tag == etag
        || CODINGS
            .iter()
            .any(|coding| tag.strip_suffix(coding) == Some(etag))
}

/// Whether `If-Match` holds for a resource with this tag (strong comparison).
pub(super) fn if_match(header: &str, current: &str) -> bool {
    header.trim() == "*"
        || header
            .split(',')
            .any(|tag| strong_tag(tag).is_some_and(|tag| names(tag, current)))
}

/// A tag of a list without its quotes. None: it is weak, or none.
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
    fn a_weak_or_other_tag_does_not_match() {
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
