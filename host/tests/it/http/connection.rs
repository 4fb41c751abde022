//! Connections: keep-alive, time-outs for slow clients, limits for headers, and invalid input.

use std::io::{Read, Write};

use serde_json::json;

use crate::client::{Answer, Request, connect};
use crate::harness::Setup;

#[test]
fn one_connection_serves_many_requests() {
    let host = Setup::tasks().start();
    let mut stream = connect(host.address).expect("a connection");
    let request = |more: &str| format!("GET /tasks HTTP/1.1\r\nhost: x\r\n{more}\r\n");
    let all = [request(""), request(""), request("connection: close\r\n")].concat();
    stream.write_all(all.as_bytes()).expect("sent");
    let mut answers = String::new();
    stream.read_to_string(&mut answers).expect("three answers");
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 3, "{answers}");
}

#[test]
fn headers_above_the_limit_are_431() {
    let host = Setup::tasks().start();
    let large = "x".repeat(1 << 20);
    let answer = host
        .request("GET", "/tasks")
        .header("x-large", &large)
        .send();
    answer.problem(431, "head-too-large");
    let mut many = host.request("GET", "/tasks");
    for n in 0..1000 {
        many = many.header(&format!("x-{n}"), "1");
    }
    assert_eq!(many.send().status, 431);
    host.get("/tasks").expect(200);
}

/// Clients that ask for large lists and read nothing: other clients and operators are still served,
/// and the process keeps no more than the budget for them.
#[test]
fn clients_that_read_nothing_do_not_take_the_memory_of_others() {
    let host = Setup::tasks().flag("--buffer-limit", "4MiB").start();
    let task = json!({"title": "Large", "category": "feature", "description": "x".repeat(2000)});
    for _ in 0..5 {
        let tasks = vec![task.clone(); 100];
        host.post("/tasks/bulk", &json!(tasks)).expect(200);
    }
    let mut clients = Vec::new();
    for _ in 0..20 {
        // 1.1 MB each.
        clients.push(host.request("GET", "/tasks?limit=500").kept_alive().open());
    }
    let admin = Request::new(host.admin_address, "GET", "/metrics");
    let metrics = admin.try_send().expect("the admin port answers").text();
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("task_host_buffered_bytes "));
    let bytes: usize = line.expect("the metric").parse().expect("a number");
    assert!(bytes <= 4 << 20, "{bytes}");
    host.get("/tasks?limit=100").expect(200);
    host.post("/tasks", &task).expect(201);
}

#[test]
fn a_client_that_never_ends_its_head_is_cut_off() {
    let host = Setup::tasks().flag("--header-timeout", "200ms").start();
    let mut stream = connect(host.address).expect("a connection");
    stream
        .write_all(b"GET /tasks HTTP/1.1\r\nhost: x\r\nx-slow: ")
        .expect("sent");
    let mut answer = String::new();
    // Only the host closes this connection: the client keeps it open.
    stream.read_to_string(&mut answer).expect("the host closes");
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
        "{answer}"
    );
    host.get("/tasks").expect(200);
}

#[test]
fn a_client_that_never_ends_its_body_is_cut_off() {
    let host = Setup::tasks().flag("--body-timeout", "300ms").start();
    let mut stream = connect(host.address).expect("a connection");
    let head = "POST /tasks HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                content-length: 100\r\n\r\n{";
    stream.write_all(head.as_bytes()).expect("sent");
    let answer = Answer::read(&mut stream, false).expect("the host closes");
    answer.problem(408, "body-timeout");
    assert_eq!(host.get("/tasks").expect(200).json(), json!([]));
}

#[test]
fn input_that_is_not_http_is_refused_and_closes_only_its_own_connection() {
    let host = Setup::tasks().start();
    for nonsense in [
        &b"NOT HTTP\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /tasks HTTP/9.9\r\n\r\n",
        b"POST /tasks HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"POST /tasks HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
    ] {
        let mut stream = connect(host.address).expect("a connection");
        stream.write_all(nonsense).expect("sent");
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut raw = Vec::new();
        let _ = stream.read_to_end(&mut raw);
        let text = String::from_utf8_lossy(&raw);
        assert!(text.contains("application/problem+json"), "{text}");
    }
    host.get("/tasks").expect(200);
}
