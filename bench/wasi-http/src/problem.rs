//! Sends a problem in the same form as the host (RFC 9457).

use serde::Serialize;
use tasks::contract::types::Problem;
use wasip2::http::types::ResponseOutparam;

use crate::http;

#[derive(Serialize)]
struct Json<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldErrorJson<'a>>,
    request_id: String,
}

#[derive(Serialize)]
struct FieldErrorJson<'a> {
    pointer: &'a str,
    detail: &'a str,
}

/// Sends a problem. Its request id is random, as in the host.
pub fn respond(out: ResponseOutparam, problem: &Problem) {
    let json = Json {
        r#type: format!("urn:task-host:problem:{}", problem.code),
        title: &problem.title,
        status: problem.status,
        detail: problem.detail.as_deref(),
        errors: problem
            .errors
            .iter()
            .map(|error| FieldErrorJson {
                pointer: &error.pointer,
                detail: &error.detail,
            })
            .collect(),
        request_id: format!("{:016x}", wasip2::random::random::get_random_u64()),
    };
    // Texts and numbers always serialize.
    let text = serde_json::to_string(&json).unwrap_or_default();
    http::respond(out, problem.status, "application/problem+json", &text);
}
