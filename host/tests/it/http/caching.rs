//! Entity tags, 304 and compression. A tag identifies the uncompressed representation.

use serde_json::json;

use crate::client::Answer;
use crate::harness::{Host, Setup};

fn host_with_tasks() -> Host {
    let host = Setup::tasks().start();
    let tasks: Vec<_> = (0..30)
        .map(|n| json!({"title": format!("Task {n}"), "category": "feature"}))
        .collect();
    host.post("/tasks/bulk", &json!(tasks)).expect(200);
    host
}

fn get_with(host: &Host, path: &str, name: &str, value: &str) -> Answer {
    host.request("GET", path).header(name, value).send()
}

#[test]
fn an_unchanged_resource_is_304() {
    let host = host_with_tasks();
    for path in [
        "/",
        "/app.js",
        "/tasks/1",
        "/tasks",
        "/tasks/stats/summary",
        "/openapi.json",
    ] {
        let first = host.get(path).expect(200);
        let tag = first.expect_header("etag").to_owned();
        assert!(
            tag.starts_with('"') && tag.ends_with('"'),
            "{path}: {tag} is strong"
        );
        for condition in [
            tag.clone(),
            format!("W/{tag}"),
            format!("\"other\", {tag}"),
            "*".to_owned(),
        ] {
            let answer = get_with(&host, path, "if-none-match", &condition);
            assert_eq!(answer.status, 304, "{path} {condition}: {answer}");
            assert_eq!(answer.body, b"");
            assert_eq!(answer.header("etag"), Some(&*tag), "{path} {condition}");
        }
        let answer = get_with(&host, path, "if-none-match", "\"other\"").expect(200);
        assert_eq!(answer.body, first.body);
        let head = host
            .request("HEAD", path)
            .header("if-none-match", &tag)
            .send();
        assert_eq!(head.status, 304, "{path}");
    }
}

#[test]
fn a_change_changes_the_tag_of_every_resource_that_shows_it() {
    let host = host_with_tasks();
    let paths = ["/tasks/1", "/tasks", "/api/tasks", "/tasks/stats/summary"];
    let tags = paths.map(|path| host.get(path).expect_header("etag").to_owned());
    host.put("/tasks/1", &json!({"status": "completed"}))
        .expect(200);
    for (path, old) in paths.into_iter().zip(tags) {
        let answer = get_with(&host, path, "if-none-match", &old).expect(200);
        assert_ne!(answer.expect_header("etag"), old, "{path}");
    }
    let one = host.get("/tasks/2").expect_header("etag").to_owned();
    host.put("/tasks/1", &json!({"status": "pending"}))
        .expect(200);
    get_with(&host, "/tasks/2", "if-none-match", &one).expect(304);
}

#[test]
fn a_large_answer_is_compressed_if_the_client_accepts_gzip() {
    let host = host_with_tasks();
    let plain = host.get("/tasks").expect(200);
    assert_eq!(plain.header("content-encoding"), None);
    let vary = |answer: &Answer| answer.header("vary").unwrap_or("").to_lowercase();
    assert!(vary(&plain).contains("accept-encoding"), "{plain}");

    let gzip = get_with(&host, "/tasks", "accept-encoding", "gzip").expect(200);
    assert_eq!(gzip.header("content-encoding"), Some("gzip"));
    assert_eq!(gzip.header("content-type"), Some("application/json"));
    assert!(vary(&gzip).contains("accept-encoding"));
    assert_eq!(gzip.body[..2], [0x1f, 0x8b], "RFC 1952's magic");
    let size = gzip.body.last_chunk().expect("RFC 1952 ends with the size");
    assert_eq!(u32::from_le_bytes(*size) as usize, plain.body.len());
    assert!(gzip.body.len() < plain.body.len() / 2);

    let browser = get_with(
        &host,
        "/tasks",
        "accept-encoding",
        "gzip, deflate, br, zstd",
    );
    assert_eq!(browser.expect(200).header("content-encoding"), Some("gzip"));

    for refused in ["identity", "gzip;q=0", "zip"] {
        let answer = get_with(&host, "/tasks", "accept-encoding", refused).expect(200);
        assert_eq!(answer.header("content-encoding"), None, "{refused}");
        assert_eq!(answer.body, plain.body, "{refused}");
    }
}

#[test]
fn the_tag_of_a_compressed_answer_works_everywhere() {
    let host = host_with_tasks();
    let long = json!({"description": "words ".repeat(300)});
    host.put("/tasks/1", &long).expect(200);
    let tag = |coding: &str| {
        let answer = get_with(&host, "/tasks/1", "accept-encoding", coding).expect(200);
        answer.expect_header("etag").to_owned()
    };
    let gzip = get_with(&host, "/tasks/1", "accept-encoding", "gzip").expect(200);
    assert_eq!(gzip.header("content-encoding"), Some("gzip"));
    // The last form is the tag of a proxy that compresses answers itself.
    let marked = || format!("{}-gzip\"", tag("identity").trim_end_matches('"'));
    let forms: [&dyn Fn() -> String; 3] = [&|| tag("identity"), &|| tag("gzip"), &marked];
    for form in forms {
        for coding in ["gzip", "identity"] {
            let answer = host
                .request("GET", "/tasks/1")
                .header("accept-encoding", coding)
                .header("if-none-match", &form())
                .send();
            assert_eq!(answer.status, 304, "{} {coding}: {answer}", form());
        }
        let answer = host
            .request("PUT", "/tasks/1")
            .header("if-match", &form())
            .json(&json!({"assignee": "Ada"}))
            .send();
        assert_eq!(answer.status, 200, "{answer}");
    }
}
