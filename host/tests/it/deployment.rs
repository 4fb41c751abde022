//! Replacing the logic of a running host: with the real command, against the real admin API.

mod attempts;
mod back;
mod compiling;
mod crash;
mod fallback;
mod gate;
mod oci;
mod replicas;
mod retention;
mod signatures;
mod versions;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::harness::{Host, Refused, Setup, run, task_host};
use crate::hostile::probe::Probe;

/// A component in a file, for as long as the test needs it.
struct Built {
    path: PathBuf,
    _directory: TempDir,
}

fn built(probe: &Probe) -> Built {
    built_of(&probe.build())
}

fn built_of(bytes: &[u8]) -> Built {
    let directory = TempDir::new().expect("a directory");
    let path = directory.path().join("next.wasm");
    std::fs::write(&path, bytes).expect("written");
    Built {
        path,
        _directory: directory,
    }
}

/// Another component with the same API.
fn other() -> Probe {
    Probe::good().migration("0001-more", "create table more (id integer)")
}

/// A component that traps for `/things/1`, and for no other.
fn trapping() -> Probe {
    Probe::good().at(
        "get",
        "(if (i64.eq (local.get 0) (i64.const 1)) (then (unreachable)))",
    )
}

/// A host whose probation is over soon.
fn quick() -> Setup {
    Probe::good().setup().flag("--probation", "100ms")
}

fn command(host: &Host, arguments: &[&str]) -> Command {
    let mut command = task_host();
    command
        .args(arguments)
        .args(["--to", &format!("http://{}", host.admin_address)]);
    command
}

fn deploy(host: &Host, component: &Built, flags: &[&str]) -> Refused {
    let arguments: Vec<&str> = ["deploy", component.path()]
        .into_iter()
        .chain(flags.iter().copied())
        .collect();
    let mut output = run(command(host, &arguments));
    // What happened is on standard output, broken into lines as wide as a terminal.
    let said = format!("{} {}", output.stderr, output.stdout);
    output.stderr = said.split_whitespace().collect::<Vec<_>>().join(" ");
    output
}

/// Begins a command in the background, and waits until its deployment has come to the point where
/// `--pause-before`, or a long probation, keeps it.
fn begin(host: &Host, arguments: &[&str], point: &str) {
    let mut child = command(host, arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the command starts");
    let there = host.log.find(|line| {
        line["deployment.stage"] == point
            && (point == "probation" || line["message"].to_string().contains("paused"))
            // The first deployment is that of the bundled component.
            && line["deployment.id"] != 1
    });
    there.unwrap_or_else(|| panic!("it never came to {point}"));
    child.kill().expect("it runs, or has ended");
    child.wait().expect("it ends");
}

/// Another component with the same API, for each number.
fn numbered(number: u32) -> Probe {
    Probe::good().at("get", &format!("(drop (i32.const {number}))"))
}

fn revision(host: &Host) -> String {
    let answer = host.get("/things/2").expect(200);
    answer.expect_header("task-host-revision").to_owned()
}

/// The latest deployment.
fn latest(host: &Host) -> Value {
    history(host)[0].clone()
}

/// Every deployment, the latest first.
fn history(host: &Host) -> Value {
    let history = host.admin("GET", "/admin/deployments?limit=1000").send();
    history.expect(200).json()
}

fn status(host: &Host) -> Value {
    host.admin("GET", "/admin/status").send().expect(200).json()
}

/// The state of each host, by its name, as one of them sees it.
fn seen_by(host: &Host) -> Vec<(String, String)> {
    let replicas = status(host)["replicas"].clone();
    let replicas = replicas.as_array().expect("an array").iter();
    let mut seen: Vec<_> = replicas
        .map(|of| [&of["name"], &of["state"]].map(|text| text.as_str().unwrap().to_owned()))
        .map(|[name, state]| (name, state))
        .collect();
    seen.sort();
    seen
}

fn serving(names: &[&str]) -> Vec<(String, String)> {
    let names = names.iter();
    names
        .map(|name| ((*name).to_owned(), "serving".to_owned()))
        .collect()
}

/// What is said in a stage of the latest deployment.
fn details(host: &Host, stage: &str) -> String {
    let deployment = latest(host);
    let events = deployment["events"].as_array().expect("events").iter();
    let events = events.filter(|event| event["stage"] == stage);
    let details = events.filter_map(|event| event["detail"].as_str());
    details.collect::<Vec<_>>().join("; ")
}

/// Stops other threads also where a test fails.
struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Built {
    fn path(&self) -> &str {
        self.path.to_str().expect("UTF-8")
    }

    /// As hex digits.
    fn digest(&self) -> String {
        let content = std::fs::read(&self.path).expect("a file");
        let digest = Sha256::digest(content);
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[test]
fn a_component_is_checked_switched_to_and_kept() {
    let setup = quick();
    let host = setup.start();
    let before = revision(&host);
    let component = built(&other());
    let output = deploy(&host, &component, &[]);
    assert_eq!(output.code, Some(0), "{output:#?}");
    let after = revision(&host);
    assert_ne!(after, before);
    let deployment = latest(&host);
    assert_eq!(deployment["outcome"], "active", "{deployment}");
    assert_eq!(deployment["kind"], "deploy");
    drop(host);
    // A restart goes on with it, whatever is bundled.
    assert_eq!(revision(&setup.start()), after);
}

#[test]
fn a_dry_run_checks_everything_and_changes_nothing() {
    let host = quick().start();
    let before = revision(&host);
    let output = deploy(&host, &built(&other()), &["--dry-run"]);
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert_eq!(revision(&host), before);
    assert_eq!(latest(&host)["outcome"], "checked");
}

#[test]
fn a_refused_component_leaves_only_its_history() {
    let host = quick().start();
    let before = revision(&host);
    let broken = Probe::good().migration("0001-broken", "create table broken (");
    let output = deploy(&host, &built(&broken), &[]);
    output.says(1, &["0001-broken"]);
    assert_eq!(revision(&host), before);
    let deployment = latest(&host);
    assert_eq!(deployment["outcome"], "rejected", "{deployment}");
    assert_eq!(deployment["code"], "migration-failed");
    let without = Probe::good().routes([]);
    let output = deploy(&host, &built(&without), &[]);
    output.says(1, &["GET /things/{id}"]);
    assert_eq!(latest(&host)["code"], "breaking-change");
    let output = deploy(&host, &built(&without), &["--allow-breaking"]);
    assert_eq!(output.code, Some(0), "{output:#?}");
    host.get("/things/2").expect(404);
}

#[test]
fn a_released_migration_never_changes() {
    let released = Probe::good().migration("0001-things", "create table things (id integer)");
    let host = released.setup().flag("--probation", "100ms").start();
    let changed = Probe::good().migration("0001-things", "create table things (id text)");
    deploy(&host, &built(&changed), &[]).says(1, &["0001-things"]);
    let further = released.migration("0002-more", "create table more (id integer)");
    let output = deploy(&host, &built(&further), &[]);
    assert_eq!(output.code, Some(0), "{output:#?}");
}

#[test]
fn a_trap_in_probation_brings_the_previous_revision_back() {
    let host = Probe::good()
        .setup()
        .flag("--probation", "60s")
        .flag("--probation-requests", "10")
        .start();
    let before = revision(&host);
    let component = built(&trapping());
    let stop = AtomicBool::new(false);
    let output = thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                host.get("/things/1");
                host.get("/things/2").expect(200);
            }
        });
        let output = deploy(&host, &component, &[]);
        stop.store(true, Ordering::Relaxed);
        output
    });
    output.says(1, &["requests failed"]);
    assert_eq!(revision(&host), before);
    host.get("/things/1").expect(200);
    let deployment = latest(&host);
    assert_eq!(deployment["outcome"], "rolled-back", "{deployment}");
    assert_eq!(deployment["code"], "probation-failed");
    // It is not tried again by accident.
    deploy(&host, &component, &[]).says(1, &["rolled back before"]);
    assert_eq!(revision(&host), before);
}

#[test]
fn a_rollback_goes_back_across_a_migration() {
    let host = quick().start();
    let before = revision(&host);
    let output = deploy(&host, &built(&other()), &[]);
    assert_eq!(output.code, Some(0), "{output:#?}");
    let output = run(command(&host, &["rollback"]));
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert_eq!(revision(&host), before);
    assert_eq!(latest(&host)["kind"], "rollback");
}
