//! The preferences of a request (RFC 7240).
//!
//! A preference never makes a request fail. If a preference, its value or its syntax is unknown, it is
//! ignored. `Preference-Applied` tells the client which ones were honoured.

use axum::http::header::VARY;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::response::Response;

use contract::Access;

const PREFER: HeaderName = HeaderName::from_static("prefer");
const APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// Which of the known preferences a client has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Preferences {
    /// `tx=rollback`: nothing that the request writes is kept.
    pub(super) dry_run: bool,
    /// `return=minimal`: a success needs no body.
    pub(super) minimal: bool,
    /// `handling=strict`: unknown query parameters and members of the body are errors.
    pub(super) strict: bool,
}

impl Preferences {
    /// Reads the preferences that concern an operation. The first two concern only writes.
    pub(super) fn of(headers: &HeaderMap, access: Access) -> Preferences {
        let [mut tx, mut returned, mut handling]: [Option<String>; 3] = Default::default();
        for line in headers.get_all(PREFER) {
            // One text that is not ASCII must not hide the other preferences.
            let line = String::from_utf8_lossy(line.as_bytes());
            for preference in split(&line, ',') {
                // Parameters follow, which the known preferences do not have.
                let preference = split(preference, ';').next().unwrap_or_default();
                let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
                let first = match &*name.trim().to_ascii_lowercase() {
                    "tx" => &mut tx,
                    "return" => &mut returned,
                    "handling" => &mut handling,
                    _ => continue,
                };
                first.get_or_insert_with(|| word(value));
            }
        }
        let is = |given: Option<String>, value| given.as_deref() == Some(value);
        let writes = access == Access::Write;
        Preferences {
            dry_run: writes && is(tx, "rollback"),
            minimal: writes && is(returned, "minimal"),
            strict: is(handling, "strict"),
        }
    }

    /// Adds the headers that tell a client and a cache of the preferences.
    pub(super) fn sign(self, method: &Method, response: &mut Response) {
        let applied = [
            (self.dry_run, "tx=rollback"),
            // A problem always has a body.
            (
                self.minimal && response.status().is_success(),
                "return=minimal",
            ),
            (self.strict, "handling=strict"),
        ];
        let applied: Vec<_> = applied
            .into_iter()
            .filter_map(|(applies, name)| applies.then_some(name))
            .collect();
        let headers = response.headers_mut();
        if let Ok(applied) = HeaderValue::try_from(applied.join(", "))
            && !applied.is_empty()
        {
            headers.insert(APPLIED, applied);
        }
        // No cache stores the answer to another method.
        if matches!(*method, Method::GET | Method::HEAD) {
            headers.append(VARY, HeaderValue::from_static("prefer"));
        }
    }
}

/// Splits a text at a separator that is not in a quoted string.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(move |c| {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ => return c == separator && !is_quoted,
        }
        false
    })
}

/// Returns a token or the content of a quoted string, in lower case: the known values do not depend on
/// case.
fn word(text: &str) -> String {
    let text = text.trim();
    let quoted = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    let Some(quoted) = quoted else {
        return text.to_ascii_lowercase();
    };
    let mut is_escaped = false;
    let plain = quoted.chars().filter(|c| {
        is_escaped = !is_escaped && *c == '\\';
        !is_escaped
    });
    plain.collect::<String>().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Preferences {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(PREFER, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        Preferences::of(&headers, Access::Write)
    }

    const DRY_RUN: Preferences = Preferences {
        dry_run: true,
        minimal: false,
        strict: false,
    };

    #[test]
    fn a_preference_is_read_in_every_form_of_the_rfc() {
        for lines in [
            &["tx=rollback"][..],
            &["TX=Rollback"],
            &["tx = rollback"],
            &["tx=\"rollback\""],
            &["tx=\"\\r\\ollback\""],
            &["tx=rollback; a=1; b"],
            &["respond-async, wait=10,tx=rollback"],
            &["foo=\"a, tx=commit, \\\" b\", tx=rollback"],
            &["foo; bar=\"; ,\", tx=rollback"],
            &["respond-async", "tx=rollback"],
            &[", ,tx=rollback,"],
            &["foo=é, tx=rollback"],
            &["\ttx=rollback "],
        ] {
            assert_eq!(read(lines), DRY_RUN, "{lines:?}");
        }
        let all = Preferences {
            dry_run: true,
            minimal: true,
            strict: true,
        };
        assert_eq!(
            read(&["return=minimal, handling=strict", "tx=rollback"]),
            all
        );
    }

    #[test]
    fn the_first_of_several_values_counts() {
        assert_eq!(read(&["tx=rollback, tx=commit"]), DRY_RUN);
        assert_eq!(read(&["tx=commit", "tx=rollback"]), Preferences::default());
    }

    #[test]
    fn what_is_unknown_is_ignored() {
        for line in [
            "",
            "tx",
            "tx=",
            "tx=\"\"",
            "tx=undo",
            "tx=\"rollback",
            "tx==rollback",
            "foo; tx=rollback",
            "foo=\"tx=rollback\"",
            "foo=\"unfinished, tx=rollback",
            "xtx=rollback",
            "return=representation, handling=lenient",
            "return-minimal",
        ] {
            assert_eq!(read(&[line]), Preferences::default(), "{line}");
        }
    }

    #[test]
    fn a_read_can_only_be_strict() {
        let mut headers = HeaderMap::new();
        let all = "tx=rollback, return=minimal, handling=strict";
        headers.insert(PREFER, HeaderValue::from_static(all));
        let strict = Preferences {
            strict: true,
            ..Preferences::default()
        };
        assert_eq!(Preferences::of(&headers, Access::Read), strict);
    }
}
