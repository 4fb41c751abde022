//! What breaks in answers.

use super::{api, changes, sentences};
use crate::tests::support::route;
use contract::{Method, Route};

/// Compares two types of an answer's member `m`, each with the definitions before its last `;`.
fn member(before: &str, after: &str) -> Vec<String> {
    let items = |text: &str| {
        let (definitions, ty) = text.rsplit_once(';').unwrap_or(("", text));
        format!("{definitions} record thing {{ m: {ty} }} f: func() -> result<thing, problem>;")
    };
    changes(Method::Get, "/things", &items(before), &items(after))
}

#[test]
fn an_answer_that_clients_cannot_read_breaks() {
    let cases = [
        ("u8", "option<u8>", "may be null now"),
        ("u8", "option<option<u8>>", "may be absent or null now"),
        ("option<u8>", "option<option<u8>>", "may be absent now"),
        ("u8", "string", "is a string now, and was an integer"),
        ("u8", "f32", "is a number now, and was an integer"),
        (
            "char",
            "string",
            "is a string now, and was a single character",
        ),
        (
            "enum e { a }; e",
            "string",
            "is a string now, and was one of a set of strings",
        ),
        (
            "string",
            "datetime",
            "is a moment (RFC 3339) now, and was a string",
        ),
        (
            "tuple<u8>",
            "tuple<u8, u8>",
            "is a tuple of 2 now, and was a tuple of 1",
        ),
        (
            "list<bool>",
            "tuple<bool>",
            "is a tuple of 1 now, and was a list",
        ),
        (
            "option<u8>",
            "option<bool>",
            "is a boolean now, and was an integer",
        ),
        (
            "u32",
            "u64",
            "is a 64-bit integer now: beyond 2^53 clients may lose its last digits",
        ),
        (
            "f64",
            "s64",
            "is a 64-bit integer now: beyond 2^53 clients may lose its last digits",
        ),
        (
            "record r { a: u8 }; r",
            "variant r { a(u8) }; r",
            "is an object with case and value now, and was an object",
        ),
    ];
    for (before, after, expected) in cases {
        assert_eq!(
            member(before, after),
            [format!("the answer's member m {expected}")],
            "{before} -> {after}"
        );
    }
}

#[test]
fn an_answer_that_says_more_does_not_break() {
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
fn a_member_that_is_gone_breaks_wherever_it_stands() {
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
            [format!("the answer's member {place} is gone")]
        );
    }
}

#[test]
fn what_came_with_a_case_must_come_still() {
    assert_eq!(
        member(
            "variant v { a(u8), b(option<u8>) }; v",
            "variant v { a, b }; v"
        ),
        [
            "the answer's member m(a) is gone",
            "the answer's member m(b) is gone",
        ]
    );
    assert_eq!(
        member("result<u8, u8>", "result<_, u8>"),
        ["the answer's member m.ok is gone"]
    );
}

#[test]
fn a_body_may_neither_go_nor_come() {
    let get = |before: &str, after: &str| {
        let items = |result: &str| format!("f: func() -> result<{result}, problem>;");
        changes(Method::Get, "/things", &items(before), &items(after))
    };
    assert_eq!(get("u8", "_"), ["the answer has no body any more"]);
    assert_eq!(get("_", "u8"), ["the answer has a body now, and had none"]);
    assert_eq!(get("u8", "option<u8>"), ["the answer may be null now"]);
    assert_eq!(
        get("list<bool>", "list<string>"),
        ["the answer's member [] is a string now, and was a boolean"]
    );
}

#[test]
fn status_and_headers_must_stay() {
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
            "the answer has the status 200 now, and had 201",
            "the answer has no Location any more",
            "the answer has no Link to the next page any more",
            "the answer has no ETag any more",
        ]
    );
    assert_eq!(
        compared(bare(Method::Delete), full(Method::Delete)),
        ["the answer has the status 201 now, and had 200"]
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
        ["the answer's member [] is a boolean now, and was an integer"]
    );
    assert_eq!(
        sentences(&of(Some("old")), &of(None)),
        ["the answer is an object now, and was a list"]
    );
}
