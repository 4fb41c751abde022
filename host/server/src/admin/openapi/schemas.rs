//! The schemas of the admin API's data, generated from the types themselves: a member's description
//! is its doc comment.

use schemars::Schema;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::transform::RecursiveTransform;
use serde_json::{Map, Value, json};

use crate::admin::SlowStatement;
use crate::admin::deployments::{Begun, Promotion, Rollback};
use crate::admin::gauges::Gauge;
use crate::admin::log::LogLine;
use crate::admin::recordings::RecordingSummary;
use crate::{Failure, FailureGroups, Figures};
use deployment::model::{ComponentSummary, Deployment, Order, Status};

/// Returns all schemas, by name.
pub(super) fn schemas() -> Map<String, Value> {
    let mut received = generator(SchemaSettings::draft2020_12().for_deserialize());
    received.subschema_for::<Order>();
    received.subschema_for::<Rollback>();
    received.subschema_for::<Promotion>();
    let mut sent = generator(SchemaSettings::draft2020_12().for_serialize());
    sent.subschema_for::<ComponentSummary>();
    sent.subschema_for::<Begun>();
    sent.subschema_for::<Deployment>();
    sent.subschema_for::<Status>();
    sent.subschema_for::<Figures>();
    sent.subschema_for::<Failure>();
    sent.subschema_for::<FailureGroups>();
    sent.subschema_for::<Gauge>();
    sent.subschema_for::<LogLine>();
    sent.subschema_for::<SlowStatement>();
    sent.subschema_for::<RecordingSummary>();
    let mut schemas = received.take_definitions(true);
    schemas.extend(sent.take_definitions(true));
    schemas.insert("Component".to_owned(), component(&schemas));
    schemas.insert("Problem".to_owned(), problem());
    schemas
}

fn generator(settings: SchemaSettings) -> SchemaGenerator {
    let settings = settings.with(|settings| {
        settings.definitions_path = "/components/schemas".into();
    });
    settings
        .with_transform(RecursiveTransform(simplify))
        .into_generator()
}

/// Removes what matters to Rust and not to JSON: the widths of numbers, defaults that say nothing,
/// and the line breaks of doc comments. Lists the required members also if there are none, and makes
/// an optional object one of two.
fn simplify(schema: &mut Schema) {
    let Some(members) = schema.as_object_mut() else {
        return;
    };
    if members.get("type").is_some_and(is_number) {
        members.remove("format");
        members.remove("maximum");
    }
    let is_empty = |value: &Value| value.is_null() || *value == json!([]);
    if members.get("default").is_some_and(is_empty) {
        members.remove("default");
    }
    if let Some(Value::String(text)) = members.get_mut("description") {
        *text = text.replace('\n', " ");
    }
    if members.get("type").is_some_and(|kind| *kind == "object") {
        members.entry("required").or_insert_with(|| json!([]));
    }
    if let Some(alternatives) = members.remove("anyOf") {
        members.insert("oneOf".to_owned(), alternatives);
    }
}

fn is_number(kind: &Value) -> bool {
    let names = |kind: &Value| *kind == "integer" || *kind == "number";
    names(kind) || kind.as_array().is_some_and(|kinds| kinds.iter().any(names))
}

/// The schema of a component with what its bytes say.
fn component(schemas: &Map<String, Value>) -> Value {
    let mut component = schemas["ComponentSummary"].clone();
    component["description"] = "A component, and what it says of itself.".into();
    component["properties"]["routes"] = json!({"type": "array", "description": "Its HTTP API."});
    component["properties"]["imports"] =
        json!({"type": "array", "description": "The interfaces that it imports."});
    component
}

/// The schema of a problem. It is not generated, because a problem's members depend on its type.
fn problem() -> Value {
    let text = |description: &str| json!({"type": "string", "description": description});
    let number =
        |description: &str| json!({"type": "integer", "minimum": 0, "description": description});
    json!({
        "type": "object",
        "description": "Why the request failed (RFC 9457).",
        "required": ["type", "title", "status", "request_id"],
        "properties": {
            "type": {"type": "string", "format": "uri", "description": "Ends in the reason's code."},
            "title": text("The kind of reason."),
            "status": number("The HTTP status."),
            "detail": text("What happened in this case."),
            "errors": {"type": "array", "description": "The invalid fields.",
                "items": {"type": "object", "required": ["pointer", "detail"], "properties": {
                    "pointer": {"type": "string"}, "detail": {"type": "string"}}}},
            "request_id": text("The request's id, which the host's log has too."),
            "deployment": number("The running deployment, with 409.")
        }
    })
}
