//! Shutdown after SIGTERM: readiness goes off, the drain delay passes, the host stops accepting
//! connections, finishes the requests in flight and exits with status 0.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::{Answer, connect};
use crate::harness::{Setup, eventually};
use crate::hostile::probe::slow_setup;
use crate::metrics::count;

/// Takes about a second.
const SLOW: &str = "/things/1500000000";

#[test]
fn a_request_in_flight_is_answered_and_the_host_exits_with_status_0() {
    let mut host = slow_setup().flag("--drain-delay", "0s").start();
    let mut slow = host.request("GET", SLOW).open().expect("a connection");
    eventually("the slow request runs", || {
        (count(&host, "task_host_revision_in_flight") == 1.0).then_some(())
    });
    host.terminate();
    let answer = Answer::read(&mut slow, false).expect("an answer");
    assert_eq!(answer.expect(200).json(), "a thing");
    assert_eq!(host.wait().code(), Some(0));
    connect(host.address).expect_err("the port is closed");
}

#[test]
fn readiness_goes_off_while_requests_are_still_served() {
    let mut host = slow_setup().flag("--drain-delay", "1s").start();
    host.admin("GET", "/readyz").send().expect(200);
    host.terminate();
    eventually("readiness goes off", || {
        (host.admin("GET", "/readyz").send().status == 503).then_some(())
    });
    host.get("/things/1").expect(200);
    assert_eq!(host.get("/readyz").status, 503);
    assert_eq!(host.admin("GET", "/livez").send().status, 200);
    assert_eq!(host.wait().code(), Some(0));
}

#[test]
fn a_probe_that_excludes_the_drain_says_that_requests_are_still_accepted() {
    let mut host = slow_setup().flag("--drain-delay", "1h").start();
    host.terminate();
    eventually("the drain begins", || {
        (host.admin("GET", "/readyz").send().status == 503).then_some(())
    });
    host.admin("GET", "/readyz?exclude=drain")
        .send()
        .expect(200);
    host.get("/things/1").expect(200);
    host.terminate();
    assert_eq!(host.wait().code(), Some(0));
}

#[test]
fn an_idle_connection_does_not_delay_the_exit() {
    let mut host = slow_setup().flag("--drain-delay", "0s").start();
    let mut idle = connect(host.address).expect("a connection");
    idle.write_all(b"GET /things/1 HTTP/1.1\r\nhost: x\r\n\r\n")
        .expect("sent");
    idle.read_exact(&mut [0; 12])
        .expect("the answer's beginning");
    let never_used = connect(host.address).expect("a connection");
    let began = Instant::now();
    host.terminate();
    assert_eq!(host.wait().code(), Some(0));
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    drop(never_used);
}

#[test]
fn a_request_that_outlasts_the_grace_period_is_cut_off() {
    let mut host = slow_setup()
        .flag("--drain-delay", "0s")
        .flag("--drain-timeout", "300ms")
        .start();
    let mut endless = host
        .request("GET", "/things/9000000000000000000")
        .open()
        .expect("a connection");
    host.get("/things/1").expect(200);
    let began = Instant::now();
    host.terminate();
    assert!(
        host.wait().code().is_some(),
        "the host exits without a second signal"
    );
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
    let mut rest = Vec::new();
    let _ = endless.read_to_end(&mut rest);
    assert!(
        !rest.starts_with(b"HTTP/1.1 200"),
        "the request was not finished"
    );
}

#[test]
fn a_second_signal_ends_the_drain_at_once() {
    let mut host = slow_setup()
        .flag("--drain-delay", "1h")
        .flag("--drain-timeout", "1h")
        .start();
    let mut endless = host
        .request("GET", "/things/9000000000000000000")
        .open()
        .expect("a connection");
    host.get("/things/1").expect(200);
    host.terminate();
    eventually("the drain begins", || {
        (host.admin("GET", "/readyz").send().status == 503).then_some(())
    });
    host.get("/things/1").expect(200);
    host.terminate();
    assert_eq!(host.wait().code(), Some(0));
    let mut rest = Vec::new();
    let _ = endless.read_to_end(&mut rest);
    assert!(
        !rest.starts_with(b"HTTP/1.1 200"),
        "the request was not finished"
    );
}

#[test]
fn writes_before_the_shutdown_are_kept() {
    let setup = Setup::tasks().flag("--drain-delay", "0s");
    let mut host = setup.start();
    for n in 0..20 {
        let body = json!({"title": format!("Task {n}"), "category": "feature"});
        host.post("/tasks", &body).expect(201);
    }
    host.terminate();
    assert_eq!(host.wait().code(), Some(0));
    let host = setup.start();
    let tasks = host.get("/tasks").expect(200).json();
    assert_eq!(tasks.as_array().map(Vec::len), Some(20));
}
