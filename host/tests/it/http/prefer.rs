//! `Prefer` (RFC 7240): dry runs, answers without a body, and strict handling.

use serde_json::{Value, json};

use crate::client::Answer;
use crate::feed::follower::Follower;
use crate::harness::{Host, Setup};
use crate::metrics::count;

fn draft(title: &str) -> Value {
    json!({"title": title, "category": "feature"})
}

fn host_with_task() -> Host {
    let host = Setup::tasks().start();
    host.post("/tasks", &draft("First task")).expect(201);
    host
}

/// Sends a request that prefers something. A body of null is no body.
fn prefer(host: &Host, preference: &str, method: &str, path: &str, body: &Value) -> Answer {
    let request = host.request(method, path).header("prefer", preference);
    match body {
        Value::Null => request.send(),
        body => request.json(body).send(),
    }
}

fn dry_run(host: &Host, method: &str, path: &str, body: &Value) -> Answer {
    let answer = prefer(host, "tx=rollback", method, path, body);
    assert_eq!(answer.header("preference-applied"), Some("tx=rollback"));
    answer
}

/// The answer's body without what differs from run to run: times, the tag made of them, and on
/// PostgreSQL ids.
fn comparable(answer: &Answer) -> Value {
    fn blank(value: &mut Value) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    let is_id = matches!(&**name, "id" | "task_ids");
                    let varies = name.ends_with("_at") || name == "checksum";
                    let varies = varies || is_id && counts_on();
                    match varies && !value.is_null() {
                        true => *value = json!("varies"),
                        false => blank(value),
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(blank),
            _ => {}
        }
    }
    let mut body = answer.json();
    blank(&mut body);
    body
}

/// Whether an id is used up by a transaction that is rolled back: PostgreSQL's sequences count on.
fn counts_on() -> bool {
    std::env::var("TASK_HOST_TEST_ENGINE").as_deref() == Ok("postgres")
}

#[test]
fn a_dry_run_is_answered_like_the_request_and_keeps_nothing() {
    let host = host_with_task();
    let two = json!([draft("Task one"), draft("Task two")]);
    for (method, path, body) in [
        ("POST", "/tasks", draft("Second task")),
        ("POST", "/tasks/bulk", two),
        ("PUT", "/tasks/1", json!({"status": "completed"})),
        ("PATCH", "/tasks/1", json!({"assignee": "Ada"})),
        ("POST", "/api/tasks", json!({"title": "Simple"})),
        ("PUT", "/api/tasks/1", json!({"completed": false})),
        ("DELETE", "/tasks/1", Value::Null),
    ] {
        let before = host.get("/tasks").expect(200);
        let tried = dry_run(&host, method, path, &body);
        let after = host.get("/tasks").expect(200);
        assert_eq!(after.body, before.body, "{method} {path}");
        assert_eq!(after.header("etag"), before.header("etag"));

        let request = host.request(method, path);
        let real = match &body {
            Value::Null => request.send(),
            body => request.json(body).send(),
        };
        assert_eq!(tried.status, real.status, "{method} {path}: {tried}");
        assert_eq!(comparable(&tried), comparable(&real), "{method} {path}");
        for name in ["content-type", "location"] {
            let same = tried.header(name) == real.header(name);
            assert!(same || name == "location" && counts_on(), "{tried}\n{real}");
        }
        assert_eq!(
            tried.header("etag").is_some(),
            real.header("etag").is_some()
        );
        assert_eq!(real.header("preference-applied"), None);
    }
}

#[test]
fn a_dry_run_sends_no_event_and_is_counted_as_a_rollback() {
    let host = host_with_task();
    let rollbacks = "task_host_transactions_total{access=\"write\",outcome=\"rollback\"}";
    let mut follower = Follower::begin(&host, "/events", None);
    let before = count(&host, rollbacks);
    dry_run(&host, "POST", "/tasks", &draft("Not kept")).expect(201);
    dry_run(&host, "DELETE", "/tasks/1", &Value::Null).expect(200);
    assert_eq!(count(&host, rollbacks), before + 2.0);
    host.put("/tasks/1", &json!({"priority": "low"}))
        .expect(200);
    let mut event = follower.event();
    // PostgreSQL may show the first task's own event after the stream has begun.
    if event.kind == "task.created" && event.data["subject"] == "1" {
        event = follower.event();
    }
    assert_eq!(
        (&*event.kind, &event.data["subject"]),
        ("task.updated", &json!("1"))
    );
}

#[test]
fn a_dry_run_meets_what_refuses_the_request() {
    let host = host_with_task();
    let tag = host.get("/tasks/1").expect_header("etag").to_owned();
    let change = |tag: &str| {
        let request = host.request("PUT", "/tasks/1").header("if-match", tag);
        let request = request.header("prefer", "tx=rollback");
        request.json(&json!({"priority": "low"})).send()
    };
    // The first one changed nothing, so the tag is still that of the current state.
    change(&tag).expect(200);
    change(&tag).expect(200);
    change("\"other\"").problem(412, "precondition-failed");
    dry_run(&host, "PUT", "/tasks/9", &json!({"priority": "low"})).problem(404, "task-not-found");
    dry_run(&host, "POST", "/tasks", &json!({"title": "No category"})).problem_at(
        422,
        "invalid-request",
        &["#/category"],
    );

    let host = Setup::counter().start();
    for (path, status, code) in [
        ("/naughty/write-then-trap", 500, "logic-trapped"),
        ("/naughty/write-then-problem", 409, "on-purpose"),
    ] {
        dry_run(&host, "POST", path, &Value::Null).problem(status, code);
    }
    dry_run(&host, "POST", "/naughty/scribble", &Value::Null).expect(200);
    host.get("/counters/scribble").expect(404);
}

#[test]
fn a_dry_run_is_answered_from_a_recorded_key_and_records_none() {
    let host = Setup::tasks().start();
    let post = |title: &str, preference: &str| {
        host.request("POST", "/tasks")
            .header("idempotency-key", "k-1")
            .header("prefer", preference)
            .json(&draft(title))
            .send()
    };
    // Neither the first nor the second dry run uses up the key.
    post("Tried first", "tx=rollback").expect(201);
    let other = post("Tried then", "tx=rollback").expect(201);
    assert_eq!(other.header("idempotent-replayed"), None);
    let real = post("Kept", "tx=commit").expect(201);
    assert_eq!(real.header("preference-applied"), None);

    let again = post("Kept", "tx=rollback").expect(201);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.body, real.body);
    post("Tried first", "tx=rollback").problem(422, "idempotency-key-reused");
    let tasks = host.get("/tasks").expect(200).json();
    assert_eq!(tasks, json!([real.json()]));
}

#[test]
fn a_minimal_answer_has_no_body_and_keeps_its_headers() {
    let host = host_with_task();
    let minimal = |method: &str, path: &str, body: &Value| {
        let answer = prefer(&host, "return=minimal", method, path, body);
        assert_eq!(answer.header("preference-applied"), Some("return=minimal"));
        assert_eq!(
            (&*answer.body, answer.header("content-type")),
            (&b""[..], None)
        );
        answer
    };
    let created = minimal("POST", "/tasks", &draft("Second task")).expect(201);
    let location = created.expect_header("location").to_owned();
    let task = host.get(&location).expect(200);
    assert_eq!(task.json()["title"], "Second task");
    assert_eq!(created.header("etag"), task.header("etag"));

    let change = json!({"priority": "low"});
    let changed = minimal("PUT", &location, &change).expect(204);
    let task = host.get(&location).expect(200);
    assert_eq!(task.json()["priority"], "low");
    assert_eq!(changed.header("etag"), task.header("etag"));
    minimal("POST", "/tasks/bulk", &json!([draft("Third task")])).expect(204);
    minimal("DELETE", &location, &Value::Null).expect(204);

    // A problem and the answer to a read have their bodies.
    let gone = prefer(&host, "return=minimal", "DELETE", &location, &Value::Null);
    gone.problem(404, "task-not-found");
    let read = prefer(&host, "return=minimal", "GET", "/tasks/1", &Value::Null).expect(200);
    assert_eq!(read.json()["title"], "First task");
    for answer in [gone, read] {
        assert_eq!(answer.header("preference-applied"), None, "{answer}");
    }
}

#[test]
fn a_key_does_not_depend_on_the_form_of_the_answer() {
    let host = Setup::tasks().start();
    let post = |preference: &str| {
        let request = host
            .request("POST", "/tasks")
            .header("idempotency-key", "k");
        let request = request.header("prefer", preference);
        request.json(&draft("Only task")).send().expect(201)
    };
    let minimal = post("return=minimal");
    let whole = post("return=representation");
    assert_eq!(whole.header("idempotent-replayed"), Some("true"));
    assert_eq!(whole.json()["title"], "Only task");
    assert_eq!(whole.header("location"), minimal.header("location"));
    assert_eq!(post("return=minimal").body, b"");
}

#[test]
fn strict_handling_refuses_what_is_unknown() {
    let host = host_with_task();
    let mut body = draft("Second task");
    body["colour"] = json!("red");
    let bulk = json!([draft("Third task"), body]);
    for (method, path, body, pointers) in [
        (
            "POST",
            "/tasks?verbose",
            &body,
            &["#/colour", "#/query/verbose"][..],
        ),
        ("POST", "/tasks/bulk", &bulk, &["#/1/colour"]),
        ("PATCH", "/tasks/1", &json!({"Title": "No"}), &["#/Title"]),
        (
            "GET",
            "/tasks?stauts=pending&limit=5",
            &Value::Null,
            &["#/query/stauts"],
        ),
        ("GET", "/tasks/1?x=1", &Value::Null, &["#/query/x"]),
        (
            "DELETE",
            "/tasks/1?force=true",
            &Value::Null,
            &["#/query/force"],
        ),
    ] {
        let refused = prefer(&host, "handling=strict", method, path, body);
        refused.problem_at(422, "invalid-request", pointers);
        let dry = "handling=lenient, tx=rollback";
        let ignored = prefer(&host, dry, method, path, body);
        assert!((200..300).contains(&ignored.status), "{ignored}");
        for answer in [&refused, &ignored] {
            let varies = answer
                .headers
                .iter()
                .any(|(name, value)| name == "vary" && value == "prefer");
            assert_eq!(varies, method == "GET", "{answer}");
        }
        assert_eq!(
            refused.header("preference-applied"),
            Some("handling=strict")
        );
    }
    let known = "/tasks?status=pending&tags=a,b&limit=5";
    let answer = prefer(&host, "handling=strict", "GET", known, &Value::Null).expect(200);
    assert_eq!(answer.header("preference-applied"), Some("handling=strict"));
    let all = "handling=strict, return=minimal; x=1, tx=\"rollback\", wait=5";
    let answer = prefer(
        &host,
        all,
        "PUT",
        "/tasks/1",
        &json!({"title": "New title"}),
    )
    .expect(204);
    let applied = "tx=rollback, return=minimal, handling=strict";
    assert_eq!(answer.header("preference-applied"), Some(applied));
    assert_eq!(host.get("/tasks/1").json()["title"], "First task");
}
