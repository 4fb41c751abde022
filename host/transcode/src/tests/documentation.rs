//! The OpenAPI document.

use serde_json::{Value, json};

use super::support::{interface, package, route, tasks};
use crate::{Interface, Operation, openapi};
use contract::{Description, Method, Route};

fn document(interface: &Interface, routes: Vec<Route>) -> Value {
    let bind = |route| Operation::bind(interface, route).unwrap();
    let operations: Vec<Operation> = routes.iter().map(bind).collect();
    let description = Description {
        name: "Things".to_owned(),
        version: "1.2.3".to_owned(),
        routes,
        migrations: Vec::new(),
        constraints: Vec::new(),
    };
    openapi(&description, &operations)
}

fn tasks_document() -> Value {
    let of = |method, path: &str, function: &str| Route {
        operation: format!("tasks:api/{function}"),
        ..route(method, path, "")
    };
    document(
        &Interface::decode(&tasks()).unwrap(),
        vec![
            Route {
                success: 201,
                location: Some("/tasks/{id}".to_owned()),
                etag: Some("checksum".to_owned()),
                ..of(Method::Post, "/tasks", "tasks#create")
            },
            Route {
                body: Some("tasks".to_owned()),
                next: Some("next".to_owned()),
                ..of(Method::Get, "/tasks", "tasks#list")
            },
            of(Method::Get, "/tasks/{id}", "tasks#get"),
            of(Method::Put, "/tasks/{id}", "tasks#update"),
            of(Method::Patch, "/tasks/{id}", "tasks#update"),
            of(Method::Delete, "/tasks/{id}", "tasks#delete"),
            of(Method::Get, "/tasks/stats/summary", "tasks#summarize"),
            of(Method::Get, "/api/tasks", "simple-tasks#list"),
        ],
    )
}

fn keys(object: &Value) -> Vec<&str> {
    object
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

fn parameter_names(operation: &Value) -> Vec<&str> {
    let parameters = operation["parameters"].as_array().unwrap();
    parameters
        .iter()
        .map(|parameter| parameter["name"].as_str().unwrap())
        .collect()
}

#[test]
fn the_document_names_the_service_and_every_route() {
    let document = tasks_document();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(
        document["info"],
        json!({ "title": "Things", "version": "1.2.3" })
    );
    assert_eq!(
        keys(&document["paths"]),
        [
            "/tasks",
            "/tasks/{id}",
            "/tasks/stats/summary",
            "/api/tasks"
        ]
    );
    assert_eq!(
        keys(&document["paths"]["/tasks/{id}"]),
        ["get", "put", "patch", "delete"]
    );
    let tags: Vec<&Value> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| &tag["name"])
        .collect();
    assert_eq!(tags, ["tasks", "simple-tasks"]);
}

#[test]
fn operation_ids_are_unique() {
    let document = tasks_document();
    let id = |path: &str, method: &str| document["paths"][path][method]["operationId"].clone();
    assert_eq!(id("/tasks/{id}", "get"), "tasks.get");
    assert_eq!(id("/tasks/{id}", "put"), "tasks.update");
    assert_eq!(id("/tasks/{id}", "patch"), "tasks.update.patch");
    assert_eq!(id("/api/tasks", "get"), "simple_tasks.list");
}

#[test]
fn an_operation_has_its_documentation_parameters_and_responses() {
    let document = tasks_document();
    let list = &document["paths"]["/tasks"]["get"];
    assert_eq!(list["summary"], "Lists tasks, one page at a time");
    assert_eq!(
        parameter_names(list),
        [
            "status",
            "priority",
            "category",
            "assignee",
            "unassigned",
            "depends_on",
            "tags",
            "due_before",
            "due_after",
            "overdue",
            "q",
            "sort_by",
            "order",
            "limit",
            "offset",
            "cursor",
            "If-None-Match",
            "Prefer"
        ]
    );
    let tags = &list["parameters"][6];
    assert_eq!(tags["explode"], false);
    assert_eq!(tags["schema"]["items"]["type"], "string");
    assert_eq!(
        tags["description"],
        "Only tasks with at least one of these tags. At most 50 tags. Upper and lower case differ."
    );
    assert_eq!(
        keys(&list["responses"]),
        ["200", "304", "422", "500", "503", "504", "default"]
    );
    assert_eq!(
        keys(&list["responses"]["200"]["headers"]),
        ["ETag", "Link", "Preference-Applied", "X-Request-Id"]
    );

    let create = &document["paths"]["/tasks"]["post"];
    assert_eq!(parameter_names(create), ["Idempotency-Key", "Prefer"]);
    assert_eq!(create["requestBody"]["required"], true);
    assert_eq!(
        create["requestBody"]["content"]["application/json"]["schema"],
        json!({ "$ref": "#/components/schemas/TaskDraft" })
    );
    assert_eq!(
        keys(&create["responses"]["201"]["headers"]),
        ["ETag", "Location", "Preference-Applied", "X-Request-Id"]
    );

    let patch = &document["paths"]["/tasks/{id}"]["patch"];
    assert_eq!(parameter_names(patch), ["id", "If-Match", "Prefer"]);
    let says = |operation: &Value| {
        let parameters = operation["parameters"].as_array().unwrap();
        let prefer = parameters.last().unwrap()["description"].as_str().unwrap();
        ["handling=strict", "tx=rollback", "204"].map(|word| prefer.contains(word))
    };
    assert_eq!(says(list), [true, false, false]);
    assert_eq!(says(create), [true, true, false]);
    assert_eq!(says(patch), [true, true, true]);
    assert_eq!(
        keys(&patch["requestBody"]["content"]),
        ["application/json", "application/merge-patch+json"]
    );
    assert_eq!(
        keys(&patch["responses"]),
        [
            "200", "400", "404", "412", "413", "415", "422", "500", "503", "504", "default"
        ]
    );
}

#[test]
fn input_and_output_have_different_schemas() {
    let document = tasks_document();
    let schemas = &document["components"]["schemas"];
    let draft = &schemas["TaskDraft"];
    assert_eq!(draft["description"], "A new task. Its status is `pending`.");
    assert_eq!(draft["required"], json!(["title", "category"]));
    assert_eq!(
        draft["properties"]["title"],
        json!({
            "type": "string",
            "pattern": "^[^\\u0000]*$",
            "description": "3 to 200 characters. White space at either end does not count towards the 3.",
            "examples": ["Call the plumber"],
        })
    );
    let task = &schemas["Task"];
    assert_eq!(task["required"].as_array().unwrap().len(), 16);
    assert_eq!(
        task["properties"]["due_at"],
        json!({
            "type": ["string", "null"],
            "format": "date-time",
            "description": "When the task is due, with microsecond precision.",
        })
    );
    assert_eq!(
        task["properties"]["id"],
        json!({
            "type": "integer",
            "format": "int64",
            "minimum": i64::MIN,
            "maximum": i64::MAX,
            "description": "Assigned by the service at creation. Starts at 1 and is never reused.",
        })
    );
    assert_eq!(
        schemas["TaskUpdate"]["properties"]["status"],
        json!({
            "anyOf": [{ "$ref": "#/components/schemas/Status" }, { "type": "null" }],
            "examples": ["in_progress"],
        })
    );
    assert_eq!(schemas["TaskUpdate"].get("required"), None);
    assert_eq!(
        schemas["Status"]["enum"],
        json!([
            "pending",
            "in_progress",
            "completed",
            "blocked",
            "cancelled"
        ])
    );
    let by_status = &schemas["Summary"]["properties"]["by_status"];
    assert_eq!(by_status["additionalProperties"]["maximum"], u64::MAX);
}

#[test]
fn every_reference_can_be_resolved() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = tasks_document();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 20);
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[test]
fn composite_types_have_their_schemas() {
    let interface = interface(
        "/// How it looks.
         variant shape { empty, circle(f32), named(option<string>) }
         flags rights { may-read, may-write }
         /// A colour.
         enum color {
             /// As blood.
             red,
             dark-blue,
         }
         record thing {
             shape: shape, rights: rights, pair: tuple<u8, bool>, data: list<u8>,
             outcome: result<u32>, initial: char, color: color, names: list<tuple<string, s8>>,
             change: option<option<bool>>,
         }
         put: func(thing: thing) -> result<thing, problem>;",
    );
    let document = document(&interface, vec![route(Method::Put, "/x", "put")]);
    let schemas = &document["components"]["schemas"];
    let property = |name: &str| &schemas["Thing"]["properties"][name];
    assert_eq!(
        keys(schemas),
        ["Color", "Problem", "Rights", "Shape", "Thing"]
    );
    assert_eq!(
        schemas["Shape"],
        json!({
            "oneOf": [
                {
                    "type": "object",
                    "title": "empty",
                    "properties": { "case": { "const": "empty" }, "value": { "type": "null" } },
                    "required": ["case"],
                },
                {
                    "type": "object",
                    "title": "circle",
                    "properties": {
                        "case": { "const": "circle" },
                        "value": { "type": "number", "format": "float" },
                    },
                    "required": ["case", "value"],
                },
                {
                    "type": "object",
                    "title": "named",
                    "properties": {
                        "case": { "const": "named" },
                        "value": { "type": ["string", "null"], "pattern": "^[^\\u0000]*$" },
                    },
                    "required": ["case"],
                },
            ],
            "description": "How it looks.",
        })
    );
    assert_eq!(
        schemas["Color"]["description"],
        "A colour.\n\n- `red`: As blood."
    );
    assert_eq!(
        schemas["Rights"],
        json!({
            "type": "array",
            "uniqueItems": true,
            "items": { "type": "string", "enum": ["may_read", "may_write"] },
        })
    );
    assert_eq!(
        property("pair")["prefixItems"][1],
        json!({ "type": "boolean" })
    );
    assert_eq!(property("pair")["items"], json!({ "not": {} }));
    assert_eq!(
        *property("data"),
        json!({ "type": "string", "contentEncoding": "base64" })
    );
    assert_eq!(
        property("outcome")["oneOf"][0]["properties"]["ok"]["maximum"],
        u32::MAX
    );
    assert_eq!(property("initial")["maxLength"], 1);
    assert_eq!(property("names")["additionalProperties"]["minimum"], -128);
    assert_eq!(*property("change"), json!({ "type": ["boolean", "null"] }));
    assert!(
        !schemas["Thing"]["required"]
            .as_array()
            .unwrap()
            .contains(&json!("change"))
    );
}

#[test]
fn types_of_the_same_name_get_the_names_of_their_interfaces() {
    let component = package(
        "package test:api;
         interface fish {
             use task-host:platform/types@1.0.0.{problem};
             record thing { a: u8 }
             get: func() -> result<thing, problem>;
         }
         interface birds {
             use task-host:platform/types@1.0.0.{problem};
             record thing { b: u8 }
             get: func() -> result<thing, problem>;
         }
         world test { export fish; export birds; }",
    );
    let interface = Interface::decode(&component).unwrap();
    let of = |path: &str, name: &str| Route {
        operation: format!("test:api/{name}#get"),
        ..route(Method::Get, path, "")
    };
    let document = document(&interface, vec![of("/fish", "fish"), of("/birds", "birds")]);
    assert_eq!(
        keys(&document["components"]["schemas"]),
        ["BirdsThing", "FishThing", "Problem"]
    );
}
