//! Reads run on the new revision after their answer: it answers nobody, delays nobody, and what
//! differs is counted and named.

use std::time::Duration;

use serde_json::{Value, json};

use super::{OLD, deploy, done, file, latest, new, setup, status, under_load};
use crate::harness::{Host, Setup, eventually};
use crate::metrics::count;

fn shadow(setup: &Setup, host: &Host, component: &[u8]) {
    let output = deploy(host, &file(setup, component), &["--shadow"]);
    assert_eq!(output.code, Some(0), "{output:#?}");
}

/// What came of the shadow, once so many reads were compared.
fn compared(host: &Host, reads: u64) -> Value {
    eventually("the reads are compared", || {
        let report = status(host)["shadow"].clone();
        (report["compared"].as_u64() >= Some(reads)).then_some(report)
    })
}

/// The same logic under another digest: a component with one custom section more.
fn twin_of(setup: &Setup) -> Vec<u8> {
    let mut component = std::fs::read(setup.component_path()).expect("the component");
    component.extend([0, 5, 4]);
    component.extend(b"twin");
    component
}

#[test]
fn differences_are_counted_and_named_and_clients_see_none() {
    let setup = setup();
    let host = setup.start();
    let other = new().at(
        "get",
        "(if (i64.eq (local.get 0) (i64.const 7)) (then (unreachable)))",
    );
    shadow(&setup, &host, &other.build());
    for id in ["1", "1", "7", "x"] {
        let request = host.request("GET", &format!("/things/{id}"));
        let answer = request.header("x-request-id", &format!("id-{id}")).send();
        match id {
            "x" => assert_eq!(answer.status, 422),
            _ => assert_eq!(answer.expect(200).json(), OLD),
        }
    }
    let report = compared(&host, 4);
    assert_eq!(report["different"], 3, "{report}");
    let expected = json!([{
        "route": "GET /things/{id}",
        "pointer": "",
        "detail": "is another string",
        "count": 3,
        "request_id": "id-1",
    }]);
    assert_eq!(report["samples"], expected);
    let different = "task_host_shadow_reads_total{outcome=\"different\"}";
    assert_eq!(count(&host, different), 3.0);
    assert_eq!(
        status(&host)["candidate"]["requests"],
        0,
        "it answers nobody"
    );

    let said = done(&host, &["promote"]);
    assert!(said.contains("3 of 4 reads differed"), "{said}");
    assert_eq!(latest(&host)["outcome"], "active");
    assert_ne!(host.get("/things/1").expect(200).json(), OLD);
}

#[test]
fn the_same_logic_never_differs_by_clock_chance_or_data_that_changed() {
    let setup = Setup::counter();
    let host = setup.start();
    let draft = json!({"name": "busy", "value": 0, "step": 1, "color": "red", "remarks": {}});
    host.post("/counters", &draft).expect(201);
    shadow(&setup, &host, &twin_of(&setup));
    let write = |host: &Host| {
        let counter = host.post("/counters/busy/increment", &json!({}));
        counter.expect(200);
    };
    let (report, _) = under_load(&host, write, || {
        for _ in 0..40 {
            for path in ["/naughty/random?len=16", "/naughty/clock", "/counters/busy"] {
                host.get(path).expect(200);
            }
        }
        compared(&host, 20)
    });
    assert_eq!(report["different"], 0, "{report:#}");
    // Writes are not run again.
    let reads = report["compared"].as_u64().unwrap() + report["skipped"].as_u64().unwrap();
    assert!(reads <= 120, "{report:#}");
}

#[test]
fn a_shadow_that_never_returns_delays_nobody() {
    let setup = setup();
    let host = setup.start();
    shadow(
        &setup,
        &host,
        &new().at("get", "(loop $on (br $on))").build(),
    );
    let began = std::time::Instant::now();
    let reads = 200;
    for _ in 0..reads {
        assert_eq!(host.get("/things/1").expect(200).json(), OLD);
    }
    // Each takes its second of CPU time in the shadow.
    assert!(began.elapsed() < Duration::from_secs(20));
    let report = eventually("what there is no room for is left out", || {
        let report = status(&host)["shadow"].clone();
        (report["skipped"].as_u64() >= Some(reads / 4)).then_some(report)
    });
    assert!(report["compared"].as_u64() < Some(reads / 2), "{report}");
    done(&host, &["abort"]);
    assert_eq!(latest(&host)["outcome"], "aborted");
    eventually("its memory is free", || {
        (count(&host, "task_host_revisions_alive") == 1.0).then_some(())
    });
}
