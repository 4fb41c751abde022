//! Every problem: status, code and body.

use std::time::Duration;

use serde_json::json;

use crate::fake::{Fake, Reply, send};
use contract::{FieldError, Problem};
use request::{Error, Fault, StorageFault, TimeLimit};

async fn failed(error: impl Into<Error>) -> Reply {
    let router = Fake::fails(error).router();
    let reply = send(&router, "POST /things", &[("x-request-id", "r1")], "{}").await;
    assert_eq!(reply.header("content-type"), "application/problem+json");
    reply
}

#[tokio::test]
async fn an_invalid_value_is_named_by_its_pointer() {
    let reply = failed(Error::Invalid(vec![FieldError {
        pointer: "#/title".into(),
        detail: "This is required.".into(),
    }]))
    .await;
    assert_eq!(
        reply.json(),
        json!({
            "type": "urn:task-host:problem:invalid-request",
            "title": "The request does not fit the operation's types",
            "status": 422,
            "errors": [{"pointer": "#/title", "detail": "This is required."}],
            "request_id": "r1"
        })
    );
}

#[tokio::test]
async fn a_problem_of_the_logic_is_sent_with_its_extensions() {
    let reply = failed(Error::Problem(Box::new(Problem {
        status: 404,
        code: "thing-not-found".into(),
        title: "Task not found".into(),
        detail: Some("There is no thing 7.".into()),
        errors: Vec::new(),
        extensions: vec![
            ("error".into(), "Task not found".into()),
            ("status".into(), "x".into()),
        ],
    })))
    .await;
    assert_eq!(reply.status, 404);
    assert_eq!(
        reply.json(),
        json!({
            "type": "urn:task-host:problem:thing-not-found",
            "title": "Task not found",
            "status": 404,
            "detail": "There is no thing 7.",
            "request_id": "r1",
            "error": "Task not found"
        })
    );
}

#[tokio::test]
async fn a_5xx_of_the_logic_shows_its_title_only() {
    for status in [500, 599, 200, 0] {
        let reply = failed(Error::Problem(Box::new(Problem {
            status,
            code: "broken".into(),
            title: "Broken".into(),
            detail: Some("no such table: secrets".into()),
            errors: vec![FieldError {
                pointer: "#/a".into(),
                detail: "b".into(),
            }],
            extensions: vec![("sql".into(), "select".into())],
        })))
        .await;
        let shown = if status == 599 { 599 } else { 500 };
        assert_eq!(reply.status, shown);
        let members: Vec<_> = reply.json().as_object().unwrap().keys().cloned().collect();
        assert_eq!(members, ["type", "title", "status", "request_id"]);
    }
}

#[tokio::test]
async fn every_error_has_its_status_and_code() {
    for (error, status, code) in [
        (Error::Malformed("line 1".into()), 400, "malformed-request"),
        (
            Error::UnsupportedMediaType("application/json"),
            415,
            "unsupported-media-type",
        ),
        (Error::PreconditionFailed, 412, "precondition-failed"),
        (
            Error::BadHeader {
                header: "If-Match",
                reason: "no".into(),
            },
            400,
            "invalid-header",
        ),
        (Error::KeyReused, 422, "idempotency-key-reused"),
        (
            Error::Overloaded {
                retry_after: Duration::from_secs(1),
            },
            503,
            "overloaded",
        ),
        (Error::Unavailable("disk".into()), 503, "unavailable"),
        (
            Fault::Trap("unreachable".into()).into(),
            500,
            "logic-trapped",
        ),
        (
            Fault::Deadline(TimeLimit::Call).into(),
            504,
            "deadline-exceeded",
        ),
        (
            Fault::CpuTime(Duration::from_secs(1)).into(),
            504,
            "cpu-time-exceeded",
        ),
        (Fault::Memory.into(), 500, "memory-limit-exceeded"),
        (Fault::Handover.into(), 500, "handover-limit-exceeded"),
        (Fault::Statements.into(), 500, "statement-limit-exceeded"),
        (Fault::Rows.into(), 500, "row-limit-exceeded"),
        (
            Fault::StatementMemory.into(),
            500,
            "statement-memory-exceeded",
        ),
        (Fault::Bytes.into(), 500, "byte-limit-exceeded"),
        (Fault::Answer.into(), 500, "answer-limit-exceeded"),
        (Error::ArgumentsTooLarge, 413, "arguments-too-large"),
        (
            Fault::Value("NaN".into()).into(),
            500,
            "logic-returned-invalid-value",
        ),
        (Fault::Exit(0).into(), 500, "logic-exited"),
        (Fault::Wait.into(), 500, "logic-waited"),
    ] {
        let reply = failed(error).await;
        let body = reply.json();
        assert_eq!(reply.status, status, "{code}");
        assert_eq!(body["type"], format!("urn:task-host:problem:{code}"));
        assert_eq!(body["status"], status);
        assert_eq!(
            reply.header("retry-after").is_empty(),
            status != 503,
            "{code}"
        );
        assert!(status < 500 || body.get("detail").is_none(), "{body}");
    }
}

#[tokio::test]
async fn a_fault_of_the_files_has_its_own_code_and_says_what_to_do() {
    let text = || "/var/lib/x.sqlite".to_owned();
    for (fault, code, retry_after, words) in [
        (
            StorageFault::Full(text()),
            "storage-full",
            "5",
            "The disk is full",
        ),
        (
            StorageFault::Damaged(text()),
            "storage-damaged",
            "",
            "restore a back-up",
        ),
        (
            StorageFault::Moved(text()),
            "storage-moved",
            "",
            "put the file back",
        ),
    ] {
        let reply = failed(Error::Storage(fault)).await;
        let body = reply.json();
        assert_eq!(reply.status, 503, "{code}");
        assert_eq!(body["type"], format!("urn:task-host:problem:{code}"));
        assert_eq!(reply.header("retry-after"), retry_after, "{code}");
        let detail = body["detail"].as_str().unwrap();
        assert!(detail.contains(words), "{detail}");
        assert!(!body.to_string().contains("/var/lib"), "{body}");
    }
}

#[tokio::test]
async fn an_unknown_outcome_says_what_to_do_and_has_no_retry_after() {
    let reply = failed(Error::OutcomeUnknown("the server is gone".into())).await;
    let body = reply.json();
    assert_eq!(reply.status, 503);
    assert_eq!(body["type"], "urn:task-host:problem:outcome-unknown");
    assert_eq!(reply.header("retry-after"), "");
    let detail = body["detail"].as_str().unwrap();
    assert!(detail.contains("Idempotency-Key"), "{detail}");
    assert!(!body.to_string().contains("gone"), "{body}");
}

#[tokio::test]
async fn a_wait_is_rounded_up_to_whole_seconds() {
    for (wait, seconds) in [(0, "1"), (1000, "1"), (1001, "2")] {
        let retry_after = Duration::from_millis(wait);
        let reply = failed(Error::Overloaded { retry_after }).await;
        assert_eq!(reply.header("retry-after"), seconds);
    }
}

#[tokio::test]
async fn a_path_without_a_route_is_404() {
    let reply = send(
        &Fake::new().router(),
        "GET /nothing?x=1",
        &[("x-request-id", "r1")],
        "",
    )
    .await;
    assert_eq!(reply.status, 404);
    assert_eq!(reply.header("task-host-revision"), "0123456789ab");
    assert_eq!(
        reply.json(),
        json!({
            "type": "urn:task-host:problem:not-found",
            "title": "Nothing is served at this path",
            "status": 404,
            "request_id": "r1"
        })
    );
}

#[tokio::test]
async fn a_method_without_a_route_is_405_and_names_the_others() {
    let router = Fake::new().router();
    for (line, allow) in [
        ("PATCH /things", "GET, HEAD, POST, OPTIONS"),
        ("POST /things/7", "GET, HEAD, PUT, DELETE, OPTIONS"),
        ("BREW /things", "GET, HEAD, POST, OPTIONS"),
        ("POST /health", "GET, HEAD, OPTIONS"),
        ("POST /app.js", "GET, HEAD, OPTIONS"),
    ] {
        let reply = send(&router, line, &[], "").await;
        assert_eq!(
            (reply.status, reply.header("allow")),
            (405, allow),
            "{line}"
        );
        assert_eq!(
            reply.json()["type"],
            "urn:task-host:problem:method-not-allowed"
        );
    }
}

#[tokio::test]
async fn a_path_parameter_that_is_not_utf_8_is_422() {
    let reply = send(&Fake::new().router(), "GET /things/%ff", &[], "").await;
    assert_eq!(reply.status, 422);
    assert_eq!(reply.json()["errors"][0]["pointer"], "#/path/id");
}

#[tokio::test]
async fn a_header_that_is_not_text_is_400() {
    let reply = send(
        &Fake::new().router(),
        "PUT /things/7",
        &[("if-match", "\"caf\u{e9}\"")],
        "",
    )
    .await;
    assert_eq!(reply.status, 400);
    assert_eq!(reply.json()["type"], "urn:task-host:problem:invalid-header");
}

#[tokio::test]
async fn a_panic_costs_one_request() {
    let router = Fake::new().router();
    let reply = send(&router, "GET /panic", &[("x-request-id", "r1")], "").await;
    assert_eq!(reply.status, 500);
    assert_eq!(reply.header("x-request-id"), "r1");
    assert_eq!(reply.json()["title"], "The service failed");
    assert_eq!(send(&router, "GET /things", &[], "").await.status, 200);
}

#[tokio::test]
async fn a_compressed_body_is_415() {
    let router = Fake::new().router();
    let reply = send(
        &router,
        "POST /things",
        &[("content-encoding", "gzip")],
        "x",
    )
    .await;
    assert_eq!(reply.status, 415);
    assert_eq!(
        reply.json()["type"],
        "urn:task-host:problem:unsupported-content-coding"
    );
    let identity = [("content-encoding", "identity")];
    assert_eq!(
        send(&router, "POST /things", &identity, "{}").await.status,
        200
    );
}
