//! Contract 1, `/api/tasks`: a smaller representation of the same tasks.

use serde_json::{Value, json};

use crate::harness::{Host, Setup, column};

fn create(host: &Host, body: &Value) -> Value {
    host.post("/api/tasks", body).expect(201).json()
}

#[test]
fn a_new_task_has_exactly_this_shape() {
    let host = Setup::tasks().start();
    assert_eq!(host.get("/api/tasks").expect(200).json(), json!([]));
    let task = create(&host, &json!({"title": "Buy milk"}));
    let created = task["created_at"].as_str().expect("a time").to_owned();
    assert_eq!(
        task,
        json!({
            "id": "1", "title": "Buy milk", "description": "", "priority": "medium",
            "completed": false, "created_at": created, "updated_at": created,
        })
    );
    assert!(is_minute(&created), "{created}");
    assert_eq!(host.get("/api/tasks/1").expect(200).json(), task);
    assert_eq!(host.get("/api/tasks").expect(200).json(), json!([task]));
}

#[test]
fn a_new_task_keeps_its_members_and_may_have_a_short_title() {
    let host = Setup::tasks().start();
    let body = json!({"title": "ab", "description": "Text", "priority": "low"});
    let task = create(&host, &body);
    for name in ["title", "description", "priority"] {
        assert_eq!(task[name], body[name], "{name}");
    }
}

#[test]
fn a_title_that_is_missing_or_blank_is_400_with_an_error() {
    let host = Setup::tasks().start();
    for body in [
        json!({}),
        json!({"title": null}),
        json!({"title": ""}),
        json!({"title": " \t\n"}),
        json!({"description": "No title"}),
    ] {
        let answer = host.post("/api/tasks", &body).expect(400);
        let problem = answer.json();
        assert!(
            problem["error"]
                .as_str()
                .is_some_and(|error| !error.is_empty()),
            "{body}: {answer}"
        );
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
    }
    assert_eq!(host.get("/api/tasks").json(), json!([]));
}

#[test]
fn a_wrong_type_is_422() {
    let host = Setup::tasks().start();
    for (body, pointer) in [
        (json!({"title": 7}), "#/title"),
        (
            json!({"title": "Fine", "priority": "critical"}),
            "#/priority",
        ),
        (json!({"title": "Fine", "description": []}), "#/description"),
    ] {
        let answer = host.post("/api/tasks", &body);
        answer.problem_at(422, "invalid-request", &[pointer]);
    }
}

#[test]
fn a_change_keeps_the_members_that_it_omits() {
    let host = Setup::tasks().start();
    create(
        &host,
        &json!({"title": "Before", "description": "Text", "priority": "high"}),
    );
    let put = |body: Value| host.put("/api/tasks/1", &body).expect(200).json();
    assert_eq!(put(json!({"title": "After"}))["title"], "After");
    assert_eq!(put(json!({"priority": "low"}))["priority"], "low");
    assert_eq!(put(json!({"completed": true}))["completed"], true);
    let task = put(json!({}));
    assert_eq!(task["title"], "After");
    assert_eq!(task["description"], "Text");
    assert_eq!(task["priority"], "low");
    assert_eq!(task["completed"], true);
    assert!(
        is_minute(task["updated_at"].as_str().expect("a time")),
        "{task}"
    );
    assert_eq!(put(json!({"description": ""}))["description"], "");
    assert_eq!(put(json!({"completed": false}))["completed"], false);
}

#[test]
fn an_absent_task_is_404_with_an_error() {
    let host = Setup::tasks().start();
    let change = json!({"title": "Nobody"});
    for id in ["1", "abc", "1.5", "%F0%9F%A6%80"] {
        let path = format!("/api/tasks/{id}");
        for answer in [
            host.get(&path),
            host.put(&path, &change),
            host.delete(&path),
        ] {
            let problem = answer.clone().expect(404).json();
            assert!(problem["error"].is_string(), "{path}: {answer}");
        }
    }
}

#[test]
fn a_deleted_task_is_gone() {
    let host = Setup::tasks().start();
    create(&host, &json!({"title": "Short-lived"}));
    let answer = host.delete("/api/tasks/1").expect(200);
    assert_eq!(
        answer.json(),
        json!({"message": "Task deleted successfully"})
    );
    host.get("/api/tasks/1").expect(404);
    assert_eq!(host.get("/api/tasks").json(), json!([]));
}

#[test]
fn the_newest_task_comes_first() {
    let host = Setup::tasks().start();
    for title in ["One", "Two", "Three"] {
        create(&host, &json!({"title": title}));
    }
    let tasks = host.get("/api/tasks").expect(200).json();
    assert_eq!(column(&tasks, "title"), ["Three", "Two", "One"]);
}

#[test]
fn both_contracts_show_the_same_tasks() {
    let host = Setup::tasks().start();
    create(&host, &json!({"title": "From one"}));
    let seen = host.get("/tasks/1").expect(200).json();
    assert_eq!(seen["category"], "feature");
    assert_eq!(seen["status"], "pending");
    assert_eq!(seen["priority"], "medium");

    let body = json!({"title": "From two", "category": "bugfix", "priority": "critical"});
    host.post("/tasks", &body).expect(201);
    let seen = host.get("/api/tasks/2").expect(200).json();
    assert_eq!(seen["priority"], "high");
    assert_eq!(seen["completed"], false);
    assert_eq!(seen["description"], "");

    host.put("/api/tasks/2", &json!({"completed": true}))
        .expect(200);
    let seen = host.get("/tasks/2").expect(200).json();
    assert_eq!(seen["status"], "completed");
    assert!(seen["completed_at"].is_string(), "{seen}");
    assert_eq!(
        seen["priority"], "critical",
        "a change that omits the priority keeps it"
    );

    host.put("/tasks/2", &json!({"status": "blocked"}))
        .expect(200);
    assert_eq!(host.get("/api/tasks/2").json()["completed"], false);
    host.put("/api/tasks/2", &json!({"title": "Still blocked"}))
        .expect(200);
    assert_eq!(host.get("/tasks/2").json()["status"], "blocked");
    host.delete("/api/tasks/1").expect(200);
    host.get("/tasks/1").problem(404, "task-not-found");
}

/// Whether `text` has the shape of `2026-03-01 12:00`.
fn is_minute(text: &str) -> bool {
    let shape: String = text
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    shape == "0000-00-00 00:00"
}
