//! Replacing the logic of a running host with the real commands and the real admin API.

mod attempts;
mod compiling;
mod crash;
mod fallback;
mod gate;
mod oci;
mod reasons;
mod rehearsal;
mod replicas;
mod retention;
mod rollback;
mod signatures;
mod unanswered;
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

/// A component in a file, which is deleted when this value is dropped.
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

/// A component that traps only for `/things/1`.
fn trapping() -> Probe {
    Probe::good().at(
        "get",
        "(if (i64.eq (local.get 0) (i64.const 1)) (then (unreachable)))",
    )
}

/// A setup with a short probation.
fn short_probation() -> Setup {
    Probe::good().setup().flag("--probation", "100ms")
}

/// An operator's command that is sent to this host.
fn command(host: &Host, arguments: &[&str]) -> Command {
    let mut command = task_host();
    command
        .args(arguments)
        .args(["--to", &format!("http://{}", host.admin_address)]);
    command
}

/// Runs `task-host deploy`. `stderr` of the result has both outputs on one line.
fn deploy(host: &Host, component: &Built, flags: &[&str]) -> Refused {
    let arguments: Vec<&str> = ["deploy", component.path()]
        .into_iter()
        .chain(flags.iter().copied())
        .collect();
    let mut output = run(command(host, &arguments));
    // The command wraps its text at the width of a terminal.
    let text = format!("{} {}", output.stderr, output.stdout);
    output.stderr = text.split_whitespace().collect::<Vec<_>>().join(" ");
    output
}

/// Deploys a component, which must succeed.
#[track_caller]
fn deploy_successfully(host: &Host, component: &Built, flags: &[&str]) {
    let output = deploy(host, component, flags);
    assert_eq!(output.code, Some(0), "{output:#?}");
}

/// Runs an operator's command, which must succeed.
#[track_caller]
fn run_successfully(host: &Host, arguments: &[&str]) {
    let output = run(command(host, arguments));
    assert_eq!(output.code, Some(0), "{output:#?}");
}

/// Starts a command in the background and waits until its deployment has reached the stage at which
/// `--pause-before` or a long probation holds it.
fn begin(host: &Host, arguments: &[&str], point: &str) {
    let mut child = command(host, arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the command starts");
    let reached = host.log.find(|line| {
        line["deployment.stage"] == point
            && (point == "probation" || line["message"].to_string().contains("paused"))
            // The first deployment is the one of the bundled component.
            && line["deployment.id"] != 1
    });
    reached.unwrap_or_else(|| panic!("the deployment never reached {point}"));
    child.kill().expect("the command runs or has ended");
    child.wait().expect("the command ends");
}

/// A component with the same API and another digest for each number.
fn numbered(number: u32) -> Probe {
    Probe::good().at("get", &format!("(drop (i32.const {number}))"))
}

/// The revision that answers requests, as in the `Task-Host-Revision` header.
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

/// The name and state of each replica, as one of them reports it.
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

/// What [`seen_by`] returns if all of these replicas serve.
fn serving(names: &[&str]) -> Vec<(String, String)> {
    let names = names.iter();
    names
        .map(|name| ((*name).to_owned(), "serving".to_owned()))
        .collect()
}

/// The details of the events of one stage of the latest deployment.
fn details(host: &Host, stage: &str) -> String {
    let deployment = latest(host);
    let events = deployment["events"].as_array().expect("events").iter();
    let events = events.filter(|event| event["stage"] == stage);
    let details = events.filter_map(|event| event["detail"].as_str());
    details.collect::<Vec<_>>().join("; ")
}

impl Built {
    fn path(&self) -> &str {
        self.path.to_str().expect("UTF-8")
    }

    /// The SHA-256 digest of the content, in hex.
    fn digest(&self) -> String {
        let content = std::fs::read(&self.path).expect("a file");
        let digest = Sha256::digest(content);
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[test]
fn a_deployed_component_serves_and_survives_a_restart() {
    let setup = short_probation();
    let host = setup.start();
    let before = revision(&host);
    let component = built(&other());
    deploy_successfully(&host, &component, &[]);
    let after = revision(&host);
    assert_ne!(after, before);
    let deployment = latest(&host);
    assert_eq!(deployment["outcome"], "active", "{deployment}");
    assert_eq!(deployment["kind"], "deploy");
    drop(host);
    // After a restart it is still active, not the bundled component.
    assert_eq!(revision(&setup.start()), after);
}

#[test]
fn a_dry_run_checks_everything_and_changes_nothing() {
    let host = short_probation().start();
    let before = revision(&host);
    deploy_successfully(&host, &built(&other()), &["--dry-run"]);
    assert_eq!(revision(&host), before);
    assert_eq!(latest(&host)["outcome"], "checked");
}

#[test]
fn a_rejected_component_changes_nothing_but_the_history() {
    let host = short_probation().start();
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
    deploy_successfully(&host, &built(&without), &["--allow-breaking"]);
    host.get("/things/2").expect(404);
}

#[test]
fn an_applied_migration_must_not_change() {
    let released = Probe::good().migration("0001-things", "create table things (id integer)");
    let host = released.setup().flag("--probation", "100ms").start();
    let changed = Probe::good().migration("0001-things", "create table things (id text)");
    deploy(&host, &built(&changed), &[]).says(1, &["0001-things"]);
    let further = released.migration("0002-more", "create table more (id integer)");
    deploy_successfully(&host, &built(&further), &[]);
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
        // A rehearsal would refuse it.
        let output = deploy(&host, &component, &["--no-rehearsal"]);
        stop.store(true, Ordering::Relaxed);
        output
    });
    output.says(1, &["requests failed"]);
    assert_eq!(revision(&host), before);
    host.get("/things/1").expect(200);
    let deployment = latest(&host);
    assert_eq!(deployment["outcome"], "rolled-back", "{deployment}");
    assert_eq!(deployment["code"], "probation-failed");
    // The same component cannot be deployed again by accident.
    deploy(&host, &component, &[]).says(1, &["rolled back before"]);
    assert_eq!(revision(&host), before);
}

#[test]
fn a_rollback_works_across_a_migration() {
    let host = short_probation().start();
    let before = revision(&host);
    deploy_successfully(&host, &built(&other()), &[]);
    run_successfully(&host, &["rollback"]);
    assert_eq!(revision(&host), before);
    assert_eq!(latest(&host)["kind"], "rollback");
}
