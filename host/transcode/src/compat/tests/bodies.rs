//! What breaks in the bodies of requests.

use super::changes;
use contract::Method;

/// Compares two types of a body's member `m`, each with the definitions before its last `;`.
fn member(before: &str, after: &str) -> Vec<String> {
    let items = |text: &str| {
        let (definitions, ty) = text.rsplit_once(';').unwrap_or(("", text));
        format!("{definitions} record thing {{ m: {ty} }} f: func(t: thing) -> result<_, problem>;")
    };
    changes(Method::Put, "/things", &items(before), &items(after))
}

#[test]
fn a_body_that_takes_less_breaks() {
    let cases = [
        (
            "u64",
            "u32",
            "takes 0 to 4294967295 now, and took 0 to 18446744073709551615",
        ),
        (
            "s8",
            "u64",
            "takes 0 to 18446744073709551615 now, and took -128 to 127",
        ),
        (
            "f64",
            "f32",
            "takes 32-bit floats now, and took 64-bit ones",
        ),
        ("u64", "f64", "is a number now, and was an integer"),
        ("u32", "f32", "is a number now, and was an integer"),
        ("f64", "u32", "is an integer now, and was a number"),
        ("string", "u8", "is an integer now, and was a string"),
        ("string", "list<string>", "is a list now, and was a string"),
        (
            "list<u8>",
            "list<u16>",
            "is a list now, and was base64 text",
        ),
        (
            "tuple<u8, u8>",
            "tuple<u8>",
            "is a tuple of 1 now, and was a tuple of 2",
        ),
        (
            "tuple<u8>",
            "tuple<u8, u8>",
            "is a tuple of 2 now, and was a tuple of 1",
        ),
        (
            "string",
            "datetime",
            "is a moment (RFC 3339) now, and was a string",
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
            "is emptied by null now, which stood for its absence",
        ),
        (
            "option<option<u8>>",
            "option<u8>",
            "is not emptied by null any more, which stands for its absence now",
        ),
        (
            "enum e { a-b, c }; e",
            "enum e { c, d }; e",
            "no longer takes a_b",
        ),
        (
            "flags e { a-b, c }; e",
            "flags e { c }; e",
            "no longer takes a_b",
        ),
        (
            "variant e { a, b }; e",
            "variant e { b, c }; e",
            "no longer takes a",
        ),
        (
            "enum e { a }; e",
            "variant e { a }; e",
            "is an object with case and value now, and was one of a set of strings",
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
fn a_body_that_takes_more_does_not_break() {
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
fn a_change_is_told_with_the_way_to_it() {
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
                "the body's member {place} is a string now, and was a boolean"
            )],
        );
    }
}

#[test]
fn a_member_that_is_gone_or_newly_required_breaks() {
    assert_eq!(
        member(
            "record r { a: u8, b: option<u8>, c: u8 }; r",
            "record r { d: u8, c: u8, e: list<u8> }; r"
        ),
        [
            "the body's member m.a is no longer read",
            "the body's member m.b is no longer read",
            "the body's member m.d is newly required",
            "the body's member m.e is newly required",
        ]
    );
}

#[test]
fn what_comes_with_a_case_may_not_become_required_or_refused() {
    assert_eq!(
        member(
            "variant v { a, b(u8), c(option<u8>) }; v",
            "variant v { a(u8), b, c }; v"
        ),
        [
            "the body's member m(a) is newly required",
            "the body's member m(b) takes no value any more",
            "the body's member m(c) takes no value any more",
        ]
    );
}

#[test]
fn a_type_that_is_made_optional_and_narrowed_is_told_as_narrowed() {
    assert_eq!(
        member("option<u16>", "u8"),
        [
            "the body's member m may no longer be absent or null",
            "the body's member m takes 0 to 255 now, and took 0 to 65535",
        ]
    );
    assert_eq!(
        member("u16", "option<u8>"),
        ["the body's member m takes 0 to 255 now, and took 0 to 65535"]
    );
}

#[test]
fn a_definition_that_is_met_twice_is_told_once() {
    let twice = |inner: &str| format!("record r {{ {inner} }} record s {{ a: r, b: r }}; s");
    assert_eq!(
        member(&twice("x: u16"), &twice("x: u8")),
        ["the body's member m.a.x takes 0 to 255 now, and took 0 to 65535"]
    );
}

#[test]
fn a_tree_that_doubles_with_each_definition_is_walked_in_no_time() {
    // As deep as a valid component may have it.
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
fn a_body_may_not_become_required_or_ignored() {
    let put = |before: &str, after: &str| {
        let items = |params: &str| format!("f: func({params}) -> result<_, problem>;");
        changes(Method::Put, "/things", &items(before), &items(after))
    };
    assert_eq!(put("", "b: list<s8>"), ["the body is newly required"]);
    assert_eq!(put("b: string", ""), ["the body is no longer read"]);
    assert_eq!(
        put("b: option<string>", "b: string"),
        ["the body may no longer be absent or null"]
    );
    assert_eq!(put("", "b: option<string>"), [""; 0]);
    assert_eq!(put("b: string", "other: option<string>"), [""; 0]);
    assert_eq!(
        put("b: list<list<u16>>", "b: list<list<u16>>, q: u16"),
        ["the query parameter q is newly required"]
    );
}
