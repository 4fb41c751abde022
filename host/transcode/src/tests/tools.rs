//! Tools for agents: their names, schemas, requests and results.

use serde_json::{Map, Value, json};

use super::support::{interface, package, route};
use crate::{Interface, Operation, Tool, ToolRequest, instructions, tools};
use contract::{Method, Route};

fn bound(interface: &Interface, routes: Vec<Route>) -> Vec<Operation> {
    Operation::bind_all(interface, &routes).unwrap()
}

fn tool(items: &str, route: Route) -> Tool {
    let mut tools = tools(&bound(&interface(items), vec![route]));
    assert_eq!(tools.len(), 1);
    tools.remove(0)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        other => panic!("{other}"),
    }
}

fn request(tool: &Tool, arguments: Value) -> ToolRequest {
    tool.request(object(arguments)).unwrap()
}

fn pointers(tool: &Tool, arguments: Value) -> Vec<String> {
    let errors = tool.request(object(arguments)).unwrap_err();
    errors.into_iter().map(|error| error.pointer).collect()
}

#[test]
fn a_function_with_several_routes_is_one_tool() {
    let things = interface(
        "/// Changes a thing,
         /// at once.
         ///
         /// Nobody waits.
         change-it: func(id: s64, name: option<string>) -> result<_, problem>;
         get: func(id: s64) -> result<string, problem>;",
    );
    let made = tools(&bound(
        &things,
        vec![
            route(Method::Put, "/things/{id}", "change-it"),
            route(Method::Patch, "/things/{id}", "change-it"),
            route(Method::Get, "/things/{id}", "get"),
        ],
    ));
    let names: Vec<&str> = made.iter().map(|tool| &*tool.name).collect();
    assert_eq!(names, ["things_change_it", "things_get"]);
    assert_eq!(made[0].title, "Changes a thing, at once");
    assert_eq!(
        made[0].description,
        "Changes a thing,\nat once.\n\nNobody waits."
    );
    assert_eq!(
        (&*made[1].title, &*made[1].description),
        ("things_get", "things_get")
    );
    assert_eq!(
        made.iter().map(|tool| tool.route.get()).collect::<Vec<_>>(),
        [0, 2]
    );
}

#[test]
fn names_are_short_and_differ() {
    let long = "a-very-long-name-of-a-function-that-nobody-would-want-to-read-twice";
    let functions = [format!("{long}-one"), format!("{long}-two")];
    let items: String = functions
        .iter()
        .map(|name| format!("{name}: func() -> result<_, problem>;\n"))
        .collect();
    let routes = functions
        .iter()
        .map(|name| route(Method::Get, &format!("/{name}"), name));
    let made = tools(&bound(&interface(&items), routes.collect()));
    for tool in &made {
        assert!(
            tool.name.len() == 64 && tool.name.starts_with("things_a_very_long"),
            "{}",
            tool.name
        );
    }
    assert!(made[1].name.ends_with("_2"), "{}", made[1].name);
}

#[test]
fn the_members_of_a_record_are_arguments_beside_path_and_query() {
    let update = tool(
        "record change {
             /// What it is called.
             name: string,
             size: option<u8>,
         }
         update: func(id: s64, tags: list<string>, change: change) -> result<_, problem>;",
        route(Method::Post, "/things/{id}", "update"),
    );
    assert_eq!(
        Value::Object(update.input_schema.clone()),
        json!({
            "type": "object",
            "properties": {
                "id": { "type": "integer" },
                "tags": { "type": "array", "items": { "type": "string" } },
                "name": { "type": "string", "description": "What it is called." },
                "size": { "type": ["integer", "null"], "minimum": 0, "maximum": 255 },
                "dry_run": update.input_schema["properties"]["dry_run"],
            },
            "additionalProperties": false,
            "required": ["id", "name"],
        })
    );
    let arguments =
        json!({"name": "n", "tags": ["a,b", "é"], "id": 7, "more": null, "dry_run": true});
    let made = request(&update, arguments);
    assert_eq!(made.path, "/things/7");
    assert_eq!(made.query.as_deref(), Some("tags=a%2Cb,%C3%A9"));
    assert_eq!(
        made.body.as_deref(),
        Some(&br#"{"name":"n","more":null}"#[..])
    );
    assert!(made.dry_run);
    let least = request(&update, json!({"id": "7", "tags": null, "dry_run": null}));
    assert_eq!((least.query, least.body), (None, Some(b"{}".to_vec())));
    assert_eq!(
        pointers(&update, json!({"id": null, "tags": [""], "dry_run": 1})),
        ["#/id", "#/tags", "#/dry_run"]
    );
    for (in_request, in_arguments) in [
        ("#/path/id", "#/id"),
        ("#/query/tags", "#/tags"),
        ("#/name", "#/name"),
        ("#/query/x", "#/query/x"),
        ("#", "#"),
    ] {
        assert_eq!(update.pointer(in_request), in_arguments);
    }
}

#[test]
fn a_body_that_cannot_be_taken_apart_is_one_argument() {
    for (items, arguments, body) in [
        (
            "act: func(items: list<u8>, id: s64) -> result<_, problem>;",
            json!({"id": 1, "items": "AQ=="}),
            "\"AQ==\"",
        ),
        (
            "record draft { id: s64 } act: func(id: s64, draft: draft) -> result<_, problem>;",
            json!({"id": 1, "draft": {"id": 2}}),
            r#"{"id":2}"#,
        ),
        (
            "record draft { dry-run: bool } act: func(id: s64, draft: draft) -> result<_, problem>;",
            json!({"id": 1, "draft": {"dry_run": true}}),
            r#"{"dry_run":true}"#,
        ),
    ] {
        let act = tool(items, route(Method::Post, "/things/{id}", "act"));
        let made = request(&act, arguments);
        assert_eq!((&*made.path, made.dry_run), ("/things/1", false));
        assert_eq!(made.body.as_deref(), Some(body.as_bytes()), "{items}");
        let name = act.input_schema["required"].as_array().unwrap();
        let name = name
            .iter()
            .filter_map(Value::as_str)
            .find(|name| *name != "id")
            .unwrap();
        assert_eq!(pointers(&act, json!({"id": 1})), [format!("#/{name}")]);
        assert_eq!(act.pointer("#/0/a"), format!("#/{name}/0/a"));
        assert_eq!(act.pointer("#/query/other"), "#/other");
        let unknown = request(&act, json!({"id": 1, name: null, "a b": 2}));
        assert_eq!(unknown.query.as_deref(), Some("a%20b="));
    }
    let optional = tool(
        "record draft { a: s64 } act: func(draft: option<draft>) -> result<_, problem>;",
        route(Method::Post, "/things", "act"),
    );
    assert_eq!(request(&optional, json!({})).body, None);
}

#[test]
fn the_parameters_of_a_path_are_filled_in_its_order() {
    let get = tool(
        "get: func(second: f64, the-first: string) -> result<string, problem>;",
        route(Method::Get, "/things/{the-first}/of/{second}", "get"),
    );
    let made = request(&get, json!({"second": 2.0, "the_first": "a/b"}));
    assert_eq!(made.path, "/things/a%2Fb/of/2");
    assert_eq!(get.pointer("#/path/the-first"), "#/the_first");
    assert!(
        !get.input_schema["properties"]
            .as_object()
            .unwrap()
            .contains_key("dry_run")
    );
}

#[test]
fn a_result_is_an_object_of_any_type() {
    let of = |ty: &str, route: Route| {
        tool(
            &format!(
                "record r {{ a: u8 }} variant v {{ one(u8), two }} record page {{ items: list<u16>, next: option<string> }} get: func(cursor: option<string>) -> result<{ty}, problem>;"
            ),
            route,
        )
    };
    let get = || route(Method::Get, "/things", "get");
    let record = of("r", get());
    assert_eq!(record.result(json!({"a": 1}), None), Some(json!({"a": 1})));
    let variant = of("v", get());
    assert_eq!(variant.output_schema.as_ref().unwrap()["type"], "object");
    assert_eq!(
        variant.result(json!({"case": "two"}), None),
        Some(json!({"case": "two"}))
    );
    for (ty, body) in [
        ("string", json!("x")),
        ("list<r>", json!([])),
        ("option<r>", json!(null)),
    ] {
        let other = of(ty, get());
        let schema = other.output_schema.as_ref().unwrap();
        assert_eq!(
            (&schema["type"], &schema["required"]),
            (&json!("object"), &json!(["result"]))
        );
        assert_eq!(
            other.result(body.clone(), None),
            Some(json!({ "result": body }))
        );
    }
    let page = of(
        "page",
        Route {
            body: Some("items".to_owned()),
            next: Some("next".to_owned()),
            ..get()
        },
    );
    assert_eq!(
        page.output_schema.as_ref().unwrap()["required"],
        json!(["items", "next"])
    );
    assert_eq!(
        page.result(json!([1]), Some("c")),
        Some(json!({"items": [1], "next": "c"}))
    );
    assert_eq!(
        page.result(json!([]), None),
        Some(json!({"items": [], "next": null}))
    );
    assert!(
        page.description.contains("`cursor`"),
        "{}",
        page.description
    );
    let whole = of(
        "page",
        Route {
            next: Some("next".to_owned()),
            ..get()
        },
    );
    assert_eq!(
        whole.result(json!({"items": [], "next": "c"}), Some("c")),
        Some(json!({"items": [], "next": "c"}))
    );
    let nothing = of("_", get());
    assert_eq!(
        (
            nothing.output_schema.as_ref(),
            nothing.result(json!(null), None)
        ),
        (None, None)
    );
}

#[test]
fn types_that_would_be_huge_without_references_keep_them() {
    let mut items = "record r0 { a: u8 }".to_owned();
    for n in 1..16 {
        let below = n - 1;
        items.push_str(&format!("record r{n} {{ a: r{below}, b: r{below} }}"));
    }
    items.push_str("act: func(body: list<r15>) -> result<r15, problem>;");
    let act = tool(&items, route(Method::Post, "/things", "act"));
    for schema in [&act.input_schema, act.output_schema.as_ref().unwrap()] {
        let text = Value::Object(schema.clone()).to_string();
        assert!(text.len() < 200_000, "{}", text.len());
        let definitions = schema["$defs"].as_object().unwrap();
        let mut references = text.split("\"#/$defs/").skip(1);
        assert!(references.all(|rest| definitions.contains_key(rest.split('"').next().unwrap())));
        assert!(!text.contains("#/components"), "{text:.300}");
    }
}

#[test]
fn the_instructions_are_the_documentation_of_package_and_interfaces() {
    let component = package(
        "/// Everything about animals.
         package test:api;
         /// About fish.
         interface wet-fish {
             use task-host:platform/types@1.0.0.{problem};
             get: func() -> result<_, problem>;
         }
         interface birds {
             use task-host:platform/types@1.0.0.{problem};
             get: func() -> result<_, problem>;
         }
         world test { export wet-fish; export birds; }",
    );
    let interface = Interface::decode(&component).unwrap();
    let of = |path: &str, name: &str| Route {
        operation: format!("test:api/{name}#get"),
        ..route(Method::Get, path, "")
    };
    let operations = bound(
        &interface,
        vec![of("/birds", "birds"), of("/fish", "wet-fish")],
    );
    assert_eq!(
        instructions(&operations),
        "Everything about animals.\n\nTools whose names begin with `wet_fish_`: About fish."
    );
    assert_eq!(instructions(&[]), "");
}
