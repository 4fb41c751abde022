//! Requests to operations, and their answers.

use axum::body::Body;
use futures_util::stream;

use crate::fake::{Fake, answer, send};
use request::{Answer, Client, Error};

#[tokio::test]
async fn an_operation_gets_all_parts_of_the_request() {
    let fake = Fake::new();
    let headers = [
        ("content-type", "application/merge-patch+json"),
        ("if-match", "\"a\""),
        ("if-match", "\"b\""),
        ("idempotency-key", "k1"),
        ("x-request-id", "r1"),
        (
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ),
    ];
    send(
        &fake.router(),
        "PUT /things/a%20b%2Fc?x=1&y",
        &headers,
        "{}",
    )
    .await;
    let (route, request) = fake.asked.lock().unwrap().take().unwrap();
    assert_eq!(route.get(), 3);
    assert_eq!(request.parameters, [("id".to_owned(), "a b/c".to_owned())]);
    assert_eq!(request.path, "/things/a%20b%2Fc");
    assert_eq!(request.query.as_deref(), Some("x=1&y"));
    assert_eq!(
        request.media_type.as_deref(),
        Some("application/merge-patch+json")
    );
    assert_eq!(request.conditions.if_match.as_deref(), Some("\"a\", \"b\""));
    assert_eq!(request.idempotency_key.as_deref(), Some("k1"));
    assert_eq!(request.id, "r1");
    assert_eq!(request.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(&request.body[..], b"{}");
}

#[tokio::test]
async fn an_answer_carries_its_headers() {
    let fake = Fake::answers(Answer {
        status: 201,
        etag: Some("abc".into()),
        location: Some("/things/7".into()),
        next: Some("c=2".into()),
        replayed: true,
        ..answer(r#"{"id":7}"#)
    });
    let reply = send(&fake.router(), "POST /things?limit=5&offset=10", &[], "{}").await;
    assert_eq!(reply.status, 201);
    assert_eq!(reply.header("content-type"), "application/json");
    assert_eq!(reply.header("etag"), "\"abc\"");
    assert_eq!(reply.header("location"), "/things/7");
    assert_eq!(
        reply.header("link"),
        "</things?limit=5&cursor=c%3D2>; rel=\"next\""
    );
    assert_eq!(reply.header("idempotent-replayed"), "true");
    assert_eq!(reply.header("task-host-revision"), "0123456789ab");
    assert_eq!(reply.header("cache-control"), "");
    assert_eq!(reply.json()["id"], 7);
}

#[tokio::test]
async fn an_answer_without_a_body_has_no_content_type() {
    let fake = Fake::answers(Answer {
        status: 204,
        body: None,
        ..answer("")
    });
    let reply = send(&fake.router(), "DELETE /things/7", &[], "").await;
    assert_eq!((reply.status, &reply.body[..]), (204, &b""[..]));
    assert_eq!(reply.header("content-type"), "");
}

#[tokio::test]
async fn preferences_reach_the_operation_and_the_answer_says_so() {
    let fake = Fake::answers(Answer {
        etag: Some("abc".into()),
        location: Some("/things/7".into()),
        ..answer(r#"{"id":7}"#)
    });
    let all = [("prefer", "tx=rollback, return=minimal, handling=strict")];
    let reply = send(&fake.router(), "PUT /things/7", &all, "{}").await;
    let asked = fake.asked.lock().unwrap().take().unwrap().1;
    assert!(asked.dry_run && asked.strict);
    assert_eq!((reply.status, &reply.body[..]), (204, &b""[..]));
    assert_eq!(reply.header("content-type"), "");
    assert_eq!(reply.header("etag"), "\"abc\"");
    assert_eq!(reply.header("location"), "/things/7");
    assert_eq!(
        reply.header("preference-applied"),
        "tx=rollback, return=minimal, handling=strict"
    );
    let reply = send(&fake.router(), "GET /things", &all, "").await;
    let asked = fake.asked.lock().unwrap().take().unwrap().1;
    assert!(!asked.dry_run && asked.strict);
    assert_eq!(&reply.body[..], br#"{"id":7}"#);
    assert_eq!(reply.header("preference-applied"), "handling=strict");
    assert_eq!(reply.headers("vary"), ["prefer"]);

    let fake = Fake::fails(Error::PreconditionFailed);
    let reply = send(&fake.router(), "PUT /things/7", &all, "{}").await;
    assert_eq!(reply.status, 412);
    assert_eq!(
        reply.header("preference-applied"),
        "tx=rollback, handling=strict"
    );
}

#[tokio::test]
async fn head_answers_as_get_without_the_body() {
    let router = Fake::answers(answer("[1,2,3]")).router();
    let get = send(&router, "GET /things", &[], "").await;
    let head = send(&router, "HEAD /things", &[], "").await;
    assert_eq!(head.status, 200);
    assert_eq!(head.header("content-length"), "7");
    assert_eq!(head.header("etag"), get.header("etag"));
    assert_eq!(&head.body[..], b"");
}

#[tokio::test]
async fn a_client_that_has_the_current_state_gets_304() {
    let fake = Fake::answers(Answer {
        etag: Some("abc".into()),
        ..answer("[]")
    });
    let router = fake.router();
    for line in ["GET /things", "HEAD /things"] {
        let reply = send(&router, line, &[("if-none-match", "W/\"abc-gzip\"")], "").await;
        assert_eq!((reply.status, &reply.body[..]), (304, &b""[..]));
        assert_eq!(reply.header("etag"), "\"abc\"");
        assert_eq!(reply.header("cache-control"), "no-cache");
        assert_eq!(reply.headers("vary"), ["prefer", "accept-encoding"]);
    }
    let reply = send(&router, "GET /things", &[("if-none-match", "\"abd\"")], "").await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn a_read_without_a_tag_gets_one_from_its_body() {
    let router = Fake::answers(answer("abc")).router();
    let reply = send(&router, "GET /things", &[], "").await;
    assert_eq!(reply.header("etag"), "\"ba7816bf8f01cfea\"");
    let known = [("if-none-match", "\"ba7816bf8f01cfea\"")];
    assert_eq!(send(&router, "GET /things", &known, "").await.status, 304);
    assert_eq!(
        send(&router, "POST /things", &known, "{}")
            .await
            .header("etag"),
        ""
    );
}

#[tokio::test]
async fn options_names_the_methods() {
    let router = Fake::new().router();
    let reply = send(
        &router,
        "OPTIONS /things/7",
        &[("origin", "https://a.example")],
        "",
    )
    .await;
    assert_eq!(reply.status, 204);
    assert_eq!(reply.header("allow"), "GET, HEAD, PUT, DELETE, OPTIONS");
    assert_eq!(
        send(&router, "OPTIONS /health", &[], "")
            .await
            .header("allow"),
        "GET, HEAD, OPTIONS"
    );
}

#[tokio::test]
async fn a_preflight_is_answered_without_the_logic() {
    let fake = Fake::new();
    let preflight = [
        ("origin", "https://app.example.com"),
        ("access-control-request-method", "PUT"),
        ("access-control-request-headers", "if-match"),
    ];
    let reply = send(&fake.router(), "OPTIONS /things/7", &preflight, "").await;
    assert_eq!(reply.status, 204);
    assert_eq!(reply.header("access-control-allow-origin"), "*");
    assert!(reply.header("access-control-allow-methods").contains("PUT"));
    assert!(
        reply
            .header("access-control-allow-headers")
            .contains("If-Match")
    );
    let allowed = reply.header("access-control-allow-headers").to_lowercase();
    let allowed: Vec<&str> = allowed.split(", ").collect();
    for name in ["authorization", "traceparent", "tracestate", "baggage", "*"] {
        assert!(allowed.contains(&name), "{name}");
    }
    assert_eq!(reply.header("allow"), "");

    let listed = fake
        .server(&["--cors-origin", "https://app.example.com"])
        .public();
    let reply = send(&listed, "OPTIONS /things/7", &preflight, "").await;
    assert_eq!(
        reply.header("access-control-allow-origin"),
        "https://app.example.com"
    );
    let reply = send(
        &listed,
        "GET /things",
        &[("origin", "https://other.example")],
        "",
    )
    .await;
    assert_eq!(reply.header("access-control-allow-origin"), "");
    assert_eq!(reply.headers("vary"), ["prefer", "origin"]);

    let off = fake.server(&["--cors-origin", "none"]).public();
    let reply = send(&off, "OPTIONS /things/7", &preflight, "").await;
    assert_eq!(reply.header("allow"), "GET, HEAD, PUT, DELETE, OPTIONS");
    assert_eq!(reply.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn a_page_may_read_the_headers_that_the_api_uses() {
    let reply = send(&Fake::new().router(), "GET /nothing", &[], "").await;
    let exposed = reply.header("access-control-expose-headers");
    for name in [
        "ETag",
        "Location",
        "Link",
        "X-Request-Id",
        "Retry-After",
        "Preference-Applied",
        "Task-Host-Revision",
    ] {
        assert!(exposed.contains(name), "{exposed}");
    }
}

#[tokio::test]
async fn large_answers_are_compressed_and_small_ones_are_not() {
    let large = format!("[{}1]", "1,".repeat(2000));
    let router = Fake::answers(answer(large)).router();
    for (accept, coding) in [
        ("gzip", "gzip"),
        ("br, gzip;q=0.5", "gzip"),
        ("identity", ""),
    ] {
        let reply = send(&router, "GET /things", &[("accept-encoding", accept)], "").await;
        assert_eq!(reply.header("content-encoding"), coding);
        assert_eq!(reply.headers("vary"), ["prefer", "accept-encoding"]);
        assert_eq!(reply.body.len() < 1000, !coding.is_empty());
    }
    let router = Fake::answers(answer("[]")).router();
    let reply = send(&router, "GET /things", &[("accept-encoding", "gzip")], "").await;
    assert_eq!(reply.header("content-encoding"), "");
}

#[tokio::test]
async fn every_answer_has_the_requests_id() {
    let router = Fake::new().router();
    for line in [
        "GET /things",
        "GET /nothing",
        "PATCH /things",
        "GET /health",
        "OPTIONS /things",
    ] {
        let reply = send(&router, line, &[("x-request-id", "my-id")], "").await;
        assert_eq!(reply.header("x-request-id"), "my-id", "{line}");
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{line}");
    }
    let own = send(&router, "GET /things", &[], "").await;
    assert_eq!(own.header("x-request-id").len(), 32);
}

#[tokio::test]
async fn a_trailing_slash_is_redirected_to_the_path_without_it() {
    let router = Fake::new().router();
    for (line, location) in [
        ("POST /things/?a=b", "/things?a=b"),
        ("GET /things/7/", "/things/7"),
        ("GET /docs/", "/docs"),
    ] {
        let reply = send(&router, line, &[], "").await;
        assert_eq!(
            (reply.status, reply.header("location")),
            (308, location),
            "{line}"
        );
    }
    for line in ["GET //evil.example/", "GET /nothing/"] {
        assert_eq!(send(&router, line, &[], "").await.status, 404, "{line}");
    }
}

#[tokio::test]
async fn a_body_up_to_the_limit_is_accepted() {
    let fake = Fake::new();
    let router = fake.server(&["--body-limit", "8B"]).public();
    assert_eq!(
        send(&router, "POST /things", &[], "12345678").await.status,
        200
    );
    let declared = send(
        &router,
        "POST /things",
        &[("content-length", "9")],
        "123456789",
    )
    .await;
    assert_eq!(declared.status, 413);
    assert_eq!(declared.json()["detail"], "The limit is 8B.");
    let chunks = stream::iter(["12345", "6789"].map(Ok::<_, std::io::Error>));
    let streamed = send(&router, "POST /things", &[], Body::from_stream(chunks)).await;
    assert_eq!(streamed.status, 413);
    assert_eq!(
        streamed.json()["type"],
        "urn:task-host:problem:payload-too-large"
    );
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_408() {
    let never = stream::pending::<Result<&str, std::io::Error>>();
    let router = Fake::new().server(&["--body-timeout", "10ms"]).public();
    let reply = send(&router, "POST /things", &[], Body::from_stream(never)).await;
    assert_eq!(reply.status, 408);
    assert_eq!(reply.json()["type"], "urn:task-host:problem:body-timeout");
}

#[tokio::test]
async fn a_body_that_ends_early_is_400() {
    let broken = stream::iter([Ok("{"), Err(std::io::Error::other("reset"))]);
    let reply = send(
        &Fake::new().router(),
        "POST /things",
        &[],
        Body::from_stream(broken),
    )
    .await;
    assert_eq!(reply.status, 400);
    assert_eq!(
        reply.json()["type"],
        "urn:task-host:problem:body-incomplete"
    );
}

#[tokio::test]
async fn a_client_is_identified_by_the_configured_header() {
    let fake = Fake::new();
    let asked_by = |fake: &Fake| fake.client.lock().unwrap().clone();
    let headers = [("task-host-client", "a"), ("x-forwarded-for", "b")];
    send(&fake.router(), "GET /things", &headers, "").await;
    assert_eq!(asked_by(&fake), format!("{:?}", Client::Named(b"a")));
    send(&fake.router(), "GET /openapi.json", &[], "").await;
    assert_eq!(asked_by(&fake), format!("{:?}", Client::Unknown));
    let server = fake.server(&["--client-header", "X-Forwarded-For"]);
    send(&server.public(), "GET /things", &headers, "").await;
    assert_eq!(asked_by(&fake), format!("{:?}", Client::Named(b"b")));
}
