//! Problem types: the one place that maps every error to a status, a code and a body (RFC 9457).
//!
//! To add a problem type:
//! - for a failed request, add a variant to [`request::Error`] or [`request::Fault`]; the compiler
//!   then asks for its status, code and title here, and for its log line in `report`;
//! - for a failure of the server itself, add a constructor under "Problems of the server";
//! - for the admin API, add a constructor in `admin`.
//!
//! A 5xx says what kind of failure it was and never what happened inside. Every problem has the
//! request's id, by which the details can be found in the log.

mod admin;
pub(super) mod report;

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::byte_size::ByteSize;
use contract::{self, FieldError};
use request::{Error, Fault};

/// Members that the extensions of the logic's problems cannot replace.
const STANDARD: [&str; 7] = [
    "type",
    "title",
    "status",
    "detail",
    "instance",
    "errors",
    "request_id",
];

/// How long a client should wait before it tries an unavailable service again.
const UNAVAILABLE_RETRY: Duration = Duration::from_secs(5);

/// Why a request did not succeed, ready to be sent.
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

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        match error {
            Error::Malformed(detail) => {
                Problem::new(400, "malformed-request", "The body is not valid JSON").detail(detail)
            }
            Error::Invalid(errors) => {
                let title = "The request does not fit the operation's types";
                Problem {
                    errors,
                    ..Problem::new(422, "invalid-request", title)
                }
            }
            Error::UnsupportedMediaType(accepted) => Problem::new(
                415,
                "unsupported-media-type",
                "The body's media type is not supported",
            )
            .detail(format!("This operation accepts {accepted}.")),
            Error::PreconditionFailed => Problem::new(
                412,
                "precondition-failed",
                "The resource has changed since it was read",
            ),
            Error::BadHeader { header, reason } => {
                Problem::new(400, "invalid-header", "The value of a header is invalid")
                    .detail(format!("{header}: {reason}"))
            }
            Error::KeyReused => Problem::new(
                422,
                "idempotency-key-reused",
                "The idempotency key was used with another request",
            ),
            Error::Problem(problem) => (*problem).into(),
            Error::Overloaded { retry_after } => {
                Problem::new(503, "overloaded", "The service is overloaded")
                    .retry_after(retry_after)
            }
            Error::Unavailable(_) => Problem::new(503, "unavailable", "The service is unavailable")
                .retry_after(UNAVAILABLE_RETRY),
            // No Retry-After: a client that follows it automatically would run the request twice.
            Error::OutcomeUnknown(_) => Problem::new(
                503,
                "outcome-unknown",
                "It is not known whether the request was carried out",
            )
            .detail(
                "Check whether it was carried out before you send it again. A request with an \
                 Idempotency-Key can be sent again with the same key."
                    .to_owned(),
            ),
            Error::Fault(fault) => fault.into(),
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
            Fault::Handover => (500, "The service's logic passed too much data to the host"),
            Fault::Statements => (500, "The request ran too many statements"),
            Fault::Rows => (500, "The request read too many rows"),
            Fault::Bytes => (500, "The request read too many bytes"),
            Fault::Events => (500, "The request published too many events"),
            Fault::Event(_) => (
                500,
                "The service's logic published an event that is not allowed",
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

/// Problems of the server.
impl Problem {
    /// The path has no route and no file.
    pub(super) fn not_found() -> Problem {
        Problem::new(404, "not-found", "Nothing is served at this path")
    }

    /// The path has routes for other methods.
    pub(super) fn method_not_allowed(allow: HeaderValue) -> Problem {
        Problem {
            allow: Some(allow),
            ..Problem::new(
                405,
                "method-not-allowed",
                "This path does not support this method",
            )
        }
    }

    /// The body is above the limit.
    pub(super) fn body_too_large(limit: ByteSize) -> Problem {
        Problem::new(413, "payload-too-large", "The body is too large")
            .detail(format!("The limit is {limit}."))
    }

    /// The body has a content coding.
    pub(super) fn unsupported_coding() -> Problem {
        let title = "The body's content coding is not supported";
        Problem::new(415, "unsupported-content-coding", title)
            .detail("Send the body without a Content-Encoding.".to_owned())
    }

    /// The body did not arrive in time.
    pub(super) fn body_timeout() -> Problem {
        Problem::new(408, "body-timeout", "The body did not arrive in time")
    }

    /// The body ended early.
    pub(super) fn body_incomplete() -> Problem {
        Problem::new(400, "body-incomplete", "The body is incomplete")
    }

    /// The limit of clients that follow the events is reached.
    pub(super) fn too_many_streams() -> Problem {
        let title = "Too many clients follow the events";
        Problem::new(503, "too-many-event-streams", title).retry_after(UNAVAILABLE_RETRY)
    }

    /// The host itself failed, such as by a panic.
    pub(super) fn internal() -> Problem {
        Problem::new(500, "internal-error", "The service failed")
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

    /// Makes the response to the request with that id.
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

#[cfg(test)]
mod tests {
    use contract::HOST_PROBLEMS;

    #[test]
    fn a_component_cannot_answer_with_a_problem_of_the_host() {
        let source = include_str!("problem.rs").split("#[cfg(test)]").next();
        let calls = source.unwrap_or_default().split("Problem::new(").skip(1);
        let codes = calls.filter_map(|call| {
            let (status, rest) = call.split_once('"')?;
            status.trim().trim_end_matches(',').parse::<u16>().ok()?;
            rest.split('"').next()
        });
        let codes: Vec<&str> = codes.collect();
        assert!(codes.len() > 15, "{codes:?}");
        for code in codes {
            assert!(HOST_PROBLEMS.contains(&code), "add {code} to HOST_PROBLEMS");
        }
    }
}
