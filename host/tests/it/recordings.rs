//! Requests that failed or were slow are recorded, and `task-host replay` runs them again.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Host, Refused, Setup, built, eventually, run, task_host};
use crate::postgres::server;

/// Sends a request with an id.
#[track_caller]
fn send(host: &Host, method: &str, path: &str, id: &str, status: u16) {
    let request = host.request(method, path).header("x-request-id", id);
    request.send().expect(status);
}

/// The recording of a request.
#[track_caller]
fn recording(host: &Host, id: &str) -> Value {
    let path = format!("/admin/recordings/{id}");
    host.admin("GET", &path).send().expect(200).json()
}

/// Writes a recording to a file of a folder.
fn save(folder: &Path, name: &str, recording: &Value) {
    fs::write(folder.join(name), recording.to_string()).expect("a file");
}

/// Runs `task-host replay`, with the code that the hosts of all tests have compiled.
fn replay(flags: &[&str]) -> Refused {
    let mut command = task_host();
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("code-cache");
    command.arg("replay").args(flags);
    command.arg("--cache-dir").arg(cache);
    run(command)
}

/// Replays a recording from a file and returns the report.
#[track_caller]
fn replayed(recording: &Value, component: &str) -> (Option<i32>, Value) {
    let folder = TempDir::new().expect("a folder");
    save(folder.path(), "recording.json", recording);
    let file = folder.path().join("recording.json");
    let (file, component) = (file.display().to_string(), built(component));
    let component = component.display().to_string();
    let ended = replay(&["--file", &file, "--component", &component, "--json"]);
    let report = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:#?}"));
    (ended.code, report)
}

#[test]
fn every_kind_of_fault_is_recorded_and_replays_to_the_same_fault() {
    let folder = TempDir::new().expect("a folder");
    let record = |host: &Host, cases: &[(&str, &str, u16, &str)]| {
        for (method, path, status, code) in cases {
            send(host, method, path, code, *status);
            let recording = recording(host, code);
            assert_eq!(recording["outcome"]["code"], *code, "{path}: {recording}");
            save(folder.path(), &format!("{code}.json"), &recording);
        }
    };
    let limited = Setup::counter()
        .flag("--request-timeout", "60s")
        .flag("--cpu-limit", "200ms")
        .flag("--memory-limit", "16MiB")
        .flag("--handover-limit", "1MiB")
        .flag("--answer-limit", "100KiB")
        .flag("--statement-limit", "20")
        .flag("--row-limit", "50")
        .flag("--byte-limit", "100KiB")
        .flag("--event-limit", "3");
    let host = limited.start();
    record(
        &host,
        &[
            ("POST", "/naughty/write-then-trap", 500, "logic-trapped"),
            ("GET", "/naughty/endless-loop", 504, "cpu-time-exceeded"),
            (
                "GET",
                "/naughty/memory?mebibytes=20",
                500,
                "memory-limit-exceeded",
            ),
            (
                "GET",
                "/naughty/parameters?bytes=2000000&times=1",
                500,
                "handover-limit-exceeded",
            ),
            (
                "GET",
                "/naughty/large-result?bytes=102399",
                500,
                "answer-limit-exceeded",
            ),
            (
                "GET",
                "/naughty/statements?count=21",
                500,
                "statement-limit-exceeded",
            ),
            ("GET", "/naughty/rows?count=51", 500, "row-limit-exceeded"),
            (
                "GET",
                "/naughty/wide-rows?count=11&bytes=10000",
                500,
                "byte-limit-exceeded",
            ),
            (
                "POST",
                "/naughty/write-then-not-a-number",
                500,
                "logic-returned-invalid-value",
            ),
            (
                "POST",
                "/naughty/ignore-failure",
                500,
                "logic-ignored-failure",
            ),
            ("GET", "/naughty/wrong-status?status=503", 503, "on-purpose"),
        ],
    );
    let trap = recording(&host, "logic-trapped");
    assert_eq!(trap["reason"], "failed");
    assert_eq!(trap["call"]["route"], "/naughty/write-then-trap");
    assert_eq!(trap["statements"][0]["result"], json!({"changed": 1}));
    let reason = trap["outcome"]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("naughty"), "{trap}");
    // A stack that overflows is a trap, too.
    send(&host, "GET", "/naughty/recursion", "stack", 500);
    save(folder.path(), "stack.json", &recording(&host, "stack"));
    drop(host);

    let host = Setup::counter()
        .flag("--request-timeout", "300ms")
        .flag("--cpu-limit", "60s")
        .start();
    record(
        &host,
        &[("GET", "/naughty/endless-loop", 504, "deadline-exceeded")],
    );
    send(&host, "GET", "/naughty/slow-sql", "slow-sql", 504);
    let slow = recording(&host, "slow-sql");
    assert_eq!(
        slow["statements"][0]["result"]["ended"]["by"], "deadline",
        "{slow}"
    );
    save(folder.path(), "slow-sql.json", &slow);
    drop(host);

    let component = built("counter.wasm").display().to_string();
    let folder = folder.path().display().to_string();
    let ended = replay(&["--dir", &folder, "--component", &component, "--json"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let reports: Vec<Value> = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(reports.len(), 14);
    for report in reports {
        assert_eq!(report["same"], true, "{report}");
        assert_eq!(
            report["replayed"]["code"], report["recorded"]["code"],
            "{report}"
        );
        let id = report["request_id"].as_str().expect("an id");
        if id.contains('-') && id != "slow-sql" && id != "on-purpose" {
            assert_eq!(report["replayed"]["code"], id, "{report}");
        }
    }
}

#[test]
fn an_exit_is_recorded_and_replays_to_the_same_exit() {
    let host = Setup::component(built("wasi.wasm")).start();
    send(&host, "GET", "/attempts/exit?n=3", "exit", 500);
    let recording = recording(&host, "exit");
    assert_eq!(recording["outcome"]["code"], "logic-exited");
    let (code, report) = replayed(&recording, "wasi.wasm");
    assert_eq!((code, &report["same"]), (Some(0), &json!(true)), "{report}");
}

#[test]
fn arguments_of_every_type_the_clock_and_random_numbers_survive() {
    let host = Setup::counter().flag("--record-slow", "0ms").start();
    let echoed = crate::toy::echo::everything();
    let request = host.request("POST", "/echo").header("x-request-id", "echo");
    request.json(&echoed).send().expect(200);
    send(&host, "GET", "/naughty/random?len=16", "random", 200);
    send(&host, "GET", "/naughty/clock", "clock", 200);
    for id in ["echo", "random", "clock"] {
        let recording = recording(&host, id);
        assert_eq!(recording["reason"], "slow");
        let (code, report) = replayed(&recording, "counter.wasm");
        assert_eq!(code, Some(0), "{report}");
        assert_eq!(report["replayed"]["body"], recording["outcome"]["body"]);
    }
}

#[test]
fn a_request_is_replayed_by_its_id_with_the_component_of_the_host() {
    let setup = Setup::counter().flag("--admin-token", "s3cret");
    let host = setup.start();
    send(&host, "GET", "/naughty/trap", "trapped", 500);
    let to = format!("http://{}", host.admin_address);
    let saved = setup.directory().join("recordings/trap.json");
    let saved = saved.display().to_string();
    let ended = replay(&[
        "trapped", "--to", &to, "--token", "s3cret", "--actor", "alice", "--save", &saved,
    ]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    for part in [
        "GET /naughty/trap answered 500 logic-trapped",
        "unreachable",
        "naughty",
        "answers 500 logic-trapped, as recorded",
    ] {
        assert!(ended.stdout.contains(part), "{part}: {ended:#?}");
    }
    // It holds what clients sent, so the audit log says who got it.
    let line = eventually("the audit line", || {
        let lines = host.log.all().into_iter();
        lines
            .filter(|line| line["action"] == "recordings.get")
            .find(|line| line["outcome"] == "accepted")
    });
    assert_eq!(line["actor"], "alice (token)", "{line}");
    assert_eq!(line["recording.request_id"], "trapped", "{line}");

    let refused = replay(&["trapped", "--to", &to, "--token", "wrong"]);
    refused.says(2, &["token"]);
    let unknown = replay(&["other", "--to", &to, "--token", "s3cret"]);
    unknown.says(2, &["no recording of the request other", "--record-slow"]);
    // With debug information the backtrace has source lines.
    let debug = built("counter-debug.wasm").display().to_string();
    let ended = replay(&["--file", &saved, "--component", &debug]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(ended.stdout.contains("naughty.rs:"), "{ended:#?}");
}

#[test]
fn a_component_that_asks_something_else_is_told_where() {
    let host = Setup::tasks().flag("--record-slow", "0ms").start();
    let draft = json!({"title": "Recorded", "category": "feature"});
    host.post("/tasks", &draft).expect(201);
    send(&host, "GET", "/tasks/1", "get", 200);
    let recorded = recording(&host, "get");
    let (code, report) = replayed(&recorded, "tasks.wasm");
    assert_eq!((code, &report["same"]), (Some(0), &json!(true)), "{report}");

    let mut other = recorded.clone();
    other["statements"][0]["params"][0] = json!(2);
    let (code, report) = replayed(&other, "tasks.wasm");
    assert_eq!(code, Some(1), "{report}");
    assert_eq!(report["summary"], "statement 1 differs");
    assert_eq!(report["difference"]["recorded"]["params"], json!([2]));
    assert_eq!(report["difference"]["asked"]["params"], json!([1]));
    assert_eq!(report["replayed"], Value::Null);

    let mut fewer = recorded.clone();
    fewer["statements"] = json!([]);
    let (code, report) = replayed(&fewer, "tasks.wasm");
    assert_eq!(code, Some(1), "{report}");
    let summary = "statement 1 was not asked when the request was recorded";
    assert_eq!(report["summary"], summary);

    // The recorded request has no answer in the other component.
    let (folder, saved) = (TempDir::new().expect("a folder"), "get.json");
    save(folder.path(), saved, &recorded);
    let file = folder.path().join(saved).display().to_string();
    let counter = built("counter.wasm").display().to_string();
    let ended = replay(&["--file", &file, "--component", &counter]);
    ended.says(2, &["the component has no route GET /tasks/{id}"]);
}

#[test]
fn an_answer_that_was_accepted_is_the_expected_one() {
    let host = Setup::tasks().flag("--record-slow", "0ms").start();
    send(&host, "GET", "/tasks/7", "missing", 404);
    let mut recorded = recording(&host, "missing");
    recorded["outcome"]["status"] = json!(500);
    let folder = TempDir::new().expect("a folder");
    save(folder.path(), "missing.json", &recorded);
    let dir = folder.path().display().to_string();
    let component = built("tasks.wasm").display().to_string();
    let flags = ["--dir", &dir, "--component", &component];
    let ended = replay(&flags);
    ended.says(1, &["not the recorded one"]);
    assert!(
        ended
            .stdout
            .contains("answers 404 task-not-found now, was 500 task-not-found"),
        "{ended:#?}"
    );
    assert_eq!(replay(&[&flags[..], &["--accept"]].concat()).code, Some(0));
    let ended = replay(&flags);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(
        ended
            .stdout
            .ends_with("missing.json: answers 404 task-not-found, as recorded\n"),
        "{ended:#?}"
    );
}

/// The texts of a task are replaced wherever they are.
fn masks(setup: Setup) {
    let setup = setup
        .flag("--record-slow", "0ms")
        .flag("--record-mask", "title,description");
    let host = setup.start();
    let request = host
        .request("POST", "/tasks")
        .header("x-request-id", "post");
    let draft =
        json!({"title": "Top secret", "description": "Hidden words", "category": "feature"});
    request.json(&draft).send().expect(201);
    send(&host, "GET", "/tasks/1", "get", 200);
    for id in ["post", "get"] {
        let recording = recording(&host, id);
        let text = recording.to_string();
        for secret in ["secret", "hidden", "Hidden"] {
            assert!(!text.contains(secret), "{text}");
        }
        assert!(text.contains("xxxxxxxxxx"), "as long as the title: {text}");
        assert!(text.contains("feature"), "other members stay: {text}");
        assert_eq!(recording["masked"], json!(["title", "description"]));
    }
    let recording = recording(&host, "get");
    let (code, report) = replayed(&recording, "tasks.wasm");
    assert_eq!(report["masked"], json!(["title", "description"]));
    assert_eq!(code, Some(0), "{report}");
}

#[test]
fn masked_members_are_not_in_a_recording() {
    masks(Setup::tasks());
}

#[test]
fn a_recording_of_postgres_is_masked_and_replays_without_it() {
    if let Some(server) = server() {
        let url = server.url(&server.database());
        masks(Setup::tasks().database(&url));
    }
}

#[test]
fn recordings_are_listed_and_bounded_and_can_be_turned_off() {
    let host = Setup::counter().flag("--recordings", "64KiB").start();
    for number in 0..40 {
        let path = "/naughty/write-then-trap";
        send(&host, "POST", path, &format!("trap-{number}"), 500);
    }
    send(&host, "GET", "/naughty/calls-seen", "fine", 200);
    send(&host, "GET", "/counters/missing", "missing", 404);
    let list = host.admin("GET", "/admin/recordings").send().expect(200);
    let list = list.json();
    let list = list.as_array().expect("a list");
    assert!((5..40).contains(&list.len()), "{}", list.len());
    assert_eq!(list[0]["request_id"], "trap-39");
    assert_eq!(list[0]["code"], "logic-trapped");
    assert_eq!(list[0]["statements"], 1);
    let bytes = list.iter().map(|item| item["size_bytes"].as_u64());
    assert!(bytes.flatten().sum::<u64>() <= 64 << 10);
    drop(host);

    let host = Setup::counter()
        .variable("TASK_HOST_NO_RECORDINGS", "true")
        .start();
    send(&host, "GET", "/naughty/trap", "trapped", 500);
    let path = "/admin/recordings/trapped";
    let problem = host.admin("GET", path).send().problem(404, "not-found");
    let detail = problem["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("--no-recordings"), "{problem}");
}

#[test]
fn kept_recordings_survive_a_restart_and_can_be_replayed() {
    let setup = Setup::counter().variable("TASK_HOST_RECORDINGS_KEPT", "1h");
    let mut host = setup.start();
    send(&host, "POST", "/naughty/write-then-trap", "before", 500);
    let before = recording(&host, "before");
    host.terminate();
    assert!(host.wait().success());
    drop(host);

    let host = setup.start();
    assert_eq!(recording(&host, "before"), before);
    let (code, report) = replayed(&recording(&host, "before"), "counter.wasm");
    assert_eq!(code, Some(0), "{report}");
    send(&host, "POST", "/naughty/write-then-trap", "after", 500);
    let ids = || {
        let list = host.admin("GET", "/admin/recordings").send().expect(200);
        crate::harness::column(&list.json(), "request_id")
    };
    assert_eq!(ids(), ["after", "before"], "each once, the latest first");
    // A recording that is too old is gone.
    drop(host);
    let host = setup.variable("TASK_HOST_RECORDINGS_KEPT", "1us").start();
    let path = "/admin/recordings/before";
    host.admin("GET", path).send().problem(404, "not-found");
}

#[test]
fn recordings_cannot_be_kept_where_nothing_is_kept() {
    let kept = || Setup::counter().flag("--recordings-kept", "1h");
    let refused = kept().database("sqlite::memory:").refused();
    refused.says(2, &["--recordings-kept", "sqlite::memory:"]);
    let refused = kept().flag("--recordings", "0").refused();
    refused.says(2, &["--recordings-kept", "--recordings 0"]);
}
