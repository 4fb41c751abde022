//! Figures and failures of recent requests to the public port.

use std::time::Duration;

use axum::Router;
use serde_json::Value;
use tokio::time::timeout;

use super::{ask, code};
use crate::admin::fake::FakeAdmin;
use crate::fake::{DIGEST, Fake, config, send};
use request::{Error, Fault};

/// Returns the figures once there are any. The current second is not reported yet.
async fn ended_seconds(operators: &Router) -> Value {
    loop {
        let figures = ask(operators, "GET /admin/figures", &[], "").await.json();
        if figures["seconds"] != Value::Array(Vec::new()) {
            return figures;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_trap_is_counted_by_revision_and_listed_with_details_that_its_client_does_not_get() {
    let server = Fake::fails(Fault::Trap("unreachable\n  0: f".to_owned())).server(&[]);
    let access = config(&[]).admin.access("127.0.0.1:9000".parse().unwrap());
    let server = server.with_admin(FakeAdmin::new(), access.unwrap());
    let (public, operators) = (server.public(), server.operators());
    let reply = send(
        &public,
        "GET /things/7?q=secret",
        &[("x-request-id", "mine")],
        "",
    )
    .await;
    assert_eq!(reply.status, 500);
    assert!(!reply.json().to_string().contains("unreachable"));
    // The host's own paths are no revision's.
    assert_eq!(send(&public, "GET /livez", &[], "").await.status, 200);

    let failures = ask(&operators, "GET /admin/failures", &[], "").await.json();
    assert_eq!(failures.as_array().map(Vec::len), Some(1), "{failures}");
    let failure = &failures[0];
    let member = |name: &str| failure[name].as_str().unwrap_or_default().to_owned();
    assert_eq!(member("request_id"), "mine");
    assert_eq!(member("method"), "GET");
    assert_eq!(member("route"), "/things/{id}");
    assert_eq!(member("code"), "logic-trapped");
    assert_eq!(member("reason"), "the logic trapped: unreachable\n  0: f");
    assert_eq!(member("revision"), DIGEST[..12]);
    assert_eq!(failure["status"], 500);
    assert!(!failures.to_string().contains("secret"), "{failures}");

    let groups = ask(&operators, "GET /admin/failures/groups", &[], "").await;
    let groups = groups.json();
    let group = &groups["groups"][0];
    assert_eq!([&group["route"], &group["place"]], ["/things/{id}", "f"]);
    assert_eq!([&group["count"], &groups["others"]], [1, 0]);
    assert_eq!(group["request_id"], "mine");
    assert_eq!(group["recorded"], false, "nothing was recorded");

    let figures = timeout(Duration::from_secs(5), ended_seconds(&operators)).await;
    let figures = figures.expect("the second ends");
    let second = &figures["seconds"][0];
    assert_eq!(second["revision"], DIGEST[..12]);
    assert_eq!(
        [&second["requests"], &second["failures"], &second["traps"]],
        [1, 1, 1]
    );
    let later = format!("GET /admin/figures?after={}", second["at"]);
    let later = ask(&operators, &later, &[], "").await.json();
    assert_eq!(later["seconds"], Value::Array(Vec::new()));
}

#[tokio::test]
async fn a_request_that_is_wrong_is_not_listed_as_a_failure() {
    let server = Fake::fails(Error::Malformed("no JSON".to_owned())).server(&[]);
    let access = config(&[]).admin.access("127.0.0.1:9000".parse().unwrap());
    let server = server.with_admin(FakeAdmin::new(), access.unwrap());
    assert_eq!(
        send(&server.public(), "GET /things", &[], "").await.status,
        400
    );
    let failures = ask(&server.operators(), "GET /admin/failures", &[], "").await;
    assert_eq!(failures.json(), Value::Array(Vec::new()));
}

#[tokio::test]
async fn a_second_that_is_not_a_number_is_rejected() {
    let router = FakeAdmin::new().router(&[]);
    let reply = ask(&router, "GET /admin/figures?after=soon", &[], "").await;
    assert_eq!(
        (reply.status, code(&reply).as_str()),
        (422, "invalid-request")
    );
    assert_eq!(reply.json()["errors"][0]["pointer"], "#/query/after");
}
