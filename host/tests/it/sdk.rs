//! Services that the SDK makes from plain Rust: the example of the documentation, and one that uses every kind of
//! type and fails in every way.

use serde_json::{Value, json};

use crate::harness::{Setup, built, column};

fn bookmarks() -> Setup {
    Setup::component(built("bookmarks.wasm"))
}

fn gadgets() -> Setup {
    Setup::component(built("gadgets.wasm"))
}

#[test]
fn the_bookmarks_service_creates_lists_returns_and_deletes() {
    let host = bookmarks().start();
    let draft = |url: &str| json!({"url": url});
    let created = host
        .post("/bookmarks", &draft("https://example.com/a"))
        .expect(201);
    assert_eq!(created.header("location"), Some("/bookmarks/1"));
    assert_eq!(
        created.json(),
        json!({"id": 1, "url": "https://example.com/a"})
    );
    host.post("/bookmarks", &draft("https://example.com/a"))
        .problem(409, "already-saved");
    host.post("/bookmarks", &json!({}))
        .problem(422, "invalid-request");
    for name in ["b", "c"] {
        host.post("/bookmarks", &draft(&format!("https://example.com/{name}")))
            .expect(201);
    }

    let first = host.get("/bookmarks?q=example&limit=2").expect(200);
    let urls = ["https://example.com/a", "https://example.com/b"];
    assert_eq!(column(&first.json(), "url"), urls);
    let link = first.header("link").expect("a next page");
    let next = link
        .trim_start_matches('<')
        .split('>')
        .next()
        .expect("an address");
    let rest = host.get(next).expect(200);
    assert_eq!(column(&rest.json(), "url"), ["https://example.com/c"]);
    assert_eq!(rest.header("link"), None);
    host.get("/bookmarks?limit=0").problem(422, "invalid-page");
    host.get("/bookmarks?cursor=x").problem(422, "invalid-page");

    assert_eq!(host.get("/bookmarks/1").expect(200).json()["id"], 1);
    let deleted = host.delete("/bookmarks/1").expect(204);
    assert_eq!(deleted.body, b"");
    host.get("/bookmarks/1").problem(404, "no-such-bookmark");
    host.delete("/bookmarks/1").problem(404, "no-such-bookmark");
}

#[test]
fn doc_comments_are_the_documentation_of_the_api() {
    let host = bookmarks().start();
    let document = host.get("/openapi.json").expect(200).json();
    assert_eq!(document["info"]["title"], "Bookmarks");
    let create = &document["paths"]["/bookmarks"]["post"];
    assert_eq!(create["summary"], "Saves an address");
    let text = document.to_string();
    for docs in ["A saved address.", "Assigned by the service."] {
        assert!(text.contains(docs), "{docs}");
    }
}

#[test]
fn every_kind_of_type_passes_in_both_directions() {
    let host = gadgets().start();
    let gadget = json!({
        "name": "saw", "kind": "hand_tool", "weight": 1.5, "made_at": "2026-03-01T00:00:00.000001Z", "part_of": null,
    });
    assert_eq!(host.put("/gadgets/saw", &gadget).expect(200).json(), gadget);
    assert_eq!(
        host.get("/gadgets?kind=hand_tool").expect(200).json(),
        json!([gadget])
    );
    assert_eq!(host.get("/gadgets?kind=toy").expect(200).json(), json!([]));

    let sample = json!({
        "sizes": [
            {"case": "round", "value": 0.5},
            {"case": "angular", "value": {"length": u64::MAX, "type": [true, "ä"]}},
            {"case": "unknown"},
        ],
        "counts": {"one": 1, "minus": -7},
        "bytes": "AAEC",
    });
    assert_eq!(host.post("/samples", &sample).expect(202).json(), sample);

    let stamps: Vec<Value> = (0..2)
        .map(|_| host.get("/stamps").expect(200).json())
        .collect();
    assert_ne!(stamps[0][0], stamps[1][0], "identifiers are random");
    let health = host.get("/health").expect(200).json();
    assert_eq!(health["total_gadgets"], 1);
}

#[test]
fn a_body_that_breaks_constraints_is_refused_with_a_pointer_to_each_value() {
    let host = gadgets().start();
    let post = |order: &Value| host.post("/shops/corner/orders", order);
    let order = |changes: Value| {
        let mut order = json!({
            "title": "chair", "count": 10, "to": {"email": "a@example.com"}, "labels": ["a", "b"],
        });
        for (name, value) in changes.as_object().expect("members") {
            order[name] = value.clone();
        }
        order
    };
    for valid in [
        order(json!({})),
        order(json!({"title": "äö", "count": 1, "labels": []})),
        // Null and absent values pass.
        order(json!({"count": null, "to": null})),
    ] {
        assert_eq!(post(&valid).expect(200).json(), valid);
    }
    for (changes, pointers) in [
        (json!({"title": "ä"}), &["#/title"][..]),
        (json!({"title": "chairs"}), &["#/title"]),
        (json!({"count": 0}), &["#/count"]),
        (json!({"count": 11}), &["#/count"]),
        (json!({"to": {"email": "nobody"}}), &["#/to/email"]),
        (json!({"labels": ["a", "b", "c"]}), &["#/labels"]),
        (json!({"labels": ["a", "a"]}), &["#/labels/1"]),
        (json!({"labels": ["a", "B"]}), &["#/labels/1"]),
        (
            json!({"title": "", "count": -1, "to": {"email": ""}, "labels": ["1", "2"]}),
            &[
                "#/count",
                "#/labels/0",
                "#/labels/1",
                "#/title",
                "#/to/email",
            ],
        ),
        // Values of the wrong type are reported with those that break a constraint.
        (
            json!({"title": "", "count": "one"}),
            &["#/count", "#/title"],
        ),
    ] {
        let answer = post(&order(changes));
        answer.problem_at(422, "invalid-request", pointers);
    }
}

#[test]
fn a_path_and_a_query_that_break_constraints_are_refused_with_a_pointer_to_each_value() {
    let host = gadgets().start();
    for valid in [
        "/shops/corner/orders/1",
        "/shops/a-b/orders/4294967295?above=99.9&q=abc",
    ] {
        assert_eq!(host.get(valid).expect(200).json(), 0);
    }
    for (path, pointers) in [
        ("/shops/Corner/orders/1", &["#/path/shop"][..]),
        ("/shops/much-too-long/orders/1", &["#/path/shop"]),
        ("/shops/c%20d/orders/1", &["#/path/shop"]),
        ("/shops/corner/orders/0", &["#/path/number"]),
        ("/shops/corner/orders/1?above=100", &["#/query/above"]),
        ("/shops/corner/orders/1?q=ab", &["#/query/q"]),
        (
            "/shops/Corner/orders/0?above=1e9&q=",
            &["#/path/number", "#/path/shop", "#/query/above", "#/query/q"],
        ),
    ] {
        host.get(path).problem_at(422, "invalid-request", pointers);
    }
    let problem = host
        .get("/shops/corner/orders/1?q=ab")
        .problem(422, "invalid-request");
    assert_eq!(problem["errors"][0]["detail"], "is too short to search for");
    // A path is refused before its body is looked at.
    let order = json!({"title": "chair", "labels": []});
    host.post("/shops/Corner/orders", &order)
        .problem_at(422, "invalid-request", &["#/path/shop"]);
}

#[test]
fn defects_of_the_logic_are_in_the_log_and_not_in_the_answer() {
    let host = gadgets().start();
    let empty = json!({});
    let answers = [
        host.post("/failures/statement", &empty),
        host.get("/failures/row"),
        host.get("/failures/cell"),
    ];
    for answer in &answers {
        let problem = answer.problem(500, "service-failed");
        assert!(!problem.to_string().contains("gadgets"), "{problem}");
    }
    assert_eq!(host.get("/failures/panic").status, 500);

    for parts in [
        [
            "insert into gadgets (name, kind, made_at) values ('secret', null, 1)",
            "constraint",
        ],
        [
            "the statement returned no row",
            "from gadgets where name = ''",
        ],
        [
            "column 1: the column is not an integer",
            "select 'text' as number",
        ],
        [
            "the gadget 7 broke",
            "host/tests/components/gadgets/src/lib.rs",
        ],
    ] {
        let line = host.log.find(|line| {
            let line = line.to_string();
            parts.iter().all(|part| line.contains(part))
        });
        assert!(line.is_some(), "{parts:?}");
    }
}
