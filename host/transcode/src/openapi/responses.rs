//! The answers that the host gives by itself, and the form of every problem.

use serde_json::{Map, Value, json};

/// Statuses with the names of their shared response objects and what they mean.
const SHARED: [(&str, &str, &str); 10] = [
    (
        "400",
        "BadRequest",
        "The request cannot be understood: malformed JSON, or a bad header.",
    ),
    ("404", "NotFound", "There is no such resource."),
    (
        "412",
        "PreconditionFailed",
        "The resource has another state than If-Match names.",
    ),
    ("413", "ContentTooLarge", "The body is too large."),
    (
        "415",
        "UnsupportedMediaType",
        "The body is not of a media type that the operation reads.",
    ),
    (
        "422",
        "UnprocessableContent",
        "Values do not fit: `errors` names each by a pointer.",
    ),
    (
        "500",
        "InternalServerError",
        "The service failed. Nothing was changed.",
    ),
    (
        "503",
        "ServiceUnavailable",
        "The service is overloaded or not ready. Nothing was changed, unless the type ends in \
         `outcome-unknown`: whether it was is not known then, and there is no `Retry-After`.",
    ),
    (
        "504",
        "GatewayTimeout",
        "The request took too long. Nothing was changed.",
    ),
    (
        "default",
        "Problem",
        "The operation was refused. Nothing was changed.",
    ),
];

/// The schema of `application/problem+json` (RFC 9457) as the service sends it.
pub fn problem_schema() -> Value {
    json!({
        "type": "object",
        "title": "Problem",
        "description": "Why a request got no success (RFC 9457). It may have further members.",
        "required": ["type", "title", "status"],
        "properties": {
            "type": {
                "type": "string",
                "format": "uri-reference",
                "description": "The kind of problem, the same at every occurrence.",
            },
            "title": { "type": "string", "description": "The kind of problem in a few words." },
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "detail": { "type": "string", "description": "What happened this time." },
            "instance": { "type": "string", "description": "This occurrence." },
            "request_id": { "type": "string", "description": "The request's id, for logs." },
            "errors": {
                "type": "array",
                "description": "The faults by place.",
                "items": {
                    "type": "object",
                    "required": ["pointer", "detail"],
                    "properties": {
                        "pointer": {
                            "type": "string",
                            "description": "`#/title` in the body, `#/query/limit`, `#/path/id`.",
                        },
                        "detail": { "type": "string" },
                    },
                },
            },
        },
    })
}

/// `components/responses`.
pub(super) fn shared() -> Value {
    let mut responses = Map::new();
    for (status, name, description) in SHARED {
        let mut response = json!({
            "description": description,
            "headers": {
                "X-Request-Id": {
                    "description": "The request's id, for logs.",
                    "schema": { "type": "string" },
                },
            },
            "content": {
                "application/problem+json": {
                    "schema": { "$ref": "#/components/schemas/Problem" },
                },
            },
        });
        if status == "503" {
            response["headers"]["Retry-After"] = json!({
                "description": "Seconds to wait before another attempt.",
                "schema": { "type": "integer", "minimum": 0 },
            });
        }
        responses.insert(name.to_owned(), response);
    }
    Value::Object(responses)
}

/// A reference to the shared answer of a status.
pub(super) fn reference(status: &str) -> Value {
    let shared = SHARED.iter().find(|(known, ..)| *known == status);
    let name = shared.map_or("Problem", |(_, name, _)| name);
    json!({ "$ref": format!("#/components/responses/{name}") })
}

/// The answer to a conditional GET.
pub(super) fn not_modified() -> Value {
    json!({
        "description": "The client holds the current state already.",
        "headers": {
            "ETag": {
                "description": "The strong entity tag of this state.",
                "schema": { "type": "string" },
            },
        },
    })
}
