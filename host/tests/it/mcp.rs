//! `/mcp`: the operations as tools for agents.

mod agent;
mod bridge;
mod calls;
mod notices;

use serde_json::json;

use self::agent::{Agent, V2025, V2026};
use crate::harness::Setup;

const TASK_TOOLS: [&str; 18] = [
    "simple_tasks_create",
    "simple_tasks_delete",
    "simple_tasks_get",
    "simple_tasks_list",
    "simple_tasks_update",
    "tasks_count",
    "tasks_create",
    "tasks_create_bulk",
    "tasks_delete",
    "tasks_get",
    "tasks_list",
    "tasks_list_changes",
    "tasks_measure_productivity",
    "tasks_recount",
    "tasks_reindex",
    "tasks_restore",
    "tasks_summarize",
    "tasks_update",
];

#[test]
fn the_handshake_introduces_the_service() {
    let host = Setup::tasks().start();
    for (asked, spoken) in [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        // It has no handshake; the answer is the latest version that has one.
        ("2026-07-28", "2025-11-25"),
        ("1999-01-01", "2025-11-25"),
    ] {
        let params = json!({
            "protocolVersion": asked,
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        });
        let answer = Agent::of(&host, V2025)
            .send("initialize", params)
            .expect(200);
        assert!(
            answer
                .header("mcp-session-id")
                .is_some_and(|id| id.len() == 32)
        );
        let result = &answer.json()["result"];
        assert_eq!(result["protocolVersion"], spoken, "{asked}");
        assert_eq!(
            result["serverInfo"]["name"],
            host.get("/openapi.json").json()["info"]["title"]
        );
        assert_eq!(
            result["capabilities"],
            json!({"tools": {"listChanged": true}})
        );
        let instructions = result["instructions"].as_str().expect("a text");
        for part in [
            "The task management API",
            "`simple_tasks_`",
            "`dry_run: true`",
        ] {
            assert!(instructions.contains(part), "{part}: {instructions}");
        }
    }
    let found = Agent::of(&host, V2026).ask("server/discover", json!({}));
    let versions = found["supportedVersions"].as_array().expect("a list");
    assert!(versions.contains(&json!(V2026)), "{found}");
    assert!(found["instructions"].is_string(), "{found}");
}

#[test]
fn every_operation_is_a_tool_with_the_documentation_of_its_wit() {
    let host = Setup::tasks().start();
    for version in [V2025, V2026] {
        let agent = Agent::of(&host, version);
        assert_eq!(agent.tool_names(), TASK_TOOLS);
        let create = agent.tool("tasks_create");
        assert_eq!(create["title"], "Creates a task");
        let input = &create["inputSchema"];
        assert_eq!(input["required"], json!(["title", "category"]));
        assert_eq!(input["additionalProperties"], false);
        assert_eq!(input["properties"]["dry_run"]["type"], "boolean");
        let priority = &input["properties"]["priority"];
        assert!(priority.to_string().contains("critical"), "{priority}");
        assert!(!create.to_string().contains("$ref"), "{create}");
        assert_eq!(create["outputSchema"]["type"], "object");
        assert!(create["outputSchema"]["properties"]["checksum"].is_object());

        let update = agent.tool("tasks_update");
        let properties = &update["inputSchema"]["properties"];
        assert!(properties["id"].is_object() && properties["title"].is_object());
        assert_eq!(update["inputSchema"]["required"], json!(["id"]));
        let bulk = agent.tool("tasks_create_bulk");
        assert_eq!(bulk["inputSchema"]["required"], json!(["drafts"]));
        let list = agent.tool("tasks_list");
        assert_eq!(list["outputSchema"]["required"], json!(["tasks", "next"]));
        assert!(list["inputSchema"]["properties"].get("dry_run").is_none());

        let hints = |name: &str| {
            let hints = agent.tool(name)["annotations"].clone();
            [
                "readOnlyHint",
                "destructiveHint",
                "idempotentHint",
                "openWorldHint",
            ]
            .map(|hint| hints[hint].as_bool().expect("a hint"))
        };
        assert_eq!(hints("tasks_list"), [true, false, true, false]);
        assert_eq!(hints("tasks_create"), [false, false, false, false]);
        assert_eq!(hints("tasks_update"), [false, false, true, false]);
        assert_eq!(hints("tasks_delete"), [false, true, true, false]);
    }
}

#[test]
fn a_host_can_offer_only_reads_or_nothing() {
    let host = Setup::tasks().flag("--mcp", "read-only").start();
    let agent = Agent::of(&host, V2025);
    let names = agent.tool_names();
    assert!(names.contains(&"tasks_list".to_owned()), "{names:?}");
    assert!(
        !names.iter().any(|name| name.ends_with("_create")),
        "{names:?}"
    );
    let draft = json!({"title": "Refused", "category": "feature"});
    let refused = agent.refusal(
        "tools/call",
        json!({"name": "tasks_create", "arguments": draft}),
    );
    assert_eq!(refused["code"], -32602, "{refused}");
    assert_eq!(host.get("/tasks").json(), json!([]));

    let host = Setup::tasks().variable("TASK_HOST_MCP", "off").start();
    Agent::of(&host, V2025)
        .send("tools/list", json!({}))
        .problem(404, "not-found");
    host.get("/mcp").problem(404, "not-found");
}

#[test]
fn a_page_needs_an_origin_that_the_operator_has_named() {
    let named = "https://agent.example.com";
    let host = Setup::tasks()
        .flag("--cors-origin", format!("*,{named}"))
        .start();
    let from = |origin: &str| {
        let request = Agent::of(&host, V2025).request("tools/list", json!({}));
        request.header("origin", origin).send()
    };
    for origin in [named, "http://localhost:6274", "http://127.0.0.1:3000"] {
        from(origin).expect(200);
    }
    for origin in [
        "https://evil.example.com",
        "http://agent.example.com",
        "null",
        "http://localhost.evil.example.com",
    ] {
        from(origin).problem(403, "foreign-origin");
        let follow = host
            .request("GET", "/mcp")
            .header("accept", "text/event-stream");
        follow
            .header("origin", origin)
            .send()
            .problem(403, "foreign-origin");
    }
}

#[test]
fn what_is_not_the_protocol_is_refused_with_a_reason() {
    let host = Setup::tasks().start();
    let agent = Agent::of(&host, V2025);
    for method in ["PUT", "PATCH", "DELETE", "HEAD"] {
        let answer = host.request(method, "/mcp").send().expect(405);
        assert_eq!(
            answer.header("allow"),
            Some("GET, POST, OPTIONS"),
            "{method}"
        );
    }
    host.get("/mcp/tools").problem(404, "not-found");
    host.request("GET", "/mcp")
        .header("accept", "application/json")
        .send()
        .problem(406, "not-acceptable");
    let post = |accept: &str, media_type: &str, body: &str| {
        let request = host.request("POST", "/mcp").header("accept", accept);
        request.body(media_type, body).send()
    };
    let both = "application/json, text/event-stream";
    assert!(
        post("application/json", "application/json", "{}")
            .expect(406)
            .text()
            .contains("text/event-stream")
    );
    assert!(
        post(both, "text/plain", "{}")
            .expect(415)
            .text()
            .contains("application/json")
    );
    assert!((400..500).contains(&post(both, "application/json", "{").status));
    let answer = post(
        both,
        "application/json",
        &format!("\"{}\"", "x".repeat(2 << 20)),
    );
    answer.problem(413, "payload-too-large");
    assert_eq!(agent.refusal("prompts/list", json!({}))["code"], -32601);
    let cursor = agent.refusal("tools/list", json!({"cursor": "2"}));
    assert_eq!(cursor["code"], -32602);
    let newer = host
        .request("POST", "/mcp")
        .header("accept", both)
        .header("mcp-protocol-version", "2999-01-01");
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    newer.json(&body).send().expect(400);
}
