//! Restoring deleted tasks, and the changes of a task.

use serde_json::json;

use super::{create, draft, draft_with};
use crate::harness::Setup;

#[test]
fn a_deleted_task_is_restored_with_its_id_members_and_dependencies() {
    let host = Setup::tasks().start();
    let members = json!({
        "description": "By hand", "assignee": "Ana", "estimated_hours": 0.1, "tags": ["api"],
        "due_at": "2030-01-01T00:00:00.000001Z", "priority": "critical",
    });
    let before = create(&host, &draft_with("Write the parser", members));
    let needing = create(&host, &draft_with("Use it", json!({"dependencies": [1]})));
    let summary = host.get("/tasks/stats/summary").expect(200).json();
    host.delete("/tasks/1").expect(200);
    host.get("/tasks/1").problem(404, "task-not-found");
    assert_eq!(host.get("/tasks/2").json()["dependencies"], json!([]));

    let answer = host.request("POST", "/tasks/1/restore").send().expect(200);
    let after = answer.json();
    let tag = format!("\"{}\"", after["checksum"].as_str().unwrap());
    assert_eq!(answer.header("etag"), Some(&*tag));
    assert_eq!(host.get("/tasks/1").json(), after);
    for (member, value) in before.as_object().unwrap() {
        if !["updated_at", "checksum"].contains(&&**member) {
            assert_eq!(&after[member], value, "{member}");
        }
    }
    assert!(after["updated_at"].is_string());
    let needing_after = host.get("/tasks/2").json();
    assert_eq!(needing_after["dependencies"], json!([1]));
    assert_ne!(needing_after["checksum"], needing["checksum"]);
    assert_eq!(host.get("/tasks/stats/summary").expect(200).json(), summary);
    let found = host.get("/tasks?q=parser").json();
    assert_eq!(found[0]["id"], 1);
    let next = create(&host, &draft("Next"));
    assert_eq!(next["id"], 3);
}

#[test]
fn restoring_can_be_tried_and_repeated_but_has_no_state_to_compare_with() {
    let host = Setup::tasks().start();
    create(&host, &draft("Once"));
    host.delete("/tasks/1").expect(200);
    let restore = |name: &str, value: &str| {
        let request = host.request("POST", "/tasks/1/restore");
        request.header(name, value).send()
    };
    restore("prefer", "tx=rollback").expect(200);
    restore("if-match", "*").problem(412, "precondition-failed");
    host.get("/tasks/1").problem(404, "task-not-found");
    let first = restore("idempotency-key", "k").expect(200);
    let again = restore("idempotency-key", "k").expect(200);
    assert_eq!(again.body, first.body);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(restore("accept", "*/*").expect(200).json(), first.json());
    host.request("POST", "/tasks/7/restore")
        .send()
        .problem(404, "task-not-found");
}

#[test]
fn changes_have_only_the_members_that_became_different() {
    let host = Setup::tasks().start();
    create(
        &host,
        &draft_with("Write, \"quote\" & test", json!({"estimated_hours": 0.1})),
    );
    assert_eq!(host.get("/tasks/1/changes").expect(200).json(), json!([]));
    let put = |body| host.put("/tasks/1", &body).expect(200).json();
    let first = put(json!({"status": "in_progress", "assignee": "Ana, Bob", "priority": "medium"}));
    put(json!({"status": "in_progress"}));
    let last = put(json!({
        "title": "Write it", "estimated_hours": 1e-7, "assignee": null, "tags": ["a,b", "c"],
        "due_at": "2030-01-01T00:00:00.5Z",
    }));
    let expected = json!([
        {
            "changed_at": last["updated_at"], "checksum": last["checksum"],
            "before": {
                "title": "Write, \"quote\" & test", "estimated_hours": 0.1, "assignee": "Ana, Bob",
                "tags": [], "due_at": null,
            },
            "after": {
                "title": "Write it", "estimated_hours": 1e-7, "assignee": null, "tags": ["a,b", "c"],
                "due_at": last["due_at"],
            },
        },
        {
            "changed_at": first["updated_at"], "checksum": first["checksum"],
            "before": {"status": "pending", "assignee": null},
            "after": {"status": "in_progress", "assignee": "Ana, Bob"},
        },
    ]);
    assert_eq!(host.get("/tasks/1/changes").expect(200).json(), expected);
    host.get("/tasks/7/changes").problem(404, "task-not-found");
}
