//! Going back while a deployment runs.

use super::{begin, built, command, deploy, latest, numbered, other, quick, revision, status};
use crate::harness::{Host, Setup, run};
use crate::hostile::probe::Probe;

fn watched() -> Setup {
    Probe::good().setup().flag("--probation", "60s")
}

/// A host whose deployment 2 is in probation, and the revision before it.
fn in_probation(setup: &Setup) -> (Host, String) {
    let host = setup.start();
    let before = revision(&host);
    begin(&host, &["deploy", built(&other()).path()], "probation");
    assert_ne!(revision(&host), before);
    (host, before)
}

#[test]
fn a_rollback_in_probation_ends_it_by_going_back() {
    // Also where nothing before is kept compiled.
    for keep in ["3", "0"] {
        let setup = watched().flag("--keep-revisions", keep);
        let (host, before) = in_probation(&setup);
        let output = run(command(&host, &["rollback"]));
        assert_eq!(output.code, Some(0), "{output:#?}");
        assert_eq!(revision(&host), before);
        let deployment = latest(&host);
        assert_eq!(deployment["id"], 2, "{deployment}");
        assert_eq!(deployment["outcome"], "aborted");
        let reason = deployment["reason"].as_str().expect("a reason");
        assert!(reason.starts_with("rolled back by "), "{reason}");
        drop(host);
        assert_eq!(revision(&setup.start()), before);
    }
}

#[test]
fn a_rollback_in_probation_takes_the_digest_of_the_revision_before_and_no_other() {
    let setup = Probe::good().setup();
    let host = setup.clone().flag("--probation", "100ms").start();
    let first = status(&host)["active"]["digest"].clone();
    let output = deploy(&host, &built(&numbered(1)), &[]);
    assert_eq!(output.code, Some(0), "{output:#?}");
    drop(host);
    let host = setup.flag("--probation", "60s").start();
    let second = status(&host)["active"]["digest"].clone();
    begin(&host, &["deploy", built(&numbered(2)).path()], "probation");
    let ask = |digest: &serde_json::Value| {
        let order = serde_json::json!({ "digest": digest });
        host.admin("POST", "/admin/rollback").json(&order).send()
    };
    let refused = ask(&first);
    assert_eq!(refused.problem(409, "deployment-running")["deployment"], 3);
    assert_eq!(ask(&second).expect(202).json()["id"], 3);
    assert_eq!(status(&host)["active"]["digest"], second);
}

#[test]
fn a_rollback_before_the_switch_is_refused_with_the_id_of_what_runs() {
    let setup = quick();
    let host = setup.start();
    let output = deploy(&host, &built(&numbered(1)), &[]);
    assert_eq!(output.code, Some(0), "{output:#?}");
    drop(host);
    let host = setup.flag("--pause-before", "check").start();
    let before = revision(&host);
    begin(&host, &["deploy", built(&numbered(2)).path()], "check");
    assert_eq!(status(&host)["deployment"]["stage"], "check");
    let refused = host.admin("POST", "/admin/rollback").send();
    assert_eq!(refused.problem(409, "deployment-running")["deployment"], 3);
    let output = run(command(&host, &["abort"]));
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert_eq!(revision(&host), before);
}

#[test]
fn a_rollback_ends_what_is_tried_beside_the_active_revision() {
    for (flags, stage) in [
        (["--canary", "10%"].as_slice(), "canary"),
        (&["--shadow"], "shadow"),
    ] {
        let host = quick().flag("--pause-before", stage).start();
        let before = revision(&host);
        let component = built(&other());
        let arguments = [&["deploy", component.path()], flags].concat();
        begin(&host, &arguments, stage);
        let output = run(command(&host, &["rollback"]));
        assert_eq!(output.code, Some(0), "{output:#?}");
        let deployment = latest(&host);
        assert_eq!(deployment["id"], 2, "{deployment}");
        assert_eq!(deployment["outcome"], "aborted");
        assert_eq!(status(&host)["candidate"], serde_json::Value::Null);
        assert_eq!(revision(&host), before);
    }
}

#[test]
fn an_abort_between_the_registrys_switch_and_that_of_the_requests_leaves_both_on_the_old_one() {
    let setup = quick();
    let before = revision(&setup.start());
    let host = setup.clone().flag("--pause-before", "activated").start();
    begin(&host, &["deploy", built(&other()).path()], "activated");
    let output = run(command(&host, &["abort"]));
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert_eq!(revision(&host), before);
    host.kill();
    assert_eq!(revision(&setup.start()), before);
}

#[test]
fn deploying_what_is_active_already_does_not_hide_the_way_back() {
    let host = quick().start();
    let before = revision(&host);
    let component = built(&other());
    for _ in 0..2 {
        let output = deploy(&host, &component, &[]);
        assert_eq!(output.code, Some(0), "{output:#?}");
    }
    let output = run(command(&host, &["rollback"]));
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert_eq!(revision(&host), before);
}
