//! Request bodies: 400, 413, 415 and 422 are decided before any logic runs.

use std::io::Write;

use serde_json::{Value, json};

use crate::client::Answer;
use crate::harness::{Host, Setup};

fn post(host: &Host, body: impl Into<Vec<u8>>) -> Answer {
    host.request("POST", "/tasks")
        .body("application/json", body)
        .send()
}

#[test]
fn a_body_that_is_not_json_is_400() {
    let host = Setup::tasks().start();
    let deep = "[".repeat(100_000);
    for body in [
        &b"{"[..],
        b"",
        b"nothing",
        b"{\"title\": \"A title\", \"category\": \"feature\"} {}",
        b"{\"title\": \"A title\",}",
        b"{'title': 'A title'}",
        b"{\"title\": \"\xff\xfe\"}",
        b"{\"title\": \"\\ud800 alone\"}",
        b"{\"title\": \"a\nb\"}",
        b"{\"estimated_hours\": NaN}",
        b"{\"estimated_hours\": 01}",
        deep.as_bytes(),
    ] {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let answer = post(&host, body);
        assert_eq!(answer.status, 400, "{shown}: {answer}");
        answer.problem(400, "malformed-request");
    }
}

#[test]
fn a_repeated_member_is_400() {
    let host = Setup::tasks().start();
    for body in [
        r#"{"title": "One", "title": "Two", "category": "feature"}"#,
        r#"{"title": "One", "\u0074itle": "Two", "category": "feature"}"#,
        r#"{"title": "One", "category": "feature", "unknown": {"a": 1, "a": 1}}"#,
    ] {
        post(&host, body).problem(400, "malformed-request");
    }
    assert_eq!(host.get("/tasks").json(), json!([]));
}

#[test]
fn a_body_that_does_not_fit_its_type_is_422_with_every_pointer() {
    let host = Setup::tasks().start();
    for (body, pointers) in [
        (json!({}), vec!["#/category", "#/title"]),
        (json!([]), vec!["#"]),
        (json!(null), vec!["#"]),
        (json!({"title": 1, "category": "feature"}), vec!["#/title"]),
        (
            json!({"title": null, "category": "feature"}),
            vec!["#/title"],
        ),
        (
            json!({"title": "Fine", "category": "Feature"}),
            vec!["#/category"],
        ),
        (
            json!({"title": "Fine", "category": true}),
            vec!["#/category"],
        ),
        (
            json!({"title": "nul \u{0}", "category": "feature"}),
            vec!["#/title"],
        ),
        (
            json!({"title": "Fine", "category": "feature", "tags": ["a", 2, null, "\u{0}"]}),
            vec!["#/tags/1", "#/tags/2", "#/tags/3"],
        ),
        (
            json!({"title": "Fine", "category": "feature", "tags": "a"}),
            vec!["#/tags"],
        ),
        (
            json!({"title": "Fine", "category": "feature", "dependencies": [1.5, "1", true]}),
            vec!["#/dependencies/0", "#/dependencies/1", "#/dependencies/2"],
        ),
        (
            json!({"title": "Fine", "category": "feature", "estimated_hours": "2"}),
            vec!["#/estimated_hours"],
        ),
        (
            json!({"title": "Fine", "category": "feature", "due_at": "2030-13-01T00:00:00Z"}),
            vec!["#/due_at"],
        ),
        (
            json!({"title": "Fine", "category": "feature", "due_at": 1700000000}),
            vec!["#/due_at"],
        ),
        (
            json!({"title": {}, "category": [], "priority": 3, "assignee": false}),
            vec!["#/assignee", "#/category", "#/priority", "#/title"],
        ),
    ] {
        host.post("/tasks", &body)
            .problem_at(422, "invalid-request", &pointers);
    }
    // Numbers beyond 64 bits, which `json!` cannot write.
    for id in ["9223372036854775808", "-9223372036854775809", "1e30"] {
        let body = format!(r#"{{"title": "Fine", "category": "feature", "dependencies": [{id}]}}"#);
        post(&host, body).problem_at(422, "invalid-request", &["#/dependencies/0"]);
    }
    assert_eq!(host.get("/tasks").json(), json!([]));
}

#[test]
fn a_whole_number_may_be_written_with_a_fraction() {
    let host = Setup::tasks().start();
    post(&host, r#"{"title": "First", "category": "feature"}"#).expect(201);
    let body = r#"{"title": "Second", "category": "feature", "dependencies": [1.0]}"#;
    assert_eq!(
        post(&host, body).expect(201).json()["dependencies"],
        json!([1])
    );
}

#[test]
fn unicode_survives_the_round_trip() {
    let host = Setup::tasks().start();
    let title = "\u{202e}é🦀\u{10ffff} \u{7f} \\ \" / \u{1}\t";
    // The logic composes the letter and its accent.
    for sent in [title, &title.replace('é', "e\u{301}")] {
        let body = json!({"title": sent, "category": "feature"});
        let created = host.post("/tasks", &body).expect(201);
        assert_eq!(created.json()["title"], title);
    }
    let escaped = r#"{"title": "\ud83e\udd80\u00e9 \/ ok", "category": "feature"}"#;
    assert_eq!(post(&host, escaped).expect(201).json()["title"], "🦀é / ok");
}

#[test]
fn only_json_media_types_are_accepted() {
    let host = Setup::tasks().start();
    let body = r#"{"title": "A title", "category": "feature"}"#;
    for media_type in [
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/merge-patch+json",
        "application/jsonx",
        "nonsense",
    ] {
        let answer = host.request("POST", "/tasks").body(media_type, body).send();
        assert_eq!(answer.status, 415, "{media_type}: {answer}");
        answer.problem(415, "unsupported-media-type");
    }
    for media_type in ["application/json", "Application/JSON; charset=utf-8"] {
        host.request("POST", "/tasks")
            .body(media_type, body)
            .send()
            .expect(201);
    }
    for method in ["PUT", "PATCH"] {
        for media_type in ["application/json", "application/merge-patch+json"] {
            host.request(method, "/tasks/1")
                .body(media_type, "{}")
                .send()
                .expect(200);
        }
    }
}

#[test]
fn a_body_above_the_limit_is_413() {
    let host = Setup::tasks().flag("--body-limit", "64KiB").start();
    let large = |size: usize| -> Value {
        json!({"title": "A title", "category": "feature", "unknown": "x".repeat(size)})
    };
    host.post("/tasks", &large(60 << 10)).expect(201);
    host.post("/tasks", &large(65 << 10))
        .problem(413, "payload-too-large");

    // Without a `content-length`, the host can detect the limit only while it reads.
    let mut stream = host
        .request("POST", "/tasks")
        .header("content-type", "application/json")
        .header("transfer-encoding", "chunked")
        .open()
        .expect("a connection");
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
    for _ in 0..32 {
        if stream.write_all(chunk.as_bytes()).is_err() {
            break;
        }
    }
    let answer = Answer::read(&mut stream, false).expect("an answer before the body's end");
    answer.problem(413, "payload-too-large");
    host.post("/tasks", &large(10)).expect(201);
}

#[test]
fn a_compressed_body_is_415_and_is_not_parsed() {
    let host = Setup::tasks().start();
    let answer = host
        .request("POST", "/tasks")
        .header("content-encoding", "gzip")
        .body("application/json", &b"\x1f\x8b\x08\x00"[..])
        .send();
    answer.problem(415, "unsupported-content-coding");
}
