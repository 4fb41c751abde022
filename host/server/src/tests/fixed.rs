//! The host's own paths: health, probes, metrics, OpenAPI and documentation. And files.

use std::io::Read;
use std::sync::atomic::Ordering;

use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::fake::{DIGEST, Fake, LARGE, send};
use request::{Error, Fault, Health, StorageFault};

#[tokio::test]
async fn health_has_figures_of_the_host_and_of_the_logic() {
    let body = send(&Fake::new().router(), "GET /health", &[], "")
        .await
        .json();
    assert_eq!(body["status"], "healthy");
    assert_eq!(body["total_things"], 7);
    assert_eq!(body["version"], "1.4.0");
    assert_eq!(body["database"], "connected");
    assert_eq!(body["revision"], DIGEST);
    assert!(body["memory_usage_mb"].as_f64().unwrap() > 1.0);
    assert!(body["uptime_seconds"].as_f64().unwrap() < 60.0);
    let timestamp: jiff::Timestamp = body["timestamp"].as_str().unwrap().parse().unwrap();
    assert!(timestamp.as_second() > 1_700_000_000);
}

#[tokio::test]
async fn an_unhealthy_service_says_why() {
    let fake = Fake::new();
    *fake.health.lock().unwrap() = Ok(Health {
        figures: Vec::new(),
        unhealthy: Some("the stock is negative".into()),
    });
    let reply = send(&fake.router(), "GET /health", &[], "").await;
    assert_eq!(reply.status, 503);
    assert_eq!(reply.json()["status"], "unhealthy");
    assert_eq!(reply.json()["reason"], "the stock is negative");
    assert_eq!(reply.json()["database"], "connected");
    *fake.ready.lock().unwrap() = Err(Error::Unavailable("gone".into()));
    let reply = send(&fake.router(), "GET /health", &[], "").await;
    assert_eq!(reply.json()["database"], "disconnected");
}

#[tokio::test]
async fn health_does_not_show_what_failed_inside() {
    let fake = Fake::new();
    for (error, reason) in [
        (
            Error::Fault(Fault::Trap("at naughty.rs:17".into())),
            "logic-trapped",
        ),
        (
            Error::Unavailable("/var/lib/x.sqlite: I/O error".into()),
            "the database does not answer",
        ),
    ] {
        *fake.health.lock().unwrap() = Err(error.clone());
        *fake.ready.lock().unwrap() = Err(error);
        for path in ["GET /health", "GET /readyz"] {
            let reply = send(&fake.router(), path, &[], "").await;
            assert_eq!(reply.status, 503, "{path}");
            assert_eq!(reply.json()["reason"], reason, "{path}");
        }
    }
}

#[tokio::test]
async fn a_full_disk_makes_the_service_unhealthy_and_leaves_it_ready() {
    let fake = Fake::new();
    *fake.storage_fault.lock().unwrap() = Some(StorageFault::Full("/var/lib/x".into()));
    let reason = "the disk is full: writes fail, reads are answered";
    let reply = send(&fake.router(), "GET /readyz", &[], "").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json(), json!({"status": "ready", "degraded": reason}));
    let reply = send(&fake.router(), "GET /health", &[], "").await;
    assert_eq!(reply.status, 503);
    assert_eq!(reply.json()["reason"], reason);
    assert_eq!(reply.json()["database"], "connected");
    assert_eq!(reply.json()["total_things"], 7);
}

#[tokio::test]
async fn readiness_follows_the_database_and_the_drain() {
    let fake = Fake::new();
    let server = fake.server(&[]);
    let (public, operators) = (server.public(), server.operators());
    for router in [&public, &operators] {
        assert_eq!(
            send(router, "GET /readyz", &[], "").await.json(),
            json!({"status": "ready"})
        );
    }
    *fake.ready.lock().unwrap() = Err(Error::Unavailable("gone".into()));
    assert_eq!(send(&public, "GET /readyz", &[], "").await.status, 503);
    *fake.ready.lock().unwrap() = Ok(());
    server.readiness().withdraw();
    for router in [&public, &operators] {
        let reply = send(router, "GET /readyz", &[], "").await;
        assert_eq!(reply.status, 503);
        assert_eq!(reply.json()["reason"], "the host is draining");
        let reply = send(router, "GET /readyz?exclude=drain", &[], "").await;
        assert_eq!(reply.status, 200);
    }
    assert_eq!(send(&public, "GET /things", &[], "").await.status, 200);
    server.readiness().close();
    for line in ["GET /readyz", "GET /readyz?exclude=drain"] {
        assert_eq!(send(&operators, line, &[], "").await.status, 503, "{line}");
    }
}

#[tokio::test]
async fn liveness_follows_the_ticker() {
    let fake = Fake::new();
    let router = fake.router();
    assert_eq!(send(&router, "GET /livez", &[], "").await.status, 200);
    fake.alive.store(false, Ordering::Relaxed);
    let reply = send(&router, "GET /livez", &[], "").await;
    assert_eq!(
        (reply.status, reply.json()["status"].as_str()),
        (503, Some("not alive"))
    );
}

#[tokio::test]
async fn metrics_count_by_template_and_never_by_path() {
    let fake = Fake::new();
    let server = fake.server(&[]);
    let router = server.public();
    for line in [
        "GET /things/1",
        "GET /things/2",
        "BREW /things/3",
        "GET /secret",
        "GET /health",
    ] {
        send(&router, line, &[], "").await;
    }
    let reply = send(&router, "GET /metrics", &[], "").await;
    assert_eq!(
        reply.header("content-type"),
        "text/plain; version=0.0.4; charset=utf-8"
    );
    let text = String::from_utf8(reply.body.into()).unwrap();
    for (method, route, status, revision, count) in [
        ("GET", "/things/{id}", 200, "0123456789ab", 2),
        ("_OTHER", "/things/{id}", 405, "0123456789ab", 1),
        ("GET", "", 404, "0123456789ab", 1),
        ("GET", "/health", 200, "", 1),
    ] {
        let line = format!(
            "http_server_request_duration_seconds_count{{http_request_method=\"{method}\",\
             http_route=\"{route}\",http_response_status_code=\"{status}\",\
             task_host_revision=\"{revision}\"}} {count}"
        );
        assert!(text.contains(&line), "{line}\n{text}");
    }
    assert!(!text.contains("secret"));
    assert!(text.contains("\nhttp_server_active_requests 1\n"));
}

#[tokio::test]
async fn metrics_can_be_removed_from_the_public_port() {
    let server = Fake::new().server(&["--public-metrics", "false"]);
    assert_eq!(
        send(&server.public(), "GET /metrics", &[], "").await.status,
        404
    );
    let open_metrics = [("accept", "application/openmetrics-text; version=1.0.0")];
    let reply = send(&server.operators(), "GET /metrics", &open_metrics, "").await;
    assert_eq!(reply.status, 200);
    assert!(reply.body.ends_with(b"# EOF\n"));
    let described = send(&server.public(), "GET /openapi.json", &[], "")
        .await
        .json();
    assert_eq!(described["paths"].get("/metrics"), None);
}

#[tokio::test]
async fn the_openapi_document_has_the_paths_of_the_host_and_of_the_logic() {
    let router = Fake::new().router();
    let reply = send(&router, "GET /openapi.json", &[], "").await;
    let paths = &reply.json()["paths"];
    let names: Vec<_> = paths.as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        [
            "/things", "/health", "/events", "/livez", "/readyz", "/metrics"
        ]
    );
    assert_ne!(paths["/health"]["get"]["responses"]["503"], Value::Null);
    let known = [("if-none-match", reply.header("etag"))];
    assert_eq!(
        send(&router, "GET /openapi.json", &known, "").await.status,
        304
    );
}

#[tokio::test]
async fn the_documentation_loads_nothing_from_elsewhere() {
    let router = Fake::new().router();
    let page = send(&router, "GET /docs", &[], "").await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(
        page.header("content-security-policy")
            .starts_with("default-src 'self';")
    );
    let html = String::from_utf8(page.body.to_vec()).unwrap();
    assert!(!html.contains("://"), "{html}");
    for link in html.split('"').filter(|part| part.starts_with("docs/")) {
        let gzip = [("accept-encoding", "gzip")];
        let compressed = send(&router, &format!("GET /{link}"), &gzip, "").await;
        let plain = send(&router, &format!("GET /{link}"), &[], "").await;
        assert_eq!((compressed.status, plain.status), (200, 200), "{link}");
        assert_eq!(plain.header("content-encoding"), "");
        if plain.body.len() > 1_000 {
            assert_eq!(compressed.header("content-encoding"), "gzip");
            assert_ne!(compressed.header("etag"), plain.header("etag"));
            assert!(compressed.body.len() < plain.body.len() / 2, "{link}");
        }
        let known = [("if-none-match", plain.header("etag"))];
        let reply = send(&router, &format!("GET /{link}"), &known, "").await;
        assert_eq!(reply.status, 304);
    }
    assert_eq!(
        send(&router, "GET /docs/other.js", &[], "").await.status,
        404
    );
}

#[tokio::test]
async fn the_web_uis_files_are_served_at_their_paths() {
    let router = Fake::new().router();
    let page = send(&router, "GET /", &[], "").await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(page.header("cache-control"), "no-cache");
    assert_eq!(&page.body[..], b"<title>Tasks</title>");
    let known = [("if-none-match", page.header("etag"))];
    assert_eq!(send(&router, "GET /", &known, "").await.status, 304);
    let head = send(&router, "HEAD /app.js", &[], "").await;
    assert_eq!(
        (head.header("content-length"), &head.body[..]),
        ("11", &b""[..])
    );
}

#[tokio::test]
async fn files_of_the_web_ui_may_load_nothing_from_elsewhere_and_use_no_inline_script() {
    let router = Fake::new().router();
    for path in ["/", "/app.js"] {
        let reply = send(&router, &format!("GET {path}"), &[], "").await;
        let policy = reply.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'self';"),
            "{path}: {policy}"
        );
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
    }
}

#[tokio::test]
async fn a_large_file_is_sent_compressed_to_clients_that_accept_it() {
    let router = Fake::new().router();
    let get = async |accepted: &'static str| {
        send(
            &router,
            "GET /large.css",
            &[("accept-encoding", accepted)],
            "",
        )
        .await
    };
    let plain = get("identity").await;
    assert_eq!(plain.body.len(), LARGE.len());
    assert_eq!(plain.header("vary"), "accept-encoding");
    for accepted in ["gzip", "br, gzip;q=0.5", "*"] {
        let compressed = get(accepted).await;
        assert_eq!(compressed.header("content-encoding"), "gzip", "{accepted}");
        let tag = plain.header("etag").trim_end_matches('"').to_owned();
        assert_eq!(
            compressed.header("etag"),
            format!("{tag}-gzip\""),
            "{accepted}"
        );
        let mut decompressed = Vec::new();
        GzDecoder::new(&compressed.body[..])
            .read_to_end(&mut decompressed)
            .unwrap();
        assert_eq!(decompressed, plain.body, "{accepted}");
        assert!(compressed.body.len() < plain.body.len() / 2, "{accepted}");
    }
    for accepted in ["gzip;q=0", "identity"] {
        assert_eq!(get(accepted).await.body, plain.body, "{accepted}");
    }
}
