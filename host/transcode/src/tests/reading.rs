//! Reads arguments from bodies, and reports every error with its pointer.

use wasmtime::component::Val;

use super::support::operation;
use crate::{Input, InputError};
use contract::Method;

const ITEMS: &str = "
    enum color { red, dark-blue }
    flags rights { may-read, may-write }
    variant shape { empty, circle(f64), tagged(option<string>) }
    record part { name: string, size: option<u8> }
    record thing {
        title: string, note: option<string>, color: option<color>, parts: list<part>,
        by-name: list<tuple<string, s32>>, at: option<datetime>, data: option<list<u8>>,
        rights: rights, shape: shape, pair: tuple<u8, bool>, outcome: option<result<u8, string>>,
        initial: option<char>,
    }
    record change { title: option<option<string>>, done: option<option<bool>> }
    record a { b: u8 }
    add: func(thing: thing) -> result<_, problem>;
    edit: func(change: change) -> result<_, problem>;
    add-a: func(a: a) -> result<_, problem>;
    add-list: func(items: list<u8>) -> result<_, problem>;
    add-maybe: func(a: option<a>) -> result<_, problem>;
    add-bools: func(items: list<bool>) -> result<_, problem>;
    add-s64: func(n: s64) -> result<_, problem>;
    add-f64: func(n: f64) -> result<_, problem>;
    notify: func(id: s64, thing: a, loud: option<bool>, tags: list<string>) -> result<_, problem>;
";

fn read(method: Method, function: &str, body: &str) -> Result<Val, InputError> {
    let operation = operation(ITEMS, method, "/x", function);
    let input = Input {
        media_type: Some("application/json"),
        body: body.as_bytes(),
        ..Input::default()
    };
    operation
        .read(&input)
        .map(|mut arguments| arguments.remove(0))
}

fn post(function: &str, body: &str) -> Val {
    read(Method::Post, function, body).unwrap()
}

fn errors(function: &str, body: &str) -> Vec<(String, String)> {
    match read(Method::Post, function, body).unwrap_err() {
        InputError::Invalid(errors) => errors
            .into_iter()
            .map(|error| (error.pointer, error.detail))
            .collect(),
        other => panic!("{other:?}"),
    }
}

fn error(function: &str, body: &str) -> (String, String) {
    let mut errors = errors(function, body);
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors.remove(0)
}

fn at(pointer: &str, detail: &str) -> (String, String) {
    (pointer.to_owned(), detail.to_owned())
}

fn some(value: Val) -> Val {
    Val::Option(Some(Box::new(value)))
}

fn string(text: &str) -> Val {
    Val::String(text.to_owned())
}

fn record<const N: usize>(members: [(&str, Val); N]) -> Val {
    Val::Record(members.map(|(name, value)| (name.to_owned(), value)).into())
}

#[test]
fn a_body_is_read_in_any_order_of_its_members() {
    let body = r#"{
        "unknown": [{}], "title": "T", "note": null, "color": "dark_blue",
        "shape": {"value": 1, "case": "circle"}, "pair": [1, true], "rights": ["may_write"],
        "parts": [{"name": "p", "size": 1.0}], "by_name": {"x": 1, "": -2},
        "at": "2026-03-01T10:20:30.25Z", "data": "AQL/", "outcome": {"error": "e"},
        "initial": "é"
    }"#;
    let part = record([("name", string("p")), ("size", some(Val::U8(1)))]);
    let entry = |key: &str, value| Val::Tuple(vec![string(key), Val::S32(value)]);
    let timestamp = record([
        ("seconds", Val::U64(1_772_360_430)),
        ("nanoseconds", Val::U32(250_000_000)),
    ]);
    let circle = Val::Variant("circle".to_owned(), Some(Box::new(Val::Float64(1.0))));
    assert_eq!(
        post("add", body),
        record([
            ("title", string("T")),
            ("note", Val::Option(None)),
            ("color", some(Val::Enum("dark-blue".to_owned()))),
            ("parts", Val::List(vec![part])),
            ("by-name", Val::List(vec![entry("x", 1), entry("", -2)])),
            ("at", some(timestamp)),
            (
                "data",
                some(Val::List(vec![Val::U8(1), Val::U8(2), Val::U8(255)]))
            ),
            ("rights", Val::Flags(vec!["may-write".to_owned()])),
            ("shape", circle),
            ("pair", Val::Tuple(vec![Val::U8(1), Val::Bool(true)])),
            (
                "outcome",
                some(Val::Result(Err(Some(Box::new(string("e"))))))
            ),
            ("initial", some(Val::Char('é'))),
        ])
    );
}

#[test]
fn every_error_is_reported_with_its_pointer() {
    let body = r#"{
        "title": null, "note": "\u0000", "color": "green",
        "parts": [{"name": "p"}, {"size": 256}, 3], "by_name": {"a/b~c": "x", "\u0000": 1},
        "at": "2026-02-29T10:20:30Z", "data": "AQL", "rights": ["may_read", "may_read", "x", 1],
        "shape": {"case": "square"}, "pair": [1], "outcome": {}, "initial": "ab"
    }"#;
    assert_eq!(
        errors("add", body),
        [
            at("#/title", "must not be null"),
            at("#/note", "must not contain U+0000"),
            at("#/color", "must be one of: red, dark_blue"),
            at("#/parts/1/name", "is required"),
            at("#/parts/1/size", "must be from 0 to 255"),
            at("#/parts/2", "must be an object"),
            at("#/by_name/a~1b~0c", "must be an integer"),
            at("#/by_name/\0", "must not contain U+0000"),
            at(
                "#/at",
                "must be an RFC 3339 date and time, such as 2026-03-01T10:20:30Z"
            ),
            at("#/data", "must be a base64 string (RFC 4648, with padding)"),
            at("#/rights/1", "must not be repeated"),
            at("#/rights/2", "must be one of: may_read, may_write"),
            at("#/rights/3", "must be a string"),
            at("#/shape/case", "must be one of: empty, circle, tagged"),
            at("#/pair", "must have exactly 2 items"),
            at("#/outcome", "must have either ok or error"),
            at("#/initial", "must be a string of one character"),
        ]
    );
}

#[test]
fn missing_members_are_reported() {
    let names = ["title", "parts", "by_name", "rights", "shape", "pair"];
    let expected = names.map(|name| at(&format!("#/{name}"), "is required"));
    assert_eq!(errors("add", "{}"), expected);
}

#[test]
fn wrong_types_are_reported() {
    let body = r#"{"title": 1, "note": [], "color": {}, "parts": {}, "by_name": [], "at": 5,
        "data": 1, "rights": "x", "shape": [], "pair": {}, "outcome": 1, "initial": true}"#;
    let details: Vec<String> = errors("add", body)
        .into_iter()
        .map(|(_, detail)| detail)
        .collect();
    assert_eq!(
        details,
        [
            "must be a string",
            "must be a string",
            "must be a string",
            "must be an array",
            "must be an object",
            "must be a string",
            "must be a base64 string (RFC 4648, with padding)",
            "must be an array",
            "must be an object",
            "must be an array",
            "must be an object",
            "must be a string of one character",
        ]
    );
    assert_eq!(error("add", "[]"), at("#", "must be an object"));
    assert_eq!(error("add", "null"), at("#", "must not be null"));
    assert_eq!(
        error("add-bools", "[0]"),
        at("#/0", "must be true or false")
    );
    assert_eq!(error("add-f64", "\"1\""), at("#", "must be a number"));
    assert_eq!(error("add-s64", "\"1\""), at("#", "must be an integer"));
}

#[test]
fn null_clears_a_value_and_absence_keeps_it() {
    let change = |body| read(Method::Patch, "edit", body).unwrap();
    let none = || Val::Option(None);
    assert_eq!(change("{}"), record([("title", none()), ("done", none())]));
    assert_eq!(
        change(r#"{"title": null, "done": true}"#),
        record([
            ("title", some(none())),
            ("done", some(some(Val::Bool(true))))
        ])
    );
}

#[test]
fn payloads_are_checked_against_their_cases() {
    let shape = |shape: &str| {
        let body = format!(
            r#"{{"title":"","parts":[],"by_name":{{}},"rights":[],"pair":[0,false],"shape":{shape}}}"#
        );
        match read(Method::Post, "add", &body) {
            Ok(Val::Record(members)) => Ok(members[8].1.clone()),
            Ok(other) => panic!("{other:?}"),
            Err(InputError::Invalid(errors)) => {
                Err((errors[0].pointer.clone(), errors[0].detail.clone()))
            }
            Err(other) => panic!("{other:?}"),
        }
    };
    let variant =
        |name: &str, payload: Option<Val>| Ok(Val::Variant(name.to_owned(), payload.map(Box::new)));
    assert_eq!(shape(r#"{"case":"empty"}"#), variant("empty", None));
    assert_eq!(
        shape(r#"{"case":"empty","value":null}"#),
        variant("empty", None)
    );
    let absent = variant("tagged", Some(Val::Option(None)));
    assert_eq!(shape(r#"{"case":"tagged"}"#), absent);
    assert_eq!(
        shape(r#"{"case":"empty","value":1}"#),
        Err(at("#/shape/value", "must be absent"))
    );
    assert_eq!(
        shape(r#"{"case":"circle"}"#),
        Err(at("#/shape/value", "is required"))
    );
    assert_eq!(shape("{}"), Err(at("#/shape/case", "is required")));
    assert_eq!(
        shape(r#"{"case":1}"#),
        Err(at("#/shape/case", "must be a string"))
    );
}

#[test]
fn the_number_of_bytes_is_limited() {
    let encoded = |groups: usize| format!("\"{}\"", "AAAA".repeat(groups));
    let fits = post("add-list", &encoded((1 << 20) / 3));
    assert!(matches!(fits, Val::List(bytes) if bytes.len() == (1 << 20) - 1));
    let detail = "must encode at most 1048576 bytes";
    assert_eq!(
        error("add-list", &encoded((1 << 20) / 3 + 1)),
        at("#", detail)
    );
    assert_eq!(error("add-list", &encoded(1 << 20)), at("#", detail));
}

#[test]
fn the_number_of_reported_errors_is_limited() {
    let body = format!("[{}1]", "1,".repeat(5000));
    assert_eq!(errors("add-bools", &body).len(), 100);
}

#[test]
fn a_malformed_body_is_reported_before_invalid_values() {
    let malformed = |body| match read(Method::Post, "add-a", body).unwrap_err() {
        InputError::Malformed(text) => text,
        other => panic!("{other:?}"),
    };
    assert_eq!(malformed(""), "the body is empty; send JSON");
    assert_eq!(
        malformed("{\"b\": \"x\", \"b\": 1}"),
        "the member \"b\" is repeated at line 1, column 12"
    );
    assert_eq!(
        malformed("{\"b\": \"x\""),
        "expected a comma or the end of the object at line 1, column 10"
    );
}

#[test]
fn an_optional_body_may_be_absent() {
    assert_eq!(post("add-maybe", ""), Val::Option(None));
    assert_eq!(post("add-maybe", "null"), Val::Option(None));
    assert_eq!(
        post("add-maybe", "{\"b\":1}"),
        some(record([("b", Val::U8(1))]))
    );
}

#[test]
fn media_types_are_checked() {
    let read = |method, media_type| {
        let operation = operation(ITEMS, method, "/x", "add-a");
        let input = Input {
            media_type,
            body: b"{\"b\":1}",
            ..Input::default()
        };
        operation.read(&input).map(drop)
    };
    assert_eq!(read(Method::Post, Some("application/json")), Ok(()));
    assert_eq!(
        read(Method::Post, Some("Application/JSON ; charset=utf-8")),
        Ok(())
    );
    let json = Err(InputError::UnsupportedMediaType("application/json"));
    assert_eq!(read(Method::Post, None), json);
    assert_eq!(read(Method::Post, Some("text/plain")), json);
    assert_eq!(
        read(Method::Post, Some("application/merge-patch+json")),
        json
    );
    for method in [Method::Put, Method::Patch] {
        assert_eq!(read(method, Some("application/merge-patch+json")), Ok(()));
        let both = "application/json, application/merge-patch+json";
        assert_eq!(
            read(method, Some("application/xml")),
            Err(InputError::UnsupportedMediaType(both))
        );
    }
}

#[test]
fn a_body_can_be_combined_with_path_and_query() {
    let operation = operation(ITEMS, Method::Post, "/x/{id}", "notify");
    let parameters = [("id".to_owned(), "7".to_owned())];
    let input = Input {
        parameters: &parameters,
        query: Some("loud=true&tags=a,b"),
        media_type: Some("application/json"),
        body: b"{\"b\":1}",
        ..Input::default()
    };
    let tags = Val::List(vec![string("a"), string("b")]);
    let body = record([("b", Val::U8(1))]);
    assert_eq!(
        operation.read(&input),
        Ok(vec![Val::S64(7), body, some(Val::Bool(true)), tags])
    );
}

#[test]
fn a_body_that_the_operation_does_not_read_is_ignored() {
    let operation = operation(
        "ping: func() -> result<_, problem>;",
        Method::Post,
        "/x",
        "ping",
    );
    let input = Input {
        body: b"not JSON",
        ..Input::default()
    };
    assert_eq!(operation.read(&input), Ok(Vec::new()));
}
