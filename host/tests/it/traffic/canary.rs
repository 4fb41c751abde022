//! A share of the clients gets the new revision, always the same ones, until it is decided on.

use std::collections::BTreeSet;

use super::{
    NEW, OLD, deploy, done, file, latest, new, operate, revision, setup, status, under_load,
};
use crate::harness::{Host, eventually};
use crate::metrics::count;

const CLIENTS: u32 = 100;

/// The clients that get the new revision. Each answer is of the revision that it names.
fn chosen(host: &Host, old: &str) -> BTreeSet<u32> {
    let ask = |client: &u32| {
        let request = host.request("GET", "/things/1");
        let answer = request
            .header("task-host-client", &client.to_string())
            .send()
            .expect(200);
        let is_new = revision(&answer) != old;
        assert_eq!(answer.json(), if is_new { NEW } else { OLD }, "{answer}");
        is_new
    };
    (0..CLIENTS).filter(ask).collect()
}

#[test]
fn a_client_gets_the_same_revision_while_the_share_grows_to_everything() {
    let setup = setup();
    let host = setup.start();
    let old = revision(&host.get("/things/1")).to_owned();
    let component = file(&setup, &new().build());
    let output = deploy(&host, &component, &["--canary", "20%"]);
    assert_eq!(output.code, Some(0), "{output:#?}");

    let few = chosen(&host, &old);
    assert!((5..45).contains(&few.len()), "{few:?}");
    assert_eq!(chosen(&host, &old), few, "who asks again");
    let state = status(&host);
    assert_eq!(state["candidate_percent"], 20.0);
    let asked = state["candidate"]["requests"].as_u64();
    assert_eq!(asked, Some(2 * few.len() as u64), "{state}");
    let label = &state["candidate"]["digest"].as_str().expect("hex")[..12];
    let requests = format!("task_host_revision_requests_total{{task_host_revision=\"{label}\"}}");
    assert_eq!(count(&host, &requests), 2.0 * few.len() as f64);
    // The description of the API is that of the client's own revision.
    for client in 0..CLIENTS {
        let request = host.request("GET", "/openapi.json");
        let answer = request
            .header("task-host-client", &client.to_string())
            .send();
        let is_new = revision(&answer) != old;
        assert_eq!(is_new, few.contains(&client), "{client}");
    }

    done(&host, &["promote", "--canary", "60%"]);
    let more = chosen(&host, &old);
    assert!(few.is_subset(&more) && more.len() > few.len(), "{more:?}");
    assert_eq!(status(&host)["active"]["digest"], latest(&host)["from"]);

    done(&host, &["promote"]);
    assert_eq!(chosen(&host, &old).len(), CLIENTS as usize);
    assert_eq!(latest(&host)["outcome"], "active");
    operate(&host, &["promote", "2"]).says(1, &["neither a canary nor a shadow"]);
}

#[test]
fn without_a_name_the_address_tells_clients_apart() {
    let setup = setup().flag("--client-header", "x-forwarded-for");
    let host = setup.start();
    let old = revision(&host.get("/things/1")).to_owned();
    let component = file(&setup, &new().build());
    // Whoever can be told from others at all.
    deploy(&host, &component, &["--canary", "99.9%"]);
    for client in 0..20 {
        // This host listens to another header.
        let request = host.request("GET", "/things/1");
        let answer = request
            .header("task-host-client", &client.to_string())
            .send();
        assert_ne!(revision(&answer), old);
    }
    done(&host, &["promote", "--canary", "50%"]);
    let of_proxy: BTreeSet<bool> = (0..50)
        .map(|client| {
            let request = host.request("GET", "/things/1");
            let answer = request
                .header("x-forwarded-for", &format!("10.0.0.{client}"))
                .send();
            revision(&answer) == old
        })
        .collect();
    assert_eq!(of_proxy.len(), 2, "some get the old one, some the new one");
}

#[test]
fn a_canary_that_fails_more_often_ends_by_itself() {
    let setup = setup().flag("--probation-requests", "10");
    let host = setup.start();
    let old = revision(&host.get("/things/1")).to_owned();
    let trapping = new().at(
        "get",
        "(if (i64.eqz (i64.rem_s (local.get 0) (i64.const 3))) (then (unreachable)))",
    );
    let component = file(&setup, &trapping.build());
    let output = deploy(&host, &component, &["--canary", "50%"]);
    assert_eq!(output.code, Some(0), "{output:#?}");
    let mut asked = 0;
    eventually("the canary is gone", || {
        asked += 1;
        let request = host.request("GET", &format!("/things/{asked}"));
        let client = asked.to_string();
        let answer = request.header("task-host-client", &client).send();
        match answer.status {
            200 => {}
            _ => {
                assert_ne!(revision(&answer), old, "{answer}");
                assert_eq!(asked % 3, 0, "{answer}");
            }
        }
        status(&host)["candidate"].is_null().then_some(())
    });
    for id in 0..30 {
        let answer = host.get(&format!("/things/{id}")).expect(200);
        assert_eq!(revision(&answer), old);
    }
    let ended = eventually("it is remembered", || {
        let deployment = latest(&host);
        (deployment["outcome"] != "running").then_some(deployment)
    });
    assert_eq!(ended["outcome"], "rolled-back", "{ended}");
    assert_eq!(ended["code"], "canary-failed", "{ended}");
    deploy(&host, &component, &[]).says(1, &["rolled back before"]);
}

#[test]
fn an_aborted_canary_is_gone_for_all() {
    let setup = setup();
    let host = setup.start();
    let old = revision(&host.get("/things/1")).to_owned();
    let component = file(&setup, &new().build());
    deploy(&host, &component, &["--canary", "50%"]);
    let busy = deploy(&host, &component, &[]);
    busy.says(1, &["the end of deployment 2"]);
    let ask = |host: &Host| drop(chosen(host, &old));
    under_load(&host, ask, || done(&host, &["abort"]));
    assert!(chosen(&host, &old).is_empty());
    // The refused order is the latest.
    let aborted = host.admin("GET", "/admin/deployments/2").send();
    assert_eq!(aborted.expect(200).json()["outcome"], "aborted");
    eventually("its memory is free", || {
        (count(&host, "task_host_revisions_alive") == 1.0).then_some(())
    });
}

#[test]
fn a_canary_does_not_outlive_its_host_and_history_says_why() {
    let setup = setup();
    let mut host = setup.start();
    let old = revision(&host.get("/things/1")).to_owned();
    let component = file(&setup, &new().build());
    deploy(&host, &component, &["--canary", "50%"]);
    host.terminate();
    assert!(host.wait().success());
    drop(host);
    let host = setup.start();
    assert!(chosen(&host, &old).is_empty());
    let stopped = latest(&host);
    assert_eq!(stopped["outcome"], "aborted", "{stopped}");
    assert_eq!(stopped["code"], "host-stopped", "{stopped}");

    // A stop says nothing of the component, a crash does.
    deploy(&host, &component, &["--canary", "50%"]);
    host.kill();
    let host = setup.start();
    assert!(chosen(&host, &old).is_empty());
    let crashed = latest(&host);
    assert_eq!(crashed["outcome"], "rolled-back", "{crashed}");
    assert_eq!(crashed["code"], "crashed-in-trial", "{crashed}");
}
