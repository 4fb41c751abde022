//! Time and chance: clocks stand still, nothing waits, and both depend on the call alone.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{fails, guest, seen};
use crate::harness::eventually;

#[test]
fn both_clocks_show_the_time_of_the_request_and_stand_still() {
    let host = guest().start();
    let before = nanoseconds();
    let facts = seen(&host, "clocks?n=1000000");
    let [time, monotonic, elapsed, instant, ..] = &facts[..] else {
        panic!("{facts:?}");
    };
    assert_eq!(time, monotonic);
    assert_eq!((&**elapsed, &**instant), ("Ok(0)", "0"));
    let time: u128 = time.parse().expect("a number");
    assert!((before..=nanoseconds()).contains(&time), "{facts:?}");
}

fn nanoseconds() -> u128 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("a time after 1970").as_nanos()
}

#[test]
fn waiting_for_a_timer_ends_the_request_at_once() {
    let host = guest().flag("--request-timeout", "60s").start();
    let began = Instant::now();
    for attempt in ["sleep", "poll-timers?n=1", "poll-timers?n=400"] {
        fails(&host, attempt, 500, "logic-waited");
    }
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[test]
fn what_is_ready_is_not_waited_for() {
    let host = guest().start();
    assert_eq!(seen(&host, "sleep-not-at-all"), ["awake"]);
    // A timer in the list does not matter if something else is ready.
    assert_eq!(seen(&host, "poll"), ["[false, true, true]", "[1, 3]"]);
}

#[test]
fn random_numbers_differ_between_requests_and_are_bounded() {
    let host = guest().start();
    let (one, other) = (seen(&host, "random?n=16"), seen(&host, "random?n=16"));
    for (one, other) in one.iter().zip(&other) {
        assert_ne!(one, other);
    }
    assert_eq!(one[0].len(), 32);
    for attempt in ["random-length", "insecure-length"] {
        assert_eq!(seen(&host, &format!("{attempt}?n=65536")), ["65536"]);
        for length in ["65537", "4294967296", "18446744073709551615"] {
            fails(
                &host,
                &format!("{attempt}?n={length}"),
                500,
                "logic-trapped",
            );
        }
    }
}

#[test]
fn a_description_may_use_what_runtimes_start_with_and_is_always_the_same() {
    let version = || {
        let host = guest().start();
        let openapi = host.get("/openapi.json").expect(200).json();
        let printed = |text: &str| host.log.find(|line| line["message"] == text).is_some();
        eventually("the output is in the log", || {
            (printed("describing") && printed("collecting assets")).then_some(())
        });
        openapi["info"]["version"]
            .as_str()
            .expect("a version")
            .to_owned()
    };
    let first = version();
    assert!(first.starts_with("0s, 0 variables, "), "{first}");
    assert_eq!(first, version());
}
