//! Resources, exits and components that do not fit.

use std::time::{Duration, Instant};

use super::{fails, guest, seen};

#[test]
fn streams_and_timers_that_are_never_dropped_are_bounded() {
    let host = guest().start();
    for attempt in ["hoard-streams", "hoard-timers"] {
        assert_eq!(seen(&host, &format!("{attempt}?n=400")), ["hoarded"]);
        fails(&host, &format!("{attempt}?n=1000000"), 500, "logic-trapped");
    }
    assert_eq!(seen(&host, "use-streams?n=10000"), ["used"]);
}

#[test]
fn long_lists_of_pollables_are_bounded() {
    let host = guest()
        .flag("--cpu-limit", "60s")
        .flag("--request-timeout", "60s")
        .start();
    let began = Instant::now();
    assert_eq!(seen(&host, "poll-long-list?n=10000"), ["10000"]);
    fails(&host, "poll-long-list?n=1000000", 500, "logic-trapped");
    fails(
        &host,
        "poll-long-lists?n=1000",
        500,
        "handover-limit-exceeded",
    );
    assert!(began.elapsed() < Duration::from_secs(30));
    fails(&host, "poll-nothing", 500, "logic-trapped");
}

#[test]
fn an_exit_is_a_fault_that_names_its_status() {
    let host = guest().start();
    for (n, status) in [(0, 0), (1, 1), (3, 1)] {
        fails(&host, &format!("exit?n={n}"), 500, "logic-exited");
        let text = format!("exited with status {status} ");
        let logged = host.log.find(|line| line.to_string().contains(&text));
        assert!(logged.is_some(), "{text}");
    }
    fails(&host, "abort", 500, "logic-trapped");
}
