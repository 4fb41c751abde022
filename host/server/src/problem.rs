//! The one place that maps why a request got no success to a status and a body (RFC 9457).
//!
//! A 5xx says what kind of failure it was and never what happened inside. Every problem carries
//! the request's id, by which the log tells the rest.

mod admin;

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::config::ByteSize;
use contract::{self, FieldError};
use request::{Fault, Refusal};

/// The members that a logic's extensions may not take.
const STANDARD: [&str; 7] = [
    "type",
    "title",
    "status",
    "detail",
    "instance",
    "errors",
    "request_id",
];

/// When to come back to a service whose database does not answer.
const UNAVAILABLE_RETRY: Duration = Duration::from_secs(5);

/// Why a request got no success, ready to be sent.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    pub(super) code: String,
    title: String,
    detail: Option<String>,
    errors: Vec<FieldError>,
    extensions: Vec<(String, Value)>,
    retry_after: Option<Duration>,
    allow: Option<HeaderValue>,
    challenge: Option<&'static str>,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        match refusal {
            Refusal::Malformed(detail) => {
                Problem::new(400, "malformed-request", "The body is not valid JSON").detail(detail)
            }
            Refusal::Invalid(errors) => {
                let title = "The request does not fit the operation's types";
                Problem {
                    errors,
                    ..Problem::new(422, "invalid-request", title)
                }
            }
            Refusal::UnsupportedMediaType(reads) => Problem::new(
                415,
                "unsupported-media-type",
                "The body's media type is not supported",
            )
            .detail(format!("This operation reads {reads}.")),
            Refusal::PreconditionFailed => Problem::new(
                412,
                "precondition-failed",
                "The resource has changed since it was read",
            ),
            Refusal::BadHeader { header, reason } => Problem::new(
                400,
                "invalid-header",
                "A header cannot be used as it stands",
            )
            .detail(format!("{header}: {reason}")),
            Refusal::KeyReused => Problem::new(
                422,
                "idempotency-key-reused",
                "The idempotency key was used with another request",
            ),
            Refusal::Problem(problem) => (*problem).into(),
            Refusal::Overloaded { retry_after } => {
                Problem::new(503, "overloaded", "The service is overloaded")
                    .retry_after(retry_after)
            }
            Refusal::Unavailable(_) => {
                Problem::new(503, "unavailable", "The service is unavailable")
                    .retry_after(UNAVAILABLE_RETRY)
            }
            // No Retry-After: clients that follow it by themselves would do it a second time.
            Refusal::OutcomeUnknown(_) => Problem::new(
                503,
                "outcome-unknown",
                "Whether the request was carried out is not known",
            )
            .detail(
                "Look whether it was before sending it again. One that had an Idempotency-Key may \
                 be sent again with it."
                    .to_owned(),
            ),
            Refusal::Fault(fault) => fault.into(),
        }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Problem {
        let (status, title) = match &fault {
            Fault::Trap(_) => (500, "The service's logic failed"),
            Fault::Deadline => (504, "The request took too long"),
            Fault::CpuTime => (504, "The request used too much processor time"),
            Fault::Memory => (500, "The request needed too much memory"),
            Fault::Handover => (500, "The service's logic handed over too much data"),
            Fault::Statements => (500, "The request ran too many statements"),
            Fault::Rows => (500, "The request read too many rows"),
            Fault::Bytes => (500, "The request read too many bytes"),
            Fault::Events => (500, "The request published too many events"),
            Fault::Event(_) => (
                500,
                "The service's logic published an event that it may not",
            ),
            Fault::Transaction(_) => (
                500,
                "The service's logic returned a success in a transaction that had failed",
            ),
            Fault::Value(_) => (
                500,
                "The service's logic returned a value that cannot be sent",
            ),
        };
        Problem::new(status, fault.code(), title)
    }
}

impl From<contract::Problem> for Problem {
    fn from(problem: contract::Problem) -> Problem {
        let status = match problem.status {
            status @ 400..=599 => status,
            _ => 500,
        };
        let shown = Problem::new(status, &problem.code, &problem.title);
        if status >= 500 {
            return shown;
        }
        Problem {
            detail: problem.detail,
            errors: problem.errors,
            extensions: problem
                .extensions
                .into_iter()
                .map(|(name, value)| (name, value.into()))
                .collect(),
            ..shown
        }
    }
}

impl Problem {
    fn new(status: u16, code: &str, title: &str) -> Problem {
        Problem {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            code: code.to_owned(),
            title: title.to_owned(),
            detail: None,
            errors: Vec::new(),
            extensions: Vec::new(),
            retry_after: None,
            allow: None,
            challenge: None,
        }
    }

    /// No route and no file stands at the path.
    pub(super) fn not_found() -> Problem {
        Problem::new(404, "not-found", "Nothing is served at this path")
    }

    /// The path exists for other methods.
    pub(super) fn method_not_allowed(allow: HeaderValue) -> Problem {
        Problem {
            allow: Some(allow),
            ..Problem::new(
                405,
                "method-not-allowed",
                "The path does not take this method",
            )
        }
    }

    /// The body is larger than the host takes.
    pub(super) fn body_too_large(limit: ByteSize) -> Problem {
        Problem::new(413, "payload-too-large", "The body is too large")
            .detail(format!("At most {limit} are taken."))
    }

    /// The body is compressed.
    pub(super) fn unsupported_coding() -> Problem {
        let title = "The body's content coding is not supported";
        Problem::new(415, "unsupported-content-coding", title)
            .detail("Send the body as it is, without a Content-Encoding.".to_owned())
    }

    /// The body did not arrive in time.
    pub(super) fn body_timeout() -> Problem {
        Problem::new(408, "body-timeout", "The body did not arrive in time")
    }

    /// The body broke off.
    pub(super) fn body_incomplete() -> Problem {
        Problem::new(
            400,
            "body-incomplete",
            "The body could not be read to its end",
        )
    }

    /// As many clients follow the events as may.
    pub(super) fn too_many_streams() -> Problem {
        let title = "As many clients follow the events as may";
        Problem::new(503, "too-many-event-streams", title).retry_after(UNAVAILABLE_RETRY)
    }

    /// The host itself failed.
    pub(super) fn internal() -> Problem {
        Problem::new(500, "internal-error", "The service failed")
    }

    fn detail(self, detail: String) -> Problem {
        Problem {
            detail: Some(detail),
            ..self
        }
    }

    fn retry_after(self, wait: Duration) -> Problem {
        Problem {
            retry_after: Some(wait),
            ..self
        }
    }

    /// The answer to the request of that id.
    pub(super) fn respond(self, request_id: &str) -> Response {
        let mut response = Response::new(Body::from(self.body(request_id).to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, allow);
        }
        if let Some(challenge) = self.challenge {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }

    fn body(&self, request_id: &str) -> Value {
        let mut body = Map::new();
        body.insert(
            "type".into(),
            format!("urn:task-host:problem:{}", self.code).into(),
        );
        body.insert("title".into(), self.title.as_str().into());
        body.insert("status".into(), self.status.as_u16().into());
        if let Some(detail) = &self.detail {
            body.insert("detail".into(), detail.as_str().into());
        }
        if !self.errors.is_empty() {
            let error =
                |error: &FieldError| json!({"pointer": error.pointer, "detail": error.detail});
            body.insert("errors".into(), self.errors.iter().map(error).collect());
        }
        body.insert("request_id".into(), request_id.into());
        for (name, value) in &self.extensions {
            if !STANDARD.contains(&name.as_str()) {
                body.insert(name.clone(), value.clone());
            }
        }
        Value::Object(body)
    }
}
