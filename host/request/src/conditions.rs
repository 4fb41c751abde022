//! Entity tags and the conditions of a request (RFC 9110, 8.8.3 and 13).
//!
//! `If-Match` and `If-None-Match` are evaluated, in this order. `If-Modified-Since` and
//! `If-Unmodified-Since` are ignored, as the RFC has it for resources without a `Last-Modified`: the
//! host does not know when a resource changed.

use sha2::{Digest, Sha256};

/// Suffixes of the tag of a compressed answer. The host adds the first one, proxies add others
/// (nginx, Apache, Caddy, Jetty). All forms of a resource's state stand for that state: a client that
/// read the compressed form may change the resource with its tag.
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

/// The conditions of a request: the headers, with several lines joined by commas.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions {
    /// `If-Match`.
    pub if_match: Option<String>,
    /// `If-None-Match`.
    pub if_none_match: Option<String>,
}

/// The current state of the resource that a request names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Current<'a> {
    /// It does not exist.
    Missing,
    /// It exists and has no entity tag.
    Untagged,
    /// It exists and has this strong entity tag, without quotes.
    Tagged(&'a str),
}

/// What the conditions of a request say about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The request may be carried out.
    Proceed,
    /// The client has the current state: 304 to GET and HEAD, 412 to any other method.
    Known,
    /// The resource is not in a state to which the request applies: 412.
    Failed,
}

impl Conditions {
    /// Returns whether the request has no condition.
    pub fn is_empty(&self) -> bool {
        self.if_match.is_none() && self.if_none_match.is_none()
    }

    /// Evaluates the conditions, in the RFC's order (13.2.2).
    pub fn evaluate(&self, current: Current<'_>) -> Verdict {
        // Weak tags never match here: a client with one does not have the exact state.
        let matches = |list: &str| holds(list, current, |tag| !tag.is_weak);
        if self.if_match.as_deref().is_some_and(|list| !matches(list)) {
            return Verdict::Failed;
        }
        let is_known = |list: &str| holds(list, current, |_| true);
        match self.if_none_match.as_deref().is_some_and(is_known) {
            true => Verdict::Known,
            false => Verdict::Proceed,
        }
    }
}

/// Returns whether a list is `*` and the resource exists, or one of its tags that `counts` is the
/// resource's tag.
fn holds(list: &str, current: Current<'_>, counts: impl Fn(&Tag<'_>) -> bool) -> bool {
    match current {
        Current::Missing => false,
        _ if list.trim() == "*" => true,
        Current::Untagged => false,
        Current::Tagged(current) => tags(list)
            .filter(|tag| counts(tag))
            .any(|tag| same_state(tag.text, current)),
    }
}

/// An entity tag of a list.
struct Tag<'a> {
    /// Without quotes.
    text: &'a str,
    is_weak: bool,
}

/// Returns the tags of a list. A tag may contain a comma. What follows a text that is not a tag is
/// ignored.
fn tags(list: &str) -> impl Iterator<Item = Tag<'_>> {
    let mut rest = list;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let quoted = rest.strip_prefix("W/");
        let is_weak = quoted.is_some();
        let (text, after) = quoted.unwrap_or(rest).strip_prefix('"')?.split_once('"')?;
        rest = after;
        Some(Tag { text, is_weak })
    })
}

/// Whether a tag from a header is the tag of a state, or of a compressed form of it.
fn same_state(from_header: &str, etag: &str) -> bool {
    let plain = |coding: &&str| from_header.strip_suffix(*coding);
    from_header == etag || CODINGS.iter().filter_map(plain).any(|plain| plain == etag)
}

/// Returns the tag of the form of a state that gzip compressed. It differs from the plain form's, as
/// the RFC demands of strong tags (8.8.3.3).
pub fn gzip_tag(etag: &str) -> String {
    format!("{etag}{}", CODINGS[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn if_match(list: &str, current: Current<'_>) -> bool {
        let conditions = Conditions {
            if_match: Some(list.to_owned()),
            if_none_match: None,
        };
        conditions.evaluate(current) == Verdict::Proceed
    }

    fn is_known(list: &str, current: Current<'_>) -> bool {
        let conditions = Conditions {
            if_match: None,
            if_none_match: Some(list.to_owned()),
        };
        conditions.evaluate(current) == Verdict::Known
    }

    #[test]
    fn a_tag_matches_itself_a_list_and_its_compressed_form() {
        let current = Current::Tagged("abc");
        for list in [
            "\"abc\"",
            "\"x\", \"abc\"",
            "\"a,b\",\"abc\"",
            " , \"abc\" ,",
            "\"abc-gzip\"",
        ] {
            assert!(if_match(list, current), "{list}");
            assert!(is_known(list, current), "{list}");
        }
        for list in [
            "\"abd\"",
            "abc",
            "",
            "\"abc",
            "\"x,abc,y\"",
            "\"abc-gzip-x\"",
        ] {
            assert!(!if_match(list, current), "{list}");
            assert!(!is_known(list, current), "{list}");
        }
        assert!(if_match("\"abc-gzip\"", Current::Tagged("abc-gzip")));
        assert!(!is_known("\"abc\"", Current::Tagged("abc-gzip")));
    }

    #[test]
    fn a_weak_tag_matches_only_for_if_none_match() {
        for list in ["W/\"abc\"", "\"x\", W/\"abc\" , \"y\"", "W/\"abc-br\""] {
            assert!(!if_match(list, Current::Tagged("abc")), "{list}");
            assert!(is_known(list, Current::Tagged("abc")), "{list}");
        }
    }

    #[test]
    fn a_star_stands_for_every_state_of_a_resource_that_exists() {
        for current in [Current::Tagged("abc"), Current::Untagged] {
            assert!(if_match("*", current));
            assert!(is_known(" * ", current));
        }
        assert!(!if_match("*", Current::Missing));
        assert!(!is_known("*", Current::Missing));
        assert!(!if_match("\"abc\"", Current::Missing));
        assert!(!is_known("\"abc\"", Current::Missing));
    }

    #[test]
    fn if_match_is_evaluated_before_if_none_match() {
        let conditions = |if_match: &str, if_none_match: &str| Conditions {
            if_match: Some(if_match.to_owned()),
            if_none_match: Some(if_none_match.to_owned()),
        };
        let current = Current::Tagged("abc");
        for (if_match, if_none_match, verdict) in [
            ("\"x\"", "\"abc\"", Verdict::Failed),
            ("\"abc\"", "\"abc\"", Verdict::Known),
            ("\"abc\"", "\"x\"", Verdict::Proceed),
        ] {
            assert_eq!(
                conditions(if_match, if_none_match).evaluate(current),
                verdict
            );
        }
    }

    #[test]
    fn content_without_a_tag_gets_one_from_its_hash() {
        assert_eq!(entity_tag_of(b"abc"), "ba7816bf8f01cfea");
    }
}
