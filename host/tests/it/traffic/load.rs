//! Switches under load: no request fails, and replaced revisions are freed.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{
    NEW, OLD, deploy, latest, new, old, revision, roll_back_to, run_successfully, setup, status,
    under_load, write_component,
};
use crate::harness::{Host, Setup, eventually};
use crate::hostile::probe::Probe;
use crate::metrics::{count, figure};

/// Deploys the new revision, so that the host can switch between both. Returns the digests of the
/// old and the new revision.
fn deploy_new(setup: &Setup, host: &Host) -> [String; 2] {
    let digest = || {
        status(host)["active"]["digest"]
            .as_str()
            .expect("hex")
            .to_owned()
    };
    let old = digest();
    run_successfully(
        host,
        &[
            "deploy",
            write_component(setup, &new().build())
                .to_str()
                .expect("UTF-8"),
        ],
    );
    [old, digest()]
}

#[test]
fn during_two_hundred_switches_no_request_fails_or_mixes_revisions() {
    const SWITCHES: usize = 200;
    let setup = setup();
    let host = setup.start();
    let digests = deploy_new(&setup, &host);
    let things = [OLD, NEW];
    let is = |answer: &crate::client::Answer, which: usize| {
        digests[which].starts_with(revision(answer)) && answer.json() == things[which]
    };
    let request = |host: &Host| {
        let answer = host.get("/things/1").expect(200);
        assert!(is(&answer, 0) || is(&answer, 1), "{answer}");
    };
    let ((), answered) = under_load(&host, request, || {
        for n in 0..SWITCHES {
            roll_back_to(&host, &digests[n % 2]);
            // A request that begins after the acknowledgement gets the new revision.
            let answer = host.get("/things/1").expect(200);
            assert!(is(&answer, n % 2), "{n}: {answer}");
        }
    });
    assert!(
        answered > SWITCHES as u64,
        "only {answered} requests ran during the switches"
    );
}

#[test]
fn memory_does_not_grow_with_the_number_of_switches() {
    let setup = setup().flag("--keep-revisions", "0");
    let host = setup.start();
    let digests = deploy_new(&setup, &host);
    let resident = || figure(&host, "process_resident_memory_bytes").expect("on Linux") / 1e6;
    let mut n = 0;
    let mut switch_times = |times: usize| {
        for _ in 0..times {
            roll_back_to(&host, &digests[n % 2]);
            n += 1;
            host.get("/things/1").expect(200);
        }
    };
    switch_times(100);
    let after_100 = resident();
    switch_times(400);
    let after_500 = resident();
    assert!(
        after_500 < after_100 + 12.0,
        "{after_100:.1} MB after 100 switches, {after_500:.1} MB after 500"
    );
    eventually("only the active revision is in memory", || {
        (count(&host, "task_host_revisions_alive") == 1.0).then_some(())
    });
}

#[test]
fn a_revision_is_freed_when_its_last_request_ends() {
    let slow = old().at(
        "get",
        "(if (i64.eqz (local.get 0)) (then (loop $on (br $on))))",
    );
    let setup = slow
        .setup()
        .flag("--probation", "0s")
        .flag("--keep-revisions", "0")
        .flag("--cpu-limit", "60s")
        .flag("--request-timeout", "60s");
    let host = setup.start();
    let alive = |number: f64| {
        let is = || count(&host, "task_host_revisions_alive");
        eventually(&format!("{number} revisions are in memory"), || {
            (is() == number).then_some(())
        });
    };
    alive(1.0);
    let old = revision(&host.get("/things/1")).to_owned();
    let request = host.request("GET", "/things/0").open().expect("sent");
    let in_flight = format!("task_host_revision_in_flight{{task_host_revision=\"{old}\"}}");
    eventually("the request runs", || {
        (count(&host, &in_flight) == 1.0).then_some(())
    });
    run_successfully(
        &host,
        &[
            "deploy",
            write_component(&setup, &new().build())
                .to_str()
                .expect("UTF-8"),
        ],
    );
    assert_eq!(host.get("/things/1").expect(200).json(), NEW);
    alive(2.0);
    assert_eq!(count(&host, &in_flight), 1.0);
    drop(request);
    alive(1.0);
    assert_eq!(
        figure(&host, &in_flight),
        None,
        "the series is removed with the revision"
    );
}

#[test]
fn a_revision_that_traps_on_every_third_call_is_rolled_back_under_load() {
    let setup = old().setup().flag("--probation", "60s");
    let host = setup.start();
    let before = revision(&host.get("/things/1")).to_owned();
    let trapping: Probe = new().at(
        "get",
        "(if (i64.eqz (i64.rem_s (local.get 0) (i64.const 3))) (then (unreachable)))",
    );
    let component = write_component(&setup, &trapping.build());
    let (id, failed) = (AtomicU64::new(0), AtomicU64::new(0));
    let request = |host: &Host| {
        let id = id.fetch_add(1, Relaxed);
        let answer = host.get(&format!("/things/{id}"));
        if answer.status != 200 {
            answer.problem(500, "logic-trapped");
            assert!(
                id.is_multiple_of(3) && revision(&answer) != before,
                "{answer}"
            );
            failed.fetch_add(1, Relaxed);
        }
    };
    // A rehearsal would refuse it.
    let deploying = || deploy(&host, &component, &["--no-rehearsal"]);
    let (output, answered) = under_load(&host, request, deploying);
    output.says(1, &["requests failed"]);
    assert_eq!(latest(&host)["code"], "probation-failed");
    let (answered, failed) = (answered as f64, failed.into_inner() as f64);
    assert!(
        failed > 0.0 && failed < answered / 3.0,
        "{failed} of {answered}"
    );
    for id in 0..12 {
        let answer = host.get(&format!("/things/{id}")).expect(200);
        assert_eq!(revision(&answer), before);
    }
}
