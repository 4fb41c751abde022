//! Requests that run for long do not delay other requests.

use std::fs;
use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use super::counter_with_long_limits;
use crate::harness::{Host, eventually};

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
fn requests_to_short_routes_find_a_slot_while_long_ones_wait_for_theirs() {
    let host = counter_with_long_limits()
        .flag("--queue-timeout", "60s")
        .start();
    let body = json!({"name": "light"});
    host.post("/counters", &body).expect(201);
    // More than all slots.
    let paths = ["endless-loop", "endless-calls", "slow-sql"];
    let mut long: Vec<_> = (0..100)
        .map(|n| {
            // Equal reads would share a run.
            let path = format!("/naughty/{}?n={n}", paths[n % paths.len()]);
            host.request("GET", &path).open().expect("a connection")
        })
        .collect();
    eventually("the long requests have taken what they can", || {
        let metrics = host.admin("GET", "/metrics").send().text();
        let mut lines = metrics.lines();
        let waiting = lines.find_map(|line| line.strip_prefix("task_host_queue_waiting "));
        // Half of the 64 slots.
        (waiting?.parse() == Ok(100 - 32)).then_some(())
    });
    for _ in 0..20 {
        host.get("/counters/light").expect(200);
        host.post("/counters/light/increment", &json!({}))
            .expect(200);
    }
    assert!(
        long.iter_mut().all(is_waiting),
        "the long requests still run"
    );
}

/// The niceness of the host's threads of that name, and the sum of their CPU time in clock ticks.
fn threads(host: &Host, name: &str) -> (Vec<i32>, u64) {
    let tasks = fs::read_dir(format!("/proc/{}/task", host.id())).expect("the host's threads");
    let (mut niceness, mut ticks) = (Vec::new(), 0);
    for task in tasks {
        // A thread may have ended meanwhile.
        let stat = task.and_then(|task| fs::read_to_string(task.path().join("stat")));
        let Ok(stat) = stat else { continue };
        let (before, after) = stat.rsplit_once(") ").expect("a name in parentheses");
        if before
            .split_once('(')
            .is_some_and(|(_, found)| found == name)
        {
            let fields: Vec<_> = after.split(' ').collect();
            niceness.push(fields[16].parse().expect("a niceness"));
            ticks += fields[11].parse::<u64>().expect("a time");
        }
    }
    (niceness, ticks)
}

#[test]
fn reads_of_long_routes_run_on_threads_of_low_priority() {
    let host = counter_with_long_limits().start();
    let (niceness, before) = threads(&host, "background");
    let (others, _) = threads(&host, "tokio-rt-worker");
    assert!(!niceness.is_empty() && !others.is_empty());
    assert!(
        niceness.iter().min() > others.iter().max(),
        "{niceness:?} {others:?}"
    );
    let _open = host.request("GET", "/naughty/endless-loop").open();
    eventually("the read runs in the background", || {
        let (_, now) = threads(&host, "background");
        (now > before + 5).then_some(())
    });
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
