//! A canary goes from one share to the next by itself, waits where it has to, and ends when it fails.

use serde_json::Value;

use super::{
    deploy, deployment, latest, new, revision, run_command, run_successfully, setup, status,
    write_component,
};
use crate::harness::{Host, Setup, column, eventually};

/// The requests that a step needs.
const ENOUGH: &str = "5";

fn stepwise() -> Setup {
    setup().flag("--probation-requests", ENOUGH)
}

/// Sends a request of each of many clients.
fn send_requests(host: &Host) {
    for client in 0..30 {
        let request = host.request("GET", &format!("/things/{client}"));
        request
            .header("task-host-client", &client.to_string())
            .send();
    }
}

/// The steps of the latest deployment.
fn steps(host: &Host) -> Value {
    latest(host)["canary_steps"].clone()
}

#[test]
fn a_canary_goes_from_share_to_share_and_is_promoted_by_itself() {
    let setup = stepwise();
    let host = setup.start();
    let old = revision(&host.get("/things/1")).to_owned();
    let component = write_component(&setup, &new().build());
    let flags = [
        "--canary", "30%,60%", "--every", "1ms", "--wait", "switched",
    ];
    let all = [&flags[..], &["--promote-by-itself"]].concat();
    deploy(&host, &component, &all).says(0, &["30 % of the clients, step 1 of 2"]);
    assert_eq!(
        column(&steps(&host), "percent"),
        [30.0, 60.0, 100.0],
        "the last one is the promotion"
    );

    // Without requests nothing goes on, however long it takes.
    eventually("the step waits", || {
        let step = status(&host)["verdict"]["step"].clone();
        (step["waits_for"] == "too-few-requests").then_some(())
    });
    assert_eq!(
        column(&steps(&host), "state"),
        ["running", "ahead", "ahead"]
    );
    assert_eq!(status(&host)["candidate_percent"], 30.0);

    let ended = eventually("it is promoted", || {
        send_requests(&host);
        let deployment = latest(&host);
        (deployment["outcome"] != "running").then_some(deployment)
    });
    assert_eq!(ended["outcome"], "active", "{ended}");
    assert_eq!(column(&ended["canary_steps"], "state"), ["passed"; 3]);
    assert_ne!(revision(&host.get("/things/1")), old);
    let events = ended["events"].as_array().expect("events");
    let shares: Vec<_> = events
        .iter()
        .filter_map(|event| event["canary_percent"].as_f64())
        .collect();
    assert_eq!(shares, [30.0, 60.0]);
    let promoted = events.iter().find(|event| {
        let detail = event["detail"].as_str().unwrap_or_default();
        event["stage"] == "canary" && detail.starts_with("promoted by itself after ")
    });
    assert!(promoted.is_some(), "{events:#?}");
}

#[test]
fn a_canary_that_fails_in_a_step_is_undone() {
    let setup = stepwise();
    let host = setup.start();
    let old = revision(&host.get("/things/1")).to_owned();
    let trapping = new().at("get", "(unreachable)");
    let component = write_component(&setup, &trapping.build());
    // A rehearsal would refuse it.
    let flags = ["--canary", "30%,60%", "--every", "1ms", "--no-rehearsal"];
    deploy(&host, &component, &flags).says(0, &["canary"]);
    let ended = eventually("it is undone", || {
        send_requests(&host);
        let deployment = latest(&host);
        (deployment["outcome"] != "running").then_some(deployment)
    });
    assert_eq!(ended["code"], "canary-failed", "{ended}");
    assert_eq!(
        column(&ended["canary_steps"], "state"),
        ["failed", "skipped"],
        "no step follows failures: {ended}"
    );
    assert_eq!(revision(&host.get("/things/1")), old);
}

#[test]
fn a_canary_goes_on_in_its_step_after_a_crash_and_after_a_stop() {
    let setup = stepwise();
    let host = setup.start();
    let old = revision(&host.get("/things/1")).to_owned();
    let component = write_component(&setup, &new().build());
    let flags = ["--canary", "30%,60%,80%", "--every", "2s"];
    let promoted = ["--promote-by-itself", "--wait", "switched"];
    let all = [&flags[..], &promoted].concat();
    deploy(&host, &component, &all).says(0, &["step 1 of 3"]);
    let in_step = |host: &Host, percent: f64, send: fn(&Host)| {
        eventually("the canary is in its step", || {
            send(host);
            let step = status(host)["verdict"]["step"].clone();
            (step["percent"] == percent).then_some(step)
        })
    };
    in_step(&host, 60.0, send_requests);
    let began = steps(&host)[1]["began_at"].clone();
    host.kill();
    let mut host = setup.start();
    // Without new requests it does not go on, even if its time is over.
    let step = in_step(&host, 60.0, |_| ());
    assert_eq!(step["next_percent"], 80.0);
    assert_eq!(step["requests"], 0);
    assert_eq!(steps(&host)[1]["began_at"], began);
    assert_eq!(
        column(&steps(&host), "state"),
        ["passed", "running", "ahead", "ahead"]
    );
    in_step(&host, 80.0, send_requests);
    host.terminate();
    assert!(host.wait().success());
    drop(host);
    let host = setup.start();
    let ended = eventually("it is promoted", || {
        send_requests(&host);
        let deployment = latest(&host);
        (deployment["outcome"] != "running").then_some(deployment)
    });
    assert_eq!(ended["outcome"], "active", "{ended}");
    assert_eq!(column(&ended["canary_steps"], "state"), ["passed"; 4]);
    let events = ended["events"].as_array().expect("events").iter();
    let shares = events.filter_map(|event| event["canary_percent"].as_f64());
    assert_eq!(shares.collect::<Vec<_>>(), [30.0, 60.0, 80.0]);
    assert_ne!(revision(&host.get("/things/1")), old);
}

#[test]
fn a_share_that_an_operator_sets_ends_the_steps() {
    let setup = stepwise();
    let host = setup.start();
    let component = write_component(&setup, &new().build());
    let flags = ["--canary", "30%,60%", "--every", "1h"];
    deploy(&host, &component, &flags).says(0, &["step 1 of 2, for 1h at least"]);
    eventually("the first step is judged", || {
        let step = status(&host)["verdict"]["step"].clone();
        (step["next_percent"] == 60.0).then_some(())
    });
    run_command(&host, &["status"]).says(0, &["… 30 %", "○ 60 %", "then 60 %"]);
    run_successfully(&host, &["promote", "--canary", "45%"]);
    let state = status(&host);
    assert_eq!(state["candidate_percent"], 45.0);
    assert_eq!(
        column(&state["deployment"]["canary_steps"], "state"),
        ["stopped", "skipped"]
    );
    eventually("no step is shown any more", || {
        status(&host)["verdict"]["step"].is_null().then_some(())
    });
    let id = latest(&host)["id"].as_i64().expect("an id");
    let shown = deployment(&host, id);
    let details = column(&shown["events"], "detail");
    let said = details.iter().filter_map(Value::as_str);
    let mut said = said.filter(|detail| detail.contains("does not go on by itself any more"));
    assert!(said.next().is_some(), "{details:?}");
    run_successfully(&host, &["promote"]);
    assert_eq!(latest(&host)["outcome"], "active");
}
