//! Uploads of components: limits, digests and signatures.

use axum::body::Body;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{iter, pending};
use serde_json::json;

use crate::admin::fake::{DIGEST, FakeAdmin, component};
use crate::admin::tests::{ask, code};

const WASM: (&str, &str) = ("content-type", "application/wasm");
const LINE: &str = "POST /admin/components";

/// A body of these parts whose length is not known before its end.
fn parts(parts: &[&'static [u8]]) -> Body {
    let parts: Vec<_> = parts.iter().map(|part| Bytes::from_static(part)).collect();
    Body::from_stream(iter(parts).map(Ok::<_, std::io::Error>))
}

#[tokio::test]
async fn a_component_is_passed_on_with_its_digest_and_signature() {
    let fake = FakeAdmin::new();
    let router = fake.router(&["--component-limit", "8B"]);
    let digest = format!("sha256:{}", DIGEST.to_uppercase());
    let headers = [
        WASM,
        ("task-host-digest", &digest),
        ("task-host-signature", "AQID"),
    ];
    let reply = ask(&router, LINE, &headers, parts(&[b"\0asm", b"\x0d\0\x01\0"])).await;
    assert_eq!(reply.status, 201);
    assert_eq!(reply.json(), serde_json::to_value(component()).unwrap());
    assert_eq!(
        reply.header("location"),
        format!("/admin/components/{DIGEST}")
    );
    assert_eq!(&fake.uploaded.lock().unwrap()[..], b"\0asm\x0d\0\x01\0");
    let asked = format!("upload 8 bytes Some({DIGEST:?}) Some([1, 2, 3]) by loopback");
    assert_eq!(fake.asked(), [asked]);
    ask(&router, LINE, &[WASM], "bare").await;
    assert_eq!(fake.asked()[1], "upload 4 bytes None None by loopback");
}

#[tokio::test]
async fn a_component_above_the_limit_is_rejected_with_and_without_a_declared_length() {
    let fake = FakeAdmin::new();
    let router = fake.router(&["--component-limit", "8B"]);
    for body in [Body::from("nine byte"), parts(&[b"nine", b" byte"])] {
        let reply = ask(&router, LINE, &[WASM], body).await;
        assert_eq!((reply.status, &*code(&reply)), (413, "component-too-large"));
        assert_eq!(
            reply.json()["detail"],
            "At most 8B are taken (--component-limit)."
        );
    }
    assert_eq!(fake.asked(), [""; 0]);
    let metrics = ask(&router, "GET /metrics", &[], "").await;
    let metrics = String::from_utf8(metrics.body.into()).unwrap();
    let line = "task_host_limits_hit_total{kind=\"component-too-large\"} 2";
    assert!(metrics.contains(line), "{metrics}");
}

#[tokio::test]
async fn a_component_that_does_not_arrive_in_time_is_rejected() {
    let fake = FakeAdmin::new();
    let router = fake.router(&["--component-timeout", "20ms"]);
    let stalled = Body::from_stream(pending::<Result<Bytes, std::io::Error>>());
    let reply = ask(&router, LINE, &[WASM], stalled).await;
    assert_eq!((reply.status, &*code(&reply)), (408, "component-timeout"));
    let broken = iter([
        Ok(Bytes::from_static(b"\0asm")),
        Err(std::io::Error::other("gone")),
    ]);
    let reply = ask(&router, LINE, &[WASM], Body::from_stream(broken)).await;
    assert_eq!((reply.status, &*code(&reply)), (400, "body-incomplete"));
    assert_eq!(fake.asked(), [""; 0]);
}

#[tokio::test]
async fn headers_that_cannot_be_read_are_named() {
    let router = FakeAdmin::new().router(&[]);
    for (header, value) in [
        ("Task-Host-Digest", "md5:0123"),
        ("Task-Host-Digest", "sha256:0123"),
        ("Task-Host-Signature", "not base64!"),
    ] {
        let reply = ask(&router, LINE, &[WASM, (header, value)], "x").await;
        assert_eq!(
            (reply.status, &*code(&reply)),
            (400, "invalid-header"),
            "{value}"
        );
        assert!(reply.json()["detail"].as_str().unwrap().starts_with(header));
    }
    for headers in [
        &[][..],
        &[("content-type", "application/octet-stream")],
        &[WASM, ("content-encoding", "gzip")],
    ] {
        assert_eq!(
            ask(&router, LINE, headers, "x").await.status,
            415,
            "{headers:?}"
        );
    }
}

#[tokio::test]
async fn a_third_upload_at_the_same_time_is_rejected() {
    let fake = FakeAdmin::new();
    *fake.waits.lock().unwrap() = true;
    let router = fake.router(&[]);
    let mut arriving = Vec::new();
    for _ in 0..2 {
        let router = router.clone();
        arriving.push(tokio::spawn(async move {
            ask(&router, LINE, &[WASM], "x").await
        }));
        fake.come.notified().await;
    }
    let reply = ask(&router, LINE, &[WASM], "x").await;
    assert_eq!((reply.status, &*code(&reply)), (503, "uploads-busy"));
    assert_eq!(reply.header("retry-after"), "5");
    for arriving in arriving {
        fake.release.notify_one();
        assert_eq!(arriving.await.unwrap().status, 201);
    }
    *fake.waits.lock().unwrap() = false;
    assert_eq!(ask(&router, LINE, &[WASM], "x").await.status, 201);
}

#[tokio::test]
async fn components_are_listed_and_described() {
    let router = FakeAdmin::new().router(&[]);
    let reply = ask(&router, "GET /admin/components", &[], "").await;
    assert_eq!(reply.json(), json!([component()]));
    for name in [DIGEST.to_owned(), format!("sha256:{DIGEST}")] {
        let reply = ask(&router, &format!("GET /admin/components/{name}"), &[], "").await;
        assert_eq!(reply.json()["digest"], DIGEST);
        assert_eq!(reply.json()["imports"][0], "task-host:platform/sql@1.0.0");
    }
    let line = format!("GET /admin/components/{}", "f".repeat(64));
    assert_eq!(ask(&router, &line, &[], "").await.status, 404);
}
