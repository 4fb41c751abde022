//! `PUT`, `PATCH` and `DELETE /tasks/{id}`: which members a change keeps, which it clears, and
//! which changes are rejected.

use serde_json::{Value, json};

use super::{create, created_path, draft, draft_with};
use crate::harness::{Setup, column};

#[test]
fn absent_members_stay_and_null_clears() {
    let host = Setup::tasks().start();
    create(&host, &draft("Other"));
    let full = json!({
        "description": "Text", "assignee": "Ada", "estimated_hours": 3.0,
        "tags": ["a"], "dependencies": [1], "due_at": "2030-01-02T03:04:05Z",
    });
    for put in [true, false] {
        let path = created_path(&host, &draft_with("Full", full.clone()));
        let send = |body: &Value| match put {
            true => host.put(&path, body).expect(200).json(),
            false => host.patch(&path, body).expect(200).json(),
        };
        let kept = send(&json!({"title": "Renamed"}));
        assert_eq!(kept["title"], "Renamed");
        for (name, value) in full.as_object().expect("an object") {
            assert_eq!(&kept[name], value, "{name} stays");
        }
        let cleared = send(&json!({
            "description": null, "assignee": null, "estimated_hours": null, "due_at": null,
        }));
        for name in ["description", "assignee", "estimated_hours", "due_at"] {
            assert_eq!(cleared[name], Value::Null, "{name}");
        }
        let emptied = send(&json!({"tags": [], "dependencies": []}));
        assert_eq!(emptied["tags"], json!([]));
        assert_eq!(emptied["dependencies"], json!([]));
        assert_eq!(host.get(&path).expect(200).json(), emptied);
    }
}

#[test]
fn null_is_rejected_for_a_required_member() {
    let host = Setup::tasks().start();
    let path = created_path(&host, &draft("Fixed"));
    let body = json!({"title": null, "status": null, "priority": null, "category": null});
    host.put(&path, &body).problem_at(
        422,
        "validation-failed",
        &["#/category", "#/priority", "#/status", "#/title"],
    );
}

#[test]
fn every_member_can_be_changed_and_is_validated() {
    let host = Setup::tasks().start();
    let path = created_path(&host, &draft("Before"));
    let body = json!({
        "title": "After", "description": "More", "status": "in_progress", "priority": "high",
        "category": "testing", "assignee": "Bob", "estimated_hours": 4.5, "actual_hours": 1.25,
        "tags": ["x", "y"], "due_at": "2031-05-06T07:08:09Z",
    });
    let before = host.get(&path).expect(200).json();
    let after = host.put(&path, &body).expect(200).json();
    for (name, value) in body.as_object().expect("an object") {
        assert_eq!(&after[name], value, "{name}");
    }
    assert_eq!(after["id"], before["id"]);
    assert_eq!(after["created_at"], before["created_at"]);
    assert_ne!(after["checksum"], before["checksum"]);
    assert!(after["updated_at"].is_string(), "{after}");

    let bad = json!({"title": "no", "actual_hours": 1000.01, "assignee": "n".repeat(101)});
    host.put(&path, &bad).problem_at(
        422,
        "validation-failed",
        &["#/actual_hours", "#/assignee", "#/title"],
    );
    assert_eq!(host.get(&path).expect(200).json(), after);
}

#[test]
fn completed_at_is_set_only_at_the_first_completion() {
    let host = Setup::tasks().start();
    let path = created_path(&host, &draft("Done once"));
    let completed = host.put(&path, &json!({"status": "completed"})).expect(200);
    let first = completed.json()["completed_at"].clone();
    assert!(first.is_string(), "{first}");
    let reopened = host.put(&path, &json!({"status": "pending"})).expect(200);
    assert_eq!(reopened.json()["completed_at"], first);
    let again = host.put(&path, &json!({"status": "completed"})).expect(200);
    assert_eq!(again.json()["completed_at"], first);
}

#[test]
fn an_absent_task_cannot_be_changed_or_deleted() {
    let host = Setup::tasks().start();
    let body = json!({"title": "Nobody"});
    host.put("/tasks/9", &body).problem(404, "task-not-found");
    host.patch("/tasks/9", &body).problem(404, "task-not-found");
    host.delete("/tasks/9").problem(404, "task-not-found");
    host.put("/tasks/x", &body)
        .problem_at(422, "invalid-request", &["#/path/id"]);
}

#[test]
fn dependencies_must_exist_and_may_not_form_a_cycle() {
    let host = Setup::tasks().start();
    for title in ["One", "Two", "Three"] {
        create(&host, &draft(title));
    }
    let depend =
        |id: i64, on: Value| host.put(&format!("/tasks/{id}"), &json!({"dependencies": on}));
    depend(1, json!([99])).problem(400, "dependency-not-found");
    depend(1, json!([1])).problem(409, "dependency-cycle");
    depend(1, json!([2])).expect(200);
    depend(2, json!([3])).expect(200);
    depend(3, json!([1])).problem(409, "dependency-cycle");
    depend(2, json!([1])).problem(409, "dependency-cycle");
    // A diamond is not a cycle.
    depend(1, json!([2, 3])).expect(200);
    let tasks = host.get("/tasks?order=asc").expect(200).json();
    assert_eq!(
        column(&tasks, "dependencies"),
        [json!([2, 3]), json!([3]), json!([])]
    );
}

#[test]
fn deleting_a_task_removes_it_from_the_dependencies_of_others() {
    let host = Setup::tasks().start();
    create(&host, &draft("Base"));
    create(&host, &draft("Second base"));
    for title in ["A needs it", "B needs it"] {
        create(&host, &draft_with(title, json!({"dependencies": [1, 2]})));
    }
    let before = host.get("/tasks/3").expect(200).json();
    let answer = host.delete("/tasks/1").expect(200).json();
    assert_eq!(answer["affected_tasks"], 2);
    assert!(answer["message"].is_string(), "{answer}");
    assert_eq!(answer.as_object().map(|members| members.len()), Some(2));
    let after = host.get("/tasks/3").expect(200).json();
    assert_eq!(after["dependencies"], json!([2]));
    assert_ne!(after["checksum"], before["checksum"]);
    host.get("/tasks/1").problem(404, "task-not-found");
    assert_eq!(
        host.delete("/tasks/4").expect(200).json()["affected_tasks"],
        0
    );
}

#[test]
fn a_change_with_if_match_needs_the_current_entity_tag() {
    let host = Setup::tasks().start();
    let path = created_path(&host, &draft("Guarded"));
    let tag = host.get(&path).expect_header("etag").to_owned();
    let send = |method: &str, tag: &str, title: &str| {
        host.request(method, &path)
            .header("if-match", tag)
            .json(&json!({"title": title}))
            .send()
    };
    let changed = send("PUT", &tag, "Changed").expect(200);
    let newer = changed.expect_header("etag").to_owned();
    assert_ne!(newer, tag);
    assert_eq!(host.get(&path).header("etag"), Some(&*newer));

    for stale in [&tag, "\"no such state\""] {
        send("PUT", stale, "Lost").problem(412, "precondition-failed");
        send("PATCH", stale, "Lost").problem(412, "precondition-failed");
        send("DELETE", stale, "Lost").problem(412, "precondition-failed");
    }
    // `If-Match` uses strong comparison, which a weak tag never passes (RFC 9110, 13.1.1).
    send("PUT", &format!("W/{newer}"), "Lost").problem(412, "precondition-failed");
    assert_eq!(host.get(&path).json()["title"], "Changed");

    send("PATCH", &format!("\"x\", {newer}"), "Listed").expect(200);
    send("PUT", "*", "Any").expect(200);
    let last = host.get(&path).expect_header("etag").to_owned();
    host.request("DELETE", &path)
        .header("if-match", &last)
        .send()
        .expect(200);
    // A precondition is evaluated only if the request would succeed without it (RFC 9110, 13.2.1).
    send("PUT", "*", "Gone").problem(404, "task-not-found");
}

#[test]
fn of_concurrent_changes_with_one_entity_tag_one_succeeds() {
    let host = Setup::tasks().start();
    let path = created_path(&host, &draft("Contended"));
    let tag = host.get(&path).expect_header("etag").to_owned();
    let mut statuses: Vec<u16> = std::thread::scope(|scope| {
        let puts: Vec<_> = (0..6)
            .map(|n| {
                let request = host
                    .request("PUT", &path)
                    .header("if-match", &tag)
                    .json(&json!({"title": format!("Writer {n}")}));
                scope.spawn(move || request.send().status)
            })
            .collect();
        puts.into_iter()
            .map(|put| put.join().expect("no panic"))
            .collect()
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412, 412, 412, 412]);
}
