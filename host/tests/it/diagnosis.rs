//! What the log tells an author or an operator about a request that failed: which statement, which
//! limit, which problem.

use serde_json::{Value, json};

use crate::client::encode;
use crate::harness::{Host, Setup, built, run, task_host};

/// Waits for the first log line of the request with that id for which `wanted` holds.
#[track_caller]
fn line(host: &Host, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let found = host
        .log
        .find(|line| line["span"]["request.id"] == id && wanted(line));
    found.unwrap_or_else(|| panic!("no such line of {id}:\n{}", host.log.tail(20)))
}

/// Sends a request with that id, and waits until its last line is logged.
fn send(host: &Host, method: &str, path: &str, id: &str) -> u16 {
    let request = host.request(method, path).header("x-request-id", id);
    let status = request.send().status;
    line(host, id, |line| !line["duration_ms"].is_null());
    status
}

/// The lines of a request that has ended about statements that failed.
fn failed_statements(host: &Host, id: &str) -> Vec<Value> {
    let all = host.log.all().into_iter();
    all.filter(|line| line["span"]["request.id"] == id && !line["sql.cause"].is_null())
        .collect()
}

#[test]
fn a_statement_that_fails_is_logged_with_its_text_and_route() {
    let host = Setup::counter().start();
    let statement = "select one\n  from nowhere";
    let path = format!("/naughty/sql?statement={}", encode(statement));
    // The function returns a success all the same.
    assert_eq!(send(&host, "GET", &path, "failing"), 500);
    let lines = failed_statements(&host, "failing");
    assert_eq!(lines.len(), 1, "{lines:?}");
    let line = &lines[0];
    assert_eq!(line["level"], "WARN", "{line}");
    assert_eq!(line["target"], "logic", "{line}");
    assert_eq!(line["sql.cause"], "other", "{line}");
    assert_eq!(line["db.query.text"], "select one from nowhere", "{line}");
    assert_eq!(line["span"]["http.route"], "/naughty/sql", "{line}");
    let message = line["message"].as_str().expect("a message");
    assert!(message.starts_with("a statement failed: "), "{message}");
    assert!(message.contains("nowhere"), "{message}");
}

#[test]
fn a_broken_constraint_is_logged_for_those_who_want_to_know() {
    let statement = "insert into counters (name, value, step, color, version)
        select name, 0, 1, 'red', 1 from counters";
    let conflict = |setup: Setup, id: &str| {
        let host = setup.start();
        host.post("/counters", &json!({"name": "a secret"}))
            .expect(201);
        let request = host
            .request("POST", "/naughty/sql")
            .header("x-request-id", id);
        let answer = request.json(&json!(statement)).send();
        assert_eq!(answer.status, 500, "{answer}");
        line(&host, id, |line| !line["duration_ms"].is_null());
        failed_statements(&host, id)
    };
    assert_eq!(conflict(Setup::counter(), "quiet"), Vec::<Value>::new());
    let lines = conflict(Setup::counter().flag("--log", "info,logic=debug"), "loud");
    assert_eq!(lines.len(), 1, "{lines:?}");
    let line = &lines[0];
    assert_eq!(line["level"], "DEBUG", "{line}");
    assert_eq!(line["sql.cause"], "unique", "{line}");
    assert!(
        line["sql.constraint"].to_string().contains("counters"),
        "{line}"
    );
    assert!(!line.to_string().contains("a secret"), "{line}");
}

#[test]
fn the_line_of_a_time_out_names_the_limit_its_flag_and_its_value() {
    let limited = |flag: &str, value: &str| {
        let mut setup = Setup::counter();
        for (other, far) in [
            ("--request-timeout", "60s"),
            ("--write-hold", "60s"),
            ("--cpu-limit", "60s"),
        ] {
            setup = setup.flag(other, if other == flag { value } else { far });
        }
        setup.start()
    };
    for (flag, value, method, path) in [
        ("--request-timeout", "300ms", "GET", "/naughty/endless-loop"),
        ("--request-timeout", "300ms", "GET", "/naughty/slow-sql"),
        (
            "--request-timeout",
            "300ms",
            "POST",
            "/naughty/write-then-loop",
        ),
        ("--write-hold", "200ms", "POST", "/naughty/write-then-loop"),
        ("--write-hold", "200ms", "POST", "/naughty/slow-sql"),
        ("--cpu-limit", "200ms", "GET", "/naughty/endless-loop"),
    ] {
        let host = limited(flag, value);
        assert_eq!(send(&host, method, path, "late"), 504, "{method} {path}");
        let line = line(&host, "late", |line| !line["fault.kind"].is_null());
        let message = line["message"].as_str().expect("a message");
        assert!(message.contains(&format!("({flag})")), "{flag}: {message}");
        assert!(message.contains(value), "{flag}: {message}");
        assert_eq!(line["span"]["http.route"], path, "{line}");
    }
}

/// What the log says about a request that trapped.
fn trap(setup: Setup) -> String {
    let host = setup.start();
    assert_eq!(send(&host, "GET", "/naughty/trap", "trapped"), 500);
    let line = line(&host, "trapped", |line| {
        line["fault.kind"] == "logic-trapped"
    });
    line["message"].as_str().expect("a message").to_owned()
}

#[test]
fn a_trap_shows_its_source_lines_only_with_debug() {
    let built = || Setup::component(built("counter-debug.wasm"));
    let plain = trap(built());
    assert!(
        plain.contains("error while executing at wasm backtrace:"),
        "{plain}"
    );
    assert!(plain.contains("naughty"), "{plain}");
    assert!(!plain.contains(".rs:"), "{plain}");

    let shown = trap(built().variable("TASK_HOST_DEBUG", "true"));
    let source = include_str!("../components/counter/src/naughty.rs");
    let panics = source
        .lines()
        .position(|line| line.contains("panic!(\"on purpose\")"));
    let place = format!("naughty.rs:{}:", panics.expect("the line that panics") + 1);
    let own = shown
        .split("in the logic's own code:\n")
        .nth(1)
        .expect("own code");
    let first = own.lines().next().expect("a line");
    assert!(
        first.contains(&place),
        "{place} is not in {first}:\n{shown}"
    );
    let (own, stack) = own.split_once("the whole stack:\n").expect("the stack");
    assert!(!own.contains("panicking.rs"), "{own}");
    assert!(stack.contains("panicking.rs:"), "{stack}");

    let without = trap(Setup::counter().variable("TASK_HOST_DEBUG", "true"));
    assert!(without.contains("has no debug information"), "{without}");
    assert!(without.contains("naughty"), "{without}");
}

#[test]
fn with_debug_the_log_says_where_the_logic_was_when_a_limit_ended_it() {
    for (path, function, status, timeout) in [
        ("/naughty/endless-loop", "loop_forever", 504, "300ms"),
        ("/naughty/memory?mebibytes=500", "memory", 500, "60s"),
    ] {
        let setup = Setup::component(built("counter-debug.wasm"))
            .variable("TASK_HOST_DEBUG", "true")
            .flag("--request-timeout", timeout)
            .flag("--cpu-limit", "60s");
        let host = setup.start();
        assert_eq!(send(&host, "GET", path, function), status, "{path}");
        let line = line(&host, function, |line| {
            let message = line["message"].as_str().unwrap_or_default();
            message.starts_with("the logic was here (")
        });
        let message = line["message"].as_str().expect("a message");
        let own = message.split("the whole stack:").next().expect("own code");
        assert!(
            own.contains("naughty.rs:") && own.contains(function),
            "{message}"
        );
    }
}

#[test]
fn a_problem_with_a_status_of_500_or_more_is_logged_with_its_title_and_detail() {
    let host = Setup::counter().start();
    let path = "/naughty/wrong-status?status=503";
    let request = host
        .request("GET", path)
        .header("x-request-id", "own-problem");
    let problem = request.send().problem(503, "on-purpose");
    assert_eq!(problem["detail"], Value::Null, "{problem}");
    let line = line(&host, "own-problem", |line| line["level"] == "ERROR");
    assert_eq!(line["problem.status"], 503, "{line}");
    assert_eq!(line["problem.code"], "on-purpose", "{line}");
    assert_eq!(line["problem.title"], "On purpose", "{line}");
    assert_eq!(
        line["problem.detail"], "This is not an error status.",
        "{line}"
    );
    assert_eq!(
        line["span"]["http.route"], "/naughty/wrong-status",
        "{line}"
    );
}

#[test]
fn operators_read_the_log_lines_of_a_request_and_how_often_it_failed() {
    let host = Setup::counter().start();
    for id in ["first", "second", "third"] {
        assert_eq!(send(&host, "GET", "/naughty/trap", id), 500);
    }
    let path = "/admin/log?request=second&level=error";
    let lines = host.admin("GET", path).send().expect(200).json();
    let lines = lines.as_array().expect("a list");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["request_id"], "second");
    assert_eq!(lines[0]["fields"]["fault.kind"], "logic-trapped");
    let message = lines[0]["message"].as_str().expect("a message");
    assert!(message.contains("unreachable"), "{message}");

    let groups = host.admin("GET", "/admin/failures/groups").send();
    let groups = groups.expect(200).json();
    let group = &groups["groups"][0];
    assert_eq!([&group["count"], &groups["others"]], [3, 0], "{groups}");
    assert_eq!(group["request_id"], "third");
    assert_eq!(group["recorded"], true);
    let place = group["place"].as_str().expect("a place");
    assert!(place.contains("naughty"), "{place}");
    let mut command = task_host();
    let admin = format!("http://{}", host.admin_address);
    command.args(["failures", "--to", &admin]);
    let listed = run(command);
    assert_eq!(listed.code, Some(0), "{listed:#?}");
    let words = listed
        .stdout
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert!(words.contains("task-host replay third"), "{words}");
}
