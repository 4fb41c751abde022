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

use std::collections::HashMap;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::byte_size::ByteSize;
use super::wire::Refusal;
use contract::{self, FieldError};
use request::{Error, Fault, StorageFault};

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
            Error::ArgumentsTooLarge => Problem::new(
                413,
                "arguments-too-large",
                "The arguments need too much memory",
            )
            .detail("Send fewer values in one request.".to_owned()),
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
            Error::Storage(fault) => fault.into(),
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

impl From<StorageFault> for Problem {
    fn from(fault: StorageFault) -> Problem {
        let (title, detail) = match &fault {
            StorageFault::Full(_) => (
                "The service cannot store anything now",
                "The disk is full. Nothing was changed. Requests that only read are answered.",
            ),
            StorageFault::Damaged(_) => (
                "The service's data is damaged",
                "Nothing was changed. An operator has to restore a back-up.",
            ),
            StorageFault::Moved(_) => (
                "The service's data was moved",
                "Nothing was changed. An operator has to put the file back and to restart the host.",
            ),
        };
        let problem = Problem::new(503, fault.code(), title).detail(detail.to_owned());
        match fault {
            StorageFault::Full(_) => problem.retry_after(UNAVAILABLE_RETRY),
            // Nothing changes until an operator acts.
            StorageFault::Damaged(_) | StorageFault::Moved(_) => problem,
        }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Problem {
        let (status, title) = match &fault {
            Fault::Trap(_) => (500, "The service's logic failed"),
            Fault::Deadline(_) => (504, "The request took too long"),
            Fault::CpuTime(_) => (504, "The request used too much processor time"),
            Fault::Memory => (500, "The request needed too much memory"),
            Fault::Handover => (500, "The service's logic passed too much data to the host"),
            Fault::Answer => (500, "The answer is too large"),
            Fault::Statements => (500, "The request ran too many statements"),
            Fault::Rows => (500, "The request read too many rows"),
            Fault::StatementMemory => (500, "A statement of the request needed too much memory"),
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
            Fault::Exit(_) => (500, "The service's logic exited instead of answering"),
            Fault::Wait => (
                500,
                "The service's logic waited for a time that does not come",
            ),
        };
        Problem::new(status, fault.code(), title)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        let not_http = |detail: &str| {
            Problem::new(400, "malformed-http", "The request is not valid HTTP")
                .detail(detail.to_owned())
        };
        let wrong_host = |detail: &str| {
            Problem::new(
                400,
                "invalid-host",
                "The request does not name one valid host",
            )
            .detail(detail.to_owned())
        };
        match refusal {
            Refusal::BareLineFeed => not_http("End each line of the head with CR and LF."),
            Refusal::RequestLine => not_http("The request line cannot be read."),
            Refusal::Target => {
                not_http("The request's target must be a path or an http URI, without a fragment.")
            }
            Refusal::HeaderName => {
                not_http("A header is folded, or its name has characters that are not allowed.")
            }
            Refusal::HeaderValue => not_http("A header's value has control characters."),
            Refusal::ContentLength => not_http("Send one Content-Length, with digits only."),
            Refusal::TwoLengths => {
                not_http("Send either Content-Length or Transfer-Encoding, not both.")
            }
            Refusal::TransferEncoding => {
                not_http("Send one Transfer-Encoding with the value chunked, and only in HTTP/1.1.")
            }
            Refusal::Host => wrong_host("Send one Host header with a host name or an address."),
            Refusal::HostMismatch => {
                wrong_host("The request's target and its Host header name different hosts.")
            }
            Refusal::BodyTooLarge => {
                Problem::new(413, "payload-too-large", "The body is too large")
            }
            Refusal::TargetTooLong => {
                Problem::new(414, "target-too-long", "The request's target is too long")
            }
            Refusal::HeadTooLarge => {
                Problem::new(431, "head-too-large", "The request's head is too large")
                    .detail("Send fewer or shorter headers.".to_owned())
            }
            Refusal::Expectation => Problem::new(
                417,
                "unsupported-expectation",
                "The expectation is not supported",
            )
            .detail("Only Expect: 100-continue is supported.".to_owned()),
            Refusal::TransferCoding => Problem::new(
                501,
                "unsupported-transfer-coding",
                "The transfer coding is not supported",
            )
            .detail("Only Transfer-Encoding: chunked is supported.".to_owned()),
            Refusal::Version => Problem::new(
                505,
                "unsupported-http-version",
                "The version of HTTP is not supported",
            )
            .detail("Use HTTP/1.1, or HTTP/2 with prior knowledge.".to_owned()),
        }
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

    /// The limit of agents that are told of new logic is reached.
    pub(super) fn too_many_mcp_streams() -> Problem {
        let title = "Too many agents wait for notices";
        Problem::new(503, "too-many-mcp-streams", title).retry_after(UNAVAILABLE_RETRY)
    }

    /// A page from elsewhere wants to use the tools.
    pub(super) fn foreign_page() -> Problem {
        let detail = "Pages can use /mcp only if --cors-origin names their origin. An asterisk does \
                      not name it.";
        Problem::new(403, "foreign-origin", "The request comes from a page")
            .detail(detail.to_owned())
    }

    /// The client accepts nothing that this path can answer.
    pub(super) fn not_acceptable(media_type: &str) -> Problem {
        let title = "The client does not accept this path's media type";
        Problem::new(406, "not-acceptable", title).detail(format!("Accept {media_type}."))
    }

    /// The bodies and unread answers of this connection leave no room for another one.
    pub(super) fn connection_buffers_full() -> Problem {
        Problem::full().detail(
            "Answers on this connection wait to be read. Read them, or use another connection."
                .to_owned(),
        )
    }

    /// The bodies and unread answers of all clients together leave no room for another one.
    pub(super) fn buffers_full() -> Problem {
        Problem::full().detail(
            "Many clients send or receive large bodies. Try again, or ask for less, such as a \
             smaller page."
                .to_owned(),
        )
    }

    fn full() -> Problem {
        let title = "The memory for bodies and answers is used up";
        Problem::new(503, "too-many-buffered-bytes", title).retry_after(UNAVAILABLE_RETRY)
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
        let mut response = Response::new(Body::from(self.body(request_id)));
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

    /// Makes the JSON. It is written without a tree in between, because the logic's problems can be
    /// as large as an answer may be.
    fn body(&self, request_id: &str) -> Vec<u8> {
        let body = ProblemBody {
            problem: self,
            request_id,
        };
        serde_json::to_vec(&body).expect("texts and values can be serialized")
    }
}

/// The members of a problem's body.
struct ProblemBody<'a> {
    problem: &'a Problem,
    request_id: &'a str,
}

impl Serialize for ProblemBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let problem = self.problem;
        let mut members = serializer.serialize_map(None)?;
        let ty = format!("urn:task-host:problem:{}", problem.code);
        members.serialize_entry("type", &ty)?;
        members.serialize_entry("title", &problem.title)?;
        members.serialize_entry("status", &problem.status.as_u16())?;
        if let Some(detail) = &problem.detail {
            members.serialize_entry("detail", detail)?;
        }
        if !problem.errors.is_empty() {
            members.serialize_entry("errors", &Errors(&problem.errors))?;
        }
        members.serialize_entry("request_id", self.request_id)?;
        // Of extensions with one name, the last one counts.
        let extensions = problem.extensions.iter().enumerate();
        let last: HashMap<&str, usize> = extensions
            .clone()
            .map(|(index, (name, _))| (name.as_str(), index))
            .collect();
        for (index, (name, value)) in extensions {
            if !STANDARD.contains(&name.as_str()) && last[name.as_str()] == index {
                members.serialize_entry(name, value)?;
            }
        }
        members.end()
    }
}

/// The errors of a problem.
struct Errors<'a>(&'a [FieldError]);

impl Serialize for Errors<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|error| ErrorBody {
            pointer: &error.pointer,
            detail: &error.detail,
        }))
    }
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    pointer: &'a str,
    detail: &'a str,
}

#[cfg(test)]
mod tests {
    use contract::is_host_problem;

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
            assert!(
                is_host_problem(code),
                "add {code} to contract::OTHER_PROBLEMS"
            );
        }
    }
}
