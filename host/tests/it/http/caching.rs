//! Entity tags, conditions (RFC 9110, 13) and compression. The tag of a compressed form has a suffix.

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
        // It would be the length of the full answer.
        assert_eq!(head.header("content-length"), None, "{path}");
    }
}

#[test]
fn a_read_of_another_state_than_the_named_one_is_412() {
    let host = host_with_tasks();
    for path in ["/", "/tasks/1", "/tasks", "/openapi.json", "/docs"] {
        let tag = host.get(path).expect_header("etag").to_owned();
        for method in ["GET", "HEAD"] {
            for (condition, status) in [
                (&*tag, 200),
                ("*", 200),
                ("\"other\"", 412),
                (&*format!("W/{tag}"), 412),
            ] {
                let request = host.request(method, path).header("if-match", condition);
                assert_eq!(request.send().status, status, "{method} {path} {condition}");
            }
            // `If-Match` comes first, then `If-None-Match`.
            let both = |if_match: &str| {
                let request = host.request(method, path).header("if-match", if_match);
                request.header("if-none-match", &tag).send().status
            };
            assert_eq!(
                (both(&tag), both("\"other\"")),
                (304, 412),
                "{method} {path}"
            );
        }
    }
    // A resource that does not exist is 404 in any case, and dates say nothing without Last-Modified.
    get_with(&host, "/tasks/999", "if-match", "*").problem(404, "task-not-found");
    let date = "Thu, 01 Jan 2099 00:00:00 GMT";
    get_with(&host, "/tasks/1", "if-modified-since", date).expect(200);
    let past = "Thu, 01 Jan 1998 00:00:00 GMT";
    get_with(&host, "/tasks/1", "if-unmodified-since", past).expect(200);
}

#[test]
fn a_change_is_made_only_if_every_condition_holds() {
    let host = host_with_tasks();
    let change = |method: &str, path: &str, name: &str, condition: &str| {
        let body = match (method, path) {
            ("POST", "/tasks/bulk") => json!([{"title": "New", "category": "feature"}]),
            ("POST", _) => json!({"title": "New", "category": "feature"}),
            _ => json!({"title": "Changed"}),
        };
        let request = host.request(method, path).header(name, condition);
        match method {
            "DELETE" => request.send(),
            _ => request.json(&body).send(),
        }
    };
    let before = host.get("/tasks?limit=100").expect(200).text();
    for (method, path) in [
        ("PUT", "/tasks/1"),
        ("PATCH", "/tasks/1"),
        ("DELETE", "/tasks/1"),
        ("POST", "/tasks"),
        ("PUT", "/api/tasks/1"),
        ("DELETE", "/api/tasks/1"),
    ] {
        let tag = host.get(path).expect(200).expect_header("etag").to_owned();
        for (name, condition) in [
            ("if-match", "\"other\""),
            ("if-match", &*format!("W/{tag}")),
            ("if-none-match", "*"),
            ("if-none-match", &tag),
            ("if-none-match", &format!("W/{tag}")),
        ] {
            change(method, path, name, condition).problem(412, "precondition-failed");
        }
    }
    // The path has no state that a condition could name.
    for condition in ["*", "\"other\""] {
        let refused = change("POST", "/tasks/bulk", "if-match", condition);
        refused.problem(412, "precondition-failed");
    }
    assert_eq!(host.get("/tasks?limit=100").expect(200).text(), before);

    // What does not exist keeps its own problem.
    for (name, condition) in [("if-match", "*"), ("if-none-match", "*")] {
        change("PUT", "/tasks/999", name, condition).problem(404, "task-not-found");
    }
    change("PUT", "/tasks/1", "if-none-match", "\"other\"").expect(200);
    change("POST", "/tasks/bulk", "if-none-match", "*").expect(200);
    let tag = host.get("/tasks/1").expect_header("etag").to_owned();
    change("DELETE", "/tasks/1", "if-match", &tag).expect(200);
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
    let varies = |answer: &Answer| {
        let mut headers = answer.headers.iter();
        headers.any(|(name, value)| name == "vary" && value == "accept-encoding")
    };
    assert!(varies(&plain), "{plain}");

    let gzip = get_with(&host, "/tasks", "accept-encoding", "gzip").expect(200);
    assert_eq!(gzip.header("content-encoding"), Some("gzip"));
    assert_eq!(gzip.header("content-type"), Some("application/json"));
    assert!(varies(&gzip), "{gzip}");
    assert_eq!(gzip.body[..2], [0x1f, 0x8b], "RFC 1952's magic");
    let size = gzip.body.last_chunk().expect("RFC 1952 ends with the size");
    assert_eq!(u32::from_le_bytes(*size) as usize, plain.body.len());
    assert!(gzip.body.len() < plain.body.len() / 2);
    // Two forms with different bytes have different strong tags.
    let tag = plain.expect_header("etag").trim_end_matches('"');
    assert_eq!(gzip.expect_header("etag"), format!("{tag}-gzip\""));
    let head = host.request("HEAD", "/tasks");
    let head = head.header("accept-encoding", "gzip").send().expect(200);
    assert_eq!(head.header("etag"), gzip.header("etag"));
    assert_eq!(head.header("content-length"), None);

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
