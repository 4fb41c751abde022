//! Components that start well and fail at a request: only this request fails.

use serde_json::json;

use super::probe::{Probe, get};
use crate::harness::{Host, Setup};
use crate::metrics::count;

/// A probe that runs `body`, which fails, for odd ids only.
fn failing_for_odd_ids(body: &str) -> Probe {
    let body =
        format!("(if (i64.ne (i64.and (local.get 0) (i64.const 1)) (i64.const 0)) (then {body}))");
    Probe::good().at("get", &body)
}

/// A setup with short limits, so that a test that waits for one ends soon.
fn short_limits(probe: &Probe) -> Setup {
    probe
        .setup()
        .flag("--request-timeout", "400ms")
        .flag("--cpu-limit", "200ms")
        .flag("--memory-limit", "8MiB")
}

/// Asserts that a failing request between two good ones gets this problem and shows no internals.
#[track_caller]
fn costs_one_request(host: &Host, status: u16, code: &str) {
    let series = format!("task_host_faults_total{{kind=\"{code}\"}}");
    let before = count(host, &series);
    host.get("/things/2").expect(200);
    let answer = host.get("/things/1");
    let problem = answer.problem(status, code).to_string();
    for internal in ["unreachable", "wasm", "backtrace", "probe"] {
        assert!(!problem.contains(internal), "{problem}");
    }
    host.get("/things/2").expect(200);
    assert_eq!(count(host, &series), before + 1.0);
}

#[test]
fn the_smallest_service_is_served() {
    let host = Probe::good().setup().start();
    assert_eq!(host.get("/things/7").expect(200).json(), json!("a thing"));
    let answer = host.get("/things/seven");
    answer.problem_at(422, "invalid-request", &["#/path/id"]);
    let openapi = host.get("/openapi.json").expect(200).json();
    assert_eq!(openapi["info"]["title"], "Probe");
    assert_eq!(openapi["info"]["version"], "1.0.0");
    assert!(
        openapi["paths"]["/things/{id}"]["get"].is_object(),
        "{openapi}"
    );
}

#[test]
fn a_trap_costs_one_request() {
    for body in [
        "(unreachable)",
        "(drop (i32.div_u (i32.const 1) (i32.const 0)))",
        "(drop (i32.load (i32.const -4)))",
        "(drop (call $recurse (i32.const 0)))",
    ] {
        let host = short_limits(&failing_for_odd_ids(body)).start();
        costs_one_request(&host, 500, "logic-trapped");
    }
}

#[test]
fn a_result_that_breaks_the_abi_costs_one_request() {
    for body in [
        // Text outside of the memory, text that is not UTF-8, a case that does not exist.
        "(i32.store (i32.const 196) (i32.const 0x7fffff00))",
        "(i32.store (i32.const 200) (i32.const -1))",
        "(i32.store8 (i32.load (i32.const 196)) (i32.const 0xff))",
        "(i32.store8 (i32.const 192) (i32.const 9))",
    ] {
        let host = short_limits(&failing_for_odd_ids(body)).start();
        costs_one_request(&host, 500, "logic-trapped");
    }
}

#[test]
fn an_endless_loop_ends_at_its_cpu_limit() {
    // A busy machine gives the loop little CPU time, so the deadline is long: it must not end the
    // request first.
    let host = failing_for_odd_ids("(call $spin)")
        .setup()
        .flag("--request-timeout", "60s")
        .flag("--cpu-limit", "200ms")
        .start();
    costs_one_request(&host, 504, "cpu-time-exceeded");
}

#[test]
fn growing_memory_ends_at_the_memory_limit() {
    let host = short_limits(&failing_for_odd_ids("(call $eat)")).start();
    costs_one_request(&host, 500, "memory-limit-exceeded");
}

#[test]
fn a_string_that_is_too_long_ends_at_the_handover_limit() {
    // 4 MiB of zeros are valid UTF-8 and within the memory limit.
    let body = "(drop (memory.grow (i32.const 64)))
        (i32.store (i32.const 196) (i32.const 0x10000))
        (i32.store (i32.const 200) (i32.const 0x400000))";
    let host = short_limits(&failing_for_odd_ids(body))
        .flag("--handover-limit", "1MiB")
        .start();
    costs_one_request(&host, 500, "handover-limit-exceeded");
}

#[test]
fn every_request_gets_a_fresh_instance() {
    let body = "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
        (if (i32.gt_u (global.get $calls) (i32.const 1)) (then (unreachable)))
        (if (i32.ne (i32.load (i32.const 65528)) (i32.const 0)) (then (unreachable)))
        (i32.store (i32.const 65528) (i32.const 1))";
    let host = Probe::good().at("get", body).setup().start();
    for id in 0..50 {
        host.get(&format!("/things/{id}")).expect(200);
    }
}

#[test]
fn a_problem_with_an_invalid_status_becomes_500() {
    for status in [0, 200, 399, 600, 65535] {
        // The error case of the result: a problem with this status and empty texts.
        let body = format!(
            "(i32.store8 (i32.const 192) (i32.const 1))
             (i64.store (i32.const 196) (i64.const {status}))"
        );
        let host = Probe::good().at("get", &body).setup().start();
        assert_eq!(host.get("/things/1").status, 500, "{status}");
    }
}

#[test]
fn a_failing_health_check_is_503() {
    let error = "(i32.store8 (i32.const 160) (i32.const 1))
        (i32.store (i32.const 164) (i32.load (i32.const 196)))
        (i32.store (i32.const 168) (i32.load (i32.const 200)))";
    for body in [error, "(unreachable)"] {
        let host = Probe::good().at("health", body).setup().start();
        let answer = host.get("/health").expect(503);
        assert_ne!(answer.json()["status"], "healthy", "{answer}");
        host.get("/things/1").expect(200);
    }
}

#[test]
fn paths_with_and_without_parameters_coexist() {
    let routes = [get("/things/{id}"), get("/a/{id}/b"), get("/{id}")];
    let host = Probe::good().routes(routes).setup().start();
    for path in ["/things/1", "/a/1/b", "/1"] {
        host.get(path).expect(200);
    }
    // The host's own paths take precedence over a template that matches them.
    assert_eq!(host.get("/health").expect(200).json()["status"], "healthy");
}

#[test]
fn a_trap_in_health_is_counted_and_shows_no_internals() {
    let host = Probe::good().at("health", "(unreachable)").setup().start();
    let health = host.get("/health").expect(503).json();
    assert_eq!(health["status"], "unhealthy");
    assert_eq!(health["reason"], "logic-trapped");
    assert_eq!(health["database"], "connected");
    let series = "task_host_faults_total{kind=\"logic-trapped\"}";
    assert_eq!(count(&host, series), 1.0);
    host.get("/things/2").expect(200);
}
