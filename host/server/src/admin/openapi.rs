//! `/admin/openapi.json`: the OpenAPI 3.1 document of the admin API.
//!
//! The schemas come from the types. The paths are written here: as attributes of the handlers they
//! would take more lines, and the routes would no longer be on one screen. Tests compare the paths
//! with the routes, and the whole document with the committed one.

mod schemas;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

use contract::Vocabulary as _;
use contract::deployment::{Kind, Outcome};

/// `GET /admin/openapi.json`.
pub(super) async fn document() -> Response {
    super::respond::json(StatusCode::OK, &description())
}

/// Returns the document.
pub(super) fn description() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "task-host administration",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Replaces the logic of a running host: upload a component, deploy it, \
                follow the checks, the switch and the probation, go back.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}
        },
        // A host without a token takes requests from its own machine.
        "security": [{"token": []}, {}],
        "tags": [
            {"name": "components", "description": "Components that can be deployed."},
            {"name": "deployments", "description": "Making a component the active one."},
            {"name": "host", "description": "The current state of the host."}
        ],
        "paths": paths(),
        "components": {
            "securitySchemes": {"token": {
                "type": "http",
                "scheme": "bearer",
                "description": "The host's `--admin-token`. Without one the port is bound to a \
                    loopback address and takes requests from there."
            }},
            "parameters": {"actor": header("Task-Host-Actor", "Who asks, for the history.", json!({
                "type": "string", "minLength": 1, "maxLength": 100, "pattern": "^[ -~]+$"
            }))},
            "responses": {"problem": {
                "description": "Why the request failed.",
                "content": {"application/problem+json": {"schema": schema("Problem")}}
            }},
            "schemas": schemas::schemas()
        }
    })
}

fn paths() -> Value {
    json!({
        "/admin/components": {
            "post": with(
                operation("components.upload", "components", "Upload a component",
                    &["400", "408", "413", "415", "422", "503"],
                    ("201", created("The component is stored, by this request or by an earlier one.",
                        "/admin/components/{digest}", "ComponentSummary"))),
                json!({
                    "description": "Its content is checked when it is deployed. The same \
                        component may be uploaded again.",
                    "parameters": [
                        actor(),
                        header("Task-Host-Digest", "What the component's SHA-256 should be.",
                            json!({"type": "string", "pattern": "^(sha256:)?[0-9a-fA-F]{64}$"})),
                        header("Task-Host-Signature", "A detached signature over the digest.",
                            json!({"type": "string", "contentEncoding": "base64"}))
                    ],
                    "requestBody": {"required": true, "content": {"application/wasm": {}}}
                }),
            ),
            "get": operation("components.list", "components", "List components, the latest first",
                &["503"], ("200", ok("The components.", list_of("ComponentSummary")))),
        },
        "/admin/components/{digest}": {
            "parameters": [path("digest", "A SHA-256.",
                json!({"type": "string", "pattern": "^(sha256:)?[0-9a-fA-F]{64}$"}))],
            "get": operation("components.get", "components", "Describe a component",
                &["404", "503"], ("200", ok("The component.", schema("Component")))),
        },
        "/admin/components/{digest}/content": {
            "parameters": [path("digest", "A SHA-256.",
                json!({"type": "string", "pattern": "^(sha256:)?[0-9a-fA-F]{64}$"}))],
            "get": operation("components.download", "components", "Return a component's bytes",
                &["404", "503"], ("200", json!({"description": "The component.",
                    "content": {"application/wasm": {}}}))),
        },
        "/admin/deployments": {
            "post": with(
                operation("deployments.start", "deployments", "Deploy a component",
                    &["400", "404", "408", "409", "413", "415", "422", "503"],
                    ("202", created("The deployment has begun.", "/admin/deployments/{id}", "Begun"))),
                json!({"parameters": [actor()], "requestBody": body("Order", true)}),
            ),
            "get": with(
                operation("deployments.list", "deployments", "List deployments, the latest first",
                    &["422", "503"], ("200", ok("The deployments.", list_of("Deployment")))),
                json!({"parameters": [
                    query("limit", "The maximum number of deployments.",
                        json!({"type": "integer", "minimum": 1, "maximum": 1000, "default": 50})),
                    query("before", "Only deployments with a smaller id: for the next page, the id of \
                        the last one of this page.", json!({"type": "integer", "minimum": 1})),
                    query("kind", "Only deployments of this kind.",
                        json!({"type": "string", "enum": Kind::texts()})),
                    query("outcome", "Only deployments that ended like this, or run.",
                        json!({"type": "string", "enum": Outcome::texts()})),
                    query("search", "Only deployments with this text in the id (`#7`), the digest, the \
                        message, the Git revision, the actor, or the reason and its code.",
                        json!({"type": "string"}))
                ]}),
            ),
        },
        "/admin/deployments/{id}": {
            "parameters": [id()],
            "get": operation("deployments.get", "deployments", "Describe a deployment",
                &["404", "503"], ("200", ok("The deployment, with its events so far.", schema("Deployment")))),
        },
        "/admin/deployments/{id}/events": {
            "parameters": [id()],
            "get": with(
                with(operation("deployments.follow", "deployments", "Follow a deployment",
                    &["400", "404", "503"],
                    ("200", json!({
                        "description": "Server-sent events, the past ones first: `id` is the \
                            event's number, `data` an `Event`. The stream ends after the event \
                            of stage `end`, or before it when the host stops.",
                        "content": {"text/event-stream": {"schema": {"type": "string"}}}
                    }))),
                    json!({"parameters": [header("Last-Event-ID", "The number of the last event \
                        that was seen: only later ones are sent.",
                        json!({"type": "integer", "minimum": 0}))]})),
                json!({"responses": {"204": {
                    "description": "The deployment has ended, and its last event was seen."}}}),
            ),
        },
        "/admin/deployments/{id}/promote": {
            "parameters": [id()],
            "post": with(
                operation("deployments.promote", "deployments",
                    "Give a canary or a shadow all requests, or a canary another share",
                    &["400", "404", "408", "413", "415", "422", "503"],
                    ("204", json!({"description": "The deployment continues."}))),
                json!({"parameters": [actor()], "requestBody": {"required": false,
                    "content": {"application/json": {"schema": schema("Promotion")}}}}),
            ),
        },
        "/admin/deployments/{id}/abort": {
            "parameters": [id()],
            "post": with(
                operation("deployments.abort", "deployments", "End a deployment that runs",
                    &["400", "404", "422", "503"],
                    ("204", json!({"description": "The deployment has ended, and the previous revision serves."}))),
                json!({"parameters": [actor()]}),
            ),
        },
        "/admin/rollback": {
            "post": with(
                operation("rollback", "deployments", "Go back to a component that was active",
                    &["400", "404", "408", "409", "413", "415", "422", "503"],
                    ("202", created("The deployment that goes back has begun.",
                        "/admin/deployments/{id}", "Begun"))),
                json!({"parameters": [actor()], "requestBody": body("Rollback", false)}),
            ),
        },
        "/admin/status": {
            "get": operation("status", "host", "Say what is true now",
                &["503"], ("200", ok("The host's state.", schema("Status")))),
        },
        "/admin/figures": {
            "get": with(
                operation("figures", "host", "Count requests by revision, second by second",
                    &["422"], ("200", ok("The last five minutes.", schema("Figures")))),
                json!({"parameters": [{
                    "name": "after", "in": "query",
                    "description": "Only the seconds after this one, counted since 1970.",
                    "schema": {"type": "integer", "minimum": 0, "default": 0}
                }]}),
            ),
        },
        "/admin/gauges": {
            "get": operation("gauges", "host", "Say how much of its limits the host uses now",
                &[], ("200", ok("The gauges.", list_of("Gauge")))),
        },
        "/admin/log": {
            "get": with(
                operation("log", "host", "List the last log lines",
                    &["422"], ("200", ok("The lines, the latest first.", list_of("LogLine")))),
                json!({
                    "description": "The host keeps the last 1 MiB of lines in memory, and 256 KiB of \
                        warnings and errors, until it stops.",
                    "parameters": [
                        query("level", "Only lines that are at least this severe.", json!({"type": "string",
                            "enum": ["error", "warn", "info", "debug", "trace"]})),
                        query("request", "Only lines of the request with this id.", json!({"type": "string"})),
                        query("limit", "The maximum number of lines.",
                            json!({"type": "integer", "minimum": 1, "maximum": 1000, "default": 200}))
                    ]
                }),
            ),
        },
        "/admin/failures": {
            "get": operation("failures", "host", "List the last requests that failed",
                &[], ("200", ok("At most 100, the latest first.", list_of("Failure")))),
        },
        "/admin/failures/groups": {
            "get": with(
                operation("failures.groups", "host", "Count the requests that failed, in groups",
                    &[], ("200", ok("The groups of at most 200 kinds of failures.", schema("FailureGroups")))),
                json!({"description": "A group has the requests of one route that failed with the same problem \
                    at the same place of the logic, since the host started."}),
            ),
        },
        "/admin/statements": {
            "get": operation("statements", "host", "List the statements of the logic that were slow",
                &[], ("200", ok("At most 50, the longest first.", list_of("SlowStatement")))),
        },
        "/admin/recordings": {
            "get": operation("recordings.list", "host", "List recordings of requests that failed or were slow",
                &["404", "503"], ("200", ok("The recordings, the latest first.", list_of("Recording")))),
        },
        "/admin/recordings/{id}": {
            "parameters": [path("id", "A request's id.", json!({"type": "string"}))],
            "get": with(
                operation("recordings.get", "host", "Return a recording for `task-host replay`",
                    &["404", "503"], ("200", ok("The recording. Its member `version` is the version of its format.",
                        json!({"type": "object"})))),
                json!({"description": "It has what the client sent and what the database returned, with \
                    the texts of the members in `--record-mask` replaced. The audit log has a line for \
                    each one that is returned."}),
            ),
        },
        "/admin/rehearsal": {
            "get": with(
                operation("rehearsal.get", "host",
                    "Return the requests that the latest rehearsal on this host found to end differently",
                    &["404"], ("200", ok("`active` and `new` are digests; each of `examples` has the request, and \
                        what both revisions did with it, as `was` and `now`.", json!({"type": "object"})))),
                json!({"description": "They have what clients sent and what the database has. There are none \
                    with `--record-mask`. The audit log has a line for each answer."}),
            ),
        },
        "/admin/openapi.json": {
            "get": operation("openapi", "host", "Describe the admin API",
                &[], ("200", ok("This document.", json!({"type": "object"})))),
        },
    })
}

/// An operation with its success, its problems by status, and the problems of missing access.
fn operation(
    id: &str,
    tag: &str,
    summary: &str,
    problems: &[&str],
    (status, success): (&str, Value),
) -> Value {
    let mut responses = Map::new();
    responses.insert(status.to_owned(), success);
    for problem in [&["401", "403", "429"], problems].concat() {
        let reference = json!({"$ref": "#/components/responses/problem"});
        responses.insert(problem.to_owned(), reference);
    }
    json!({"operationId": id, "tags": [tag], "summary": summary, "responses": responses})
}

/// Adds members. If both are objects, the members of a member are added to the present ones.
fn with(mut operation: Value, members: Value) -> Value {
    let Value::Object(members) = members else {
        return operation;
    };
    for (name, value) in members {
        match (&mut operation[&name], value) {
            (Value::Object(there), Value::Object(more)) => there.extend(more),
            (place, value) => *place = value,
        }
    }
    operation
}

fn ok(description: &str, schema: Value) -> Value {
    json!({"description": description, "content": {"application/json": {"schema": schema}}})
}

/// A success with a `Location` header.
fn created(description: &str, location: &str, of: &str) -> Value {
    with(
        ok(description, schema(of)),
        json!({"headers": {"Location": {
            "description": format!("`{location}`"), "schema": {"type": "string"}
        }}}),
    )
}

fn body(of: &str, required: bool) -> Value {
    json!({"required": required, "content": {"application/json": {"schema": schema(of)}}})
}

fn schema(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn list_of(name: &str) -> Value {
    json!({"type": "array", "items": schema(name)})
}

fn actor() -> Value {
    json!({"$ref": "#/components/parameters/actor"})
}

fn id() -> Value {
    path(
        "id",
        "A deployment's number.",
        json!({"type": "integer", "minimum": 1}),
    )
}

fn path(name: &str, description: &str, schema: Value) -> Value {
    json!({"name": name, "in": "path", "required": true, "description": description,
        "schema": schema})
}

fn query(name: &str, description: &str, schema: Value) -> Value {
    json!({"name": name, "in": "query", "description": description, "schema": schema})
}

fn header(name: &str, description: &str, schema: Value) -> Value {
    json!({"name": name, "in": "header", "description": description, "schema": schema})
}
