//! A client that leaves before its commit began leaves nothing behind.

use serde_json::json;

use crate::harness::{Setup, eventually};

#[test]
fn a_client_that_hangs_up_leaves_nothing_behind() {
    let host = Setup::counter()
        .flag("--request-timeout", "60s")
        .flag("--cpu-limit", "60s")
        .flag("--write-hold", "60s")
        .flag("--queue-timeout", "60s")
        .start();
    for round in 0..5 {
        let leaving = host
            .request("POST", "/naughty/write-then-loop")
            .open()
            .expect("a connection");
        // With this answer the earlier request has begun.
        host.get("/naughty/calls-seen").expect(200);
        drop(leaving);
        // Only once it is undone can another write begin.
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
fn clients_that_hang_up_do_not_use_the_pool_up() {
    let host = Setup::counter()
        .flag("--request-timeout", "60s")
        .flag("--cpu-limit", "60s")
        .flag("--write-hold", "60s")
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
