//! An endless loop in one request does not delay other requests.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use super::counter_with_long_limits;
use crate::harness::eventually;

/// Whether a request has no answer yet.
fn is_waiting(stream: &mut TcpStream) -> bool {
    let timeout = Some(Duration::from_millis(1));
    stream.set_read_timeout(timeout).expect("a time-out");
    matches!(
        stream.read(&mut [0]),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
    )
}

#[test]
fn other_requests_succeed_while_four_endless_loops_run() {
    let host = counter_with_long_limits().start();
    let mut loops: Vec<_> = (0..4)
        .map(|n| {
            let path = ["/naughty/endless-loop", "/naughty/endless-calls"][n % 2];
            host.request("GET", path).open().expect("a connection")
        })
        .collect();
    for n in 0..25 {
        let body = json!({"name": format!("c{n}"), "value": n});
        host.post("/counters", &body).expect(201);
        host.get(&format!("/counters/c{n}")).expect(200);
    }
    // The admin port has its own thread.
    host.admin("GET", "/readyz").send().expect(200);
    host.admin("GET", "/livez").send().expect(200);
    assert!(loops.iter_mut().all(is_waiting), "the loops still run");
    drop(loops);
}

#[test]
fn reads_succeed_while_a_write_holds_the_database() {
    let host = counter_with_long_limits().start();
    host.post("/counters", &json!({"name": "first"}))
        .expect(201);
    let mut writer = host
        .request("POST", "/naughty/write-then-loop")
        .open()
        .expect("a connection");
    for _ in 0..20 {
        host.get("/counters/first").expect(200);
        host.get("/counters/scribble").expect(404);
    }
    assert!(is_waiting(&mut writer), "the write still runs");
    drop(writer);
    eventually("the writer is free again", || {
        let body = json!({"name": "second"});
        [201, 409]
            .contains(&host.post("/counters", &body).status)
            .then_some(())
    });
}
