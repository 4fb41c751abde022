//! Standard output and standard error are log lines of the request.

use super::{fails, guest, lines_of, seen};

fn info(text: &str) -> (String, String) {
    ("INFO".to_owned(), text.to_owned())
}

fn warn(text: &str) -> (String, String) {
    ("WARN".to_owned(), text.to_owned())
}

#[test]
fn each_line_is_a_log_line_of_the_request() {
    let host = guest().start();
    let answer = host.get("/attempts/print").expect(200);
    let request = answer.expect_header("x-request-id");
    let stdout = ["one line", "not \u{fffd} UTF-8", "unfinished"];
    assert_eq!(lines_of(&host, request, "stdout", 3), stdout.map(info));
    let stderr = ["a line \\u001b[31mof errors\\u202e", "unfinished, too"];
    assert_eq!(lines_of(&host, request, "stderr", 2), stderr.map(warn));
}

#[test]
fn the_last_line_before_a_trap_is_kept() {
    let host = guest().start();
    let answer = host.get("/attempts/print-and-trap");
    answer.problem(500, "logic-trapped");
    let request = answer.expect_header("x-request-id");
    assert_eq!(
        lines_of(&host, request, "stdout", 1),
        [info("the last words")]
    );
}

#[test]
fn a_panic_is_in_the_log_with_its_message_and_line() {
    let host = guest().start();
    let answer = host.get("/attempts/panic");
    answer.problem(500, "logic-trapped");
    let request = answer.expect_header("x-request-id");
    let lines = lines_of(&host, request, "stderr", 2);
    let text: Vec<_> = lines.iter().map(|(_, message)| &**message).collect();
    assert!(text[0].contains("panicked at"), "{lines:?}");
    assert!(text[0].contains("attempts.rs:"), "{lines:?}");
    assert_eq!(text[1], "the reason of the panic");
}

#[test]
fn lines_and_bytes_beyond_the_limits_of_the_log_are_dropped_and_counted() {
    let host = guest().start();
    let answer = host.get("/attempts/print-lines?n=250").expect(200);
    let request = answer.expect_header("x-request-id");
    let lines = lines_of(&host, request, "stdout", 100);
    assert_eq!(lines.len(), 100);
    assert_eq!(lines[99], info("line 99"));
    let dropped = host.log.find(|line| line["dropped"] == 150);
    assert!(dropped.expect("a report").to_string().contains(request));

    // A long line is cut off, and the next one is whole.
    let answer = host.get("/attempts/print-long-line?n=3000").expect(200);
    let request = answer.expect_header("x-request-id");
    let lines = lines_of(&host, request, "stdout", 2);
    assert_eq!(lines, [info(&"x".repeat(4096)), info("the next line")]);
}

#[test]
fn output_counts_as_data_that_is_passed_to_the_host() {
    let host = guest()
        .flag("--handover-limit", "1MiB")
        .flag("--cpu-limit", "60s")
        .flag("--request-timeout", "60s")
        .start();
    let code = "handover-limit-exceeded";
    fails(&host, "print-long-line?n=2000", 500, code);
    fails(&host, "write-at-once?n=2000000", 500, code);
    assert_eq!(seen(&host, "write-at-once?n=60000"), ["ok"]);
    // Only as many as the stream offers to take.
    assert_eq!(seen(&host, "write-zeroes?n=65536"), ["ok"]);
    fails(
        &host,
        "write-zeroes?n=18446744073709551615",
        500,
        "logic-trapped",
    );
    assert_eq!(
        seen(&host, "splice?n=18446744073709551615"),
        ["StreamError::Closed"]
    );
}
