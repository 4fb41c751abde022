//! `POST /tasks/bulk` is atomic: it creates all tasks or no task.

use serde_json::{Value, json};

use super::{draft, draft_with};
use crate::harness::{Setup, column};

fn drafts(count: usize) -> Value {
    (0..count).map(|n| draft(&format!("Task {n}"))).collect()
}

#[test]
fn one_request_creates_a_hundred_tasks_in_order() {
    let host = Setup::tasks().start();
    let answer = host.post("/tasks/bulk", &drafts(100)).expect(200).json();
    let ids: Vec<i64> = (1..=100).collect();
    assert_eq!(answer["task_ids"], json!(ids));
    assert!(answer["message"].is_string(), "{answer}");
    let tasks = host.get("/tasks?limit=1000&order=asc").expect(200).json();
    let ids: Vec<Value> = ids.into_iter().map(Value::from).collect();
    assert_eq!(column(&tasks, "id"), ids);
    assert_eq!(tasks[41]["title"], "Task 41");
}

#[test]
fn an_empty_list_creates_nothing() {
    let host = Setup::tasks().start();
    let answer = host.post("/tasks/bulk", &json!([])).expect(200).json();
    assert_eq!(answer["task_ids"], json!([]));
}

#[test]
fn a_request_with_more_than_a_hundred_tasks_creates_none() {
    let host = Setup::tasks().start();
    host.post("/tasks/bulk", &drafts(101))
        .problem(400, "too-many-tasks");
    assert_eq!(host.get("/tasks").json(), json!([]));
}

#[test]
fn one_invalid_task_rejects_the_whole_request() {
    let host = Setup::tasks().start();
    let rules = json!([
        draft("Good"),
        draft("no"),
        draft_with("Good too", json!({"tags": [""]}))
    ]);
    host.post("/tasks/bulk", &rules).problem_at(
        422,
        "validation-failed",
        &["#/1/title", "#/2/tags/0"],
    );
    let types =
        json!([draft("Good"), {"title": 7}, draft_with("Bad", json!({"priority": "urgent"}))]);
    host.post("/tasks/bulk", &types).problem_at(
        422,
        "invalid-request",
        &["#/1/category", "#/1/title", "#/2/priority"],
    );
    let unknown = json!([
        draft("Good"),
        draft_with("Bad", json!({"dependencies": [50]}))
    ]);
    host.post("/tasks/bulk", &unknown)
        .problem(400, "dependency-not-found");
    assert_eq!(host.get("/tasks").json(), json!([]));
    host.post("/tasks/bulk", &draft("No array"))
        .problem(422, "invalid-request");
}

#[test]
fn fixed_paths_under_tasks_are_not_read_as_ids() {
    let host = Setup::tasks().start();
    host.get("/tasks/bulk").expect(405);
    host.get("/tasks/stats/summary").expect(200);
    host.get("/tasks/analytics/productivity").expect(200);
}
