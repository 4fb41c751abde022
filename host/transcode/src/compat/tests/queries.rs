//! Breaking changes in queries.

use super::changes;
use contract::Method;

/// Compares the parameters of a function on `GET /things`.
fn query(before: &str, after: &str) -> Vec<String> {
    let items = |params: &str| {
        let (definitions, params) = params.rsplit_once(';').unwrap_or(("", params));
        format!("{definitions} f: func({params}) -> result<_, problem>;")
    };
    changes(Method::Get, "/things", &items(before), &items(after))
}

#[test]
fn a_query_that_accepts_less_breaks() {
    let cases = [
        ("q: option<u8>", "", "is no longer read"),
        ("q: s8", "p: option<u8>", "is no longer read"),
        ("", "q: u8", "is now required"),
        ("q: option<u8>", "q: u8", "may no longer be absent"),
        (
            "q: option<u16>",
            "q: option<u8>",
            "now accepts 0 to 255 instead of 0 to 65535",
        ),
        (
            "q: list<s8>",
            "q: option<s8>",
            "now accepts one value instead of several",
        ),
        (
            "q: string",
            "q: list<string>",
            "is now a list, split at commas, instead of one value",
        ),
        (
            "q: bool",
            "q: datetime",
            "is now a timestamp (RFC 3339) instead of a boolean",
        ),
        (
            "enum e { a, b }; q: list<e>",
            "enum e { a }; q: list<e>",
            "no longer accepts b",
        ),
    ];
    for (before, after, expected) in cases {
        assert_eq!(
            query(before, after),
            [format!("the query parameter q {expected}")],
            "{before} -> {after}"
        );
    }
    assert_eq!(
        query("q: list<s8>", "q: s8"),
        [
            "the query parameter q may no longer be absent",
            "the query parameter q now accepts one value instead of several",
        ]
    );
}

#[test]
fn a_query_that_accepts_more_does_not_break() {
    let cases = [
        ("", "q: option<u8>, p: list<string>"),
        ("q: u8", "q: option<s16>"),
        ("q: list<s8>", "q: option<list<s8>>"),
        ("q: option<list<s8>>", "q: list<s8>"),
        ("enum e { a }; q: option<e>", "enum e { b, a }; q: list<e>"),
        (
            "p: u8, q: option<u8>",
            "record r { q: option<u8>, p: u8 }; all: r",
        ),
    ];
    for (before, after) in cases {
        assert_eq!(query(before, after), [""; 0], "{before} -> {after}");
    }
}
