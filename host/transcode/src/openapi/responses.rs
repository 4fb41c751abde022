//! The responses that the host itself gives, and the schema of every problem.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

/// Each status with the name of its shared response object and its description.
const SHARED: [(&str, &str, &str); 10] = [
    (
        "400",
        "BadRequest",
        "The request is malformed: invalid JSON or an invalid header.",
    ),
    ("404", "NotFound", "The resource does not exist."),
    (
        "412",
        "PreconditionFailed",
        "The state of the resource does not meet `If-Match` or `If-None-Match`.",
    ),
    ("413", "ContentTooLarge", "The body is too large."),
    (
        "415",
        "UnsupportedMediaType",
        "The operation does not accept the media type of the body.",
    ),
    (
        "422",
        "UnprocessableContent",
        "Values are invalid. `errors` lists each one with a JSON pointer.",
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
         `outcome-unknown`: then it is not known whether the request was carried out, and the \
         response has no `Retry-After`.",
    ),
    (
        "504",
        "GatewayTimeout",
        "The request took too long. Nothing was changed.",
    ),
    (
        "default",
        "Problem",
        "The request was refused. Nothing was changed.",
    ),
];

/// The schema of `application/problem+json` (RFC 9457) as the service sends it.
pub fn problem_schema() -> Value {
    json!({
        "type": "object",
        "title": "Problem",
        "description": "Why a request failed (RFC 9457). A problem may have additional members.",
        "required": ["type", "title", "status"],
        "properties": {
            "type": {
                "type": "string",
                "format": "uri-reference",
                "description": "The kind of problem. It is the same for every occurrence.",
            },
            "title": { "type": "string", "description": "The kind of problem, in a few words." },
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "detail": { "type": "string", "description": "What went wrong in this occurrence." },
            "instance": { "type": "string", "description": "Identifies this occurrence." },
            "request_id": { "type": "string", "description": "The id of the request, as in the logs." },
            "errors": {
                "type": "array",
                "description": "The errors in the request, each with its place.",
                "items": {
                    "type": "object",
                    "required": ["pointer", "detail"],
                    "properties": {
                        "pointer": {
                            "type": "string",
                            "description": "JSON pointer to the value: `#/title` in the body, `#/query/limit`, `#/path/id`.",
                        },
                        "detail": { "type": "string" },
                    },
                },
            },
        },
    })
}

/// `components/responses`: those that are referred to.
pub(super) fn shared(referenced: &HashSet<&str>) -> Value {
    let mut responses = Map::new();
    for (status, name, description) in SHARED {
        if !referenced.contains(&*path(name)) {
            continue;
        }
        let mut response = json!({
            "description": description,
            "headers": {
                "Preference-Applied": {
                    "description": "The preferences that were applied, of those in `Prefer`.",
                    "schema": { "type": "string" },
                },
                "X-Request-Id": {
                    "description": "The id of the request, as in the logs.",
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
                "description": "Seconds to wait before the next attempt.",
                "schema": { "type": "integer", "minimum": 0 },
            });
        }
        responses.insert(name.to_owned(), response);
    }
    Value::Object(responses)
}

/// Returns a reference to the shared response of a status.
pub(super) fn reference(status: &str) -> Value {
    let shared = SHARED.iter().find(|(known, ..)| *known == status);
    json!({ "$ref": path(shared.map_or("Problem", |(_, name, _)| name)) })
}

/// Returns the reference of a shared response.
fn path(name: &str) -> String {
    format!("#/components/responses/{name}")
}

/// Returns the response to a conditional GET whose condition is false.
pub(super) fn not_modified() -> Value {
    json!({
        "description": "The client already has the current state.",
        "headers": {
            "ETag": {
                "description": "The strong entity tag of this state.",
                "schema": { "type": "string" },
            },
        },
    })
}
