//! Breaking changes in responses.

use super::{api, changes, sentences};
use crate::tests::support::route;
use contract::{Method, Route};

/// Compares two types of a response's member `m`. Definitions may precede a type, up to its last
/// `;`.
fn member(before: &str, after: &str) -> Vec<String> {
    let items = |text: &str| {
        let (definitions, ty) = text.rsplit_once(';').unwrap_or(("", text));
        format!("{definitions} record thing {{ m: {ty} }} f: func() -> result<thing, problem>;")
    };
    changes(Method::Get, "/things", &items(before), &items(after))
}

#[test]
fn a_response_that_clients_cannot_read_breaks() {
    let cases = [
        ("u8", "option<u8>", "may now be null"),
        ("u8", "option<option<u8>>", "may now be absent or null"),
        ("option<u8>", "option<option<u8>>", "may now be absent"),
        ("u8", "string", "is now a string instead of an integer"),
        ("u8", "f32", "is now a number instead of an integer"),
        (
            "char",
            "string",
            "is now a string instead of a single character",
        ),
        (
            "enum e { a }; e",
            "string",
            "is now a string instead of one of a set of strings",
        ),
        (
            "string",
            "datetime",
            "is now a timestamp (RFC 3339) instead of a string",
        ),
        (
            "tuple<u8>",
            "tuple<u8, u8>",
            "is now a tuple of 2 instead of a tuple of 1",
        ),
        (
            "list<bool>",
            "tuple<bool>",
            "is now a tuple of 1 instead of a list",
        ),
        (
            "option<u8>",
            "option<bool>",
            "is now a boolean instead of an integer",
        ),
        (
            "u32",
            "u64",
            "is now a 64-bit integer: clients may lose digits of values beyond 2^53",
        ),
        (
            "f64",
            "s64",
            "is now a 64-bit integer: clients may lose digits of values beyond 2^53",
        ),
        (
            "record r { a: u8 }; r",
            "variant r { a(u8) }; r",
            "is now an object with case and value instead of an object",
        ),
    ];
    for (before, after, expected) in cases {
        assert_eq!(
            member(before, after),
            [format!("the response's member m {expected}")],
            "{before} -> {after}"
        );
    }
}

#[test]
fn a_response_that_returns_more_does_not_break() {
    let cases = [
        ("option<u8>", "u8"),
        ("option<option<u8>>", "option<u8>"),
        ("u8", "s32"),
        ("u64", "s64"),
        ("u64", "u8"),
        ("f64", "u32"),
        ("f32", "f64"),
        ("string", "enum e { a }; e"),
        ("string", "char"),
        ("enum e { a, b }; e", "enum e { b, c }; e"),
        ("flags e { a, b }; e", "flags e { b, c }; e"),
        ("variant e { a, b }; e", "variant e { c, b(u8) }; e"),
        ("result<u8>", "result<u8, string>"),
        (
            "record r { a: u8, b: u8 }; r",
            "record s { b: u8, c: u8, a: u8 }; s",
        ),
    ];
    for (before, after) in cases {
        assert_eq!(member(before, after), [""; 0], "{before} -> {after}");
    }
}

#[test]
fn a_removed_member_breaks_at_any_depth() {
    let cases = [
        ("; list<r>", "m[].x"),
        ("; list<tuple<string, r>>", "m.*.x"),
        ("; tuple<u8, option<r>>", "m[1].x"),
        ("; result<r>", "m.ok.x"),
        ("variant v { a(r) }; v", "m(a).x"),
        ("record s { inner: r }; option<s>", "m.inner.x"),
    ];
    for (ty, place) in cases {
        let before = format!("record r {{ x: u8, y: u8 }} {ty}");
        let after = format!("record r {{ y: u8 }} {ty}");
        assert_eq!(
            member(&before, &after),
            [format!("the response's member {place} is gone")]
        );
    }
}

#[test]
fn the_payload_of_a_case_must_not_be_removed() {
    assert_eq!(
        member(
            "variant v { a(u8), b(option<u8>) }; v",
            "variant v { a, b }; v"
        ),
        [
            "the response's member m(a) is gone",
            "the response's member m(b) is gone",
        ]
    );
    assert_eq!(
        member("result<u8, u8>", "result<_, u8>"),
        ["the response's member m.ok is gone"]
    );
}

#[test]
fn a_body_must_be_neither_removed_nor_added() {
    let get = |before: &str, after: &str| {
        let items = |result: &str| format!("f: func() -> result<{result}, problem>;");
        changes(Method::Get, "/things", &items(before), &items(after))
    };
    assert_eq!(get("u8", "_"), ["the response no longer has a body"]);
    assert_eq!(
        get("_", "u8"),
        ["the response now has a body, but had none"]
    );
    assert_eq!(get("u8", "option<u8>"), ["the response may now be null"]);
    assert_eq!(
        get("list<bool>", "list<string>"),
        ["the response's member [] is now a string instead of a boolean"]
    );
}

#[test]
fn status_and_headers_must_not_change() {
    let items = "record page { tag: string, next: option<string>, items: list<u8> }
                 f: func(cursor: option<string>) -> result<page, problem>;";
    let bare = |method| route(method, "/things", "f");
    let full = |method| Route {
        success: 201,
        location: Some("/things/{tag}".to_owned()),
        etag: Some("tag".to_owned()),
        next: Some("next".to_owned()),
        ..bare(method)
    };
    let compared = |before, after| sentences(&api(items, &[before]), &api(items, &[after]));
    assert_eq!(
        compared(full(Method::Delete), bare(Method::Delete)),
        [
            "the response now has the status 200 instead of 201",
            "the response no longer has the header Location",
            "the response no longer has the header Link (next page)",
            "the response no longer has the header ETag",
        ]
    );
    assert_eq!(
        compared(bare(Method::Delete), full(Method::Delete)),
        ["the response now has the status 201 instead of 200"]
    );
    let tagged = Route {
        etag: Some("tag".to_owned()),
        ..bare(Method::Get)
    };
    assert_eq!(compared(tagged, bare(Method::Get)), [""; 0]);
}

#[test]
fn the_body_is_the_member_that_the_route_names() {
    let items = "record page { next: option<string>, old: list<u16>, new: list<bool> }
                 f: func() -> result<page, problem>;";
    let of = |member: Option<&str>| {
        let route = Route {
            body: member.map(str::to_owned),
            ..route(Method::Get, "/things", "f")
        };
        api(items, &[route])
    };
    assert_eq!(
        sentences(&of(Some("old")), &of(Some("new"))),
        ["the response's member [] is now a boolean instead of an integer"]
    );
    assert_eq!(
        sentences(&of(Some("old")), &of(None)),
        ["the response is now an object instead of a list"]
    );
}
