//! Entity tags and the `If-Match` condition (RFC 9110, 8.8.3 and 13.1.1).

use sha2::{Digest, Sha256};

/// Suffixes by which proxies mark the tag of a compressed form; ours names the plain one.
const CODING_SUFFIXES: [&str; 4] = ["-gzip", "-br", "-zstd", "-deflate"];

/// The entity tag of a body whose route names none: 16 hex digits of its SHA-256.
pub fn entity_tag_of(body: &[u8]) -> String {
    Sha256::digest(body)[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Takes the quotes and a coding suffix off one tag of a header. None: it is a weak tag, or none.
fn strong_tag(tag: &str) -> Option<&str> {
    let tag = tag.trim().strip_prefix('"')?.strip_suffix('"')?;
    Some(without_coding(tag))
}

/// The tag of the plain form: without what a proxy that compresses has added.
pub fn without_coding(tag: &str) -> &str {
    CODING_SUFFIXES
        .iter()
        .find_map(|suffix| tag.strip_suffix(suffix))
        .unwrap_or(tag)
}

/// Whether `If-Match` holds for a resource with this tag (strong comparison).
pub(super) fn if_match(header: &str, current: &str) -> bool {
    header.trim() == "*"
        || header
            .split(',')
            .any(|tag| strong_tag(tag).is_some_and(|tag| tag == current))
}

#[cfg(test)]
mod tests {
    use super::if_match;

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
}
