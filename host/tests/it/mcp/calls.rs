//! Calls: each is a request to the operation's route, with everything that a request has.

use serde_json::{Value, json};

use super::agent::{Agent, V2025, V2026, pointers};
use crate::harness::Setup;
use crate::metrics::count;

fn draft(title: &str) -> Value {
    json!({"title": title, "category": "feature"})
}

#[test]
fn a_call_is_a_request_to_the_operation() {
    let host = Setup::tasks().start();
    for version in [V2025, V2026] {
        let agent = Agent::of(&host, version);
        let created = agent.result("tasks_create", draft("First task"));
        let id = created["id"].as_i64().expect("an id");
        assert_eq!(created, host.get(&format!("/tasks/{id}")).json());
        let change = json!({"id": id, "status": "in_progress", "tags": ["a", "b"]});
        assert_eq!(
            agent.result("tasks_update", change)["tags"],
            json!(["a", "b"])
        );
        let got = agent.result("tasks_get", json!({ "id": id }));
        assert_eq!(got, host.get(&format!("/tasks/{id}")).json());
        let bulk = json!({"drafts": [draft("Second task"), draft("Third task")], "dry_run": true});
        assert!(agent.result("tasks_create_bulk", bulk)["task_ids"].is_array());
        assert_eq!(agent.result("tasks_summarize", json!({}))["total"], 1);
        assert_eq!(
            agent.result("tasks_delete", json!({ "id": id }))["affected_tasks"],
            0
        );
        assert_eq!(host.get(&format!("/tasks/{id}")).status, 404);
    }
    // Both the call and the message are counted, under their own routes.
    let requests = |method: &str, route: &str, status: u16| {
        count(
            &host,
            &format!(
                "http_server_request_duration_seconds_count{{http_request_method=\"{method}\",http_route=\"{route}\",http_response_status_code=\"{status}\"}}"
            ),
        )
    };
    assert_eq!(requests("POST", "/tasks", 201), 2.0);
    assert_eq!(requests("DELETE", "/tasks/{id}", 200), 2.0);
    assert_eq!(requests("POST", "/mcp", 200), 12.0);
}

#[test]
fn both_lines_of_the_log_have_the_id_of_the_message() {
    let host = Setup::tasks().start();
    let params = json!({"name": "tasks_get", "arguments": {"id": 7}});
    let request = Agent::of(&host, V2025).request("tools/call", params);
    request
        .header("x-request-id", "agent-17")
        .send()
        .expect(200);
    for route in ["/tasks/{id}", "/mcp"] {
        let line = host.log.find(|line| {
            let span = &line["span"];
            span["http.route"] == route && span["request.id"] == "agent-17"
        });
        assert!(line.is_some(), "{route}");
    }
}

#[test]
fn a_problem_is_an_error_of_the_tool_that_points_to_the_arguments() {
    let host = Setup::tasks().start();
    let agent = Agent::of(&host, V2025);
    let problem = agent.failure("tasks_get", json!({"id": 7}));
    assert_eq!(problem["type"], "urn:task-host:problem:task-not-found");
    assert_eq!(problem["status"], 404);
    for (tool, arguments, expected) in [
        (
            "tasks_create",
            json!({"title": "x", "category": "feature"}),
            &["#/title"][..],
        ),
        (
            "tasks_create",
            json!({"title": 7, "category": "none"}),
            &["#/category", "#/title"],
        ),
        (
            "tasks_create",
            json!({"title": "Title", "category": "feature", "color": 1}),
            &["#/color"],
        ),
        (
            "tasks_create_bulk",
            json!({"drafts": [{"title": "Title"}]}),
            &["#/drafts/0/category"],
        ),
        (
            "tasks_create_bulk",
            json!({"drafts": [], "more": 1}),
            &["#/more"],
        ),
        ("tasks_create_bulk", json!({}), &["#/drafts"]),
        (
            "tasks_list",
            json!({"limit": "many", "status": "done"}),
            &["#/limit", "#/status"],
        ),
        ("tasks_list", json!({"limits": 1}), &["#/limits"]),
        ("tasks_list", json!({"tags": [{}]}), &["#/tags"]),
        ("tasks_get", json!({}), &["#/id"]),
        ("tasks_get", json!({"id": "seven"}), &["#/id"]),
        ("tasks_get", json!({"id": ""}), &["#/id"]),
        ("tasks_get", json!({"id": [1]}), &["#/id"]),
        (
            "tasks_get",
            json!({"id": 1, "dry_run": true}),
            &["#/dry_run"],
        ),
        (
            "tasks_delete",
            json!({"id": 1, "dry_run": "yes"}),
            &["#/dry_run"],
        ),
        (
            "tasks_update",
            json!({"id": 1, "titel": "Typo"}),
            &["#/titel"],
        ),
    ] {
        let problem = agent.failure(tool, arguments.clone());
        assert_eq!(problem["status"], 422, "{tool} {arguments}: {problem}");
        assert_eq!(
            pointers(&problem),
            expected,
            "{tool} {arguments}: {problem}"
        );
    }
    assert_eq!(host.get("/tasks").json(), json!([]));
    let unknown = agent.refusal("tools/call", json!({"name": "tasks_drop", "arguments": {}}));
    assert_eq!(unknown["code"], -32602);
    assert!(
        unknown["message"]
            .as_str()
            .is_some_and(|text| text.contains("tasks_drop"))
    );
}

#[test]
fn a_dry_run_has_the_result_of_the_call_and_keeps_nothing() {
    let host = Setup::tasks().start();
    let agent = Agent::of(&host, V2025);
    agent.result("tasks_create", draft("First task"));
    let before = host.get("/tasks").body;
    for (tool, arguments) in [
        (
            "tasks_create",
            json!({"title": "Second task", "category": "feature", "dry_run": true}),
        ),
        (
            "tasks_update",
            json!({"id": 1, "status": "completed", "dry_run": true}),
        ),
        ("tasks_delete", json!({"id": 1, "dry_run": true})),
    ] {
        let tried = agent.call(tool, arguments.clone());
        assert_eq!(tried["isError"], false, "{tried}");
        assert_eq!(tried["_meta"]["task-host/dry-run"], true);
        let note = tried["content"][1]["text"].as_str();
        assert!(
            note.is_some_and(|note| note.contains("nothing was kept")),
            "{tried}"
        );
        assert_eq!(host.get("/tasks").body, before, "{tool}");
    }
    let refused = json!({"title": "x", "category": "feature", "dry_run": true});
    assert_eq!(
        pointers(&agent.failure("tasks_create", refused)),
        ["#/title"]
    );
    let kept = json!({"title": "Second task", "category": "feature", "dry_run": false});
    agent.result("tasks_create", kept);
    assert_ne!(host.get("/tasks").body, before);
}

#[test]
fn a_long_list_comes_in_pages() {
    let host = Setup::tasks().start();
    let agent = Agent::of(&host, V2026);
    for number in 1..=5 {
        agent.result("tasks_create", draft(&format!("Task {number}")));
    }
    let mut arguments = json!({"limit": 2, "sort_by": "created_at", "order": "asc"});
    let mut pages = Vec::new();
    loop {
        let page = agent.result("tasks_list", arguments.clone());
        pages.push(page["tasks"].as_array().expect("tasks").len());
        if page["next"].is_null() {
            break;
        }
        arguments["cursor"] = page["next"].clone();
    }
    assert_eq!(pages, [2, 2, 1]);
}

#[test]
fn a_call_can_carry_a_key_and_a_condition() {
    let host = Setup::tasks().start();
    let agent = Agent::of(&host, V2025);
    let create = |title: &str| {
        let meta = json!({"task-host/idempotency-key": "key-1"});
        agent.ask(
            "tools/call",
            json!({"name": "tasks_create", "arguments": draft(title), "_meta": meta}),
        )
    };
    let first = create("Only once");
    let again = create("Only once");
    assert_eq!(first["structuredContent"], again["structuredContent"]);
    assert_eq!(again["_meta"]["task-host/idempotent-replayed"], "true");
    let other = create("Another one");
    assert!(
        other["content"][0]["text"]
            .as_str()
            .is_some_and(|text| text.contains("idempotency-key-reused"))
    );
    assert_eq!(host.get("/tasks").json().as_array().map(Vec::len), Some(1));

    let tag = first["_meta"]["task-host/etag"].clone();
    let change = |tag: &Value, title: &str| {
        let arguments = json!({"id": 1, "title": title});
        agent.ask("tools/call", json!({"name": "tasks_update", "arguments": arguments, "_meta": {"task-host/if-match": tag}}))
    };
    assert_eq!(change(&tag, "Changed once")["isError"], false);
    let refused = change(&tag, "Changed twice");
    assert!(
        refused["content"][0]["text"]
            .as_str()
            .is_some_and(|text| text.contains("precondition-failed"))
    );
    assert_eq!(change(&json!(7), "Changed")["isError"], true);
}

#[test]
fn types_of_every_kind_are_arguments_and_results() {
    let host = Setup::counter().start();
    let agent = Agent::of(&host, V2025);
    let counter = json!({"name": "a/b c", "value": u64::MAX - 1, "color": "sky_blue"});
    assert_eq!(
        agent.result("counters_create", counter)["value"],
        u64::MAX - 1
    );
    let raised = agent.result("counters_increment", json!({"name": "a/b c", "by": 1}));
    assert_eq!(raised["value"], u64::MAX);
    let listed = agent.result(
        "counters_list",
        json!({"colors": ["sky_blue", "red"], "prefix": "a/"}),
    );
    assert_eq!(listed["counters"][0]["name"], "a/b c");
    assert!(listed["next"].is_null());
    // An operation that returns nothing.
    let deleted = agent.call("counters_delete", json!({"name": "a/b c"}));
    assert_eq!(
        deleted["content"],
        json!([{"type": "text", "text": "Done."}])
    );
    assert!(agent.tool("counters_delete").get("outputSchema").is_none());
    // A fault of the logic costs this call.
    let fault = agent.failure("naughty_trap", json!({}));
    assert_eq!(fault["type"], "urn:task-host:problem:logic-trapped");
}
