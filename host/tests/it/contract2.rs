//! Contract 2, `/tasks`: every operation, its statuses, and the additions to the contract.

mod bulk;
mod change;
mod create;
mod figures;
mod idempotency;
mod largest;
mod list;
mod pages;
mod restore;
mod search;

use serde_json::{Value, json};

use crate::harness::Host;

/// The smallest body that creates a task.
fn draft(title: &str) -> Value {
    json!({"title": title, "category": "feature"})
}

/// [`draft`] with additional or replaced members.
fn draft_with(title: &str, members: Value) -> Value {
    let mut body = draft(title);
    for (name, value) in members.as_object().expect("members are an object") {
        body[name] = value.clone();
    }
    body
}

/// Creates a task and returns it.
#[track_caller]
fn create(host: &Host, body: &Value) -> Value {
    host.post("/tasks", body).expect(201).json()
}

/// Creates a task and returns its path.
#[track_caller]
fn created_path(host: &Host, body: &Value) -> String {
    format!("/tasks/{}", create(host, body)["id"])
}

/// Returns the titles of the tasks in a list.
#[track_caller]
fn titles(host: &Host, target: &str) -> Vec<String> {
    let rows = host.get(target).expect(200).json();
    crate::harness::column(&rows, "title")
        .iter()
        .map(|title| title.as_str().expect("a title is a string").to_owned())
        .collect()
}
