//! `kill -9` at every stage. The restarted host serves exactly one of the two revisions, says which
//! and why, and accepts the next deployment.

use serde_json::Value;

use super::{
    begin, built, command, deploy, deploy_successfully, latest, other, revision, short_probation,
    status,
};
use crate::harness::{Host, Setup, eventually, run};
use crate::hostile::probe::Probe;

/// The stages at which a deployment can be killed, with its outcome and code after the restart.
const DEPLOY_STAGES: [(&str, &str, &str); 12] = [
    ("verify", "rejected", "host-stopped"),
    ("compile", "rejected", "host-stopped"),
    ("describe", "rejected", "host-stopped"),
    ("bind", "rejected", "host-stopped"),
    ("compare", "rejected", "host-stopped"),
    ("check", "rejected", "host-stopped"),
    ("rehearse", "rejected", "host-stopped"),
    ("migrate", "rejected", "host-stopped"),
    // The migrations are applied, and the registry still has the old component active.
    ("switch", "rejected", "host-stopped"),
    // The registry has the new component active, and requests still begin on the old revision.
    ("activated", "rolled-back", "crashed-in-probation"),
    ("probation", "rolled-back", "crashed-in-probation"),
    // The outcome is decided, but not recorded.
    ("end", "rolled-back", "crashed-in-probation"),
];

/// The stages at which a rollback can be killed, and whether it has taken effect by then.
const ROLLBACK_STAGES: [(&str, bool); 5] = [
    ("verify", false),
    ("compile", false),
    ("switch", false),
    ("activated", true),
    ("end", true),
];

/// Runs a command, kills the host at a stage, and starts it again.
fn crash(setup: &Setup, arguments: &[&str], stage: &str) -> Host {
    let host = setup.clone().flag("--pause-before", stage).start();
    // Something to rehearse the deployment on.
    host.get("/things/1").expect(200);
    begin(&host, arguments, stage);
    host.kill();
    setup.start()
}

/// Asserts that the host logged the unfinished deployment at start, in a line with these words.
#[track_caller]
fn logged_unfinished(host: &Host, words: &[&str]) {
    let line = host
        .log
        .all()
        .into_iter()
        .find(|line| line["message"].to_string().contains("was unfinished"))
        .expect("a line about the unfinished deployment");
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
fn after_a_kill_during_a_deployment_one_revision_serves_and_the_log_says_which() {
    for (point, outcome, code) in DEPLOY_STAGES {
        let setup = short_probation();
        let before = revision(&setup.start());
        let component = built(&other());
        let host = crash(&setup, &["deploy", component.path()], point);
        assert_eq!(revision(&host), before, "{point}");
        let deployment = latest(&host);
        assert_eq!(deployment["outcome"], outcome, "{point}: {deployment}");
        assert_eq!(deployment["code"], code, "{point}");
        assert_eq!(status(&host)["deployment"], Value::Null, "{point}");
        logged_unfinished(&host, &[outcome, &before]);
        // The history has the stages up to the crash, and the end.
        let stages_before = stages(&deployment);
        assert_eq!(stages_before.last().map(String::as_str), Some("end"));
        let output = deploy(&host, &component, &["--retry-refused"]);
        assert_eq!(output.code, Some(0), "{point}: {output:#?}");
        assert_ne!(revision(&host), before, "{point}");
        // A new stage must be added to the table.
        for stage in stages(&latest(&host)) {
            let known = DEPLOY_STAGES.iter().any(|(point, ..)| *point == stage);
            assert!(known, "no deployment is killed at {stage}");
        }
    }
}

#[test]
fn after_a_second_kill_during_a_trial_the_active_revision_serves() {
    for (flags, stage) in [
        (["--canary", "10%"].as_slice(), "canary"),
        (&["--shadow"], "shadow"),
    ] {
        let setup = short_probation();
        let before = revision(&setup.start());
        let component = built(&other());
        let arguments = [&["deploy", component.path()], flags].concat();
        let host = crash(&setup, &arguments, stage);
        eventually("the trial goes on", || {
            let candidate = status(&host)["candidate"]["digest"].clone();
            candidate.is_string().then_some(())
        });
        assert_eq!(status(&host)["deployment"]["stage"], stage);
        host.kill();
        let host = setup.start();
        assert_eq!(revision(&host), before, "{stage}");
        let deployment = latest(&host);
        assert_eq!(
            deployment["code"], "crashed-in-trial",
            "{stage}: {deployment}"
        );
        logged_unfinished(&host, &[stage, &before]);
        let output = deploy(&host, &component, &["--retry-refused"]);
        assert_eq!(output.code, Some(0), "{stage}: {output:#?}");
    }
}

#[test]
fn the_history_names_the_stage_of_a_crash() {
    let setup = short_probation();
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
fn after_a_kill_during_a_rollback_one_revision_serves_and_the_log_says_which() {
    for (point, done) in ROLLBACK_STAGES {
        let setup = short_probation();
        let host = setup.start();
        let first = revision(&host);
        deploy_successfully(&host, &built(&other()), &[]);
        let second = revision(&host);
        drop(host);
        // After a restart the earlier revision is not kept compiled, so the rollback compiles it.
        let host = crash(&setup, &["rollback"], point);
        let (now, outcome) = match done {
            true => (&first, "active"),
            false => (&second, "rejected"),
        };
        assert_eq!(revision(&host), *now, "{point}");
        let deployment = latest(&host);
        assert_eq!(deployment["kind"], "rollback");
        assert_eq!(deployment["outcome"], outcome, "{point}: {deployment}");
        logged_unfinished(&host, &[outcome, now]);
        let output = run(command(&host, &["rollback"]));
        assert_eq!(output.code, Some(0), "{point}: {output:#?}");
        let stages = stages(&latest(&host));
        assert!(
            stages
                .iter()
                .all(|stage| ROLLBACK_STAGES.iter().any(|(point, _)| point == stage)),
            "no rollback is killed at one of {stages:?}"
        );
        assert_ne!(revision(&host), *now, "{point}");
    }
}

#[test]
fn after_a_crash_before_the_first_activation_the_host_starts_over() {
    let setup = Probe::good().setup();
    // The state of a new database after a crash: the first deployment never ended.
    drop(setup.start());
    storage::sqlite::testing::run_unchecked(
        &setup.directory().join("data.sqlite"),
        "DELETE FROM task_host_active;
         UPDATE task_host_deployments SET outcome = NULL, ended_at = NULL, stage = 'check';",
    )
    .expect("valid statements");
    let host = setup.start();
    host.get("/things/1").expect(200);
    let deployment = latest(&host);
    assert_eq!(deployment["kind"], "bundled");
    assert_eq!(deployment["outcome"], "active");
}

#[test]
fn after_a_clean_stop_in_probation_the_probation_continues() {
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
