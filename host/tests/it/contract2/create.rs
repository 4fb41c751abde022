//! `POST /tasks` and `GET /tasks/{id}`.

use serde_json::{Value, json};

use super::{create, draft, draft_with};
use crate::harness::Setup;

/// Every member, in the contract's order. `due_at` is an addition to the contract.
const MEMBERS: [&str; 16] = [
    "id",
    "title",
    "description",
    "status",
    "priority",
    "category",
    "assignee",
    "estimated_hours",
    "actual_hours",
    "tags",
    "dependencies",
    "due_at",
    "created_at",
    "updated_at",
    "completed_at",
    "checksum",
];

#[test]
fn a_new_task_has_every_member_and_the_defaults() {
    let host = Setup::tasks().start();
    let answer = host.post("/tasks", &draft("First")).expect(201);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("location"), Some("/tasks/1"));
    let task = answer.json();
    let members: Vec<_> = task.as_object().expect("an object").keys().collect();
    // Members without a value are null and not absent, because this contract's clients expect that.
    let present: Vec<_> = MEMBERS
        .iter()
        .filter(|name| !task[**name].is_null())
        .collect();
    assert_eq!(
        present,
        [
            &"id",
            &"title",
            &"status",
            &"priority",
            &"category",
            &"tags",
            &"dependencies",
            &"created_at",
            &"checksum"
        ]
    );
    assert_eq!(members, MEMBERS, "null members are present, in WIT order");
    assert_eq!(task["id"], 1);
    assert_eq!(task["title"], "First");
    assert_eq!(task["status"], "pending");
    assert_eq!(task["priority"], "medium");
    assert_eq!(task["category"], "feature");
    assert_eq!(task["tags"], json!([]));
    assert_eq!(task["dependencies"], json!([]));
    let created = task["created_at"].as_str().expect("a time");
    assert!(is_rfc3339_utc(created), "{created}");
    let checksum = task["checksum"].as_str().expect("a checksum");
    assert!(is_checksum(checksum), "{checksum}");
    assert_eq!(answer.header("etag"), Some(&*format!("\"{checksum}\"")));

    let read = host.get("/tasks/1").expect(200);
    assert_eq!(read.json(), task);
    assert_eq!(read.header("etag"), Some(&*format!("\"{checksum}\"")));
}

#[test]
fn a_new_task_has_every_member_of_its_draft() {
    let host = Setup::tasks().start();
    let first = create(&host, &draft("First"));
    let body = draft_with(
        "Zweite Aufgabe ✓",
        json!({
            "description": "with \"quotes\", \\ and\nlines",
            "priority": "critical",
            "category": "bugfix",
            "assignee": "Ada",
            "estimated_hours": 2.5,
            "tags": ["b", "a"],
            "dependencies": [first["id"]],
            "due_at": "2030-01-02T03:04:05Z",
        }),
    );
    let task = create(&host, &body);
    for (name, value) in body.as_object().expect("an object") {
        assert_eq!(&task[name], value, "{name}");
    }
    assert_eq!(task["id"], 2);
    assert_eq!(task["actual_hours"], Value::Null);
}

#[test]
fn members_that_the_service_assigns_are_ignored_in_a_draft() {
    let host = Setup::tasks().start();
    let body = draft_with(
        "Mine",
        json!({"id": 77, "status": "completed", "actual_hours": 3, "checksum": "x", "new": {}}),
    );
    let task = create(&host, &body);
    assert_eq!(task["id"], 1);
    assert_eq!(task["status"], "pending");
    assert_eq!(task["actual_hours"], Value::Null);
}

#[test]
fn lengths_are_counted_in_unicode_characters() {
    let host = Setup::tasks().start();
    for (member, least, most) in [
        ("title", 3, 200),
        ("description", 0, 2000),
        ("assignee", 1, 100),
    ] {
        // Each of these is four bytes and two UTF-16 units, so counting either would fail here.
        for (length, status) in [(least, 201), (most, 201), (most + 1, 422)] {
            let body = draft_with("Title", json!({member: "🦀".repeat(length)}));
            let answer = host.post("/tasks", &body);
            assert_eq!(answer.status, status, "{member} of {length}: {answer}");
            if status == 422 {
                answer.problem_at(422, "validation-failed", &[&format!("#/{member}")]);
            }
        }
    }
    let short = host.post("/tasks", &draft("ab"));
    short.problem_at(422, "validation-failed", &["#/title"]);
}

#[test]
fn one_problem_names_every_violated_rule() {
    let host = Setup::tasks().start();
    let body = draft_with(
        "ab",
        json!({
            "estimated_hours": 1000.5,
            "tags": ["", "x".repeat(51)],
            "assignee": "n".repeat(101),
        }),
    );
    host.post("/tasks", &body).problem_at(
        422,
        "validation-failed",
        &[
            "#/assignee",
            "#/estimated_hours",
            "#/tags/0",
            "#/tags/1",
            "#/title",
        ],
    );
    let eleven: Vec<_> = (0..11).map(|n| n.to_string()).collect();
    for (members, pointer) in [
        (json!({"tags": eleven}), "#/tags"),
        (json!({"estimated_hours": -0.5}), "#/estimated_hours"),
    ] {
        let answer = host.post("/tasks", &draft_with("Title", members));
        answer.problem_at(422, "validation-failed", &[pointer]);
    }
    assert_eq!(host.get("/tasks").expect(200).json(), json!([]));
}

#[test]
fn values_at_the_bounds_are_accepted() {
    let host = Setup::tasks().start();
    let ten: Vec<_> = (0..10).map(|n| format!("{n}").repeat(50)).collect();
    let low = create(&host, &draft_with("Low", json!({"estimated_hours": 0})));
    assert_eq!(low["estimated_hours"].as_f64(), Some(0.0));
    let members = json!({"estimated_hours": 1000, "tags": ten});
    let high = create(&host, &draft_with("High", members));
    assert_eq!(high["estimated_hours"].as_f64(), Some(1000.0));
    assert_eq!(high["tags"], json!(ten));
}

#[test]
fn repeated_tags_and_dependencies_are_stored_once_in_order() {
    let host = Setup::tasks().start();
    create(&host, &draft("First"));
    create(&host, &draft("Second"));
    let members = json!({"tags": ["b", "a", "b"], "dependencies": [2, 1, 2]});
    let task = create(&host, &draft_with("Third", members));
    assert_eq!(task["tags"], json!(["b", "a"]));
    assert_eq!(task["dependencies"], json!([2, 1]));
}

#[test]
fn an_unknown_dependency_is_400_and_creates_nothing() {
    let host = Setup::tasks().start();
    let answer = host.post(
        "/tasks",
        &draft_with("First", json!({"dependencies": [99]})),
    );
    let problem = answer.problem(400, "dependency-not-found");
    let text = problem.to_string();
    assert!(
        text.contains("99"),
        "the problem names the dependency: {text}"
    );
    assert_eq!(host.get("/tasks").expect(200).json(), json!([]));
}

#[test]
fn ids_are_never_reused() {
    let setup = Setup::tasks();
    let host = setup.start();
    create(&host, &draft("First"));
    create(&host, &draft("Second"));
    host.delete("/tasks/2").expect(200);
    assert_eq!(create(&host, &draft("Third"))["id"], 3);
    host.delete("/tasks/3").expect(200);
    drop(host);
    let host = setup.start();
    assert_eq!(create(&host, &draft("Fourth"))["id"], 4);
}

#[test]
fn an_absent_task_is_404_and_an_id_that_is_not_a_number_is_422() {
    let host = Setup::tasks().start();
    for id in ["1", "0", "-1", "9223372036854775807"] {
        host.get(&format!("/tasks/{id}"))
            .problem(404, "task-not-found");
    }
    for id in ["one", "1.5", "9223372036854775808", "1%20", "%00"] {
        let answer = host.get(&format!("/tasks/{id}"));
        answer.problem_at(422, "invalid-request", &["#/path/id"]);
    }
}

fn is_checksum(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether `text` has the shape of `2026-03-01T12:00:00Z`, with or without a fraction.
fn is_rfc3339_utc(text: &str) -> bool {
    let shape: String = text
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    let Some(fraction) = shape
        .strip_prefix("0000-00-00T00:00:00")
        .and_then(|rest| rest.strip_suffix('Z'))
    else {
        return false;
    };
    fraction.is_empty()
        || fraction
            .strip_prefix('.')
            .is_some_and(|f| f.bytes().all(|b| b == b'0'))
}
