//! Digests: a component's name is the SHA-256 of its bytes, 64 digits of lower-case hex.

use sha2::{Digest as _, Sha256};

/// Returns the SHA-256 of `content` in lower-case hex.
pub fn sha256(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

/// Parses a digest as people write it: 64 hex digits in either case, with or without `sha256:`.
/// Returns it in lower case, or `None` if `text` is something else.
pub fn parse(text: &str) -> Option<String> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    let is_digest = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_digest.then(|| digits.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_has_64_digits_in_lower_case() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(sha256(b""), empty);
        for text in [empty, &empty.to_uppercase(), &format!("sha256:{empty}")] {
            assert_eq!(parse(text).as_deref(), Some(empty), "{text}");
        }
        let longer = format!("{empty}0");
        for text in ["", "sha256:", "latest", &empty[1..], &longer] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
