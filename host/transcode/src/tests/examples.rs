//! The examples of request bodies in the OpenAPI document.

use serde_json::{Value, json};

use super::support::{interface, route};
use crate::{Input, Operation, openapi};
use contract::{Bounds, Constraint, Description, Method};

/// Returns the document's body of `create`, whose only parameter is the record `draft`.
fn body_of(items: &str, constraints: &[(&str, Bounds)]) -> (Operation, Value) {
    let constraints: Vec<Constraint> = constraints
        .iter()
        .map(|(place, bounds)| Constraint {
            place: format!("test:api/things#{place}"),
            bounds: bounds.clone(),
            message: None,
            enforced: true,
        })
        .collect();
    let items = format!("{items} create: func(draft: draft) -> result<_, problem>;");
    let interface = interface(&items).constrained(&constraints).unwrap();
    let operation = Operation::bind(&interface, &route(Method::Post, "/things", "create")).unwrap();
    let description = Description {
        name: "Things".to_owned(),
        version: "1.2.3".to_owned(),
        routes: Vec::new(),
        migrations: Vec::new(),
        constraints: Vec::new(),
    };
    let document = openapi(&description, std::slice::from_ref(&operation));
    let body = &document["paths"]["/things"]["post"]["requestBody"]["content"]["application/json"];
    let schemas = &document["components"]["schemas"];
    (
        operation,
        json!({ "example": body["example"], "draft": schemas["Draft"] }),
    )
}

fn bounds(change: impl FnOnce(&mut Bounds)) -> Bounds {
    let mut bounds = Bounds::default();
    change(&mut bounds);
    bounds
}

#[test]
fn an_example_has_a_value_of_each_type_within_its_constraints() {
    let items = "
        enum color { dark-red, green }
        flags rights { read, write }
        variant shape { circle(f64), dot }
        record owner { email: string, age: option<u8> }
        record draft {
            title: string, url: string, code: string, host: string, count: s64, share: f64, is-new: bool,
            letter: char, data: list<u8>, at: datetime, color: color, rights: rights, shape: shape,
            owner: owner, sizes: list<u32>, words: list<string>, counts: list<tuple<string, u8>>,
            pair: tuple<string, s8>, parent-id: option<s64>, others: option<list<s64>>,
        }";
    let (operation, body) = body_of(
        items,
        &[
            ("draft.title", bounds(|it| it.min_length = Some(20))),
            (
                "draft.code",
                bounds(|it| it.pattern = Some("^[A-Z][0-9]$".to_owned())),
            ),
            (
                "draft.host",
                bounds(|it| it.format = Some("hostname".to_owned())),
            ),
            ("draft.count", bounds(|it| it.minimum = Some(5.0))),
            ("draft.share", bounds(|it| it.maximum = Some(1.0))),
            (
                "draft.words",
                bounds(|it| {
                    it.min_items = Some(2);
                    it.unique_items = true;
                }),
            ),
        ],
    );
    let example = &body["example"];
    let expected = json!({
        "title": "An examplexxxxxxxxxx", "url": "https://example.org/", "code": "A1", "host": "example.org",
        "count": 5, "share": 0.0, "is_new": true, "letter": "a", "data": "aGVsbG8=",
        "at": "2030-01-31T12:00:00Z", "color": "dark_red", "rights": ["read"],
        "shape": { "case": "circle", "value": 1.5 }, "owner": { "email": "ann@example.org", "age": 1 },
        "sizes": [1], "words": ["example", "example 1"], "counts": { "key1": 1 }, "pair": ["example", 1],
    });
    assert_eq!(*example, expected);
    let text = example.to_string();
    let input = Input {
        media_type: Some("application/json"),
        body: text.as_bytes(),
        strict: true,
        ..Input::default()
    };
    assert!(operation.read(&input).is_ok());
}

#[test]
fn a_doc_comment_states_the_example_and_is_shown_without_it() {
    let items = "
        record draft {
            /// Who does it.
            ///
            /// Example: Ana
            person: string,
            /// Example: [3, 4]
            others: option<list<s64>>,
        }";
    let (_, body) = body_of(items, &[]);
    assert_eq!(
        body["example"],
        json!({ "person": "Ana", "others": [3, 4] })
    );
    let person = &body["draft"]["properties"]["person"];
    assert_eq!(person["description"], "Who does it.");
    assert_eq!(person["examples"], json!(["Ana"]));
    assert_eq!(
        body["draft"]["properties"]["others"].get("description"),
        None
    );
}

#[test]
fn a_body_has_no_example_that_would_be_refused() {
    let pattern = bounds(|it| it.pattern = Some("^XYZ-[0-9]{9}$".to_owned()));
    let (_, body) = body_of(
        "record draft { code: string }",
        &[("draft.code", pattern.clone())],
    );
    assert_eq!(body["example"], Value::Null);
    let items = "record draft { /// Example: wrong\n code: string }";
    let (_, body) = body_of(items, &[("draft.code", pattern.clone())]);
    assert_eq!(body["example"], Value::Null);
    let (_, body) = body_of(
        "record draft { code: option<string> }",
        &[("draft.code", pattern)],
    );
    assert_eq!(body["example"], json!({}));
}
