//! Requests that HTTP does not allow: each is answered by a problem, and ends its connection.

use super::*;
use crate::listen::tests::unread::without_window;

/// Sends bytes and a second request, and returns everything until the connection is closed.
async fn ask(address: SocketAddr, bytes: &str) -> String {
    let next = "GET /things HTTP/1.1\r\nhost: x\r\n\r\n";
    rest(&mut connect(address, &format!("{bytes}{next}")).await).await
}

#[tokio::test]
async fn what_is_not_http_is_refused_by_a_problem() {
    let running = start(&Fake::new(), &["--max-header-bytes", "8KiB"]).await;
    let get = |headers: &str| format!("GET /things HTTP/1.1\r\n{headers}\r\n\r\n");
    let long = "x".repeat(9000);
    for (request, status, code) in [
        (get("a: b"), 400, "invalid-host"),
        (get("host: x\r\nhost: x"), 400, "invalid-host"),
        (get("host: x\r\nhost: y"), 400, "invalid-host"),
        (get("host:"), 400, "invalid-host"),
        (get("host: x/y"), 400, "invalid-host"),
        (get("host: a@x"), 400, "invalid-host"),
        (get("host: x, y"), 400, "invalid-host"),
        (get("host: x:port"), 400, "invalid-host"),
        (get("host: ?"), 400, "invalid-host"),
        (
            "GET /things HTTP/1.0\r\nhost: ?\r\n\r\n".into(),
            400,
            "invalid-host",
        ),
        (
            "GET http://y/things HTTP/1.1\r\nhost: x\r\n\r\n".into(),
            400,
            "invalid-host",
        ),
        (
            "GET http://a@x/things HTTP/1.1\r\nhost: x\r\n\r\n".into(),
            400,
            "invalid-host",
        ),
        (
            "GET ftp://x/things HTTP/1.1\r\nhost: x\r\n\r\n".into(),
            400,
            "malformed-http",
        ),
        (
            "GET things HTTP/1.1\r\nhost: x\r\n\r\n".into(),
            400,
            "malformed-http",
        ),
        (
            "GET * HTTP/1.1\r\nhost: x\r\n\r\n".into(),
            400,
            "malformed-http",
        ),
        (
            "GET /things HTTP/1.1\nhost: x\n\n".into(),
            400,
            "malformed-http",
        ),
        ("GET /things\r\n\r\n".into(), 400, "malformed-http"),
        (get("host: x\r\n folded"), 400, "malformed-http"),
        (get("host: x\r\na: \x01"), 400, "malformed-http"),
        (
            get("host: x\r\ncontent-length: 1\r\ncontent-length: 1"),
            400,
            "malformed-http",
        ),
        (
            get("host: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked"),
            400,
            "malformed-http",
        ),
        (
            get("host: x\r\ntransfer-encoding: chunked, chunked"),
            400,
            "malformed-http",
        ),
        (
            get("host: x\r\ntransfer-encoding: gzip, chunked"),
            501,
            "unsupported-transfer-coding",
        ),
        (
            get("host: x\r\ncontent-length: 18446744073709551615"),
            413,
            "payload-too-large",
        ),
        (get(&format!("host: x\r\na: {long}")), 431, "head-too-large"),
        (
            get(&format!("host: x\r\n{}", "a: b\r\n".repeat(150))),
            431,
            "head-too-large",
        ),
        (
            format!("GET /{long} HTTP/1.1\r\nhost: x\r\n\r\n"),
            414,
            "target-too-long",
        ),
        (
            get("host: x\r\nexpect: 200-ok"),
            417,
            "unsupported-expectation",
        ),
        (
            "GET /things HTTP/2.0\r\nhost: x\r\n\r\n".into(),
            505,
            "unsupported-http-version",
        ),
    ] {
        let answer = ask(running.address, &request).await;
        let shown = format!("{request:.200}\n{answer}");
        assert!(
            answer.get(9..12) == Some(status.to_string().as_str()),
            "{shown}"
        );
        let answers = answer.lines().filter(|line| line.starts_with("HTTP/1."));
        assert_eq!(answers.count(), 1, "{shown}");
        for part in [
            "content-type: application/problem+json",
            "connection: close",
            "x-request-id: ",
            &format!("\"type\":\"urn:task-host:problem:{code}\""),
        ] {
            assert!(answer.contains(part), "{part}: {shown}");
        }
    }
}

#[tokio::test]
async fn unusual_requests_that_http_allows_are_answered() {
    let running = start(&Fake::new(), &[]).await;
    for (request, status) in [
        (
            "GET http://x/things HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
            200,
        ),
        (
            "GET http://X:80/things HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
            200,
        ),
        ("GET /things HTTP/1.0\r\n\r\n", 200),
        (
            "\r\nGET /things HTTP/1.1\r\nhost: [::1]:80\r\nconnection: close\r\n\r\n",
            200,
        ),
        ("GET /things HTTP/1.0\r\nexpect: anything\r\n\r\n", 200),
        (
            "OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
            204,
        ),
        (
            "CONNECT x:80 HTTP/1.1\r\nhost: x:80\r\nconnection: close\r\n\r\n",
            405,
        ),
        (
            "TRACE /things HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
            405,
        ),
        (
            "BREW /things HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
            405,
        ),
    ] {
        let answer = rest(&mut connect(running.address, request).await).await;
        assert!(answer.starts_with("HTTP/1."), "{request}\n{answer}");
        assert_eq!(&answer[9..12], status.to_string(), "{request}\n{answer}");
    }
}

#[tokio::test]
async fn a_client_that_closes_its_side_early_still_gets_the_problem() {
    let running = start(&Fake::new(), &[]).await;
    let mut client = connect(running.address, "GET / HTTP/1.1\r\n\r\n").await;
    client.shutdown().await.unwrap();
    let answer = rest(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[tokio::test]
async fn http_2_without_an_authority_is_refused_by_a_problem() {
    let running = start(&Fake::new(), &[]).await;
    let bytes = without_window(1);
    // The frame of the head, without `:authority`, and a window for the answer.
    let mut bytes = bytes[..24 + 15].to_vec();
    bytes[24 + 11..].copy_from_slice(&[0, 0, 255, 255]);
    bytes.extend([0, 0, 11, 1, 5, 0, 0, 0, 1, 0x82, 0x86, 0x04, 7]);
    bytes.extend(b"/things");
    let mut client = connect(running.address, "").await;
    client.write_all(&bytes).await.unwrap();
    let mut answer = Vec::new();
    let read = async {
        while !String::from_utf8_lossy(&answer).contains("urn:task-host:problem:invalid-host") {
            let mut part = [0; 4096];
            let size = client.read(&mut part).await.unwrap();
            assert_ne!(size, 0, "{}", answer.escape_ascii());
            answer.extend_from_slice(&part[..size]);
        }
    };
    timeout(SOON, read).await.unwrap();
}
