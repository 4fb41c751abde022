//! Logic that uses WASI 0.2: everything links, nothing is granted, and nothing that the logic does
//! with it costs more than its own request.

mod bookmarks;
mod denied;
mod limits;
mod output;
mod time;

use serde_json::Value;

use crate::harness::{Host, Setup, built, eventually};
use crate::metrics::count;

/// The service that uses and misuses all of WASI.
fn guest() -> Setup {
    Setup::component(built("wasi.wasm"))
}

/// Returns what an attempt saw.
#[track_caller]
fn seen(host: &Host, attempt: &str) -> Vec<String> {
    let answer = host.get(&format!("/attempts/{attempt}")).expect(200).json();
    let texts = answer.as_array().expect("a list").iter();
    texts
        .map(|text| text.as_str().expect("a text").to_owned())
        .collect()
}

/// Asserts that an attempt fails with this problem, which is counted, that the next request
/// succeeds, and that the problem shows no internals.
#[track_caller]
fn fails(host: &Host, attempt: &str, status: u16, code: &str) {
    let series = format!("task_host_faults_total{{kind=\"{code}\"}}");
    let before = count(host, &series);
    let answer = host.get(&format!("/attempts/{attempt}"));
    let problem = answer.problem(status, code);
    assert!(problem.get("detail").is_none(), "{problem}");
    assert_eq!(count(host, &series), before + 1.0, "{attempt}");
    assert_eq!(seen(host, "sleep-not-at-all"), ["awake"]);
}

/// Returns the messages of a request's log lines that the logic wrote to a stream, with their
/// levels, as soon as there are `count` of them.
#[track_caller]
fn lines_of(host: &Host, request: &str, stream: &str, count: usize) -> Vec<(String, String)> {
    let text = |line: &Value, member: &str| line[member].as_str().unwrap_or_default().to_owned();
    let written = |line: &&Value| {
        let line = line.to_string();
        line.contains(request) && line.contains(stream)
    };
    eventually("the lines are in the log", || {
        let lines = host.log.all();
        let lines: Vec<_> = lines.iter().filter(written).collect();
        let pairs = lines.iter();
        let pairs = pairs.map(|line| (text(line, "level"), text(line, "message")));
        (lines.len() >= count).then(|| pairs.collect())
    })
}
