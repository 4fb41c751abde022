//! The admin API through the router of the admin port, over a fake deployment layer.

mod access;
mod audit;
mod console;
mod documentation;
mod log;
mod orders;
mod recent;
mod socket;
mod uploads;

use axum::Router;
use axum::body::Body;

use crate::fake::{Reply, send};

/// Sends a request as `curl` on this machine would.
async fn ask(
    router: &Router,
    line: &str,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> Reply {
    let local = [&[("host", "127.0.0.1:9000")], headers].concat();
    send(router, line, &local, body).await
}

/// Sends an order.
async fn order(router: &Router, line: &str, body: &str) -> Reply {
    let json = [("content-type", "application/json")];
    ask(router, line, &json, body.to_owned()).await
}

/// The slug of a problem.
fn code(reply: &Reply) -> String {
    assert_eq!(reply.header("content-type"), "application/problem+json");
    let body = reply.json();
    assert_eq!(body["status"], reply.status);
    assert_eq!(body["request_id"], reply.header("x-request-id"));
    let kind = body["type"].as_str().unwrap();
    kind.strip_prefix("urn:task-host:problem:")
        .unwrap()
        .to_owned()
}
