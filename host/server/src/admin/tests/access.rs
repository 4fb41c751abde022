//! Access: with the token, or from this machine but not from a page.

use crate::admin::fake::FakeAdmin;
use crate::admin::tests::{ask, code};
use crate::fake::send;

const TOKEN: [&str; 2] = ["--admin-token", "s3cret"];

#[tokio::test]
async fn a_request_with_the_token_has_access() {
    let router = FakeAdmin::new().router(&TOKEN);
    for authorization in ["Bearer s3cret", "bearer s3cret", "Bearer  s3cret"] {
        let headers = [("authorization", authorization)];
        // Whatever the host is called, and wherever the page came from: no page has the token.
        let foreign = [
            ("host", "hosts.example"),
            ("origin", "https://evil.example"),
        ];
        let headers = [&headers[..], &foreign].concat();
        let reply = send(&router, "GET /admin/status", &headers, "").await;
        assert_eq!(reply.status, 200, "{authorization}");
    }
}

#[tokio::test]
async fn a_request_without_the_token_gets_a_challenge() {
    let router = FakeAdmin::new().router(&TOKEN);
    let reply = ask(&router, "GET /admin/status", &[], "").await;
    assert_eq!((reply.status, &*code(&reply)), (401, "unauthorized"));
    let challenge = reply.header("www-authenticate");
    assert_eq!(challenge, "Bearer realm=\"task-host\"");
    for authorization in ["Bearer s3cre", "Bearer s3cret2", "Bearer ", "Bearer S3CRET"] {
        let headers = [("authorization", authorization)];
        let reply = ask(&router, "GET /admin/status", &headers, "").await;
        assert_eq!(reply.status, 401, "{authorization}");
        let challenge = reply.header("www-authenticate");
        assert!(
            challenge.ends_with("error=\"invalid_token\""),
            "{challenge}"
        );
    }
    let twice = [
        ("authorization", "Bearer x"),
        ("authorization", "Bearer s3cret"),
    ];
    for headers in [&twice[..], &[("authorization", "Basic s3cret")]] {
        let reply = ask(&router, "GET /admin/status", headers, "").await;
        assert_eq!(reply.status, 401, "{headers:?}");
    }
}

#[tokio::test]
async fn many_wrong_tokens_are_refused_early_and_the_right_one_never() {
    let fake = FakeAdmin::new();
    let router = fake.router(&TOKEN);
    let wrong = [("authorization", "Bearer wrong")];
    let mut statuses = Vec::new();
    for _ in 0..100 {
        let reply = ask(&router, "GET /admin/status", &wrong, "").await;
        statuses.push(reply.status);
        if reply.status == 429 {
            assert_eq!(code(&reply), "too-many-attempts");
            assert_eq!(reply.header("retry-after"), "1");
        }
    }
    assert_eq!(statuses[..20], [401; 20]);
    let refused = statuses.iter().filter(|status| **status == 429).count();
    assert!(refused > 50, "{refused} of 100");
    let right = [("authorization", "Bearer s3cret")];
    for _ in 0..30 {
        let reply = ask(&router, "GET /admin/status", &right, "").await;
        assert_eq!(reply.status, 200);
    }
    let without = ask(&router, "GET /admin/status", &[], "").await;
    assert_eq!(without.status, 401, "a person is still asked for the token");
}

#[tokio::test]
async fn every_route_checks_access_and_probes_do_not() {
    let fake = FakeAdmin::new();
    let router = fake.router(&TOKEN);
    for route in crate::admin::routes() {
        let path = route.path.replace("{id}", "7");
        let line = format!("{} {path}", route.method);
        assert_eq!(ask(&router, &line, &[], "").await.status, 401, "{line}");
    }
    assert_eq!(fake.asked(), [""; 0]);
    for line in ["GET /livez", "GET /readyz", "GET /metrics"] {
        assert_eq!(ask(&router, line, &[], "").await.status, 200, "{line}");
    }
}

#[tokio::test]
async fn without_a_token_a_resolvable_host_name_has_no_access() {
    let router = FakeAdmin::new().router(&[]);
    for host in ["127.0.0.1:9000", "localhost:9000", "[::1]:9000"] {
        let reply = send(&router, "GET /admin/status", &[("host", host)], "").await;
        assert_eq!(reply.status, 200, "{host}");
    }
    let twice = [("host", "127.0.0.1:9000"), ("host", "evil.example:9000")];
    for hosts in [&twice[1..], &twice, &[]] {
        let reply = send(&router, "GET /admin/status", hosts, "").await;
        assert_eq!((reply.status, &*code(&reply)), (403, "foreign-host"));
    }
    // The way HTTP/2 names the host, and HTTP/1 to a proxy.
    let line = "GET http://evil.example:9000/admin/status";
    assert_eq!(ask(&router, line, &[], "").await.status, 403);
    let line = "GET http://127.0.0.1:9000/admin/status";
    assert_eq!(ask(&router, line, &[], "").await.status, 200);
}

#[tokio::test]
async fn without_a_token_pages_from_elsewhere_have_no_access() {
    let fake = FakeAdmin::new();
    let router = fake.router(&[]);
    let line = "POST /admin/rollback";
    for origin in [
        "https://evil.example",
        "null",
        "http://127.0.0.1:8000",
        "https://127.0.0.1:9000",
        "http://localhost:9000",
    ] {
        let reply = ask(&router, line, &[("origin", origin)], "").await;
        assert_eq!(
            (reply.status, &*code(&reply)),
            (403, "foreign-origin"),
            "{origin}"
        );
    }
    assert_eq!(fake.asked(), [""; 0]);
    let own = [("origin", "http://127.0.0.1:9000")];
    assert_eq!(ask(&router, line, &own, "").await.status, 202);
}

#[tokio::test]
async fn the_actor_is_the_claimed_name_and_the_checked_proof() {
    let fake = FakeAdmin::new();
    let (open, closed) = (fake.router(&[]), fake.router(&TOKEN));
    let token = ("authorization", "Bearer s3cret");
    let name = ("task-host-actor", "Alice B.");
    ask(&open, "POST /admin/rollback", &[], "").await;
    ask(&open, "POST /admin/rollback", &[name], "").await;
    ask(&closed, "POST /admin/rollback", &[token], "").await;
    ask(&closed, "POST /admin/rollback", &[token, name], "").await;
    let actors = [
        "loopback",
        "Alice B. (loopback)",
        "token",
        "Alice B. (token)",
    ];
    assert_eq!(
        fake.asked(),
        actors.map(|actor| format!("rollback None by {actor}"))
    );
    for name in ["", "caf\u{e9}", "a\tb", &"x".repeat(101)] {
        let reply = ask(
            &open,
            "POST /admin/rollback",
            &[("task-host-actor", name)],
            "",
        )
        .await;
        assert_eq!(
            (reply.status, &*code(&reply)),
            (400, "invalid-header"),
            "{name}"
        );
    }
}
