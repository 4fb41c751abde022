//! Adds the host's own paths to the OpenAPI document of a revision.

use serde_json::{Map, Value, json};

/// The tag of the host's own operations, and the first part of their names.
const TAG: &str = "host";

/// Returns the document with the host's own paths, and with the prefix that clients see as its
/// server. `metrics`: the public port serves `/metrics`. A path that the document already has is not
/// changed.
pub fn with_host_paths(document: &Value, prefix: Option<&str>, metrics: bool) -> Value {
    let mut document = document.clone();
    if let Some(prefix) = prefix {
        document["servers"] = json!([{"url": prefix}]);
    }
    if let Some(tags) = document.get_mut("tags").and_then(Value::as_array_mut) {
        tags.push(json!({"name": TAG, "description": "The state of the service, and its events."}));
    }
    let schemas = object(object(&mut document, "components"), "schemas");
    for (name, schema) in schemas_of_host() {
        schemas[format!("{TAG}.{name}")] = schema;
    }
    let paths = object(&mut document, "paths");
    let mut add = |path: &str, item: Value| {
        if paths.get(path).is_none() {
            paths[path] = item;
        }
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
    if metrics {
        add("/metrics", self::metrics());
    }
    document
}

/// Returns a member that is an object, and adds an empty one if there is none.
fn object<'a>(document: &'a mut Value, member: &str) -> &'a mut Value {
    let member = &mut document[member];
    if !member.is_object() {
        *member = Map::new().into();
    }
    member
}

/// The schemas of what the host itself answers. They have names of their own, so that a generated
/// client has one type for each. No type of a service has a name with a dot.
fn schemas_of_host() -> [(&'static str, Value); 3] {
    [
        (
            "Health",
            json!({
                "type": "object",
                "description": "The state of the service. Further members are figures that the logic returns.",
                "required": ["status", "timestamp", "version", "uptime_seconds", "memory_usage_mb",
                    "database", "service", "revision", "host_version"],
                "properties": {
                    "status": {"type": "string", "enum": ["healthy", "unhealthy"]},
                    "reason": {"type": "string", "description": "Why the service is unhealthy."},
                    "timestamp": {"type": "string", "format": "date-time"},
                    "version": {"type": "string", "description": "The logic's version."},
                    "uptime_seconds": {"type": "number", "minimum": 0},
                    "memory_usage_mb": {"type": ["number", "null"], "description": "The host's memory in RAM, in MiB."},
                    "database": {"type": "string", "enum": ["connected", "disconnected"]},
                    "service": {"type": "string", "description": "The service's name."},
                    "revision": {"type": "string", "description": "The component's SHA-256."},
                    "host_version": {"type": "string"}
                },
                "additionalProperties": {"type": "integer", "description": "A figure that the logic returns."}
            }),
        ),
        (
            "Probe",
            json!({
                "type": "object",
                "required": ["status"],
                "properties": {"status": {"type": "string"}, "reason": {"type": "string"}}
            }),
        ),
        (
            "Event",
            json!({
                "type": "object",
                "description": "A change that the logic has published.",
                "required": ["kind", "subject", "attributes", "time"],
                "properties": {
                    "kind": {"type": "string", "description": "What happened, such as `task.created`."},
                    "subject": {"type": "string", "description": "What it happened to, such as an id."},
                    "attributes": {
                        "type": "object",
                        "additionalProperties": {"type": "string"}
                    },
                    "time": {"type": "string", "format": "date-time"}
                }
            }),
        ),
    ]
}

/// Returns JSON content of one of [`schemas_of_host`].
fn content(name: &str) -> Value {
    let reference = format!("#/components/schemas/{TAG}.{name}");
    json!({"application/json": {"schema": {"$ref": reference}}})
}

fn health() -> Value {
    let body = content("Health");
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
    let body = content("Probe");
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
                    kind as `event`, and the event as JSON in `data`. The message `reset` means \
                    that events may be missing: read the data again.",
                "content": {"text/event-stream": {"schema": {
                    "type": "string",
                    "contentMediaType": "text/event-stream",
                    "contentSchema": {"$ref": format!("#/components/schemas/{TAG}.Event")}
                }}}
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
        "operationId": format!("{TAG}.{id}"),
        "tags": [TAG],
        "summary": summary,
        "responses": responses
    }})
}
