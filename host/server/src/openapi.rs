//! `/openapi.json`: the description of the client's revision, with the host's own paths added.

use std::sync::Arc;

use axum::extract::State;
use axum::http::request::Parts;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::surface::Surface;
use super::{App, Config, assets, client};

/// `GET /openapi.json`.
pub(super) async fn document(State(app): State<Arc<App>>, parts: Parts) -> Response {
    let revision = app.api.begin(client::of(&app, &parts));
    let surface = Surface::of(&revision);
    let document = surface.openapi(&revision, &app.config);
    let mut response = assets::read(document, &parts.headers);
    surface.sign(&mut response);
    response
}

/// The document with the paths that every host has, and with where clients find them. What the
/// document itself says of them wins.
pub(super) fn with_host_paths(document: &Value, config: &Config) -> Value {
    let mut document = document.clone();
    if let Some(prefix) = config.public_path.prefix() {
        document["servers"] = json!([{"url": prefix}]);
    }
    let Some(paths) = document
        .as_object_mut()
        .map(|members| members.entry("paths").or_insert_with(|| Map::new().into()))
        .and_then(Value::as_object_mut)
    else {
        return document;
    };
    let mut add = |path: &str, item: Value| {
        paths.entry(path).or_insert(item);
    };
    add("/health", health());
    add("/events", events());
    add(
        "/livez",
        probe(
            "livez",
            "Whether the process lives",
            "only a new process helps",
        ),
    );
    add(
        "/readyz",
        probe(
            "readyz",
            "Whether the host wants requests",
            "requests should go elsewhere",
        ),
    );
    if config.public_metrics {
        add("/metrics", metrics());
    }
    document
}

fn health() -> Value {
    let body = json!({"application/json": {"schema": {
        "type": "object",
        "required": ["status", "timestamp", "version", "uptime_seconds", "memory_usage_mb",
            "database", "service", "revision", "host_version"],
        "properties": {
            "status": {"enum": ["healthy", "unhealthy"]},
            "reason": {"type": "string", "description": "Why it is unhealthy."},
            "timestamp": {"type": "string", "format": "date-time"},
            "version": {"type": "string", "description": "The logic's version."},
            "uptime_seconds": {"type": "number", "minimum": 0},
            "memory_usage_mb": {"type": ["number", "null"], "description": "The host's memory in RAM, in MiB."},
            "database": {"enum": ["connected", "disconnected"]},
            "service": {"type": "string", "description": "The service's name."},
            "revision": {"type": "string", "description": "The component's SHA-256."},
            "host_version": {"type": "string"}
        },
        "additionalProperties": {"type": "integer", "description": "A figure that the logic gives."}
    }}});
    get(
        "health",
        "The service's health and its figures",
        json!({
            "200": {"description": "The service works.", "content": body},
            "503": {"description": "It does not, for the reason given.", "content": body}
        }),
    )
}

fn probe(id: &str, summary: &str, otherwise: &str) -> Value {
    let body = json!({"application/json": {"schema": {
        "type": "object",
        "required": ["status"],
        "properties": {"status": {"type": "string"}, "reason": {"type": "string"}}
    }}});
    get(
        id,
        summary,
        json!({
            "200": {"description": "Yes.", "content": body},
            "503": {"description": format!("No: {otherwise}."), "content": body}
        }),
    )
}

fn metrics() -> Value {
    get(
        "metrics",
        "The host's figures, for Prometheus",
        json!({
            "200": {"description": "In the text format that `Accept` asks for.", "content": {
                "text/plain": {"schema": {"type": "string"}},
                "application/openmetrics-text": {"schema": {"type": "string"}}
            }}
        }),
    )
}

fn events() -> Value {
    let parameter = |place: &str, name: &str, description: &str| {
        json!({
            "name": name, "in": place, "description": description,
            "schema": {"type": "string"}
        })
    };
    let mut item = get(
        "events",
        "What has changed, as server-sent events",
        json!({
            "200": {
                "description": "A stream without an end. Each message has a cursor as its `id`, the \
                    event's kind as `event`, and as `data` a JSON object of `kind`, `subject`, \
                    `attributes` and `time`. The message `reset` says that events may be missing: \
                    read again what you keep.",
                "content": {"text/event-stream": {"schema": {"type": "string"}}}
            },
            "503": {"description": "Too many clients follow, or the database does not answer."}
        }),
    );
    item["get"]["parameters"] = json!([
        parameter(
            "query",
            "kind",
            "Kinds to hear of, parted by commas; `task` stands for every `task.…`."
        ),
        parameter(
            "query",
            "after",
            "The cursor to go on after; none: from now on."
        ),
        parameter(
            "header",
            "Last-Event-ID",
            "The same, as browsers send it; it goes before `after`."
        )
    ]);
    item
}

fn get(id: &str, summary: &str, responses: Value) -> Value {
    json!({"get": {
        "operationId": format!("host.{id}"),
        "tags": ["host"],
        "summary": summary,
        "responses": responses
    }})
}
