//! Unknown query parameters and members: ignored, or errors if the client wants them to be.

use super::support::operation;
use crate::{Input, InputError};
use contract::Method;

const ITEMS: &str = "
    variant shape { empty, circle(f64) }
    record part { name: string }
    record thing {
        title: string, part: option<part>, parts: list<part>, shape: option<shape>,
        outcome: option<result<u8, string>>, by-name: option<list<tuple<string, part>>>,
    }
    add: func(thing: thing, loud: option<bool>) -> result<_, problem>;
    get: func(id: s64) -> result<_, problem>;
";

/// The pointers of the errors in a request.
fn unknown(method: Method, function: &str, input: Input<'_>) -> Vec<String> {
    let path = match method {
        Method::Get => "/x/{id}",
        _ => "/x",
    };
    let operation = operation(ITEMS, method, path, function);
    let lenient = Input {
        strict: false,
        ..input
    };
    operation
        .read(&lenient)
        .expect("unknown names are ignored without the wish");
    match operation.read(&input) {
        Ok(_) => Vec::new(),
        Err(InputError::Invalid(errors)) => {
            assert!(errors.iter().all(|error| error.detail == "is unknown"));
            errors.into_iter().map(|error| error.pointer).collect()
        }
        Err(other) => panic!("{other:?}"),
    }
}

fn in_body(body: &str) -> Vec<String> {
    let input = Input {
        media_type: Some("application/json"),
        body: body.as_bytes(),
        strict: true,
        ..Input::default()
    };
    unknown(Method::Post, "add", input)
}

fn in_query(query: &str) -> Vec<String> {
    let input = Input {
        parameters: &[("id".to_owned(), "1".to_owned())],
        query: Some(query),
        strict: true,
        ..Input::default()
    };
    unknown(Method::Get, "get", input)
}

#[test]
fn an_unknown_member_is_an_error_wherever_it_is() {
    assert_eq!(in_body(r#"{"title": "a", "parts": []}"#), [""; 0]);
    let body = r#"{
        "title": "a", "Title": 1, "": 2, "a/b": 3,
        "part": {"name": "b", "size": 4},
        "parts": [{"name": "c"}, {"name": "d", "size": 5}],
        "shape": {"case": "empty", "value": null, "radius": 6},
        "outcome": {"ok": 7, "extra": 8},
        "by_name": {"any name": {"name": "e", "size": 9}}
    }"#;
    assert_eq!(
        in_body(body),
        [
            "#/part/size",
            "#/parts/1/size",
            "#/shape/radius",
            "#/outcome/extra",
            "#/by_name/any name/size",
            "#/Title",
            "#/",
            "#/a~1b",
        ]
    );
}

#[test]
fn an_unknown_member_is_found_among_many() {
    let many: Vec<String> = (0..40).map(|n| format!("\"m{n:02}\": {n}")).collect();
    let body = format!(r#"{{"title": "a", {}, "parts": []}}"#, many.join(", "));
    let expected: Vec<String> = (0..40).map(|n| format!("#/m{n:02}")).collect();
    assert_eq!(in_body(&body), expected);
}

#[test]
fn an_unknown_query_parameter_is_an_error_of_every_operation() {
    assert_eq!(in_query(""), [""; 0]);
    assert_eq!(
        in_query("id=2&lout=true&a%20b&%FF=1"),
        [
            "#/query/id",
            "#/query/lout",
            "#/query/a b",
            "#/query/\u{fffd}"
        ]
    );
    let long = "x".repeat(2000);
    assert_eq!(in_query(&long), ["#/query"]);
    let body = Input {
        media_type: Some("application/json"),
        body: br#"{"title": "a", "parts": [], "size": 1}"#,
        query: Some("loud=true&quiet=true"),
        strict: true,
        ..Input::default()
    };
    assert_eq!(
        unknown(Method::Post, "add", body),
        ["#/size", "#/query/quiet"]
    );
}
