//! The commands `inspect`, `call` and `healthcheck`.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Host, Refused, Setup, built, run, task_host};
use crate::hostile::probe::{Probe, file};

/// Runs `task-host call`.
fn call(host: &Host, operation: &str, arguments: &Value) -> Refused {
    let mut command = task_host();
    command
        .args(["call", operation, &arguments.to_string()])
        .args(["--to", &format!("http://{}", host.address)]);
    run(command)
}

/// Runs `task-host call`, which must succeed, and returns its output.
#[track_caller]
fn result_of(host: &Host, operation: &str, arguments: &Value) -> Value {
    let output = call(host, operation, arguments);
    assert_eq!(output.code, Some(0), "{output:#?}");
    serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{output:#?}"))
}

#[test]
fn call_sends_each_argument_in_the_path_the_query_or_the_body() {
    let host = Setup::tasks().start();
    let draft = json!({"title": "Called", "category": "feature"});
    let task = result_of(&host, "tasks.create", &draft);
    assert_eq!(task["title"], "Called");
    assert_eq!(result_of(&host, "tasks.get", &json!({"id": 1})), task);
    let change = json!({"id": 1, "title": "Changed"});
    assert_eq!(
        result_of(&host, "tasks.update", &change)["title"],
        "Changed"
    );
    for (filter, found) in [("pending", 1), ("completed", 0)] {
        let tasks = result_of(&host, "tasks.list", &json!({"status": filter, "limit": 10}));
        assert_eq!(tasks.as_array().map(Vec::len), Some(found), "{filter}");
    }
    result_of(&host, "tasks.delete", &json!({"id": 1}));
}

#[test]
fn call_sends_the_items_of_a_list_one_by_one() {
    let host = Setup::tasks().start();
    let tags = json!(["a,b", "c d+%"]);
    let draft = json!({"title": "Tagged", "category": "feature", "tags": tags});
    assert_eq!(result_of(&host, "tasks.create", &draft)["tags"], tags);
    for (filter, found) in [
        (json!(["a,b"]), 1),
        (json!("a,b"), 1),
        (json!(["c d+%"]), 1),
        (json!(["a", "b"]), 0),
        (json!(null), 1),
    ] {
        let tasks = result_of(&host, "tasks.list", &json!({ "tags": filter }));
        assert_eq!(tasks.as_array().map(Vec::len), Some(found), "{filter}");
    }
}

#[test]
fn call_shows_a_problem_and_fails() {
    let host = Setup::tasks().start();
    call(&host, "tasks.get", &json!({"id": 7})).says(1, &["task-not-found"]);
    call(&host, "tasks.create", &json!({"title": "x"})).says(1, &["#/category"]);
    call(&host, "tasks.none", &json!({})).says(1, &["tasks.none"]);
    let mut command = task_host();
    command.args([
        "call",
        "tasks.get",
        "{not json",
        "--to",
        "http://127.0.0.1:1",
    ]);
    let refused = run(command);
    assert!(matches!(refused.code, Some(1 | 2)), "{refused:#?}");
}

#[test]
fn healthcheck_reports_by_its_exit_status() {
    let host = Setup::tasks().start();
    let check = |address: String| {
        let mut command = task_host();
        command.args(["healthcheck", "--to", &format!("http://{address}")]);
        run(command).code
    };
    let (api, admin) = (host.address.to_string(), host.admin_address.to_string());
    assert_eq!(check(api), Some(0));
    assert_eq!(check(admin.clone()), Some(0));
    host.kill();
    assert_eq!(check(admin), Some(1));
}

#[test]
fn inspect_shows_imports_exports_routes_and_digest() {
    let path = built("tasks.wasm");
    let digest: String = Sha256::digest(std::fs::read(&path).expect("the component"))
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let inspect = |json: bool| {
        let mut command = task_host();
        command.arg("inspect").arg(&path);
        if json {
            command.arg("--json");
        }
        let output = run(command);
        assert_eq!(output.code, Some(0), "{output:#?}");
        output.stdout
    };
    let facts: Value = serde_json::from_str(&inspect(true)).expect("JSON");
    assert_eq!(facts["digest"], format!("sha256:{digest}"));
    let text = facts.to_string();
    for word in [
        "task-host:platform/sql@1.0.0",
        "task-host:platform/service@1.0.0",
        "wasi:clocks/wall-clock",
        "tasks:api/tasks#get",
        "/tasks/{id}",
        "/api/tasks",
    ] {
        assert!(text.contains(word), "{word}: {facts:#}");
    }
    assert!(!text.contains("wasi:filesystem"), "{facts:#}");
    let functions = &facts["imported_functions"];
    let sql = functions.as_array().expect("a list").iter();
    let sql = sql
        .clone()
        .find(|import| import["interface"] == "task-host:platform/sql@1.0.0");
    let sql = &sql.expect("the interface")["functions"];
    assert_eq!(sql, &json!(["engine", "query", "execute"]), "{functions}");
    let assets = facts["assets"].as_array().expect("a list");
    let page = assets.iter().find(|asset| asset["path"] == "/");
    let page = page.unwrap_or_else(|| panic!("no page: {assets:?}"));
    assert!(
        page["media_type"].to_string().contains("text/html"),
        "{page}"
    );
    assert!(page["size_bytes"].as_u64() > Some(1000), "{page}");
    assert_eq!(facts["limits"]["--memory-limit"], "64MiB", "{facts:#}");
    assert_eq!(facts["limits"]["--cpu-limit"], "1s", "{facts:#}");
    let words = inspect(false);
    for word in [
        &*digest,
        "/tasks/{id}",
        "engine query execute",
        "text/html",
        "--request-timeout  5s",
    ] {
        assert!(words.contains(word), "{word}: {words}");
    }
}

#[test]
fn inspect_refuses_a_file_that_is_not_a_component() {
    let setup = file(b"no component");
    let mut command = task_host();
    command.arg("inspect").arg(setup.component_path());
    run(command).says(1, &["component"]);
}

#[test]
fn inspect_shows_a_minimal_component() {
    let setup = Probe::good().setup();
    let mut command = task_host();
    command
        .arg("inspect")
        .arg(setup.component_path())
        .arg("--json");
    let output = run(command);
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert!(output.stdout.contains("test:probe/api#get"), "{output:#?}");
}
