//! Constraints: where they are attached, what they reject, and how they are described.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::support::{interface, package, route};
use crate::{Input, InputError, Interface, Operation, openapi};
use contract::{Bounds, Constraint, Description, FieldError, Method, Route};

/// A constraint on a member of an item of `test:api/things`.
fn on(path: &str, bounds: Bounds) -> Constraint {
    Constraint {
        place: format!("test:api/things#{path}"),
        bounds,
        message: None,
        enforced: true,
    }
}

fn length(min: u32, max: u32) -> Bounds {
    Bounds {
        min_length: Some(min),
        max_length: Some(max),
        ..Bounds::default()
    }
}

fn between(minimum: f64, maximum: f64) -> Bounds {
    Bounds {
        minimum: Some(minimum),
        maximum: Some(maximum),
        ..Bounds::default()
    }
}

fn items(max: u32) -> Bounds {
    Bounds {
        max_items: Some(max),
        ..Bounds::default()
    }
}

fn pattern(pattern: &str) -> Bounds {
    Bounds {
        pattern: Some(pattern.to_owned()),
        ..Bounds::default()
    }
}

fn bind(interface: &Interface, constraints: &[Constraint], route: &Route) -> Operation {
    let constrained = interface.constrained(constraints).unwrap();
    Operation::bind(&constrained, route).unwrap()
}

fn errors(operation: &Operation, input: Input<'_>) -> Vec<(String, String)> {
    let pair = |FieldError { pointer, detail }| (pointer, detail);
    match operation.read(&input) {
        Ok(_) => Vec::new(),
        Err(InputError::Invalid(errors)) => errors.into_iter().map(pair).collect(),
        Err(error) => panic!("{error}"),
    }
}

fn json_body(body: &str) -> Input<'_> {
    Input {
        media_type: Some("application/json"),
        body: body.as_bytes(),
        ..Input::default()
    }
}

fn of(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(one, other): &(&str, &str)| ((*one).to_owned(), (*other).to_owned());
    pairs.iter().map(owned).collect()
}

const THINGS: &str = "
    record owner { name: string }
    variant shape { dot, circle(f64) }
    enum color { red, green }
    record draft {
        title: string, tags: option<list<string>>, owner: owner, shape: shape,
        sizes: list<tuple<string, u8>>, range: tuple<s64, s64>, colors: list<color>,
        note: option<option<string>>, data: list<u8>,
    }
    record filter { limit: option<u32>, words: list<string> }
    create: func(draft: draft) -> result<draft, problem>;
    create-all: func(drafts: list<draft>) -> result<_, problem>;
    find: func(filter: filter) -> result<_, problem>;
    get: func(name: string, page: option<s8>) -> result<_, problem>;";

fn constraints() -> Vec<Constraint> {
    vec![
        on("draft.title", length(3, 5)),
        on(
            "draft.tags",
            Bounds {
                unique_items: true,
                ..items(3)
            },
        ),
        on("draft.tags[]", pattern("^[a-z]+$")),
        on("owner.name", length(1, 9)),
        on(
            "shape.circle",
            Bounds {
                exclusive_minimum: Some(0.0),
                ..Bounds::default()
            },
        ),
        on("draft.sizes", items(2)),
        on("draft.sizes[]", between(1.0, 10.0)),
        on("draft.range[1]", between(-5.0, 5.0)),
        on(
            "draft.colors",
            Bounds {
                unique_items: true,
                min_items: Some(1),
                ..Bounds::default()
            },
        ),
        on("draft.note", length(2, 4)),
        on("create-all.drafts", items(2)),
        on("filter.limit", between(1.0, 1000.0)),
        on("filter.words", items(2)),
        on("filter.words[]", length(2, 9)),
        on("get.name", length(2, 3)),
        on("get.page", between(0.0, 7.0)),
    ]
}

const VALID: &str = r#"{"title": "äöü", "tags": null, "owner": {"name": "a"}, "shape": {"case": "dot"},
    "sizes": {"a": 1}, "range": [99, 5], "colors": ["red"], "note": null, "data": ""}"#;

#[test]
fn every_broken_bound_is_reported_at_its_place() {
    let interface = interface(THINGS);
    let create = bind(
        &interface,
        &constraints(),
        &route(Method::Post, "/", "create"),
    );
    assert_eq!(errors(&create, json_body(VALID)), []);
    let body = r#"{"title": "ab", "tags": ["a", "A", "a", "b"], "owner": {"name": ""},
        "shape": {"case": "circle", "value": 0}, "sizes": {"a": 0, "b/c": 11, "d": 5}, "range": [9, 6],
        "colors": ["red", "green", "red"], "note": "a", "data": 7}"#;
    assert_eq!(
        errors(&create, json_body(body)),
        of(&[
            ("#/title", "must have at least 3 characters"),
            ("#/tags", "must have at most 3 items"),
            ("#/tags/1", "must match the pattern ^[a-z]+$"),
            ("#/tags/2", "must not be repeated"),
            ("#/owner/name", "must have at least 1 character"),
            ("#/shape/value", "must be greater than 0"),
            ("#/sizes", "must have at most 2 items"),
            ("#/sizes/a", "must be at least 1"),
            ("#/sizes/b~1c", "must be at most 10"),
            ("#/range/1", "must be at most 5"),
            ("#/colors/2", "must not be repeated"),
            ("#/note", "must have at least 2 characters"),
            ("#/data", "must be a base64 string (RFC 4648, with padding)"),
        ])
    );
}

#[test]
fn each_item_of_a_bulk_request_has_its_pointer() {
    let interface = interface(THINGS);
    let create = route(Method::Post, "/", "create-all");
    let create = bind(&interface, &constraints(), &create);
    let short = VALID.replace("äöü", "ä");
    assert_eq!(
        errors(&create, json_body(&format!("[{VALID}, {short}, {VALID}]"))),
        of(&[
            ("#", "must have at most 2 items"),
            ("#/1/title", "must have at least 3 characters"),
        ])
    );
}

#[test]
fn the_query_and_the_path_are_checked() {
    let interface = interface(THINGS);
    let find = bind(&interface, &constraints(), &route(Method::Get, "/", "find"));
    let query = |query| {
        errors(
            &find,
            Input {
                query: Some(query),
                ..Input::default()
            },
        )
    };
    assert_eq!(query("limit=1000&words=ab,cd"), []);
    assert_eq!(query(""), []);
    assert_eq!(
        query("limit=0&words=a,bc,de"),
        of(&[
            ("#/query/limit", "must be at least 1"),
            ("#/query/words", "must have at least 2 characters"),
            ("#/query/words", "must have at most 2 items"),
        ])
    );
    let get = bind(
        &interface,
        &constraints(),
        &route(Method::Get, "/{name}", "get"),
    );
    let parameters = [("name".to_owned(), "long".to_owned())];
    let input = Input {
        parameters: &parameters,
        query: Some("page=8"),
        ..Input::default()
    };
    assert_eq!(
        errors(&get, input),
        of(&[
            ("#/path/name", "must have at most 3 characters"),
            ("#/query/page", "must be at most 7"),
        ])
    );
}

#[test]
fn one_response_reports_at_most_100_errors() {
    let interface = interface("f: func(words: list<string>) -> result<_, problem>;");
    let constraint = on("f.words[]", length(2, 2));
    let operation = bind(&interface, &[constraint], &route(Method::Post, "/", "f"));
    let body = json!(vec!["x"; 100_000]).to_string();
    assert_eq!(errors(&operation, json_body(&body)).len(), 100);
}

#[test]
fn a_message_takes_the_place_of_the_hosts_words() {
    let interface = interface("f: func(code: string) -> result<_, problem>;");
    let constraint = Constraint {
        message: Some("must be a code such as AB-1".to_owned()),
        ..on(
            "f.code",
            Bounds {
                format: Some("uuid".to_owned()),
                ..pattern("^[A-Z]{2}-[0-9]$")
            },
        )
    };
    let operation = bind(&interface, &[constraint], &route(Method::Post, "/", "f"));
    let expected = of(&[("#", "must be a code such as AB-1")]);
    assert_eq!(errors(&operation, json_body("\"x\"")), expected);
}

#[test]
fn a_constraint_that_the_logic_enforces_is_only_described() {
    let interface = interface(THINGS);
    let mut constraints = constraints();
    constraints
        .iter_mut()
        .for_each(|constraint| constraint.enforced = false);
    let create = bind(
        &interface,
        &constraints,
        &route(Method::Post, "/", "create"),
    );
    let body = VALID
        .replace("äöü", "")
        .replace("[\"red\"]", "[\"red\", \"red\"]");
    assert_eq!(errors(&create, json_body(&body)), []);
    let document = document(&create);
    let title = &document["components"]["schemas"]["Draft"]["properties"]["title"];
    assert_eq!(
        (&title["minLength"], &title["maxLength"]),
        (&json!(3), &json!(5))
    );
}

fn document(operation: &Operation) -> Value {
    let description = Description {
        name: "Things".to_owned(),
        version: "1.0.0".to_owned(),
        routes: vec![operation.route().clone()],
        migrations: Vec::new(),
        constraints: Vec::new(),
    };
    openapi(&description, std::slice::from_ref(operation))
}

#[test]
fn the_document_has_the_keywords_of_every_bound() {
    let interface = interface(THINGS);
    let create = bind(
        &interface,
        &constraints(),
        &route(Method::Post, "/", "create"),
    );
    let create = document(&create);
    let draft = &create["components"]["schemas"]["Draft"]["properties"];
    let no_nul = "^[^\\u0000]*$";
    assert_eq!(
        draft["tags"],
        json!({
            "type": ["array", "null"],
            "items": {
                "type": "string",
                "pattern": "^[a-z]+$",
                "allOf": [{ "pattern": no_nul }],
            },
            "maxItems": 3,
            "uniqueItems": true,
        })
    );
    assert_eq!(
        draft["sizes"],
        json!({
            "type": "object",
            "additionalProperties": {
                "type": "integer", "format": "int32", "minimum": 1, "maximum": 10,
            },
            "propertyNames": { "pattern": no_nul },
            "maxProperties": 2,
        })
    );
    assert_eq!(draft["range"]["prefixItems"][1]["maximum"], 5);
    assert_eq!(draft["range"]["prefixItems"][0]["maximum"], i64::MAX);
    assert_eq!(draft["note"]["maxLength"], 4);
    let circle = &create["components"]["schemas"]["Shape"]["oneOf"][1]["properties"]["value"];
    assert_eq!(circle["exclusiveMinimum"], 0);

    let find = bind(&interface, &constraints(), &route(Method::Get, "/", "find"));
    let find = document(&find);
    let parameters = &find["paths"]["/"]["get"]["parameters"];
    assert_eq!(parameters[0]["schema"]["maximum"], 1000);
    assert_eq!(parameters[1]["schema"]["maxItems"], 2);
    assert_eq!(parameters[1]["schema"]["items"]["minLength"], 2);

    let get = bind(
        &interface,
        &constraints(),
        &route(Method::Get, "/{name}", "get"),
    );
    assert_eq!(
        document(&get)["paths"]["/{name}"]["get"]["parameters"][0]["schema"]["minLength"],
        2
    );
}

#[test]
fn a_type_that_only_responses_have_is_described_without_constraints() {
    let interface = interface(
        "record thing { name: string } get: func() -> result<thing, problem>;
         record unused { name: string }",
    );
    let constraints = [
        on("thing.name", length(1, 2)),
        on("unused.name", length(1, 2)),
    ];
    let get = bind(&interface, &constraints, &route(Method::Get, "/", "get"));
    let document = document(&get);
    let name = &document["components"]["schemas"]["Thing"]["properties"]["name"];
    assert_eq!(*name, json!({ "type": "string" }));
}

#[test]
fn types_of_the_same_name_have_constraints_of_their_own() {
    let component = package(
        "package test:api;
         interface fish {
             use task-host:platform/types@1.0.0.{problem};
             record thing { name: string }
             put: func(thing: thing) -> result<_, problem>;
         }
         interface birds {
             use task-host:platform/types@1.0.0.{problem};
             record thing { name: string }
             put: func(thing: thing) -> result<_, problem>;
         }
         world test { export fish; export birds; }",
    );
    let interface = Interface::decode(&component).unwrap();
    let constraint = Constraint {
        place: "test:api/birds#thing.name".to_owned(),
        ..on("", length(2, 9))
    };
    let put = |of: &str| {
        let route = Route {
            operation: format!("test:api/{of}#put"),
            ..route(Method::Put, "/", "")
        };
        bind(&interface, std::slice::from_ref(&constraint), &route)
    };
    let body = r#"{"name": "x"}"#;
    assert_eq!(errors(&put("fish"), json_body(body)), []);
    assert_eq!(errors(&put("birds"), json_body(body)).len(), 1);
}

/// Why a single constraint is rejected.
fn rejected(constraint: Constraint) -> String {
    match interface(THINGS).constrained(&[constraint]) {
        Ok(_) => "accepted".to_owned(),
        Err(errors) => errors.to_string(),
    }
}

#[test]
fn a_constraint_that_cannot_be_meant_is_rejected_by_name() {
    let format = |name: &str| Bounds {
        format: Some(name.to_owned()),
        ..Bounds::default()
    };
    let unique = Bounds {
        unique_items: true,
        ..Bounds::default()
    };
    let places = "a place is an interface without a version, # and a path, such as \
                  tasks:api/tasks#draft.title or tasks:api/tasks#draft.tags[]";
    for (path, bounds, reason) in [
        ("draft", length(1, 2), places),
        ("draft.title.x", length(1, 2), places),
        (
            "draft.titel",
            length(1, 2),
            "draft has no field, case or parameter titel",
        ),
        (
            "find.limit",
            length(1, 2),
            "find has no field, case or parameter limit",
        ),
        (
            "drafts.title",
            length(1, 2),
            "test:api/things has no record, variant or function drafts",
        ),
        (
            "color.red",
            length(1, 2),
            "test:api/things has no record, variant or function color",
        ),
        ("draft.title[]", length(1, 2), "a string has no part []"),
        (
            "draft.range[2]",
            between(0.0, 1.0),
            "a tuple has no part [2]",
        ),
        (
            "draft.data[]",
            between(0.0, 1.0),
            "a list<u8> has no part []",
        ),
        ("draft.title", Bounds::default(), "it has no bound"),
        (
            "draft.title",
            between(0.0, 1.0),
            "minimum does not apply to a string",
        ),
        (
            "draft.range[0]",
            length(1, 2),
            "min-length does not apply to an integer",
        ),
        (
            "draft.shape",
            items(1),
            "max-items does not apply to a variant, whose cases have constraints of their own",
        ),
        (
            "draft.owner",
            items(1),
            "max-items does not apply to a record, whose fields have constraints of their own",
        ),
        (
            "draft.data",
            items(1),
            "max-items does not apply to a list<u8>",
        ),
        (
            "create-all.drafts",
            unique,
            "unique-items does not apply to a list of items that cannot be compared",
        ),
        (
            "draft.title",
            length(3, 2),
            "no value is within its bounds: min-length is 3 and max-length is 2",
        ),
        (
            "get.page",
            between(1.0, 0.0),
            "no value is within its bounds: minimum is 1 and maximum is 0",
        ),
        (
            "get.page",
            between(0.5, 1.0),
            "minimum must be an integer from -128 to 127",
        ),
        (
            "get.page",
            between(0.0, 128.0),
            "maximum must be an integer from -128 to 127",
        ),
        (
            "get.page",
            between(f64::NAN, 1.0),
            "minimum must be an integer from -128 to 127",
        ),
        (
            "shape.circle",
            between(0.0, f64::INFINITY),
            "maximum must be a finite number that the type can hold",
        ),
        (
            "draft.title",
            pattern("("),
            "the pattern is not valid: unclosed group",
        ),
        (
            "draft.title",
            pattern("(?i)a"),
            "the pattern sets flags, which ECMA-262 does not know",
        ),
        (
            "draft.title",
            format("credit-card"),
            "the format credit-card is unknown; the formats are date, date-time, email, hostname, ipv4, \
             ipv6, uri, uuid",
        ),
    ] {
        let expected = format!("the constraint of test:api/things#{path}: {reason}");
        assert_eq!(rejected(on(path, bounds)), expected);
    }
    let elsewhere = Constraint {
        place: "test:api/thing#draft.title".to_owned(),
        ..on("", length(1, 2))
    };
    assert_eq!(
        rejected(elsewhere),
        "the constraint of test:api/thing#draft.title: test:api/thing has no record, variant or function \
         draft; test:api/things has one"
    );
    let silent = Constraint {
        message: Some(String::new()),
        ..on("draft.title", length(1, 2))
    };
    assert!(rejected(silent).ends_with("the message must have 1 to 500 bytes"));
}

#[test]
fn all_faults_are_reported_together_in_the_order_of_the_constraints() {
    let constraints = [
        on("draft.titel", length(1, 2)),
        on("draft.title", length(1, 2)),
        on("draft.title", length(1, 3)),
        on("draft.tags", length(1, 2)),
    ];
    let errors = interface(THINGS).constrained(&constraints).unwrap_err();
    let places: Vec<&str> = errors.0.iter().map(|error| error.place.as_str()).collect();
    let expected = ["draft.titel", "draft.title", "draft.tags"];
    assert_eq!(
        places,
        expected.map(|path| format!("test:api/things#{path}"))
    );
    assert!(
        errors
            .to_string()
            .contains("another constraint names the same place")
    );
}

#[test]
fn the_number_of_constraints_and_patterns_is_limited() {
    let fields: String = (0..1001)
        .map(|field| format!("m{field}: string, "))
        .collect();
    let interface = interface(&format!(
        "record large {{ {fields} }} f: func(large: large) -> result<_, problem>;"
    ));
    let many = |count: usize, bounds: Bounds| -> Vec<Constraint> {
        let place = |field| on(&format!("large.m{field}"), bounds.clone());
        (0..count).map(place).collect()
    };
    assert!(interface.constrained(&many(1000, length(1, 2))).is_ok());
    let too_many = interface
        .constrained(&many(1001, length(1, 2)))
        .unwrap_err();
    assert!(
        too_many.to_string().contains("can have 1000 constraints"),
        "{too_many}"
    );
    assert!(interface.constrained(&many(100, pattern("^a$"))).is_ok());
    let too_many = interface
        .constrained(&many(101, pattern("^a$")))
        .unwrap_err();
    assert!(
        too_many.to_string().contains("100 of them with a pattern"),
        "{too_many}"
    );
    // Each automaton is within its limit, but not all of them together.
    let letters: String = ('a'..='z').chain('A'..='Z').cycle().take(900).collect();
    let large = many(100, pattern(&format!("^{letters}$")));
    let too_large = interface.constrained(&large).unwrap_err();
    assert!(
        too_large
            .to_string()
            .contains("together with those before it"),
        "{too_large}"
    );
    assert!(too_large.to_string().len() < 10_000);
}

#[test]
fn a_pattern_is_searched_in_a_mebibyte_in_linear_time() {
    let interface = interface("f: func(text: string) -> result<_, problem>;");
    let nested = on("f.text", pattern("^(([a-z])+.)+[A-Z]([a-z])+$"));
    let operation = bind(&interface, &[nested], &route(Method::Post, "/", "f"));
    let body = json!("a".repeat(1 << 20)).to_string();
    // A backtracking search would not end.
    assert_eq!(errors(&operation, json_body(&body)).len(), 1);
}

const EVERYTHING: &str = "
    variant shape { dot, circle(f64) }
    record thing {
        text: string, nick: option<string>, note: option<option<string>>, tags: list<string>,
        labels: list<tuple<string, s32>>, small: u8, big: s64, ratio: f64, part: f32,
        pair: tuple<string, u16>, shape: shape, bools: list<bool>,
    }
    put: func(thing: thing) -> result<_, problem>;";

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        "[aé😀A0 .-]{0,5}",
        proptest::sample::select(vec![
            "2026-03-01",
            "2026-02-30",
            "2026-03-01T10:20:30Z",
            "ann@example.org",
            "a..b@x",
            "example.org",
            "-a.b",
            "192.0.2.1",
            "192.0.2.256",
            "2001:db8::1",
            "1:2:3",
            "https://example.org/",
            "/a",
            "",
            "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        ])
        .prop_map(str::to_owned),
    ]
}

/// Halves, which every float and every decimal notation holds exactly.
fn halves() -> impl Strategy<Value = f64> {
    (-12_i32..=12).prop_map(|halves| f64::from(halves) / 2.0)
}

fn text_bounds() -> impl Strategy<Value = Bounds> {
    let patterns = [
        "^a", "é$", "^[^A]*$", r"^\S+$", "^.{2,3}$", r"\d", "[😀-]", "^$",
    ];
    let formats = [
        "date",
        "date-time",
        "email",
        "hostname",
        "ipv4",
        "ipv6",
        "uri",
        "uuid",
    ];
    (
        proptest::option::of(0_u32..4),
        proptest::option::of(0_u32..4),
        proptest::option::of(proptest::sample::select(patterns.to_vec())),
        proptest::option::weighted(0.3, proptest::sample::select(formats.to_vec())),
    )
        .prop_map(|(min, more, pattern, format)| Bounds {
            min_length: min,
            max_length: more.map(|more| min.unwrap_or(0) + more),
            pattern: pattern.map(str::to_owned),
            format: format.map(str::to_owned),
            ..Bounds::default()
        })
}

fn item_bounds() -> impl Strategy<Value = Bounds> {
    let counts = (0_u32..3, 0_u32..3, any::<bool>());
    counts.prop_map(|(min, more, unique_items)| Bounds {
        min_items: Some(min),
        max_items: Some(min + more),
        unique_items,
        ..Bounds::default()
    })
}

fn number_bounds() -> impl Strategy<Value = Bounds> {
    let bound = || proptest::option::of(halves());
    (bound(), bound(), bound(), bound()).prop_map(|(a, b, c, d)| Bounds {
        minimum: a,
        maximum: b,
        exclusive_minimum: c,
        exclusive_maximum: d,
        ..Bounds::default()
    })
}

fn whole(bounds: Bounds) -> Bounds {
    let round = |bound: Option<f64>| bound.map(|bound| bound.abs().floor());
    Bounds {
        minimum: round(bounds.minimum),
        maximum: round(bounds.maximum),
        exclusive_minimum: round(bounds.exclusive_minimum),
        exclusive_maximum: round(bounds.exclusive_maximum),
        ..bounds
    }
}

/// Any constraints on the parts of [`EVERYTHING`], without those that are rejected.
fn any_constraints() -> impl Strategy<Value = Vec<Constraint>> {
    let texts = proptest::collection::vec(text_bounds(), 5);
    let numbers = proptest::collection::vec(number_bounds(), 6);
    let lists = proptest::collection::vec(item_bounds(), 3);
    (texts, numbers, lists).prop_map(|(mut texts, mut numbers, mut lists)| {
        let mut all = Vec::new();
        for path in [
            "thing.text",
            "thing.nick",
            "thing.note",
            "thing.tags[]",
            "thing.pair[0]",
        ] {
            all.extend(texts.pop().map(|bounds| on(path, bounds)));
        }
        for path in ["thing.ratio", "thing.part", "shape.circle"] {
            all.extend(numbers.pop().map(|bounds| on(path, bounds)));
        }
        for path in ["thing.small", "thing.big", "thing.pair[1]"] {
            all.extend(numbers.pop().map(|bounds| on(path, whole(bounds))));
        }
        for path in ["thing.tags", "thing.labels", "thing.bools"] {
            let unique = |bounds: Bounds| Bounds {
                unique_items: bounds.unique_items && path != "thing.labels",
                ..bounds
            };
            all.extend(lists.pop().map(|bounds| on(path, unique(bounds))));
        }
        let interface = interface(EVERYTHING);
        let is_accepted = |constraint: &Constraint| {
            let alone = std::slice::from_ref(constraint);
            interface.constrained(alone).is_ok()
        };
        all.retain(is_accepted);
        all
    })
}

fn any_thing() -> impl Strategy<Value = Value> {
    let optional = || proptest::option::of(texts());
    let part = (
        (texts(), optional(), optional(), texts()),
        proptest::collection::vec(texts(), 0..4),
        proptest::collection::btree_map("[a-c]", -6_i32..6, 0..4),
        (0_u8..7, -7_i64..7, halves(), halves(), 0_u16..7),
        proptest::option::of(halves()),
        proptest::collection::vec(any::<bool>(), 0..4),
    );
    part.prop_map(|((text, nick, note, first), tags, labels, (small, big, ratio, part, second), circle, bools)| {
        json!({
            "text": text, "nick": nick, "note": note, "tags": tags, "labels": labels, "small": small, "big": big,
            "ratio": ratio, "part": part, "pair": [first, second], "bools": bools,
            "shape": match circle {
                Some(circle) => json!({ "case": "circle", "value": circle }),
                None => json!({ "case": "dot" }),
            },
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// A value is accepted exactly if it is valid against the schema in the document, for any
    /// constraints. The document is checked by another implementation of JSON Schema.
    #[test]
    fn what_is_accepted_is_what_the_schema_allows(
        constraints in any_constraints(),
        things in proptest::collection::vec(any_thing(), 8),
    ) {
        let interface = interface(EVERYTHING);
        let put = bind(&interface, &constraints, &route(Method::Put, "/", "put"));
        let document = document(&put);
        let schema = json!({
            "$ref": "#/components/schemas/Thing",
            "components": document["components"],
        });
        let validator = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .should_validate_formats(true)
            .build(&schema)
            .unwrap();
        for thing in things {
            let errors = errors(&put, json_body(&thing.to_string()));
            let violations: Vec<String> = validator.iter_errors(&thing).map(|error| error.to_string()).collect();
            prop_assert_eq!(errors.is_empty(), violations.is_empty(), "{:?} {:?} {}", errors, violations, thing);
        }
    }
}
