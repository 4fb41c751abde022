//! Two revisions at the same time: canary, shadow, and switches under load.
//!
//! The revisions are probes that return different texts, so each answer shows which revision made
//! it.

mod canary;
mod kept;
mod load;
mod schema;
mod shadow;
mod steps;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;

use serde_json::{Value, json};

use crate::client::Answer;
use crate::harness::{Host, Refused, Setup, eventually, run, task_host};
use crate::hostile::probe::Probe;
use crate::stop::StopOnDrop;

/// What the old revision returns.
const OLD: &str = "the old thing";
/// What the new revision returns.
const NEW: &str = "the new thing";

fn old() -> Probe {
    Probe::good().returning(OLD)
}

fn new() -> Probe {
    Probe::good().returning(NEW)
}

/// A host that serves the old revision and has a short probation.
fn setup() -> Setup {
    old().setup().flag("--probation", "50ms")
}

/// Writes a component to a file that exists as long as the setup.
fn write_component(setup: &Setup, component: &[u8]) -> PathBuf {
    let path = setup.directory().join("next.wasm");
    std::fs::write(&path, component).expect("written");
    path
}

/// Runs an operator's command against the host. `stderr` of the result has both outputs on one line.
fn run_command(host: &Host, arguments: &[&str]) -> Refused {
    let mut command: Command = task_host();
    command
        .args(arguments)
        .args(["--to", &format!("http://{}", host.admin_address)]);
    let mut output = run(command);
    // The command wraps its text at the width of a terminal.
    let text = format!("{} {}", output.stderr, output.stdout);
    output.stderr = text.split_whitespace().collect::<Vec<_>>().join(" ");
    output
}

/// Runs an operator's command, which must succeed, and returns its text.
#[track_caller]
fn run_successfully(host: &Host, arguments: &[&str]) -> String {
    let output = run_command(host, arguments);
    assert_eq!(output.code, Some(0), "{output:#?}");
    output.stderr
}

fn deploy(host: &Host, component: &Path, flags: &[&str]) -> Refused {
    let path = component.to_str().expect("UTF-8");
    run_command(host, &[&["deploy", path], flags].concat())
}

fn status(host: &Host) -> Value {
    host.admin("GET", "/admin/status").send().expect(200).json()
}

fn deployment(host: &Host, id: i64) -> Value {
    let path = format!("/admin/deployments/{id}");
    host.admin("GET", &path).send().expect(200).json()
}

/// The latest deployment.
fn latest(host: &Host) -> Value {
    let history = host.admin("GET", "/admin/deployments?limit=1").send();
    history.expect(200).json()[0].clone()
}

/// Goes back to a revision that was active before, and waits until it is active.
fn roll_back_to(host: &Host, digest: &str) {
    let order = json!({ "digest": digest });
    let begun = host.admin("POST", "/admin/rollback").json(&order).send();
    let id = begun.expect(202).json()["id"].as_i64().expect("an id");
    let outcome = eventually("the switch ends", || {
        let outcome = deployment(host, id)["outcome"].clone();
        (outcome != "running").then_some(outcome)
    });
    assert_eq!(outcome, "active");
}

/// The revision that made an answer.
fn revision(answer: &Answer) -> &str {
    answer.expect_header("task-host-revision")
}

/// Calls `request` from several threads until `work` returns. Returns the result of `work` and the
/// number of calls.
fn under_load<T>(
    host: &Host,
    request: impl Fn(&Host) + Sync,
    work: impl FnOnce() -> T,
) -> (T, u64) {
    let (stop, calls) = (AtomicBool::new(false), AtomicU64::new(0));
    let result = thread::scope(|scope| {
        let _stop = StopOnDrop(&stop);
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(Relaxed) {
                    request(host);
                    calls.fetch_add(1, Relaxed);
                }
            });
        }
        work()
    });
    (result, calls.into_inner())
}
