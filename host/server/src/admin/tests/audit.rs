//! The audit log: every attempt to change something, and every request without access.

use std::sync::Arc;

use axum::Router;

use crate::admin::fake::{DIGEST, FakeAdmin};
use crate::admin::tests::ask;
use crate::tests::logs::logged_while;

/// The audit lines while one request is answered.
async fn audited(router: Router, line: &str, headers: &[(&str, &str)], body: &str) -> String {
    let headers = [
        headers,
        &[("x-request-id", "r1"), ("content-type", "application/json")],
    ];
    let headers = headers.concat();
    let log = logged_while(async {
        ask(&router, line, &headers, body.to_owned()).await;
    });
    let lines = log.await;
    let lines = lines.lines().filter(|line| line.contains(" audit: "));
    lines.collect::<Vec<_>>().join("\n")
}

fn says(log: &str, parts: &[&str]) {
    assert_eq!(log.lines().count(), 1, "{log}");
    for part in parts {
        assert!(log.contains(part), "{part}: {log}");
    }
}

#[tokio::test]
async fn an_accepted_order_writes_one_audit_line() {
    let router = FakeAdmin::new().router(&["--admin-token", "s3cret"]);
    let headers = [
        ("authorization", "Bearer s3cret"),
        ("task-host-actor", "alice"),
    ];
    let body = format!("{{\"digest\": \"{DIGEST}\"}}");
    let log = audited(router, "POST /admin/deployments", &headers, &body).await;
    let digest = format!("component.digest=\"{DIGEST}\"");
    says(
        &log,
        &[
            "INFO",
            "actor=\"alice (token)\"",
            "action=\"deployments.start\"",
            &digest,
            "deployment.id=7",
            "outcome=\"accepted\"",
            "request.id=\"r1\"",
        ],
    );
    assert!(!log.contains("s3cret"), "{log}");
}

#[tokio::test]
async fn a_rejected_order_writes_one_audit_line_with_its_reason() {
    let fake = FakeAdmin::fails(deployment::AdminError::Busy {
        id: 9,
        advice: "Wait for the end of deployment 9.".into(),
    });
    let log = audited(fake.router(&[]), "POST /admin/rollback", &[], "{}").await;
    says(
        &log,
        &[
            "WARN",
            "actor=\"loopback\"",
            "action=\"rollback\"",
            "outcome=\"refused\"",
            "reason=\"deployment-running\"",
        ],
    );
}

#[tokio::test]
async fn a_request_without_access_writes_an_audit_line_even_if_it_only_reads() {
    let router = FakeAdmin::new().router(&["--admin-token", "s3cret"]);
    for line in ["GET /admin/status", "POST /admin/rollback"] {
        let wrong = [("authorization", "Bearer gu3ss")];
        let log = audited(router.clone(), line, &wrong, "").await;
        says(
            &log,
            &["WARN", "actor=\"unknown\"", "reason=\"unauthorized\""],
        );
        assert!(!log.contains("gu3ss"), "{log}");
    }
}

#[tokio::test]
async fn reading_is_not_audited() {
    let router = FakeAdmin::new().router(&[]);
    for path in ["/admin/status", "/admin/deployments/8", "/livez"] {
        assert_eq!(
            audited(router.clone(), &format!("GET {path}"), &[], "").await,
            ""
        );
    }
}

#[tokio::test]
async fn a_client_that_goes_away_writes_an_audit_line() {
    let fake = FakeAdmin::new();
    *fake.waits.lock().unwrap() = true;
    let router = fake.router(&[]);
    let log = logged_while(leave(fake.clone(), router)).await;
    says(
        &log,
        &[
            "outcome=\"abandoned\"",
            "action=\"deployments.abort\"",
            "deployment.id=7",
        ],
    );
}

async fn leave(fake: Arc<FakeAdmin>, router: Router) {
    let asking = ask(&router, "POST /admin/deployments/7/abort", &[], "");
    tokio::select! {
        _ = asking => panic!("the order was carried out"),
        () = fake.come.notified() => {}
    }
}
