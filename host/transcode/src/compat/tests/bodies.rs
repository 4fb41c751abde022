//! Breaking changes in request bodies.

use super::changes;
use contract::Method;

/// Compares two types of a body's member `m`. Definitions may precede a type, up to its last `;`.
fn member(before: &str, after: &str) -> Vec<String> {
    let items = |text: &str| {
        let (definitions, ty) = text.rsplit_once(';').unwrap_or(("", text));
        format!("{definitions} record thing {{ m: {ty} }} f: func(t: thing) -> result<_, problem>;")
    };
    changes(Method::Put, "/things", &items(before), &items(after))
}

#[test]
fn a_body_that_accepts_less_breaks() {
    let cases = [
        (
            "u64",
            "u32",
            "now accepts 0 to 4294967295 instead of 0 to 18446744073709551615",
        ),
        (
            "s8",
            "u64",
            "now accepts 0 to 18446744073709551615 instead of -128 to 127",
        ),
        (
            "f64",
            "f32",
            "now accepts 32-bit floats instead of 64-bit floats",
        ),
        ("u64", "f64", "is now a number instead of an integer"),
        ("u32", "f32", "is now a number instead of an integer"),
        ("f64", "u32", "is now an integer instead of a number"),
        ("string", "u8", "is now an integer instead of a string"),
        (
            "string",
            "list<string>",
            "is now a list instead of a string",
        ),
        (
            "list<u8>",
            "list<u16>",
            "is now a list instead of base64 text",
        ),
        (
            "tuple<u8, u8>",
            "tuple<u8>",
            "is now a tuple of 1 instead of a tuple of 2",
        ),
        (
            "tuple<u8>",
            "tuple<u8, u8>",
            "is now a tuple of 2 instead of a tuple of 1",
        ),
        (
            "string",
            "datetime",
            "is now a timestamp (RFC 3339) instead of a string",
        ),
        ("option<u8>", "u8", "may no longer be absent or null"),
        (
            "option<option<u8>>",
            "u8",
            "may no longer be absent or null",
        ),
        (
            "option<u8>",
            "option<option<u8>>",
            "is now cleared by null, which was the same as leaving it out",
        ),
        (
            "option<option<u8>>",
            "option<u8>",
            "is no longer cleared by null, which is now the same as leaving it out",
        ),
        (
            "enum e { a-b, c }; e",
            "enum e { c, d }; e",
            "no longer accepts a_b",
        ),
        (
            "flags e { a-b, c }; e",
            "flags e { c }; e",
            "no longer accepts a_b",
        ),
        (
            "variant e { a, b }; e",
            "variant e { b, c }; e",
            "no longer accepts a",
        ),
        (
            "enum e { a }; e",
            "variant e { a }; e",
            "is now an object with case and value instead of one of a set of strings",
        ),
    ];
    for (before, after, expected) in cases {
        assert_eq!(
            member(before, after),
            [format!("the body's member m {expected}")],
            "{before} -> {after}"
        );
    }
}

#[test]
fn a_body_that_accepts_more_does_not_break() {
    let cases = [
        ("u32", "u64"),
        ("u32", "s64"),
        ("u32", "f64"),
        ("s16", "f32"),
        ("f32", "f64"),
        ("char", "string"),
        ("enum e { a }; e", "string"),
        ("u8", "option<u8>"),
        ("u8", "option<option<u16>>"),
        ("enum e { a, b }; e", "enum e { c, b, a }; e"),
        ("flags e { a }; e", "flags e { b, a }; e"),
        (
            "variant e { a(u8), b }; e",
            "variant e { b(option<u8>), c, a(u16) }; e",
        ),
        ("result<u8>", "result<option<u16>, option<string>>"),
        (
            "record r { a: u8, b: u8 }; r",
            "record s { b: u8, c: option<u8>, a: u8 }; s",
        ),
    ];
    for (before, after) in cases {
        assert_eq!(member(before, after), [""; 0], "{before} -> {after}");
    }
}

#[test]
fn a_change_is_reported_with_its_path() {
    let wrapped = [
        ("list<{}>", "m[]"),
        ("option<list<{}>>", "m[]"),
        ("list<tuple<string, {}>>", "m.*"),
        ("tuple<string, {}>", "m[1]"),
        ("result<{}>", "m.ok"),
        ("result<_, {}>", "m.error"),
        ("variant v { some-case({}) }; v", "m(some_case)"),
        (
            "record r { some-list: list<list<{}>> }; r",
            "m.some_list[][]",
        ),
    ];
    for (wrapper, place) in wrapped {
        let [before, after] = ["bool", "string"].map(|ty| wrapper.replace("{}", ty));
        assert_eq!(
            member(&before, &after),
            [format!(
                "the body's member {place} is now a string instead of a boolean"
            )],
        );
    }
}

#[test]
fn a_removed_or_newly_required_member_breaks() {
    assert_eq!(
        member(
            "record r { a: u8, b: option<u8>, c: u8 }; r",
            "record r { d: u8, c: u8, e: list<u8> }; r"
        ),
        [
            "the body's member m.a is no longer read",
            "the body's member m.b is no longer read",
            "the body's member m.d is now required",
            "the body's member m.e is now required",
        ]
    );
}

#[test]
fn the_payload_of_a_case_must_not_become_required_or_rejected() {
    assert_eq!(
        member(
            "variant v { a, b(u8), c(option<u8>) }; v",
            "variant v { a(u8), b, c }; v"
        ),
        [
            "the body's member m(a) is now required",
            "the body's member m(b) no longer accepts a value",
            "the body's member m(c) no longer accepts a value",
        ]
    );
}

#[test]
fn a_type_that_becomes_optional_and_narrower_is_reported_as_narrowed() {
    assert_eq!(
        member("option<u16>", "u8"),
        [
            "the body's member m may no longer be absent or null",
            "the body's member m now accepts 0 to 255 instead of 0 to 65535",
        ]
    );
    assert_eq!(
        member("u16", "option<u8>"),
        ["the body's member m now accepts 0 to 255 instead of 0 to 65535"]
    );
}

#[test]
fn a_definition_that_occurs_twice_is_reported_once() {
    let twice = |inner: &str| format!("record r {{ {inner} }} record s {{ a: r, b: r }}; s");
    assert_eq!(
        member(&twice("x: u16"), &twice("x: u8")),
        ["the body's member m.a.x now accepts 0 to 255 instead of 0 to 65535"]
    );
}

#[test]
fn a_tree_that_doubles_with_each_definition_is_compared_quickly() {
    // The maximum depth in a valid component.
    let tree = |leaf: &str| {
        let level = |depth: usize| {
            let below = depth - 1;
            format!("record r{depth} {{ a: r{below}, b: r{below} }}")
        };
        let levels: Vec<String> = (1..16).map(level).collect();
        format!("record r0 {{ x: {leaf} }} {}; r15", levels.join(" "))
    };
    assert_eq!(member(&tree("u8"), &tree("u16")), [""; 0]);
    assert_eq!(member(&tree("u8"), &tree("bool")).len(), 1);
}

#[test]
fn a_body_must_not_become_required_or_ignored() {
    let put = |before: &str, after: &str| {
        let items = |params: &str| format!("f: func({params}) -> result<_, problem>;");
        changes(Method::Put, "/things", &items(before), &items(after))
    };
    assert_eq!(put("", "b: list<s8>"), ["the body is now required"]);
    assert_eq!(put("b: string", ""), ["the body is no longer read"]);
    assert_eq!(
        put("b: option<string>", "b: string"),
        ["the body may no longer be absent or null"]
    );
    assert_eq!(put("", "b: option<string>"), [""; 0]);
    assert_eq!(put("b: string", "other: option<string>"), [""; 0]);
    assert_eq!(
        put("b: list<list<u16>>", "b: list<list<u16>>, q: u16"),
        ["the query parameter q is now required"]
    );
}
