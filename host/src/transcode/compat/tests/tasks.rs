//! The repository's own task API against changed copies of its text.

use crate::contract::{Method, Route};
use crate::transcode::tests::support::{package, route, tasks_text};
use crate::transcode::{Interface, Operation, breaking_changes};

fn operations(text: &str) -> Vec<Operation> {
    let of = |method, path: &str, function: &str| Route {
        operation: format!("tasks:api/{function}"),
        ..route(method, path, "")
    };
    let list = Route {
        body: Some("tasks".to_owned()),
        next: Some("next".to_owned()),
        ..of(Method::Get, "/tasks", "tasks#list")
    };
    let routes = [
        of(Method::Post, "/tasks", "tasks#create"),
        list,
        of(Method::Post, "/tasks/bulk", "tasks#create-bulk"),
        of(Method::Get, "/tasks/stats/summary", "tasks#summarize"),
        of(Method::Get, "/tasks/{id}", "tasks#get"),
        of(Method::Patch, "/tasks/{id}", "tasks#update"),
        of(Method::Delete, "/tasks/{id}", "tasks#delete"),
        of(Method::Post, "/api/tasks", "simple-tasks#create"),
    ];
    let interface = Interface::decode(&package(text)).unwrap();
    let bind = |route| Operation::bind(&interface, route).unwrap();
    routes.iter().map(bind).collect()
}

/// What breaks when parts of the text are replaced, each the first of its kind.
fn changed(replacements: &[(&str, &str)]) -> Vec<String> {
    let before = tasks_text();
    let mut after = before.clone();
    for (old, new) in replacements {
        assert!(after.contains(old), "{old}");
        after = after.replacen(old, new, 1);
    }
    let changes = breaking_changes(&operations(&before), &operations(&after));
    changes.iter().map(ToString::to_string).collect()
}

#[test]
fn the_api_does_not_break_itself() {
    assert_eq!(changed(&[]), [""; 0]);
}

#[test]
fn a_case_that_is_gone_breaks_only_where_it_was_taken() {
    assert_eq!(
        changed(&[("bugfix, feature }", "feature }")]),
        [
            "POST /tasks: the body's member category no longer takes bugfix",
            "GET /tasks: the query parameter category no longer takes bugfix",
            "POST /tasks/bulk: the body's member [].category no longer takes bugfix",
            "PATCH /tasks/{id}: the body's member category no longer takes bugfix",
        ]
    );
}

#[test]
fn a_member_of_the_task_breaks_every_answer_that_has_it() {
    assert_eq!(
        changed(&[("checksum: string,", "digest: string,")]),
        [
            "POST /tasks: the answer's member checksum is gone",
            "GET /tasks: the answer's member [].checksum is gone",
            "GET /tasks/{id}: the answer's member checksum is gone",
            "PATCH /tasks/{id}: the answer's member checksum is gone",
        ]
    );
}

#[test]
fn a_new_required_member_breaks_both_ways_of_creating() {
    assert_eq!(
        changed(&[("record task-draft {", "record task-draft { owner: string,")]),
        [
            "POST /tasks: the body's member owner is newly required",
            "POST /tasks/bulk: the body's member [].owner is newly required",
        ]
    );
}

#[test]
fn a_filter_that_is_gone_breaks_the_list() {
    assert_eq!(
        changed(&[("due-before: option<datetime>,", "")]),
        ["GET /tasks: the query parameter due_before is no longer read"]
    );
}

#[test]
fn the_ids_of_tasks_may_not_shrink() {
    assert_eq!(
        changed(&[
            ("get: func(id: s64)", "get: func(id: s32)"),
            ("affected-tasks: u64", "affected-tasks: option<u64>"),
        ]),
        [
            "GET /tasks/{id}: the path parameter {id} takes -2147483648 to 2147483647 now, and took -9223372036854775808 to 9223372036854775807",
            "DELETE /tasks/{id}: the answer's member affected_tasks may be null now",
        ]
    );
}

#[test]
fn the_api_may_grow() {
    assert_eq!(
        changed(&[
            ("enum status { pending,", "enum status { draft, pending,"),
            ("record task {", "record task { color: option<string>,"),
            (
                "record task-draft {",
                "record task-draft { color: option<string>,"
            ),
            (
                "record task-filter {",
                "record task-filter { color: option<string>,"
            ),
            (
                "record summary {",
                "record summary { by-color: list<tuple<string, u64>>,"
            ),
        ]),
        [""; 0]
    );
}
