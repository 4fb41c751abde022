//! If the active component no longer loads, the host falls back to an earlier one, and its log,
//! history and status say so.

use serde_json::Value;

use super::{
    begin, built, built_of, deploy, deploy_successfully, history, latest, numbered, other,
    revision, short_probation, status,
};
use crate::harness::{Host, Setup};
use crate::hostile::probe::Probe;

/// Changes the service's database without the host.
fn change(setup: &Setup, statements: &str) {
    let path = setup.directory().join("data.sqlite");
    storage::sqlite::testing::run_unchecked(&path, statements).expect("valid statements");
}

/// Overwrites the content of the component whose digest begins with `digest`.
fn damage(setup: &Setup, digest: &str) {
    change(
        setup,
        &format!(
            "UPDATE task_host_component_parts SET bytes = zeroblob(length(bytes))
             WHERE component = (SELECT number FROM task_host_components
                WHERE digest LIKE '{digest}%')"
        ),
    );
}

/// Replaces the active component with one that this host does not support, as if an earlier version
/// of the host had activated it.
fn make_unsupported(setup: &Setup, digest: &str) {
    let import = r#"(import "wasi:keyvalue/store@0.2.0" "names"
        (func (param i32)))"#;
    let other = Probe::good().world("reaching-out").at("imports", import);
    let bytes = other.build();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let new = built_of(&bytes).digest();
    change(
        setup,
        &format!(
            "PRAGMA foreign_keys = off;
             UPDATE task_host_component_parts SET bytes = x'{hex}'
             WHERE component = (SELECT number FROM task_host_components
                WHERE digest LIKE '{digest}%');
             UPDATE task_host_components SET digest = '{new}' WHERE digest LIKE '{digest}%';
             UPDATE task_host_deployments SET digest = '{new}' WHERE digest LIKE '{digest}%';
             UPDATE task_host_active SET digest = '{new}' WHERE digest LIKE '{digest}%';"
        ),
    );
}

/// The error that the host logged at start.
fn logged_error(host: &Host) -> String {
    let lines = host.log.all();
    let error = lines.iter().find(|line| line["level"] == "ERROR");
    error.expect("the host logs an error")["message"].to_string()
}

/// Makes the component with a digest unloadable.
type Damage = fn(&Setup, &str);

#[test]
fn if_the_active_component_does_not_load_the_one_before_serves() {
    let cases: [(Damage, &str); 2] = [
        (damage, "digest-mismatch"),
        (make_unsupported, "unknown-import"),
    ];
    for (make_unloadable, code) in cases {
        let setup = short_probation();
        let host = setup.start();
        let before = revision(&host);
        deploy_successfully(&host, &built(&other()), &[]);
        let unloadable = revision(&host);
        drop(host);
        make_unloadable(&setup, &unloadable);

        let host = setup.start();
        assert_eq!(revision(&host), before, "{code}");
        host.admin("GET", "/readyz").send().expect(200);
        let error = logged_error(&host);
        assert!(error.contains("fell back"), "{error}");
        assert!(error.contains(code), "{error}");
        let deployment = latest(&host);
        assert_eq!(deployment["kind"], "fallback", "{deployment}");
        assert_eq!(deployment["outcome"], "active");
        assert_eq!(deployment["code"], "active-unloadable");
        let warning = status(&host)["warning"].clone();
        assert_eq!(warning, deployment["reason"]);
        assert!(warning.to_string().contains(code), "{warning}");
        drop(host);
        // The next start records no new deployment and still warns.
        let host = setup.start();
        assert_eq!(latest(&host)["id"], deployment["id"]);
        assert_eq!(status(&host)["warning"], warning);
        let output = deploy(&host, &built(&numbered(7)), &["--allow-breaking"]);
        // The migration of the unloadable component is applied, and this component does not have it.
        output.says(1, &["0001-more"]);
        let further = other().at("get", "(drop (i32.const 7))");
        deploy_successfully(&host, &built(&further), &[]);
        assert_eq!(status(&host)["warning"], Value::Null);
    }
}

#[test]
fn the_host_falls_back_to_the_latest_loadable_component_that_was_not_rolled_back() {
    let setup = Probe::good().setup();
    let host = setup.clone().flag("--probation", "0s").start();
    let mut revisions = vec![revision(&host)];
    for number in 1..=3 {
        deploy_successfully(&host, &built(&numbered(number)), &[]);
        revisions.push(revision(&host));
    }
    drop(host);
    // A crash in probation rolls this component back.
    let host = setup.clone().flag("--probation", "60s").start();
    begin(&host, &["deploy", built(&numbered(4)).path()], "probation");
    host.kill();
    let setup = setup.flag("--probation", "60s");
    assert_eq!(revision(&setup.start()), revisions[3]);
    damage(&setup, &revisions[3]);
    damage(&setup, &revisions[2]);
    assert_eq!(revision(&setup.start()), revisions[1]);
}

#[test]
fn a_component_that_no_longer_loads_fails_its_probation() {
    let setup = Probe::good().setup().flag("--probation", "60s");
    let mut host = setup.start();
    let before = revision(&host);
    begin(&host, &["deploy", built(&other()).path()], "probation");
    let damaged = revision(&host);
    host.terminate();
    assert!(host.wait().success());
    damage(&setup, &damaged);
    let host = setup.start();
    assert_eq!(revision(&host), before);
    let history = history(&host);
    assert_eq!(history[0]["kind"], "fallback", "{history}");
    assert_eq!(history[1]["outcome"], "rolled-back");
    assert_eq!(history[1]["code"], "active-unloadable");
}

#[test]
fn if_the_revision_before_does_not_load_the_probation_ends_with_the_new_revision_active() {
    let setup = Probe::good().setup().flag("--probation", "60s");
    let mut host = setup.start();
    let before = revision(&host);
    begin(&host, &["deploy", built(&other()).path()], "probation");
    let after = revision(&host);
    host.terminate();
    assert!(host.wait().success());
    damage(&setup, &before);
    let host = setup.start();
    assert_eq!(revision(&host), after);
    let deployment = latest(&host);
    assert_eq!(deployment["outcome"], "active", "{deployment}");
    assert!(deployment["reason"].to_string().contains("does not load"));
}

#[test]
fn if_no_component_loads_the_host_says_so_and_does_not_start() {
    let setup = short_probation();
    let active = revision(&setup.start());
    damage(&setup, &active);
    setup.refused().says(
        1,
        &[
            &active,
            "digest-mismatch",
            "no earlier component loads either",
        ],
    );
}
