//! What breaks in queries.

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
fn a_query_that_takes_less_breaks() {
    let cases = [
        ("q: option<u8>", "", "is no longer read"),
        ("q: s8", "p: option<u8>", "is no longer read"),
        ("", "q: u8", "is newly required"),
        ("q: option<u8>", "q: u8", "may no longer be absent"),
        (
            "q: option<u16>",
            "q: option<u8>",
            "takes 0 to 255 now, and took 0 to 65535",
        ),
        (
            "q: list<s8>",
            "q: option<s8>",
            "takes one value now, and took several",
        ),
        (
            "q: string",
            "q: list<string>",
            "is a list now, split at commas, and was one value",
        ),
        (
            "q: bool",
            "q: datetime",
            "is a moment (RFC 3339) now, and was a boolean",
        ),
        (
            "enum e { a, b }; q: list<e>",
            "enum e { a }; q: list<e>",
            "no longer takes b",
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
            "the query parameter q takes one value now, and took several",
        ]
    );
}

#[test]
fn a_query_that_takes_more_does_not_break() {
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
