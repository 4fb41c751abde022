//! What an author learns about a component that is rejected: everything that is wrong with it, and
//! what it logged.

use serde_json::Value;

use super::{
    begin, built, built_of, deploy, deploy_successfully, latest, numbered, revision,
    run_successfully, status,
};
use crate::harness::{Setup, eventually};
use crate::hostile::probe::{Probe, Route, get};

/// A service that logs the address 196's text, "a thing", as a warning in `function`.
fn logging(function: &'static str, times: usize) -> Probe {
    let import = r#"(import "task-host:platform/log@1.0.0" "write"
        (func $log (param i32 i32 i32 i32 i32)))"#;
    let call = "(call $log (i32.const 2) (i32.load (i32.const 196)) (i32.load (i32.const 200))
        (i32.const 0) (i32.const 0))";
    let mut calls = call.repeat(times);
    if function == "check" {
        calls.push_str("(unreachable)");
    }
    Probe::good()
        .world("talkative")
        .at("imports", import)
        .at(function, &calls)
}

/// The log lines that the events of the latest deployment have, with their stages.
fn logged(row: &Value) -> Vec<(String, Vec<String>)> {
    let events = row["events"].as_array().expect("events").iter();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    events
        .filter_map(|event| {
            let lines = event["log"].as_array()?.iter().map(text).collect();
            Some((text(&event["stage"]), lines))
        })
        .collect()
}

fn setup() -> Setup {
    Probe::good().setup().flag("--probation", "0s")
}

#[test]
fn deploy_shows_what_the_component_logs_in_describe_and_in_a_check_that_traps() {
    let host = setup().start();
    let output = deploy(&host, &built(&logging("describe", 2)), &[]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let line = "warn: a thing".to_owned();
    let expected = ("describe".to_owned(), vec![line.clone(), line.clone()]);
    assert_eq!(logged(&latest(&host)), [expected]);
    let shown = "the component logged 2 lines - warn: a thing - warn: a thing";
    output.says(0, &[shown]);

    let output = deploy(&host, &built(&logging("check", 1)), &[]);
    output.says(
        1,
        &[
            "the component logged 1 line - warn: a thing",
            "logic-trapped",
        ],
    );
    let expected = ("check".to_owned(), vec![line]);
    assert_eq!(logged(&latest(&host)), [expected]);
}

#[test]
fn a_component_that_logs_without_end_fills_neither_the_answer_nor_the_terminal() {
    let host = setup().flag("--log-line-limit", "1000").start();
    let output = deploy(&host, &built(&logging("describe", 300)), &[]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let lines = logged(&latest(&host)).remove(0).1;
    assert_eq!(lines.len(), 41, "{lines:?}");
    assert_eq!(lines[40], "260 more lines are in the host's log");
}

#[test]
fn a_statement_that_fails_in_the_check_is_shown_to_whoever_deploys() {
    let import = r#"(import "task-host:platform/sql@1.0.0" "execute"
        (func $execute (param i32 i32 i32 i32 i32)))"#;
    let call = "(call $execute (i32.load (i32.const 196)) (i32.load (i32.const 200))
        (i32.const 0) (i32.const 0) (i32.const 512)) (unreachable)";
    let probe = Probe::good()
        .world("talkative")
        .returning("delete from nowhere")
        .at("imports", import)
        .at("check", call);
    let host = setup().start();
    let output = deploy(&host, &built(&probe), &[]);
    output.says(
        1,
        &[
            "warn: a statement failed: ",
            "nowhere",
            "; delete from nowhere",
        ],
    );
}

#[test]
fn all_reasons_for_a_rejection_are_reported_at_once() {
    let host = setup().start();
    let of = |path: &str, operation: &str| Route {
        operation: operation.into(),
        ..get(path)
    };
    let probe = Probe::good()
        .routes([
            get("/things/{id}"),
            of("/lost", "test:probe/api#missing"),
            get("/unnamed/{other}"),
            get("/livez"),
            get("/things/{id}"),
        ])
        .migration("0001-broken", "create nonsense");
    let output = deploy(&host, &built(&probe), &[]);
    let row = latest(&host);
    // The first reason is the deployment's.
    assert_eq!(row["code"], "unknown-function", "{row}");
    assert!(row["reason"].to_string().contains("GET /lost"), "{row}");
    let events = row["events"].as_array().expect("events");
    let rejections = |stage: &str| -> Vec<(String, String)> {
        let failed = |event: &&Value| event["stage"] == stage && event["status"] == "failed";
        let event = events.iter().find(failed).expect("a failed stage");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let listed = event["rejections"].as_array().into_iter().flatten();
        listed
            .map(|one| (text(&one["code"]), text(&one["reason"])))
            .collect()
    };
    let listed = rejections("bind");
    let codes: Vec<&str> = listed.iter().map(|(code, _)| code.as_str()).collect();
    let expected = [
        "unknown-function",
        "unknown-path-parameter",
        "path-reserved",
        "route-twice",
    ];
    assert_eq!(codes, expected, "{listed:?}");
    // A stage with one reason says it in its detail.
    assert_eq!(rejections("check"), []);
    for (code, reason) in &listed {
        output.says(1, &[&format!("- {code}: {reason}")]);
    }
    output.says(1, &["4 reasons:", "migration 0001-broken failed"]);
    // A host that would start with it says the same.
    let refused = probe.setup().refused();
    for (_, reason) in &listed {
        refused.says(1, &[reason]);
    }
    refused.says(1, &["migration 0001-broken failed"]);
}

#[test]
fn wrong_imports_missing_exports_and_exports_of_another_type_are_reported_at_once() {
    let component = wat::parse_str(
        r#"(component
            (import "acme:mail/outbox@1.0.0" (instance (export "send" (func))))
            (core module $m
                (memory (export "m") 1)
                (func (export "f") (result i32) i32.const 0)
                (func (export "g") (param i32) (result i32) i32.const 0))
            (core instance $i (instantiate $m))
            (func $check (result string) (canon lift (core func $i "f") (memory $i "m")))
            (func $health (param "a" u32) (result (result))
                (canon lift (core func $i "g") (memory $i "m")))
            (instance $service (export "check" (func $check)) (export "health" (func $health)))
            (export "task-host:platform/service@1.0.0" (instance $service)))"#,
    );
    let component = built_of(&component.expect("WebAssembly"));
    let host = setup().start();
    let output = deploy(&host, &component, &[]);
    let row = latest(&host);
    let events = row["events"].as_array().expect("events").iter();
    let listed: Vec<&Value> = events
        .filter(|event| event["stage"] == "compile")
        .flat_map(|event| event["rejections"].as_array().into_iter().flatten())
        .collect();
    let service = "task-host:platform/service@1.0.0";
    let expected = [
        ("unknown-import", "acme:mail/outbox@1.0.0"),
        (
            "missing-export",
            &*format!("{service} with describe, assets"),
        ),
        ("service-unreadable", "the result of check is not a result"),
        (
            "service-unreadable",
            "health has parameters, but the host passes none",
        ),
        (
            "service-unreadable",
            "the success of the result of health is not a list",
        ),
    ];
    assert_eq!(listed.len(), expected.len(), "{row}");
    for (listed, (code, words)) in listed.iter().zip(expected) {
        assert_eq!(listed["code"], code, "{row}");
        assert!(
            listed["reason"].to_string().contains(words),
            "{words}: {listed}"
        );
        output.says(1, &[words]);
    }
    assert_eq!(row["code"], "unknown-import", "{row}");
}

#[test]
fn one_reason_is_reported_as_one() {
    let host = setup().start();
    let probe = Probe::good().routes([get("/things/{id}"), get("/livez")]);
    deploy(&host, &built(&probe), &[]).says(1, &["path-reserved"]);
    let row = latest(&host);
    assert_eq!(row["code"], "path-reserved", "{row}");
    assert!(!row.to_string().contains("rejections"), "{row}");
}

#[test]
fn a_deployment_that_must_wait_for_another_one_is_told_how_to_go_on() {
    let host = Probe::good().setup().flag("--probation", "50s").start();
    begin(&host, &["deploy", built(&numbered(1)).path()], "probation");
    deploy(&host, &built(&numbered(2)), &[]).says(
        1,
        &[
            "deployment-running",
            "Deployment 2 is in probation, which takes 50s after its switch (--probation)",
            "`task-host abort 2`",
            "--probation 0s",
        ],
    );
    run_successfully(&host, &["abort"]);
    deploy_successfully(&host, &built(&numbered(3)), &["--canary", "10%"]);
    deploy(&host, &built(&numbered(4)), &[]).says(
        1,
        &[
            "Deployment 4 is a canary",
            "`task-host promote 4`",
            "`task-host abort 4`",
        ],
    );
}

#[test]
fn a_component_that_is_not_served_because_another_one_is_active_is_warned_about() {
    let setup = setup();
    let first = revision(&setup.start());
    let next = built(&numbered(1));
    let host = setup.clone().of(next.path.clone()).start();
    let path = next.path();
    let warned = host.log.find(|line| line["level"] == "WARN");
    let message = warned.expect("a warning")["message"].to_string();
    for words in [
        &format!("{path} IS NOT SERVED"),
        &format!("`task-host deploy {path}`"),
        "--deploy",
    ] {
        assert!(message.contains(words), "{words}: {message}");
    }
    assert_eq!(revision(&host), first);
}

#[test]
fn serve_deploys_its_component_if_it_is_told_to_and_only_once() {
    let setup = setup();
    drop(setup.start());
    let next = built(&numbered(1));
    let setup = setup
        .of(next.path.clone())
        .variable("TASK_HOST_DEPLOY", "true");
    let host = setup.start();
    // A host that is killed during the probation would roll it back.
    let row = eventually("the component has passed its probation", || {
        let is_active = status(&host)["active"]["digest"] == next.digest();
        let row = is_active.then(|| latest(&host));
        row.filter(|row| row["outcome"] == "active")
    });
    let of_next = revision(&host);
    assert_eq!(row["kind"], "deploy", "{row}");
    assert_eq!(row["actor"], "serve --deploy", "{row}");
    drop(host);
    let host = setup.start();
    host.get("/things/2").expect(200);
    assert_eq!(latest(&host)["id"], row["id"]);
    assert_eq!(revision(&host), of_next);
    drop(host);
    // A component that is rejected is an error in the log, and the one before is served.
    let broken = built(&Probe::good().at("check", "unreachable"));
    let host = setup.of(broken.path.clone()).start();
    let error = host.log.find(|line| line["level"] == "ERROR");
    let message = error.expect("an error")["message"].to_string();
    assert!(
        message.contains("the previous component is served"),
        "{message}"
    );
    assert!(message.contains("rejected: check failed"), "{message}");
    assert_eq!(revision(&host), of_next);
}
