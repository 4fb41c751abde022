//! Deployments are rehearsed on requests that clients sent: differences are shown before the switch, and
//! nothing of a rehearsal can be seen afterwards.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use serde_json::{Value, json};

use super::{
    Built, built, built_of, deploy, deploy_successfully, latest, revision, short_probation, status,
    trapping,
};
use crate::feed::follower::Follower;
use crate::harness::{self, Host, Setup, eventually, run, task_host};
use crate::hostile::probe::Probe;
use crate::stop::StopOnDrop;

/// The result of the rehearsal of the latest deployment.
fn rehearsal(host: &Host) -> Value {
    let deployment = latest(host);
    let events = deployment["events"].as_array().expect("events");
    let noted = events.iter().find(|event| event["rehearsal"].is_object());
    noted.map_or(Value::Null, |event| event["rehearsal"].clone())
}

/// The digest of the active component, without a request that would be sampled.
fn active(host: &Host) -> Value {
    status(host)["active"]["digest"].clone()
}

/// The same component with another digest.
fn same_with_another_digest(name: &str, number: u8) -> Built {
    let mut bytes = fs::read(harness::built(name)).expect("a component");
    // A custom section with a name of one byte.
    bytes.extend([0, 3, 1, b'n', number]);
    built_of(&bytes)
}

#[test]
fn a_difference_is_shown_before_the_switch_and_a_strict_rehearsal_refuses_it() {
    let host = short_probation().start();
    let before = active(&host);
    for id in [1, 2, 3] {
        host.get(&format!("/things/{id}")).expect(200);
    }
    let other = built(&Probe::good().returning("secret"));
    let difference = "GET /things/{id}: 3 of 3 differ in the body: is another text (request ";
    let output = deploy(&host, &other, &["--rehearse-strict"]);
    output.says(1, &["rehearsal-differs", difference]);
    assert_eq!(active(&host), before);
    assert_eq!(latest(&host)["code"], "rehearsal-differs");

    let output = deploy(&host, &other, &["--dry-run", "--rehearse", "2"]);
    output.says(0, &["GET /things/{id}: 2 of 2 differ"]);
    let rehearsed = rehearsal(&host);
    assert_eq!(rehearsed["compared"], 2);
    assert_eq!(rehearsed["differences"][0]["part"], "body");
    assert!(!rehearsed.to_string().contains("secret"), "{rehearsed}");
    // The whole example is asked for on its own, and leaves a line in the audit log.
    let examples = host
        .admin("GET", "/admin/rehearsal")
        .send()
        .expect(200)
        .json();
    assert_eq!(examples["new"], other.digest());
    let [example] = &examples["examples"].as_array().expect("a list")[..] else {
        panic!("{examples}")
    };
    assert_eq!(example["path"], "/things/3");
    assert_eq!(
        (&example["was"]["body"], &example["now"]["body"]),
        (&json!("a thing"), &json!("secret"))
    );
    let audited = host.log.find(|line| line["action"] == "rehearsal.get");
    assert_eq!(audited.expect("an audit line")["outcome"], "accepted");

    let output = deploy(&host, &other, &["--dry-run", "--no-rehearsal"]);
    assert_eq!((output.code, rehearsal(&host)), (Some(0), Value::Null));
    deploy(&host, &other, &[]).says(0, &[difference]);
    assert_ne!(active(&host), before);
}

#[test]
fn a_host_that_masks_texts_keeps_no_examples() {
    let host = short_probation().flag("--record-mask", "*").start();
    host.admin("GET", "/admin/rehearsal").send().expect(404);
    revision(&host);
    let other = built(&Probe::good().returning("secret"));
    deploy(&host, &other, &["--dry-run"]).says(0, &["1 of 1 differs in the body"]);
    let examples = host
        .admin("GET", "/admin/rehearsal")
        .send()
        .expect(200)
        .json();
    assert_eq!(examples["examples"], json!([]));
}

#[test]
fn logic_that_traps_on_a_request_that_worked_is_refused_unless_nothing_is_rehearsed() {
    let host = short_probation().start();
    let before = active(&host);
    host.get("/things/2").expect(200);
    host.request("GET", "/things/1")
        .header("x-request-id", "worked")
        .send()
        .expect(200);
    let component = built(&trapping());
    let output = deploy(&host, &component, &[]);
    output.says(
        1,
        &[
            "rehearsal-trapped",
            "1 of 2 fails with 500 logic-trapped now, was 200 (request worked)",
        ],
    );
    let reason = rehearsal(&host)["differences"][0]["reason"].to_string();
    assert!(reason.contains("unreachable"), "{reason}");
    // No client's request has failed, and nothing counts against a revision.
    let active = status(&host)["active"].clone();
    assert_eq!(
        (&active["digest"], &active["failures"]),
        (&before, &json!(0))
    );
    let recordings = host.admin("GET", "/admin/recordings").send().expect(200);
    assert_eq!(recordings.json(), json!([]));
    deploy_successfully(&host, &component, &["--no-rehearsal"]);
}

#[test]
fn a_host_that_records_nothing_samples_nothing_and_says_so_if_the_rehearsal_is_strict() {
    let host = Probe::good().setup().flag("--recordings", "0").start();
    revision(&host);
    let component = built(&Probe::good().returning("other"));
    let noted = |flags: &[&str]| {
        deploy_successfully(&host, &component, flags);
        assert_eq!(rehearsal(&host), Value::Null);
        latest(&host)["events"]
            .to_string()
            .contains("nothing was compared")
    };
    assert!(!noted(&["--dry-run"]));
    assert!(noted(&["--dry-run", "--rehearse-strict"]));
}

#[test]
fn a_strict_rehearsal_that_could_compare_nothing_refuses_the_component() {
    let endless = Probe::slow().setup().flag("--request-timeout", "1s");
    let host = endless.flag("--cpu-limit", "60s").start();
    for _ in 0..2 {
        host.get("/things/9000000000000000000").expect(504);
    }
    let before = active(&host);
    let other = built(&Probe::slow().returning("other"));
    let output = deploy(&host, &other, &["--rehearse-strict"]);
    output.says(1, &["rehearsal-incomplete"]);
    assert_eq!(active(&host), before);
    let reason = latest(&host)["reason"].to_string();
    let expected =
        "no sampled request was compared; 2 were left out: the active logic took too long";
    assert!(reason.contains(expected), "{reason}");

    let mut compare = task_host();
    compare.args(["compare", "--strict", other.path()]);
    compare.args(["--against", &format!("http://{}", host.admin_address)]);
    let output = run(compare);
    output.says(1, &["--strict"]);
    let report =
        "**No sampled request was compared.** Left out: 2, because the active logic took too long";
    assert!(output.stdout.contains(report), "{}", output.stdout);
    deploy_successfully(&host, &other, &["--dry-run"]);
    assert_eq!(rehearsal(&host)["compared"], 0);
}

#[test]
fn rehearsed_writes_leave_no_row_no_event_and_no_id() {
    let host = Setup::tasks().flag("--probation", "0s").start();
    let new = json!({"title": "first", "category": "testing"});
    for _ in 0..3 {
        host.request("POST", "/tasks").json(&new).send().expect(201);
    }
    host.request("PATCH", "/tasks/1")
        .json(&json!({"status": "completed"}))
        .send()
        .expect(200);
    host.request("DELETE", "/tasks/3").send().expect(200);
    host.request("POST", "/tasks")
        .json(&json!({"title": ""}))
        .send()
        .expect(422);
    let before = host.get("/tasks").expect(200).json();
    let events = || host.get("/tasks/stats/summary").expect(200).json();
    let figures = events();

    let same = same_with_another_digest("tasks.wasm", 1);
    deploy_successfully(&host, &same, &["--rehearse-strict"]);
    let rehearsed = rehearsal(&host);
    // On PostgreSQL each run takes another id; what differs by chance does not count.
    assert_eq!(rehearsed["different"], 0, "{rehearsed}");
    assert_eq!(
        (&rehearsed["compared"], &rehearsed["skipped"]),
        (&json!(8), &json!(0)),
        "{rehearsed}"
    );

    assert_eq!(host.get("/tasks").expect(200).json(), before);
    assert_eq!(events(), figures);
    let next = host
        .request("POST", "/tasks")
        .json(&new)
        .send()
        .expect(201)
        .json();
    if std::env::var_os("TASK_HOST_TEST_ENGINE").is_none() {
        assert_eq!(next["id"], 4);
    }
}

#[test]
fn a_rehearsal_under_load_fails_no_request_and_leaves_nothing_that_a_client_could_see() {
    let setup = Setup::tasks().flag("--probation", "0s");
    // On a busy machine any write may hold up the others for a second.
    let setup = setup.flag("--queue-timeout", "30s");
    let host = setup.flag("--request-timeout", "60s").start();
    // It is compiled before the load begins.
    let same = same_with_another_digest("tasks.wasm", 1);
    deploy_successfully(&host, &same, &["--dry-run"]);
    let beginning = Follower::begin(&host, "/events", None).begin;
    let (created, stop) = (Mutex::new(Vec::new()), AtomicBool::new(false));
    let create = || {
        let new = json!({"title": "under load", "category": "testing"});
        let task = host.request("POST", "/tasks").json(&new).send().expect(201);
        let id = task.json()["id"].as_u64().expect("an id");
        created.lock().expect("no panic").push(id);
        id
    };
    thread::scope(|scope| {
        let _stop = StopOnDrop(&stop);
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(Relaxed) {
                    let path = format!("/tasks/{}", create());
                    let change = json!({"priority": "high"});
                    let patch = host.request("PATCH", &path).json(&change);
                    patch.send().expect(200);
                    host.get("/tasks?limit=10").expect(200);
                }
            });
        }
        eventually("there are requests to rehearse", || {
            (created.lock().expect("no panic").len() >= 30).then_some(())
        });
        for _ in 0..3 {
            deploy_successfully(&host, &same, &["--dry-run"]);
            let rehearsed = rehearsal(&host);
            assert_eq!(rehearsed["different"], 0, "{rehearsed}");
            assert!(rehearsed["compared"].as_u64() > Some(0), "{rehearsed}");
        }
    });
    let last = create().to_string();
    let mut created = created.into_inner().expect("no panic");
    created.sort_unstable();
    let count = created.len();
    if std::env::var_os("TASK_HOST_TEST_ENGINE").is_none() {
        // Each id was used by a client.
        assert!(created.iter().copied().eq(1..=count as u64), "{created:?}");
    }
    created.dedup();
    assert_eq!(created.len(), count, "no id was used twice");
    let counted = host.get("/tasks/stats/count").expect(200).json();
    assert_eq!(counted["total"], count, "{counted}");
    // Each event is one of a client's request.
    let mut events = Follower::begin(&host, "/events", Some(&beginning));
    let mut kinds = BTreeMap::<String, usize>::new();
    loop {
        let event = events.event();
        *kinds.entry(event.kind.clone()).or_default() += 1;
        if event.kind == "task.created" && event.data["subject"] == last {
            break;
        }
    }
    let expected = [("task.created", count), ("task.updated", count - 1)];
    assert!(
        kinds
            .iter()
            .map(|(kind, count)| (&**kind, *count))
            .eq(expected),
        "{kinds:?}, {count} tasks"
    );
}

#[test]
fn requests_from_before_a_restart_are_rehearsed_after_it() {
    let setup = short_probation().variable("TASK_HOST_RECORDINGS_KEPT", "1h");
    let setup = setup.flag("--log", "debug");
    let mut host = setup.start();
    for id in [1, 2, 3] {
        host.get(&format!("/things/{id}")).expect(200);
    }
    host.terminate();
    assert!(host.wait().success());
    drop(host);

    let host = setup.start();
    let other = built(&Probe::good().returning("other"));
    let rehearse = |host: &Host| deploy(host, &other, &["--dry-run"]);
    rehearse(&host).says(0, &["GET /things/{id}: 3 of 3 differ in the body"]);
    host.get("/things/4").expect(200);
    let stored = |line: &Value| line["message"] == "stored 4 samples of requests";
    host.log.find(stored).expect("the samples are stored");
    host.kill();

    let host = setup.start();
    rehearse(&host).says(0, &["GET /things/{id}: 4 of 4 differ in the body"]);
    drop(host);
    let setup = setup.variable("TASK_HOST_RECORDINGS_KEPT", "1us");
    let host = setup.start();
    assert_eq!(rehearse(&host).code, Some(0));
    assert_eq!(rehearsal(&host), Value::Null, "they are too old");
}

#[test]
fn new_logic_is_rehearsed_on_its_own_schema() {
    let host = short_probation().start();
    revision(&host);
    let migrated = Probe::good()
        .returning("other")
        .migration("0001-more", "create table more (id integer)");
    let output = deploy(&host, &built(&migrated), &["--dry-run"]);
    output.says(0, &["GET /things/{id}: 1 of 1 differs in the body"]);
    deploy_successfully(&host, &built(&migrated), &[]);
}

#[test]
fn compare_reports_a_rehearsal_as_markdown_and_switches_nothing() {
    let host = short_probation().start();
    let before = revision(&host);
    let compare = |arguments: &[&str]| {
        let mut command = task_host();
        command.arg("compare").args(arguments);
        command.args(["--against", &format!("http://{}", host.admin_address)]);
        run(command)
    };
    let old = built(&Probe::good());
    let new = built(&Probe::good().returning("other"));
    let output = compare(&[old.path(), new.path()]);
    assert_eq!(output.code, Some(0), "{output:#?}");
    for line in [
        "**1 of 1 sampled requests ends differently.**",
        "| `GET /things/{id}` | 1 of 1 | body | is another text |",
    ] {
        assert!(output.stdout.contains(line), "{}", output.stdout);
    }
    assert_eq!(revision(&host), before);
    // Without the old component, with whatever is active.
    assert_eq!(compare(&[new.path()]).code, Some(0));
    let output = compare(&[new.path(), old.path()]);
    output.says(1, &["the host serves", "not"]);
    let output = compare(&["--strict", new.path()]);
    assert_eq!(output.code, Some(1), "{output:#?}");
    let output = compare(&[built(&trapping_always()).path()]);
    assert_eq!(output.code, Some(1), "{output:#?}");
    assert!(
        output.stdout.contains("rehearsal-trapped"),
        "{}",
        output.stdout
    );
}

fn trapping_always() -> Probe {
    Probe::good().at("get", "unreachable")
}
