//! If a client disconnects before its commit begins, its request has no effect.

use serde_json::json;

use super::counter_with_long_limits;
use crate::harness::eventually;

#[test]
fn a_request_of_a_disconnected_client_has_no_effect() {
    let host = counter_with_long_limits()
        .flag("--queue-timeout", "60s")
        .start();
    for round in 0..5 {
        let leaving = host
            .request("POST", "/naughty/write-then-loop")
            .open()
            .expect("a connection");
        // When this answer arrives, the earlier request has begun.
        host.get("/naughty/calls-seen").expect(200);
        drop(leaving);
        // Another write can begin only after the first was rolled back.
        let name = format!("after-{round}");
        eventually("a write is possible again", || {
            let answer = host.post("/counters", &json!({"name": name}));
            (answer.status == 201).then_some(())
        });
        host.get("/counters/scribble")
            .problem(404, "counter-not-found");
    }
}

#[test]
fn disconnected_clients_do_not_exhaust_the_pool() {
    let host = counter_with_long_limits()
        .flag("--max-concurrency", "2")
        .flag("--max-queue", "4")
        .flag("--queue-timeout", "100ms")
        .start();
    for _ in 0..10 {
        let leaving: Vec<_> = (0..6)
            .map(|_| {
                host.request("GET", "/naughty/endless-loop")
                    .open()
                    .expect("a connection")
            })
            .collect();
        drop(leaving);
    }
    eventually("the whole pool is free", || {
        (host.get("/naughty/calls-seen").status == 200).then_some(())
    });
    for _ in 0..20 {
        host.get("/naughty/calls-seen").expect(200);
    }
}
