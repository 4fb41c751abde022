//! Formats of strings. `wit/platform/service.wit` defines each.

use std::net::{Ipv4Addr, Ipv6Addr};

use fluent_uri::Uri;

use crate::datetime;
use crate::types::Epoch;

/// A format that a string can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Date,
    DateTime,
    Email,
    Hostname,
    Ipv4,
    Ipv6,
    Uri,
    Uuid,
}

impl Format {
    /// Every format with its name in JSON Schema and the end of "must be …".
    pub(crate) const ALL: [(Format, &str, &str); 8] = [
        (Format::Date, "date", "a date, such as 2026-03-01"),
        (
            Format::DateTime,
            "date-time",
            "an RFC 3339 date and time, such as 2026-03-01T10:20:30Z",
        ),
        (
            Format::Email,
            "email",
            "an email address, such as ann@example.org",
        ),
        (
            Format::Hostname,
            "hostname",
            "a host name, such as example.org",
        ),
        (Format::Ipv4, "ipv4", "an IPv4 address, such as 192.0.2.1"),
        (Format::Ipv6, "ipv6", "an IPv6 address, such as 2001:db8::1"),
        (
            Format::Uri,
            "uri",
            "a URI with a scheme, such as https://example.org/",
        ),
        (
            Format::Uuid,
            "uuid",
            "a UUID, such as f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        ),
    ];

    /// Returns the format with that name.
    pub(crate) fn named(name: &str) -> Option<Format> {
        let mut all = Self::ALL.iter();
        all.find(|(_, known, _)| *known == name)
            .map(|(format, ..)| *format)
    }

    /// Describes the format, as the end of "must be …".
    pub(super) fn in_words(self) -> &'static str {
        let mut all = Self::ALL.iter();
        let found = all.find(|(format, ..)| *format == self);
        found.map_or("", |(.., words)| words)
    }

    /// Returns whether a text has the format.
    pub(super) fn matches(self, text: &str) -> bool {
        match self {
            // Every day of the calendar has a midnight.
            Format::Date => {
                text.len() == 10 && Format::DateTime.matches(&format!("{text}T00:00:00Z"))
            }
            Format::DateTime => datetime::read(text, Epoch::Signed).is_ok(),
            Format::Email => is_email(text),
            Format::Hostname => is_hostname(text),
            Format::Ipv4 => text.parse::<Ipv4Addr>().is_ok(),
            Format::Ipv6 => text.parse::<Ipv6Addr>().is_ok(),
            Format::Uri => Uri::parse(text).is_ok(),
            Format::Uuid => is_uuid(text),
        }
    }
}

/// A mailbox of RFC 5321 whose local part is a dot-string and whose domain is a host name.
fn is_email(text: &str) -> bool {
    let is_atom = |atom: &str| {
        let allowed =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
        !atom.is_empty() && atom.bytes().all(allowed)
    };
    text.rsplit_once('@').is_some_and(|(local, domain)| {
        local.len() <= 64 && local.split('.').all(is_atom) && is_hostname(domain)
    })
}

/// A host name of RFC 1123.
fn is_hostname(text: &str) -> bool {
    let is_label = |label: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let hyphen = label.starts_with('-') || label.ends_with('-');
        (1..=63).contains(&label.len()) && !hyphen && label.bytes().all(allowed)
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

/// The text form of RFC 9562, of any version.
fn is_uuid(text: &str) -> bool {
    let is_group = |(group, length): (&str, usize)| {
        group.len() == length && group.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    text.len() == 36
        && text.split('-').count() == 5
        && text.split('-').zip([8, 4, 4, 4, 12]).all(is_group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_accepts_and_rejects_as_documented() {
        let long = format!("{}.org", "a.".repeat(130));
        for (name, fit, unfit) in [
            (
                "date",
                &["2026-03-01", "2024-02-29", "0001-01-01"][..],
                &[
                    "2026-02-29",
                    "2026-3-1",
                    "2026-03-01Z",
                    "0000-01-01",
                    "2026/03/01",
                ][..],
            ),
            (
                "date-time",
                &["2026-03-01T10:20:30Z", "2026-03-01t10:20:30.5+05:30"],
                &[
                    "2026-03-01",
                    "2026-03-01T10:20Z",
                    "2026-03-01T10:20:30",
                    "2026-03-01T25:00:00Z",
                ],
            ),
            (
                "email",
                &["ann@example.org", "a.b+c@x", "o'neil@a-b.example"],
                &[
                    "ann", "@x", "a@", ".a@x", "a..b@x", "a b@x", "a@b@c", "ä@x", "\"a\"@x", "a@-x",
                ],
            ),
            (
                "hostname",
                &["example.org", "localhost", "a-1.b", "127.0.0.1"],
                &[
                    "",
                    ".",
                    "example.org.",
                    "-a.b",
                    "a-.b",
                    "a_b",
                    "ex ample",
                    long.as_str(),
                ],
            ),
            (
                "ipv4",
                &["192.0.2.1", "0.0.0.0"],
                &["192.0.2", "192.0.2.256", "192.0.2.01", " 1.2.3.4"],
            ),
            (
                "ipv6",
                &["::", "2001:db8::1", "::ffff:192.0.2.1"],
                &["fe80::1%eth0", "[::1]", "1:2:3", "::g"],
            ),
            (
                "uri",
                &[
                    "https://example.org/a?b#c",
                    "mailto:a@b",
                    "urn:isbn:0",
                    "javascript:alert(1)",
                ],
                &[
                    "example.org",
                    "/a",
                    "//x",
                    "",
                    "http://a b",
                    "http://ä",
                    "http://x/%zz",
                    "1a:b",
                ],
            ),
            (
                "uuid",
                &[
                    "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
                    "F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6",
                ],
                &[
                    "f81d4fae7dec11d0a76500a0c91e6bf6",
                    "{f81d4fae-7dec-11d0-a765-00a0c91e6bf6}",
                    "g81d4fae-7dec-11d0-a765-00a0c91e6bf6",
                    "f81d4fae-7dec-11d0-a76500a0c9-1e6bf6",
                ],
            ),
        ] {
            let format = Format::named(name).expect(name);
            for text in fit {
                assert!(format.matches(text), "{name} {text}");
            }
            for text in unfit {
                assert!(!format.matches(text), "{name} {text}");
            }
        }
        assert_eq!(Format::named("credit-card"), None);
    }
}
