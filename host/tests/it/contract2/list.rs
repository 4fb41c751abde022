//! `GET /tasks`: filters, sort orders, `limit` and `offset`, and invalid values.

use serde_json::{Value, json};

use super::{create, draft, draft_with, titles};
use crate::harness::{Host, Setup, column};

/// Six tasks that differ in everything that a list can filter or sort by.
fn host_with_tasks() -> Host {
    let host = Setup::tasks().start();
    for (title, members, change) in [
        (
            "One",
            json!({"priority": "low", "assignee": "Ada", "tags": ["red"],
                   "due_at": "2030-01-01T00:00:00Z"}),
            json!({"status": "blocked"}),
        ),
        (
            "Two",
            json!({"priority": "critical", "category": "bugfix", "tags": ["red", "blue"],
                   "due_at": "2030-02-01T00:00:00Z"}),
            json!({"status": "completed"}),
        ),
        (
            "Three",
            json!({"priority": "high", "assignee": "Ada", "tags": ["reddish"],
                   "due_at": "2030-03-01T00:00:00.5+01:00"}),
            json!({"status": "in_progress"}),
        ),
        (
            "Four",
            json!({"category": "testing", "assignee": "ada", "tags": ["a,b"]}),
            json!({"status": "cancelled"}),
        ),
        (
            "Five",
            json!({"priority": "low", "tags": ["green"]}),
            Value::Null,
        ),
        ("Six", json!({"assignee": "Ada Lovelace"}), Value::Null),
    ] {
        let id = create(&host, &draft_with(title, members))["id"].clone();
        if !change.is_null() {
            host.put(&format!("/tasks/{id}"), &change).expect(200);
        }
    }
    host
}

#[test]
fn an_empty_list_is_an_empty_array() {
    let host = Setup::tasks().start();
    let answer = host.get("/tasks").expect(200);
    assert_eq!(answer.json(), json!([]));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("link"), None);
}

#[test]
fn filters_work_alone_and_together() {
    let host = host_with_tasks();
    for (query, expected) in [
        ("status=pending", vec!["Five", "Six"]),
        ("status=in_progress", vec!["Three"]),
        ("priority=low", vec!["One", "Five"]),
        ("priority=medium", vec!["Four", "Six"]),
        ("category=bugfix", vec!["Two"]),
        ("assignee=Ada", vec!["One", "Three"]),
        ("assignee=nobody", vec![]),
        ("tags=red", vec!["One", "Two"]),
        ("tags=blue,green", vec!["Two", "Five"]),
        ("tags=blue&tags=green", vec!["Two", "Five"]),
        ("tags=re", vec![]),
        ("tags=blue%2Cgreen", vec![]),
        ("due_before=2030-02-01T00:00:00Z", vec!["One"]),
        ("due_after=2030-02-01T00:00:00Z", vec!["Three"]),
        (
            "due_after=2029-12-31T00:00:00Z&due_before=2030-02-15T00:00:00Z",
            vec!["One", "Two"],
        ),
        (
            "due_before=2030-02-28T23:00:00.6Z&due_after=2030-02-28T23:00:00Z",
            vec!["Three"],
        ),
        ("overdue=true", vec![]),
        (
            "assignee=Ada&priority=high&status=in_progress&tags=reddish",
            vec!["Three"],
        ),
        ("assignee=Ada&status=pending", vec![]),
    ] {
        assert_eq!(
            titles(&host, &format!("/tasks?order=asc&{query}")),
            expected,
            "{query}"
        );
    }
}

#[test]
fn sort_orders_follow_the_contract_and_not_the_alphabet() {
    let host = host_with_tasks();
    for (query, expected) in [
        ("", ["Six", "Five", "Four", "Three", "Two", "One"]),
        (
            "sort_by=created_at",
            ["Six", "Five", "Four", "Three", "Two", "One"],
        ),
        ("order=asc", ["One", "Two", "Three", "Four", "Five", "Six"]),
    ] {
        assert_eq!(
            titles(&host, &format!("/tasks?{query}")),
            expected,
            "{query}"
        );
    }
    let column_of = |query: &str, member: &str| {
        column(
            &host.get(&format!("/tasks?{query}")).expect(200).json(),
            member,
        )
    };
    assert_eq!(
        column_of("sort_by=priority&order=asc", "priority"),
        ["low", "low", "medium", "medium", "high", "critical"]
    );
    assert_eq!(
        column_of("sort_by=priority", "priority"),
        ["critical", "high", "medium", "medium", "low", "low"]
    );
    assert_eq!(
        column_of("sort_by=status&order=asc", "status"),
        [
            "pending",
            "pending",
            "in_progress",
            "completed",
            "blocked",
            "cancelled"
        ]
    );
    assert_eq!(
        column_of("sort_by=status", "status"),
        [
            "cancelled",
            "blocked",
            "completed",
            "in_progress",
            "pending",
            "pending"
        ]
    );
    let changed = titles(
        &host,
        "/tasks?sort_by=updated_at&status=in_progress&order=asc",
    );
    assert_eq!(changed, ["Three"]);
    host.put("/tasks/1", &json!({"description": "now"}))
        .expect(200);
    let updated = column_of("sort_by=updated_at&limit=1", "title");
    assert_eq!(
        updated,
        ["One"],
        "the task that was changed last comes first"
    );
}

#[test]
fn tasks_with_equal_sort_keys_have_a_stable_order() {
    let host = Setup::tasks().start();
    let drafts: Vec<_> = (0..40).map(|n| draft(&format!("Task {n}"))).collect();
    host.post("/tasks/bulk", &json!(drafts)).expect(200);
    for sort_by in ["created_at", "updated_at", "priority", "status"] {
        for order in ["asc", "desc"] {
            let all = titles(&host, &format!("/tasks?sort_by={sort_by}&order={order}"));
            assert_eq!(all.len(), 40);
            let by_parts: Vec<_> = (0..40)
                .step_by(7)
                .flat_map(|offset| {
                    titles(
                        &host,
                        &format!("/tasks?sort_by={sort_by}&order={order}&limit=7&offset={offset}"),
                    )
                })
                .collect();
            assert_eq!(by_parts, all, "{sort_by} {order}");
        }
    }
}

#[test]
fn limit_and_offset_select_a_part_of_the_list() {
    let host = Setup::tasks().start();
    for part in [60, 60] {
        let drafts: Vec<_> = (0..part).map(|n| draft(&format!("Task {n}"))).collect();
        host.post("/tasks/bulk", &json!(drafts)).expect(200);
    }
    let ids = |query: &str| {
        column(
            &host
                .get(&format!("/tasks?order=asc{query}"))
                .expect(200)
                .json(),
            "id",
        )
    };
    assert_eq!(ids("").len(), 100, "the default limit");
    assert_eq!(ids("&limit=1000").len(), 120);
    assert_eq!(ids("&limit=1"), [1]);
    assert_eq!(ids("&limit=3&offset=2"), [3, 4, 5]);
    assert_eq!(ids("&offset=118"), [119, 120]);
    assert_eq!(ids("&offset=120").len(), 0);
    assert_eq!(ids("&limit=1000&offset=9223372036854775807").len(), 0);
}

#[test]
fn an_invalid_value_is_422_and_names_its_parameter() {
    let host = Setup::tasks().start();
    for (query, parameter) in [
        ("status=urgent", "status"),
        ("status=in-progress", "status"),
        ("priority=HIGH", "priority"),
        ("category=none", "category"),
        ("sort_by=title", "sort_by"),
        ("order=up", "order"),
        ("limit=ten", "limit"),
        ("limit=1.5", "limit"),
        ("offset=x", "offset"),
        ("due_before=tomorrow", "due_before"),
        ("due_after=2030-02-30T00:00:00Z", "due_after"),
        ("q=%00", "q"),
    ] {
        let answer = host.get(&format!("/tasks?{query}"));
        answer.problem_at(422, "invalid-request", &[&format!("#/query/{parameter}")]);
    }
    for (query, parameter) in [
        ("status=", "status"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=-5", "limit"),
        ("offset=-1", "offset"),
        ("cursor=nonsense", "cursor"),
    ] {
        let answer = host.get(&format!("/tasks?{query}"));
        answer.problem_at(422, "validation-failed", &[&format!("#/query/{parameter}")]);
    }
    host.get("/tasks?limit=x&status=y&order=z").problem_at(
        422,
        "invalid-request",
        &["#/query/limit", "#/query/order", "#/query/status"],
    );
}

#[test]
fn unknown_parameters_are_ignored() {
    let host = host_with_tasks();
    assert_eq!(
        titles(&host, "/tasks?status=pending&_=1700000&order=asc"),
        ["Five", "Six"]
    );
}
