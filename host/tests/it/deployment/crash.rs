//! kill -9 at every stage: the host that starts again is on exactly one of the two revisions, says
//! which and why, serves, and takes the next deployment.

use serde_json::Value;

use super::{begin, built, command, deploy, latest, other, quick, revision, status};
use crate::harness::{Host, Setup, run};
use crate::hostile::probe::Probe;

/// Where a deployment can be hit, and what becomes of it.
const POINTS: [(&str, &str, &str); 11] = [
    ("verify", "rejected", "host-stopped"),
    ("compile", "rejected", "host-stopped"),
    ("describe", "rejected", "host-stopped"),
    ("bind", "rejected", "host-stopped"),
    ("compare", "rejected", "host-stopped"),
    ("check", "rejected", "host-stopped"),
    ("migrate", "rejected", "host-stopped"),
    // The migrations are applied, and the registry still says the old one.
    ("switch", "rejected", "host-stopped"),
    // The registry says the new one, and requests still begin on the old one.
    ("activated", "rolled-back", "crashed-in-probation"),
    ("probation", "rolled-back", "crashed-in-probation"),
    // Decided, and not written down.
    ("end", "rolled-back", "crashed-in-probation"),
];

/// Where a rollback can be hit, and whether it was done by then.
const POINTS_BACK: [(&str, bool); 5] = [
    ("verify", false),
    ("compile", false),
    ("switch", false),
    ("activated", true),
    ("end", true),
];

/// Kills a host at a point of what the arguments order, and starts it again.
fn crash(setup: &Setup, arguments: &[&str], point: &str) -> Host {
    let host = setup.clone().flag("--pause-before", point).start();
    begin(&host, arguments, point);
    host.kill();
    setup.start()
}

/// What the host said at its start about what it found unfinished.
#[track_caller]
fn said(host: &Host, words: &[&str]) {
    let line = host
        .log
        .all()
        .into_iter()
        .find(|line| line["message"].to_string().contains("was unfinished"))
        .expect("it says so");
    assert_eq!(line["level"], "WARN");
    for word in words {
        assert!(line["message"].to_string().contains(word), "{word}: {line}");
    }
}

/// The stages of a deployment, in order.
fn stages(deployment: &Value) -> Vec<String> {
    let events = deployment["events"].as_array().expect("events").iter();
    let mut stages: Vec<String> = events
        .map(|event| event["stage"].as_str().expect("a stage").to_owned())
        .collect();
    stages.dedup();
    stages
}

#[test]
fn a_deployment_that_is_killed_leaves_one_of_the_two_revisions_and_says_which() {
    for (point, outcome, code) in POINTS {
        let setup = quick();
        let before = revision(&setup.start());
        let component = built(&other());
        let host = crash(&setup, &["deploy", component.path()], point);
        assert_eq!(revision(&host), before, "{point}");
        let deployment = latest(&host);
        assert_eq!(deployment["outcome"], outcome, "{point}: {deployment}");
        assert_eq!(deployment["code"], code, "{point}");
        assert_eq!(status(&host)["deployment"], Value::Null, "{point}");
        said(&host, &[outcome, &before]);
        // What happened up to there is remembered, and that it ended.
        let stages_before = stages(&deployment);
        assert_eq!(stages_before.last().map(String::as_str), Some("end"));
        let output = deploy(&host, &component, &["--retry-refused"]);
        assert_eq!(output.code, Some(0), "{point}: {output:#?}");
        assert_ne!(revision(&host), before, "{point}");
        // A new stage belongs into the table.
        for stage in stages(&latest(&host)) {
            let known = POINTS.iter().any(|(point, ..)| *point == stage);
            assert!(known, "nobody is killed at {stage}");
        }
    }
}

#[test]
fn a_trial_that_is_killed_leaves_the_active_revision() {
    for (flags, stage) in [
        (["--canary", "10%"].as_slice(), "canary"),
        (&["--shadow"], "shadow"),
    ] {
        let setup = quick();
        let before = revision(&setup.start());
        let component = built(&other());
        let host = crash(
            &setup,
            &[&["deploy", component.path()], flags].concat(),
            stage,
        );
        assert_eq!(revision(&host), before, "{stage}");
        let deployment = latest(&host);
        assert_eq!(
            deployment["code"], "crashed-in-trial",
            "{stage}: {deployment}"
        );
        said(&host, &[stage, &before]);
        let output = deploy(&host, &component, &["--retry-refused"]);
        assert_eq!(output.code, Some(0), "{stage}: {output:#?}");
    }
}

#[test]
fn a_crash_names_the_stage_in_which_it_happened() {
    let setup = quick();
    drop(setup.start());
    let component = built(&other());
    let host = crash(&setup, &["deploy", component.path()], "check");
    let deployment = latest(&host);
    assert_eq!(deployment["stage"], "check", "{deployment}");
    let reason = deployment["reason"].as_str().expect("a reason");
    assert!(reason.contains("at the stage check"), "{reason}");
    assert_eq!(
        stages(&deployment),
        [
            "verify", "compile", "describe", "bind", "compare", "check", "end"
        ]
    );
}

#[test]
fn a_rollback_that_is_killed_leaves_one_of_the_two_revisions_and_says_which() {
    for (point, done) in POINTS_BACK {
        let setup = quick();
        let host = setup.start();
        let first = revision(&host);
        let output = deploy(&host, &built(&other()), &[]);
        assert_eq!(output.code, Some(0), "{output:#?}");
        let second = revision(&host);
        drop(host);
        // After a restart nothing is kept compiled: the rollback compiles, too.
        let host = crash(&setup, &["rollback"], point);
        let (now, outcome) = match done {
            true => (&first, "active"),
            false => (&second, "rejected"),
        };
        assert_eq!(revision(&host), *now, "{point}");
        let deployment = latest(&host);
        assert_eq!(deployment["kind"], "rollback");
        assert_eq!(deployment["outcome"], outcome, "{point}: {deployment}");
        said(&host, &[outcome, now]);
        let output = run(command(&host, &["rollback"]));
        assert_eq!(output.code, Some(0), "{point}: {output:#?}");
        let stages = stages(&latest(&host));
        assert!(
            stages
                .iter()
                .all(|stage| POINTS_BACK.iter().any(|(point, _)| point == stage)),
            "nobody is killed at one of {stages:?}"
        );
        assert_ne!(revision(&host), *now, "{point}");
    }
}

#[test]
fn a_crash_before_anything_was_active_starts_over() {
    let setup = Probe::good().setup();
    // What the machine's death leaves behind in a new database: a deployment that never ended.
    drop(setup.start());
    storage::sqlite::testing::run_unchecked(
        &setup.directory().join("data.sqlite"),
        "DELETE FROM task_host_active;
         UPDATE task_host_deployments SET outcome = NULL, ended_at = NULL, stage = 'check';",
    )
    .expect("changed");
    let host = setup.start();
    host.get("/things/1").expect(200);
    let deployment = latest(&host);
    assert_eq!(deployment["kind"], "bundled");
    assert_eq!(deployment["outcome"], "active");
}

#[test]
fn a_stop_in_probation_is_no_crash() {
    let setup = Probe::good().setup().flag("--probation", "60s");
    let mut host = setup.start();
    let before = revision(&host);
    begin(&host, &["deploy", built(&other()).path()], "probation");
    host.terminate();
    assert!(host.wait().success());
    let host = setup.start();
    assert_ne!(revision(&host), before);
    assert_eq!(latest(&host)["outcome"], "running");
}
