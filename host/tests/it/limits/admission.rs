//! Overload: requests wait in the queue. If the queue is full or the wait is too long, they fail
//! with 503. Afterwards the host serves all requests again.

use std::thread;
use std::time::{Duration, Instant};

use crate::client::Answer;
use crate::harness::{Host, eventually};
use crate::hostile::probe::{Probe, slow_setup};

/// Takes about 50 milliseconds.
const SLOW: &str = "/things/60000000";

/// Sends `count` equal requests concurrently and returns their answers.
fn get_concurrently(host: &Host, count: usize, path: &str) -> Vec<Answer> {
    thread::scope(|scope| {
        let requests: Vec<_> = (0..count).map(|_| scope.spawn(|| host.get(path))).collect();
        requests
            .into_iter()
            .map(|request| request.join().expect("an answer"))
            .collect()
    })
}

#[test]
fn if_the_queue_is_full_a_request_fails_with_503_and_retry_after() {
    let host = slow_setup()
        .flag("--max-concurrency", "2")
        .flag("--max-queue", "2")
        .flag("--queue-timeout", "20s")
        .start();
    for _ in 0..3 {
        let answers = get_concurrently(&host, 24, SLOW);
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
        // Immediately afterwards, as many requests as fit the pool and the queue succeed.
        for answer in get_concurrently(&host, 4, SLOW) {
            answer.expect(200);
        }
    }
}

#[test]
fn requests_that_fit_the_queue_wait_and_succeed() {
    let host = slow_setup()
        .flag("--max-concurrency", "1")
        .flag("--max-queue", "40")
        .flag("--queue-timeout", "30s")
        .start();
    for answer in get_concurrently(&host, 20, "/things/1000000") {
        answer.expect(200);
    }
}

#[test]
fn the_wait_in_the_queue_is_bounded() {
    let host = slow_setup()
        .flag("--max-concurrency", "1")
        .flag("--max-queue", "10")
        .flag("--queue-timeout", "100ms")
        .start();
    let busy = host
        .request("GET", "/things/9000000000000000000")
        .open()
        .expect("a connection");
    // The endless request is running when another request fails.
    eventually("the pool is in use", || {
        (host.get("/things/1").status == 503).then_some(())
    });
    for answer in get_concurrently(&host, 5, "/things/1") {
        answer.problem(503, "overloaded");
    }
    // Requests that need no instance still succeed.
    host.get("/livez").expect(200);
    host.get("/openapi.json").expect(200);
    drop(busy);
    eventually("the pool is free again", || {
        (host.get("/things/1").status == 200).then_some(())
    });
}

#[test]
fn all_waits_of_a_request_share_one_limit() {
    let limit = Duration::from_secs(2);
    let host = Probe::slow()
        .setup()
        .flag("--request-timeout", "60s")
        .flag("--cpu-limit", "60s")
        .flag("--max-concurrency", "1")
        .flag("--queue-timeout", "2s")
        .start();
    let path = "/things/9000000000000000000";
    let _endless = host.request("GET", path).open().expect("a connection");
    eventually("the endless read has the only slot", || {
        (host.get("/things/1").status == 503).then_some(())
    });
    // An equal read waits for the answer of the endless one, and then for the slot.
    let begun = Instant::now();
    host.get(path).problem(503, "overloaded");
    let waited = begun.elapsed();
    assert!(limit <= waited && waited < 2 * limit, "{waited:?}");
}
