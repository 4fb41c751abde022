//! Commands whose output or errors cannot be written, and text that could control a terminal.

use std::fs::{self, File};
use std::process::{Command, Stdio};

use serde_json::json;

use crate::harness::{Host, Setup, built, run, task_host};

/// What a command ended with: the exit status and standard error.
type Ended = (Option<i32>, String);

/// Runs a command with another standard output.
fn run_into(mut command: Command, stdout: impl Into<Stdio>) -> Ended {
    let output = command
        .stdout(stdout)
        .stderr(Stdio::piped())
        .output()
        .expect("the command starts");
    let stderr = String::from_utf8(output.stderr).expect("text");
    assert!(!stderr.contains("panicked"), "{stderr}");
    (output.status.code(), stderr)
}

/// A pipe that nobody reads.
fn closed_pipe() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

fn full_device() -> File {
    File::options()
        .write(true)
        .open("/dev/full")
        .expect("Linux has it")
}

/// Every command that writes to standard output, with the arguments of a call that succeeds. `run`
/// makes names of new files differ.
fn commands(host: &Host, setup: &Setup, run: usize) -> Vec<Vec<String>> {
    let directory = setup.directory();
    let file = |name: &str| {
        directory
            .join(format!("{name}-{run}"))
            .display()
            .to_string()
    };
    let public = format!("http://{}", host.address);
    let admin = format!("http://{}", host.admin_address);
    let database = format!("sqlite:{}", directory.join("data.sqlite").display());
    let component = built("tasks.wasm").display().to_string();
    let own = directory.join(format!("own-{run}.wasm"));
    fs::copy(&component, &own).expect("copied");
    let key = directory.join("signing-key").display().to_string();
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    [
        words("--help"),
        words("--version"),
        words("serve --help"),
        words(&format!("call tasks.list --to {public}")),
        words(&format!("status --to {admin}")),
        words(&format!("status --json --to {admin}")),
        words(&format!("history --to {admin}")),
        words(&format!("history --json --to {admin}")),
        words(&format!("inspect {component}")),
        words(&format!("inspect {component} --json")),
        words(&format!("deploy {component} --dry-run --to {admin}")),
        words(&format!("deploy {component} --dry-run --json --to {admin}")),
        words(&format!("keygen --out {}", file("key"))),
        words(&format!("sign {} --key {key}", own.display())),
        words(&format!("backup {} --database {database}", file("backup"))),
    ]
    .into()
}

fn start() -> (Setup, Host) {
    let setup = Setup::tasks();
    let path = setup.directory().join("data.sqlite");
    let setup = setup.database(&format!("sqlite:{}", path.display()));
    let mut keygen = task_host();
    keygen.arg("keygen").arg("--out");
    keygen.arg(setup.directory().join("signing-key"));
    assert_eq!(run(keygen).code, Some(0));
    let host = setup.start();
    (setup, host)
}

#[test]
fn a_closed_pipe_ends_no_command_with_a_panic_or_an_error() {
    let (setup, host) = start();
    for line in commands(&host, &setup, 1) {
        let mut command = task_host();
        command.args(&line);
        let (code, stderr) = run_into(command, closed_pipe());
        assert_eq!(code, Some(0), "{line:?}: {stderr}");
    }
    // The state is printed until the reader goes away.
    let mut watch = task_host();
    watch.args(["status", "--watch", "--to"]);
    watch.arg(format!("http://{}", host.admin_address));
    assert_eq!(run_into(watch, closed_pipe()).0, Some(0));
}

#[test]
fn a_full_device_is_an_error_that_says_what_failed() {
    let (setup, host) = start();
    for line in commands(&host, &setup, 2) {
        let mut command = task_host();
        command.args(&line);
        let (code, stderr) = run_into(command, full_device());
        assert_eq!(code, Some(1), "{line:?}: {stderr}");
        assert!(
            stderr.contains("cannot write to standard output: No space left on device"),
            "{line:?}: {stderr}"
        );
    }
    // Nothing is left to say it with, but the status is right.
    let mut refused = task_host();
    refused.args(["inspect", "/none"]).stderr(full_device());
    let status = refused.status().expect("the command starts");
    assert_eq!(status.code(), Some(2));
}

#[test]
fn an_export_that_was_cut_off_is_an_error() {
    let (setup, host) = start();
    let tasks: Vec<_> = (0..50)
        .map(|n| json!({"title": format!("Task {n}"), "category": "feature"}))
        .collect();
    host.post("/tasks/bulk", &json!(tasks)).expect(200);
    let export = || {
        let mut command = task_host();
        let file = setup.directory().join("data.sqlite");
        command.args(["export", "--database"]);
        command.arg(format!("sqlite:{}", file.display()));
        command
    };
    let (code, stderr) = run_into(export(), closed_pipe());
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("the output is incomplete"), "{stderr}");
    let (code, stderr) = run_into(export(), full_device());
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("No space left on device"), "{stderr}");
}

#[test]
fn names_of_files_cannot_control_the_terminal() {
    let hostile = "/none/x\u{1b}]0;title\u{7}\u{9b}2J\u{202e}\ntask-host: all is well";
    for line in [
        vec!["inspect", hostile],
        vec!["deploy", hostile],
        vec!["sign", "--key", hostile, "x"],
        vec!["import", hostile],
        vec!["status", "--token-file", hostile],
        vec!["serve", "--component", hostile],
        vec!["call", "tasks.get", "--to", hostile],
        vec!["history", "--limit", hostile],
    ] {
        let mut command = task_host();
        command.args(&line);
        let shown = run(command).stderr;
        let is_safe = |c: char| c == '\n' || !c.is_control() && c != '\u{202e}';
        assert!(shown.chars().all(is_safe), "{line:?}: {shown:?}");
        assert!(!shown.contains("\ntask-host: all is well"), "{shown}");
    }
}
