//! Adds the host's own paths to the OpenAPI document of a revision.

use serde_json::{Map, Value, json};

use super::config::Config;

/// Returns the document with the host's own paths, and with the prefix that clients see as its
/// server. A path that the document already has is not changed.
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
            "Whether the process works",
            "the process must be restarted",
        ),
    );
    let mut readyz = probe(
        "readyz",
        "Whether the host accepts requests",
        "send requests to another host",
    );
    readyz["get"]["parameters"] = json!([{
        "name": "exclude",
        "in": "query",
        "description": "`drain`: also yes during the drain delay, while the host still accepts requests.",
        "schema": {"type": "string"}
    }]);
    add("/readyz", readyz);
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
            "reason": {"type": "string", "description": "Why the service is unhealthy."},
            "timestamp": {"type": "string", "format": "date-time"},
            "version": {"type": "string", "description": "The logic's version."},
            "uptime_seconds": {"type": "number", "minimum": 0},
            "memory_usage_mb": {"type": ["number", "null"], "description": "The host's memory in RAM, in MiB."},
            "database": {"enum": ["connected", "disconnected"]},
            "service": {"type": "string", "description": "The service's name."},
            "revision": {"type": "string", "description": "The component's SHA-256."},
            "host_version": {"type": "string"}
        },
        "additionalProperties": {"type": "integer", "description": "A figure that the logic returns."}
    }}});
    get(
        "health",
        "The service's health and its figures",
        json!({
            "200": {"description": "The service works.", "content": body},
            "503": {"description": "The service does not work. `reason` says why.", "content": body}
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
        "The host's metrics, for Prometheus",
        json!({
            "200": {"description": "The metrics, in the text format that `Accept` asks for.", "content": {
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
        "Changes, as server-sent events",
        json!({
            "200": {
                "description": "An endless stream. Each message has a cursor as its `id`, the event's \
                    kind as `event`, and a JSON object with `kind`, `subject`, `attributes` and \
                    `time` as `data`. The message `reset` means that events may be missing: read \
                    the data again.",
                "content": {"text/event-stream": {"schema": {"type": "string"}}}
            },
            "503": {"description": "Too many clients follow the events, or the database does not answer."}
        }),
    );
    item["get"]["parameters"] = json!([
        parameter(
            "query",
            "kind",
            "The kinds to receive, comma-separated. `task` includes every `task.…`. Default: all."
        ),
        parameter(
            "query",
            "after",
            "Send the events after this cursor. Default: events from now on."
        ),
        parameter(
            "header",
            "Last-Event-ID",
            "The same as `after`, in the header that browsers send. Takes precedence over `after`."
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
