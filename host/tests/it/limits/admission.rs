//! More requests than there is room for: they wait, then 503, never 500, and full service after.

use std::thread;

use crate::client::Answer;
use crate::harness::{Host, Setup, eventually};
use crate::hostile::probe::Probe;

/// Some 50 milliseconds.
const SLOW: &str = "/things/60000000";

fn slow() -> Setup {
    Probe::slow()
        .setup()
        .flag("--request-timeout", "60s")
        .flag("--cpu-limit", "60s")
}

/// The answers to equal requests at the same time.
fn at_once(host: &Host, count: usize, path: &str) -> Vec<Answer> {
    thread::scope(|scope| {
        let requests: Vec<_> = (0..count).map(|_| scope.spawn(|| host.get(path))).collect();
        requests
            .into_iter()
            .map(|request| request.join().expect("an answer"))
            .collect()
    })
}

#[test]
fn what_fits_neither_pool_nor_queue_is_503_with_retry_after() {
    let host = slow()
        .flag("--max-concurrency", "2")
        .flag("--max-queue", "2")
        .flag("--queue-timeout", "20s")
        .start();
    for _ in 0..3 {
        let answers = at_once(&host, 24, SLOW);
        let served = answers.iter().filter(|answer| answer.status == 200).count();
        assert!((4..24).contains(&served), "{served} of 24 were served");
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            answer.problem(503, "overloaded");
            let seconds = answer.expect_header("retry-after").parse::<u32>();
            assert!(
                seconds.is_ok_and(|seconds| (1..=60).contains(&seconds)),
                "{answer}"
            );
        }
        // Full service right after: as many as the pool and the queue hold.
        for answer in at_once(&host, 4, SLOW) {
            answer.expect(200);
        }
    }
}

#[test]
fn what_fits_the_queue_waits_and_is_served() {
    let host = slow()
        .flag("--max-concurrency", "1")
        .flag("--max-queue", "40")
        .flag("--queue-timeout", "30s")
        .start();
    for answer in at_once(&host, 20, "/things/1000000") {
        answer.expect(200);
    }
}

#[test]
fn the_wait_in_the_queue_is_bounded() {
    let host = slow()
        .flag("--max-concurrency", "1")
        .flag("--max-queue", "10")
        .flag("--queue-timeout", "100ms")
        .start();
    let busy = host
        .request("GET", "/things/9000000000000000000")
        .open()
        .expect("a connection");
    // The first that comes after it was admitted cannot be served.
    eventually("the pool is taken", || {
        (host.get("/things/1").status == 503).then_some(())
    });
    for answer in at_once(&host, 5, "/things/1") {
        answer.problem(503, "overloaded");
    }
    // What needs no instance is served all the same.
    host.get("/livez").expect(200);
    host.get("/openapi.json").expect(200);
    drop(busy);
    eventually("the pool is free again", || {
        (host.get("/things/1").status == 200).then_some(())
    });
}
