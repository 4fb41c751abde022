//! Each fault has a status, a problem type and a metric, and rolls back the request's writes.

use serde_json::json;

use super::counter_with_long_deadlines;
use crate::client::encode;
use crate::harness::{Host, Setup, eventually};
use crate::metrics::count;

/// The counter service with short limits.
fn setup() -> Setup {
    Setup::counter()
        .flag("--request-timeout", "1s")
        .flag("--cpu-limit", "200ms")
}

fn faults(host: &Host, code: &str) -> f64 {
    count(host, &format!("task_host_faults_total{{kind=\"{code}\"}}"))
}

/// Asserts that a request fails with this problem, which is counted, and that it has no effect on
/// the service.
#[track_caller]
fn fails(host: &Host, method: &str, path: &str, status: u16, code: &str) {
    let before = faults(host, code);
    let answer = host.request(method, path).send();
    answer.problem(status, code);
    assert_eq!(faults(host, code), before + 1.0, "{path}");
    host.get("/naughty/calls-seen").expect(200);
    host.get("/counters/scribble")
        .problem(404, "counter-not-found");
}

#[test]
fn a_trap_is_500() {
    let host = setup().start();
    for (method, path) in [
        ("GET", "/naughty/trap"),
        ("GET", "/naughty/recursion"),
        ("POST", "/naughty/trap"),
        ("POST", "/naughty/write-then-trap"),
    ] {
        fails(&host, method, path, 500, "logic-trapped");
    }
}

#[test]
fn too_much_cpu_time_is_504() {
    // On a busy machine a loop needs many times the CPU time of its limit in wall-clock time.
    let host = counter_with_long_deadlines()
        .flag("--cpu-limit", "200ms")
        .start();
    for (method, path) in [
        ("GET", "/naughty/endless-loop"),
        ("GET", "/naughty/endless-calls"),
        ("POST", "/naughty/endless-loop"),
        ("POST", "/naughty/write-then-loop"),
    ] {
        fails(&host, method, path, 504, "cpu-time-exceeded");
    }
}

#[test]
fn the_deadline_is_504_and_interrupts_a_statement() {
    let host = Setup::counter()
        .flag("--request-timeout", "300ms")
        .flag("--cpu-limit", "60s")
        .start();
    for (method, path) in [
        ("GET", "/naughty/endless-loop"),
        ("GET", "/naughty/slow-sql"),
        ("POST", "/naughty/slow-sql"),
        ("POST", "/naughty/write-then-loop"),
    ] {
        fails(&host, method, path, 504, "deadline-exceeded");
    }
}

#[test]
fn too_much_memory_is_500() {
    let host = Setup::counter().flag("--memory-limit", "16MiB").start();
    assert_eq!(
        host.get("/naughty/memory?mebibytes=8").expect(200).json(),
        8
    );
    fails(
        &host,
        "GET",
        "/naughty/memory?mebibytes=20",
        500,
        "memory-limit-exceeded",
    );
    assert_eq!(
        host.get("/naughty/memory?mebibytes=8").expect(200).json(),
        8
    );
}

#[test]
fn too_much_data_handed_to_the_host_is_500() {
    let host = Setup::counter().flag("--handover-limit", "1MiB").start();
    for path in [
        "/naughty/large-result?bytes=2000000",
        "/naughty/parameters?bytes=2000000&times=1",
    ] {
        fails(&host, "GET", path, 500, "handover-limit-exceeded");
    }
    let text = host.get("/naughty/large-result?bytes=500000").expect(200);
    assert_eq!(text.body.len(), 500_002);
}

#[test]
fn an_answer_that_is_too_large_is_500() {
    let host = Setup::counter().flag("--answer-limit", "100KiB").start();
    let path = "/naughty/large-result?bytes=102399";
    fails(&host, "GET", path, 500, "answer-limit-exceeded");
    let text = host
        .get("/naughty/large-result?bytes=102398")
        .expect(200)
        .body;
    assert_eq!(text.len(), 100 << 10);
}

#[test]
fn too_many_statements_are_500() {
    let host = setup().flag("--statement-limit", "20").start();
    assert_eq!(
        host.get("/naughty/statements?count=20").expect(200).json(),
        20
    );
    fails(
        &host,
        "GET",
        "/naughty/statements?count=21",
        500,
        "statement-limit-exceeded",
    );
}

#[test]
fn what_a_read_uses_is_charged_once_however_long_it_takes() {
    let host = setup().flag("--statement-limit", "16").start();
    // Long enough for a tick, after which a read begins again. It uses more than half of what it may.
    let path = "/naughty/parameters?bytes=600000&times=16";
    for _ in 0..3 {
        assert_eq!(host.get(path).expect(200).json(), 9_600_000);
    }
}

#[test]
fn too_many_rows_are_500() {
    let host = setup().flag("--row-limit", "50").start();
    assert_eq!(host.get("/naughty/rows?count=50").expect(200).json(), 50);
    fails(
        &host,
        "GET",
        "/naughty/rows?count=51",
        500,
        "row-limit-exceeded",
    );
}

#[test]
fn too_many_bytes_are_500() {
    let host = setup().flag("--byte-limit", "100KiB").start();
    let path = |count: u32| format!("/naughty/wide-rows?count={count}&bytes=10000");
    assert_eq!(host.get(&path(10)).expect(200).json(), 10);
    fails(&host, "GET", &path(11), 500, "byte-limit-exceeded");
}

#[test]
fn a_statement_that_needs_too_much_memory_is_500_and_the_operator_is_still_served() {
    let host = counter_with_long_deadlines()
        .flag("--sqlite-memory", "48MiB")
        .start();
    let greedy = "WITH RECURSIVE rows (n, padding) AS (SELECT 1, hex(zeroblob(500)) \
        UNION SELECT n + 1, padding FROM rows) SELECT count(*) FROM rows";
    let path = format!("/naughty/sql?statement={}", encode(greedy));
    fails(&host, "GET", &path, 500, "statement-memory-exceeded");
    host.get("/readyz").expect(200);
}

#[test]
fn a_value_without_a_json_form_is_500() {
    let host = setup().start();
    for (method, path) in [
        ("GET", "/naughty/not-a-number"),
        ("GET", "/naughty/infinity"),
        ("GET", "/naughty/repeated-key"),
        ("POST", "/naughty/write-then-not-a-number"),
    ] {
        fails(&host, method, path, 500, "logic-returned-invalid-value");
    }
}

#[test]
fn a_problem_rolls_back_and_is_not_a_fault() {
    let host = setup().start();
    host.request("POST", "/naughty/write-then-problem")
        .send()
        .problem(409, "on-purpose");
    host.get("/counters/scribble").expect(404);
    assert_eq!(count(&host, "task_host_faults_total"), 0.0);
    host.request("POST", "/naughty/scribble").send().expect(200);
    host.get("/counters/scribble").expect(200);
}

#[test]
fn a_success_after_a_failed_statement_is_rolled_back() {
    let host = setup().start();
    let answer = host.request("POST", "/naughty/ignore-failure").send();
    assert_eq!(
        answer.status, 500,
        "a write that was rolled back must not succeed: {answer}"
    );
    host.get("/counters/scribble").expect(404);
}

#[test]
fn a_read_route_cannot_write() {
    let host = setup().start();
    for path in ["/naughty/scribble", "/naughty/write-then-problem"] {
        let answer = host.get(path);
        assert_eq!(answer.status, 500, "{path}: {answer}");
        host.get("/counters/scribble").expect(404);
    }
}

#[test]
fn a_fault_is_not_stored_under_an_idempotency_key() {
    let host = setup().start();
    let post = |path: &str| {
        host.request("POST", path)
            .header("idempotency-key", "once")
            .send()
    };
    post("/naughty/write-then-trap").problem(500, "logic-trapped");
    post("/naughty/scribble").expect(200);
}

#[test]
fn a_fault_is_logged_with_its_request_id_and_its_answer_shows_no_internals() {
    let host = setup().start();
    let answer = host
        .request("GET", "/naughty/trap")
        .header("x-request-id", "find-this-trap")
        .send();
    let problem = answer.problem(500, "logic-trapped").to_string();
    for internal in ["on purpose", "panicked", "unreachable", "naughty.rs"] {
        assert!(!problem.contains(internal), "{problem}");
    }
    eventually("the fault is logged", || {
        host.log
            .all()
            .into_iter()
            .find(|line| line["level"] == "ERROR" && line.to_string().contains("find-this-trap"))
    });
}

#[test]
fn every_request_gets_a_fresh_instance() {
    let host = setup().start();
    for _ in 0..30 {
        assert_eq!(host.get("/naughty/calls-seen").expect(200).json(), json!(1));
    }
}

#[test]
fn a_write_may_delay_other_writes_only_up_to_its_limit() {
    let host = Setup::counter()
        .flag("--request-timeout", "60s")
        .flag("--cpu-limit", "60s")
        .flag("--write-hold", "300ms")
        .start();
    let answer = host.request("POST", "/naughty/write-then-loop").send();
    assert_eq!(answer.status, 504, "{answer}");
    host.get("/counters/scribble").expect(404);
    host.post("/counters", &json!({"name": "next"})).expect(201);
}
