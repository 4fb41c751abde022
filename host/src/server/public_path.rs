//! Where clients see the API, when a proxy serves it below a path of its own and takes that path
//! off before it passes a request on: `https://example.com/staging/tasks` arrives as `/tasks`.
//!
//! What an answer says of paths (`Location`, `Link`, the servers in the API's description) is
//! told from the outside; everything within the host knows its own paths alone.

use std::str::FromStr;

use axum::http::header::{LINK, LOCATION};
use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// A prefix such as `/staging`, without a slash at its end; empty: clients see the paths as they
/// are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublicPath(String);

impl PublicPath {
    /// The prefix.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Puts the prefix before the paths in `Location` and `Link`. References to other hosts stay
    /// as they are.
    pub(super) fn place(&self, headers: &mut HeaderMap) {
        if self.0.is_empty() {
            return;
        }
        self.place_in(headers, LOCATION, "");
        self.place_in(headers, LINK, "<");
    }

    fn place_in(&self, headers: &mut HeaderMap, name: HeaderName, opening: &str) {
        let placed = headers.get(&name).and_then(|value| {
            let reference = value.to_str().ok()?.strip_prefix(opening)?;
            let is_path = reference.starts_with('/') && !reference.starts_with("//");
            let placed = format!("{opening}{}{reference}", self.0);
            is_path.then(|| HeaderValue::try_from(placed).ok())?
        });
        if let Some(placed) = placed {
            headers.insert(name, placed);
        }
    }
}

impl FromStr for PublicPath {
    type Err = String;

    fn from_str(text: &str) -> Result<PublicPath, String> {
        let path = text.strip_suffix('/').unwrap_or(text);
        let segment = |segment: &str| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
            !segment.is_empty() && segment.bytes().all(allowed) && segment != "." && segment != ".."
        };
        let well_formed = match path.strip_prefix('/') {
            Some(segments) => segments.split('/').all(segment),
            None => path.is_empty(),
        };
        if !well_formed {
            return Err("give a path of letters, digits, - . _ ~ such as /staging".to_owned());
        }
        Ok(PublicPath(path.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(prefix: &str, name: HeaderName, value: &'static str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(&name, HeaderValue::from_static(value));
        prefix.parse::<PublicPath>().unwrap().place(&mut headers);
        headers[name].to_str().unwrap().to_owned()
    }

    #[test]
    fn paths_in_headers_are_told_from_the_outside() {
        assert_eq!(
            placed("/staging/", LOCATION, "/tasks/7"),
            "/staging/tasks/7"
        );
        assert_eq!(
            placed("/a/b", LINK, "</tasks?cursor=x>; rel=\"next\""),
            "</a/b/tasks?cursor=x>; rel=\"next\""
        );
        assert_eq!(placed("", LOCATION, "/tasks/7"), "/tasks/7");
        assert_eq!(placed("/", LOCATION, "/tasks/7"), "/tasks/7");
    }

    #[test]
    fn references_to_other_hosts_stay() {
        for other in ["https://example.com/tasks", "//example.com/tasks"] {
            assert_eq!(placed("/staging", LOCATION, other), other);
        }
    }

    #[test]
    fn what_is_no_plain_path_is_refused() {
        for text in [
            "staging",
            "/a//b",
            "/a b",
            "/../b",
            "https://x",
            "/a?b",
            "//",
        ] {
            assert!(text.parse::<PublicPath>().is_err(), "{text}");
        }
    }
}
