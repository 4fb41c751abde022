//! What WASI offers elsewhere and this host does not grant: the environment, files and the network.

use super::{fails, guest, seen};

#[test]
fn the_environment_is_empty() {
    let host = guest().variable("TASK_HOST_SECRET", "hidden").start();
    // Variables, arguments and directories.
    let facts = seen(&host, "environment");
    assert_eq!(facts[..4], ["0", "0", "0", "None"], "{facts:?}");
    assert_eq!(seen(&host, "stdin"), ["Ok(0)", ""]);
    assert_eq!(seen(&host, "terminals"), ["false"; 3]);
}

#[test]
fn no_file_can_be_opened() {
    let host = guest().start();
    let failures = seen(&host, "files");
    assert_eq!(failures.len(), 7);
    for failure in failures {
        assert!(
            failure.contains("Uncategorized") || failure.contains("NotFound"),
            "{failure}"
        );
    }
}

#[test]
fn no_socket_can_be_made_and_no_name_is_resolved() {
    let host = guest().start();
    let failures = seen(&host, "network");
    assert_eq!(failures.len(), 5);
    assert!(!failures.contains(&"ok".to_owned()), "{failures:?}");
    let failures = seen(&host, "sockets");
    let denied =
        |failure: &String| failure.contains("access-denied") || failure.contains("failure");
    assert!(failures.iter().all(denied), "{failures:?}");
}

#[test]
fn a_request_to_another_host_fails_and_the_log_says_why() {
    let host = guest().start();
    fails(&host, "request", 500, "logic-trapped");
    let reason = "the logic has no outgoing network: it called wasi:http/types@";
    let line = host.log.find(|line| line.to_string().contains(reason));
    assert!(line.is_some(), "{}", host.log.tail(5));
}
