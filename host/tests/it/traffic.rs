//! Two revisions at a time: canary, shadow, and switches under load.
//!
//! The revisions are probes that answer differently, so that each answer tells what made it.

mod canary;
mod load;
mod schema;
mod shadow;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;

use serde_json::{Value, json};

use crate::client::Answer;
use crate::harness::{Host, Refused, Setup, eventually, run, task_host};
use crate::hostile::probe::Probe;

/// What the two revisions answer.
const OLD: &str = "the old thing";
const NEW: &str = "the new thing";

fn old() -> Probe {
    Probe::good().saying(OLD)
}

fn new() -> Probe {
    Probe::good().saying(NEW)
}

/// A host of the old revision whose probation is over soon.
fn setup() -> Setup {
    old().setup().flag("--probation", "50ms")
}

/// Writes a component where a command finds it, as long as the setup lives.
fn file(setup: &Setup, component: &[u8]) -> PathBuf {
    let path = setup.directory().join("next.wasm");
    std::fs::write(&path, component).expect("written");
    path
}

/// Runs a command of the host's operators to its end.
fn operate(host: &Host, arguments: &[&str]) -> Refused {
    let mut command: Command = task_host();
    command
        .args(arguments)
        .args(["--to", &format!("http://{}", host.admin_address)]);
    let mut output = run(command);
    // What happened is on standard output, broken into lines as wide as a terminal.
    let said = format!("{} {}", output.stderr, output.stdout);
    output.stderr = said.split_whitespace().collect::<Vec<_>>().join(" ");
    output
}

#[track_caller]
fn done(host: &Host, arguments: &[&str]) -> String {
    let output = operate(host, arguments);
    assert_eq!(output.code, Some(0), "{output:#?}");
    output.stderr
}

fn deploy(host: &Host, component: &Path, flags: &[&str]) -> Refused {
    let path = component.to_str().expect("UTF-8");
    operate(host, &[&["deploy", path], flags].concat())
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

/// Goes to a revision that was active before, and waits until the host says that it is there.
fn switch(host: &Host, digest: &str) {
    let order = json!({ "digest": digest });
    let begun = host.admin("POST", "/admin/rollback").json(&order).send();
    let id = begun.expect(202).json()["id"].as_i64().expect("an id");
    let outcome = eventually("the switch ends", || {
        let outcome = deployment(host, id)["outcome"].clone();
        (outcome != "running").then_some(outcome)
    });
    assert_eq!(outcome, "active");
}

/// The revision that an answer names.
fn revision(answer: &Answer) -> &str {
    answer.expect_header("task-host-revision")
}

/// Asks from several clients until `work` is over. Returns what it came to, and how many asked.
fn under_load<T>(host: &Host, ask: impl Fn(&Host) + Sync, work: impl FnOnce() -> T) -> (T, u64) {
    /// Stops the clients also where `work` fails.
    struct Stop<'a>(&'a AtomicBool);
    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Relaxed);
        }
    }
    let (stop, asked) = (AtomicBool::new(false), AtomicU64::new(0));
    let done = thread::scope(|scope| {
        let _stop = Stop(&stop);
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(Relaxed) {
                    ask(host);
                    asked.fetch_add(1, Relaxed);
                }
            });
        }
        work()
    });
    (done, asked.into_inner())
}
