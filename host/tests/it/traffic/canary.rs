//! A canary serves a share of the clients, always the same ones, until it is promoted or aborted.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    NEW, OLD, deploy, latest, new, revision, run_command, run_successfully, setup, status,
    under_load, write_component,
};
use crate::harness::{Host, column, eventually};
use crate::metrics::count;

const CLIENTS: u32 = 100;

/// Returns the clients that the new revision serves. Asserts that each answer was made by the
/// revision that it names.
fn chosen(host: &Host, old: &str) -> BTreeSet<u32> {
    let is_chosen = |client: &u32| {
        let request = host.request("GET", "/things/1");
        let answer = request
            .header("task-host-client", &client.to_string())
            .send()
            .expect(200);
        let is_new = revision(&answer) != old;
        assert_eq!(answer.json(), if is_new { NEW } else { OLD }, "{answer}");
        is_new
    };
    (0..CLIENTS).filter(is_chosen).collect()
}

#[test]
fn a_client_gets_the_same_revision_while_the_share_grows_to_everything() {
    let setup = setup();
    let host = setup.start();
    let old = revision(&host.get("/things/1")).to_owned();
    let component = write_component(&setup, &new().build());
    let output = deploy(&host, &component, &["--canary", "20%"]);
    assert_eq!(output.code, Some(0), "{output:#?}");

    let few = chosen(&host, &old);
    assert!((5..45).contains(&few.len()), "{few:?}");
    assert_eq!(chosen(&host, &old), few, "the same clients again");
    let state = status(&host);
    assert_eq!(state["candidate_percent"], 20.0);
    let served = state["candidate"]["requests"].as_u64();
    assert_eq!(served, Some(2 * few.len() as u64), "{state}");
    let label = &state["candidate"]["digest"].as_str().expect("hex")[..12];
    let requests = format!("task_host_revision_requests_total{{task_host_revision=\"{label}\"}}");
    assert_eq!(count(&host, &requests), 2.0 * few.len() as f64);
    // A client gets the OpenAPI document of its own revision.
    for client in 0..CLIENTS {
        let request = host.request("GET", "/openapi.json");
        let answer = request
            .header("task-host-client", &client.to_string())
            .send();
        let is_new = revision(&answer) != old;
        assert_eq!(is_new, few.contains(&client), "{client}");
    }

    run_successfully(&host, &["promote", "--canary", "60%"]);
    let more = chosen(&host, &old);
    assert!(few.is_subset(&more) && more.len() > few.len(), "{more:?}");
    assert_eq!(status(&host)["active"]["digest"], latest(&host)["from"]);

    run_successfully(&host, &["promote"]);
    assert_eq!(chosen(&host, &old).len(), CLIENTS as usize);
    assert_eq!(latest(&host)["outcome"], "active");
    run_command(&host, &["promote", "2"]).says(1, &["neither a canary nor a shadow"]);
}

#[test]
fn without_a_client_header_clients_are_identified_by_their_address() {
    let setup = setup().flag("--client-header", "x-forwarded-for");
    let host = setup.start();
    let old = revision(&host.get("/things/1")).to_owned();
    let component = write_component(&setup, &new().build());
    // This share includes practically every client.
    deploy(&host, &component, &["--canary", "99.9%"]);
    for client in 0..20 {
        // This host reads another header, so all of these are one client: the address.
        let request = host.request("GET", "/things/1");
        let answer = request
            .header("task-host-client", &client.to_string())
            .send();
        assert_ne!(revision(&answer), old);
    }
    run_successfully(&host, &["promote", "--canary", "50%"]);
    let is_old: BTreeSet<bool> = (0..50)
        .map(|client| {
            let request = host.request("GET", "/things/1");
            let answer = request
                .header("x-forwarded-for", &format!("10.0.0.{client}"))
                .send();
            revision(&answer) == old
        })
        .collect();
    assert_eq!(is_old.len(), 2, "each revision serves some clients");
}

#[test]
fn a_canary_that_fails_more_often_ends_automatically() {
    let setup = setup().flag("--probation-requests", "10");
    let host = setup.start();
    let old = revision(&host.get("/things/1")).to_owned();
    let trapping = new().at(
        "get",
        "(if (i64.eqz (i64.rem_s (local.get 0) (i64.const 3))) (then (unreachable)))",
    );
    let component = write_component(&setup, &trapping.build());
    let output = deploy(&host, &component, &["--canary", "50%"]);
    assert_eq!(output.code, Some(0), "{output:#?}");
    let mut id = 0;
    eventually("the canary ends", || {
        id += 1;
        let request = host.request("GET", &format!("/things/{id}"));
        let client = id.to_string();
        let answer = request.header("task-host-client", &client).send();
        match answer.status {
            200 => {}
            _ => {
                assert_ne!(revision(&answer), old, "{answer}");
                assert_eq!(id % 3, 0, "{answer}");
            }
        }
        status(&host)["candidate"].is_null().then_some(())
    });
    for id in 0..30 {
        let answer = host.get(&format!("/things/{id}")).expect(200);
        assert_eq!(revision(&answer), old);
    }
    let ended = eventually("its outcome is recorded", || {
        let deployment = latest(&host);
        (deployment["outcome"] != "running").then_some(deployment)
    });
    assert_eq!(ended["outcome"], "rolled-back", "{ended}");
    assert_eq!(ended["code"], "canary-failed", "{ended}");
    deploy(&host, &component, &[]).says(1, &["rolled back before"]);
}

#[test]
fn an_aborted_canary_serves_no_client() {
    let setup = setup();
    let host = setup.start();
    let old = revision(&host.get("/things/1")).to_owned();
    let component = write_component(&setup, &new().build());
    deploy(&host, &component, &["--canary", "50%"]);
    let busy = deploy(&host, &component, &[]);
    busy.says(1, &["Deployment 2 is a canary", "task-host abort 2"]);
    let request = |host: &Host| drop(chosen(host, &old));
    under_load(&host, request, || run_successfully(&host, &["abort"]));
    assert!(chosen(&host, &old).is_empty());
    // Deployment 3 is the latest: the one that was refused meanwhile.
    let aborted = host.admin("GET", "/admin/deployments/2").send();
    assert_eq!(aborted.expect(200).json()["outcome"], "aborted");
    eventually("the canary's memory is freed", || {
        (count(&host, "task_host_revisions_alive") == 1.0).then_some(())
    });
}

/// How the host of the latest deployment ended, each time.
fn host_ends(host: &Host) -> Vec<Value> {
    let events = latest(host)["events"].clone();
    let mut how = column(&events, "host_end");
    how.retain(|how| !how.is_null());
    how
}

/// Waits until the canary serves the same clients as before.
fn goes_on(host: &Host, old: &str, few: &BTreeSet<u32>) {
    eventually("the canary goes on", || {
        (chosen(host, old) == *few).then_some(())
    });
}

#[test]
fn a_canary_goes_on_with_its_share_after_a_stop_and_after_a_crash() {
    let setup = setup();
    let mut host = setup.start();
    let old = revision(&host.get("/things/1")).to_owned();
    let component = write_component(&setup, &new().build());
    deploy(&host, &component, &["--canary", "50%"]);
    run_successfully(&host, &["promote", "--canary", "30%"]);
    let few = chosen(&host, &old);
    host.terminate();
    assert!(host.wait().success());
    drop(host);
    let host = setup.start();
    goes_on(&host, &old, &few);
    host.kill();
    let host = setup.start();
    goes_on(&host, &old, &few);
    assert_eq!(host_ends(&host), ["stop", "crash"]);
    let state = status(&host);
    assert_eq!(state["candidate_percent"], 30.0);
    assert_eq!(state["deployment"]["outcome"], "running");

    // The operator's commands work as before.
    run_successfully(&host, &["promote", "--canary", "60%"]);
    assert!(chosen(&host, &old).len() > few.len());
    run_successfully(&host, &["promote"]);
    assert_eq!(chosen(&host, &old).len(), CLIENTS as usize);
    assert_eq!(latest(&host)["outcome"], "active");
}

#[test]
fn a_canary_whose_host_crashes_twice_at_the_same_share_ends() {
    let setup = setup();
    let host = setup.start();
    let old = revision(&host.get("/things/1")).to_owned();
    let component = write_component(&setup, &new().build());
    deploy(&host, &component, &["--canary", "50%"]);
    let crash = |host: Host| {
        host.kill();
        setup.start()
    };
    let half = chosen(&host, &old);
    let host = crash(host);
    goes_on(&host, &old, &half);
    // Another share, so the first crash does not count any more.
    run_successfully(&host, &["promote", "--canary", "70%"]);
    let more = chosen(&host, &old);
    let host = crash(host);
    goes_on(&host, &old, &more);
    let host = crash(host);
    assert!(chosen(&host, &old).is_empty());
    let crashed = latest(&host);
    assert_eq!(crashed["outcome"], "rolled-back", "{crashed}");
    assert_eq!(crashed["code"], "crashed-in-trial", "{crashed}");
    deploy(&host, &component, &[]).says(1, &["rolled back before"]);
}
