//! Rollbacks while a deployment runs, and of logic that harms its host.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use super::{
    begin, built, built_of, deploy_successfully, latest, numbered, other, revision,
    run_successfully, short_probation, status,
};
use crate::client::encode;
use crate::harness::{Host, Setup, eventually};
use crate::hostile::probe::Probe;
use crate::stop::StopOnDrop;

fn long_probation() -> Setup {
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
fn a_rollback_in_probation_activates_the_revision_before() {
    // With 0, the earlier revision is not kept compiled.
    for keep in ["3", "0"] {
        let setup = long_probation().flag("--keep-revisions", keep);
        let (host, before) = in_probation(&setup);
        run_successfully(&host, &["rollback"]);
        assert_eq!(revision(&host), before);
        let deployment = latest(&host);
        assert_eq!(deployment["id"], 2, "{deployment}");
        assert_eq!(deployment["outcome"], "aborted");
        let reason = deployment["reason"].as_str().expect("a reason");
        assert!(reason.starts_with("rolled back by "), "{reason}");
        // Nobody can go back to the active revision.
        let state = status(&host);
        assert_eq!(state["kept"], serde_json::json!([]), "{state}");
        let order = serde_json::json!({ "digest": state["active"]["digest"] });
        let again = host.admin("POST", "/admin/rollback").json(&order).send();
        again.problem(422, "already-active");
        assert_eq!(status(&host)["deployment"], serde_json::Value::Null);
        drop(host);
        assert_eq!(revision(&setup.start()), before);
    }
}

#[test]
fn a_rollback_in_probation_accepts_only_the_digest_of_the_revision_before() {
    let setup = Probe::good().setup();
    let host = setup.clone().flag("--probation", "100ms").start();
    let first = status(&host)["active"]["digest"].clone();
    deploy_successfully(&host, &built(&numbered(1)), &[]);
    drop(host);
    let host = setup.flag("--probation", "60s").start();
    let second = status(&host)["active"]["digest"].clone();
    begin(&host, &["deploy", built(&numbered(2)).path()], "probation");
    let roll_back_to = |digest: &serde_json::Value| {
        let order = serde_json::json!({ "digest": digest });
        host.admin("POST", "/admin/rollback").json(&order).send()
    };
    let refused = roll_back_to(&first);
    assert_eq!(refused.problem(409, "deployment-running")["deployment"], 3);
    assert_eq!(roll_back_to(&second).expect(202).json()["id"], 3);
    assert_eq!(status(&host)["active"]["digest"], second);
}

#[test]
fn a_rollback_before_the_switch_is_refused_with_the_id_of_the_running_deployment() {
    let setup = short_probation();
    let host = setup.start();
    deploy_successfully(&host, &built(&numbered(1)), &[]);
    drop(host);
    let host = setup.flag("--pause-before", "check").start();
    let before = revision(&host);
    begin(&host, &["deploy", built(&numbered(2)).path()], "check");
    assert_eq!(status(&host)["deployment"]["stage"], "check");
    let refused = host.admin("POST", "/admin/rollback").send();
    assert_eq!(refused.problem(409, "deployment-running")["deployment"], 3);
    run_successfully(&host, &["abort"]);
    assert_eq!(revision(&host), before);
}

#[test]
fn a_rollback_ends_a_trial() {
    for (flags, stage) in [
        (["--canary", "10%"].as_slice(), "canary"),
        (&["--shadow"], "shadow"),
    ] {
        let host = short_probation().flag("--pause-before", stage).start();
        let before = revision(&host);
        let component = built(&other());
        let arguments = [&["deploy", component.path()], flags].concat();
        begin(&host, &arguments, stage);
        run_successfully(&host, &["rollback"]);
        let deployment = latest(&host);
        assert_eq!(deployment["id"], 2, "{deployment}");
        assert_eq!(deployment["outcome"], "aborted");
        assert_eq!(status(&host)["candidate"], serde_json::Value::Null);
        assert_eq!(revision(&host), before);
    }
}

#[test]
fn an_abort_after_the_registry_switched_and_before_requests_do_undoes_the_switch() {
    let setup = short_probation();
    let before = revision(&setup.start());
    let host = setup.clone().flag("--pause-before", "activated").start();
    begin(&host, &["deploy", built(&other()).path()], "activated");
    run_successfully(&host, &["abort"]);
    assert_eq!(revision(&host), before);
    host.kill();
    assert_eq!(revision(&setup.start()), before);
}

#[test]
fn deploying_the_active_component_again_keeps_the_rollback_target() {
    let host = short_probation().start();
    let before = revision(&host);
    let component = built(&other());
    for _ in 0..2 {
        deploy_successfully(&host, &component, &[]);
    }
    run_successfully(&host, &["rollback"]);
    assert_eq!(revision(&host), before);
}

#[test]
fn logic_that_fills_the_memory_of_the_database_can_be_rolled_back() {
    let setup = Setup::counter()
        .flag("--probation", "0s")
        .flag("--request-timeout", "10s")
        .flag("--sqlite-memory", "48MiB");
    let host = setup.start();
    let before = status(&host)["active"]["digest"].clone();
    // The same logic with another digest: the component with an additional custom section.
    let counter = std::fs::read(setup.component_path()).expect("built");
    let next = [&counter[..], &[0, 3, 1, b'x', b'x']].concat();
    deploy_successfully(&host, &built_of(&next), &[]);
    let greedy = "WITH RECURSIVE rows (n, padding) AS (SELECT 1, hex(zeroblob(500)) \
        UNION SELECT n + 1, padding FROM rows) SELECT count(*) FROM rows";
    let greedy = format!("/naughty/sql?statement={}", encode(greedy));
    let (stop, failed) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let answer = host.get(&greedy);
                    assert!([500, 503, 504].contains(&answer.status), "{answer}");
                    failed.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let _stop = StopOnDrop(&stop);
        eventually("the memory is full", || {
            (failed.load(Ordering::Relaxed) > 8).then_some(())
        });
        run_successfully(&host, &["rollback"]);
    });
    assert_eq!(status(&host)["active"]["digest"], before);
}
