//! Request ids and W3C trace context in answers and in the log.

use serde_json::Value;

use crate::harness::{Host, Setup};

/// Waits for the log line that contains `word`.
fn line_with(host: &Host, word: &str) -> Value {
    host.log
        .find(|line| line.to_string().contains(word))
        .unwrap_or_else(|| panic!("no line with {word}:\n{}", host.log.tail(20)))
}

#[test]
fn a_request_id_is_echoed_and_logged() {
    let host = Setup::tasks().start();
    let answer = host
        .request("GET", "/tasks/5")
        .header("x-request-id", "client-chose-this.1")
        .send();
    assert_eq!(answer.header("x-request-id"), Some("client-chose-this.1"));
    let problem = answer.problem(404, "task-not-found");
    assert_eq!(problem["request_id"], "client-chose-this.1");
    line_with(&host, "client-chose-this.1");
}

#[test]
fn every_answer_has_its_own_request_id() {
    let host = Setup::tasks().start();
    let ids: Vec<String> = ["/tasks", "/tasks", "/nothing", "/health"]
        .iter()
        .map(|path| host.get(path).expect_header("x-request-id").to_owned())
        .collect();
    for (at, id) in ids.iter().enumerate() {
        assert!(id.len() >= 8, "{ids:?}");
        assert!(!ids[..at].contains(id), "{ids:?}");
    }
}

#[test]
fn a_request_id_that_could_forge_a_log_line_is_replaced() {
    let host = Setup::tasks().start();
    let long = "x".repeat(500);
    for hostile in ["a b\"c{}", "é", &long, ""] {
        let answer = host
            .request("GET", "/tasks")
            .header("x-request-id", hostile)
            .send()
            .expect(200);
        let id = answer.expect_header("x-request-id");
        assert_ne!(id, hostile);
        assert!(!id.is_empty() && id.len() <= 200, "{id}");
    }
}

#[test]
fn the_callers_trace_id_appears_in_the_log() {
    let host = Setup::tasks().start();
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    host.request("GET", "/tasks")
        .header("traceparent", &format!("00-{trace}-00f067aa0ba902b7-01"))
        .send()
        .expect(200);
    line_with(&host, trace);
}

#[test]
fn a_broken_trace_context_starts_a_new_trace() {
    let host = Setup::tasks().start();
    for broken in [
        "nonsense",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
    ] {
        host.request("GET", "/tasks")
            .header("traceparent", broken)
            .header("x-request-id", "after-a-broken-trace")
            .send()
            .expect(200);
    }
    let line = line_with(&host, "after-a-broken-trace").to_string();
    for bad in ["nonsense", "00000000000000000000000000000000", "4BF92F"] {
        assert!(!line.contains(bad), "{line}");
    }
}

#[test]
fn the_log_contains_no_bodies_and_no_titles() {
    let host = Setup::tasks().start();
    let secret = "Do not tell anyone: zzqx";
    let body = serde_json::json!({"title": secret, "category": "feature"});
    let answer = host.post("/tasks", &body).expect(201);
    line_with(&host, answer.expect_header("x-request-id"));
    for line in host.log.all() {
        assert!(!line.to_string().contains("zzqx"), "{line}");
    }
}
