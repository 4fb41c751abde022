//! A shadow runs reads again after they were answered. It answers and delays no client, and the
//! host counts and reports the differences.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    OLD, deploy, latest, new, run_successfully, setup, status, under_load, write_component,
};
use crate::harness::{Host, Setup, eventually};
use crate::metrics::count;

/// Deploys a component as a shadow.
fn shadow(setup: &Setup, host: &Host, component: &[u8]) {
    let output = deploy(host, &write_component(setup, component), &["--shadow"]);
    assert_eq!(output.code, Some(0), "{output:#?}");
}

/// Waits until `reads` reads were compared, and returns the shadow's report.
fn compared(host: &Host, reads: u64) -> Value {
    eventually("the reads are compared", || {
        let report = status(host)["shadow"].clone();
        (report["compared"].as_u64() >= Some(reads)).then_some(report)
    })
}

/// The same logic with another digest: the component with an additional custom section.
fn same_logic(setup: &Setup) -> Vec<u8> {
    let mut component = std::fs::read(setup.component_path()).expect("the component");
    component.extend([0, 5, 4]);
    component.extend(b"same");
    component
}

#[test]
fn differences_are_counted_and_reported_and_no_client_sees_them() {
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
        "a shadow answers no client"
    );

    let output = run_successfully(&host, &["promote"]);
    assert!(output.contains("3 of 4 reads differed"), "{output}");
    assert_eq!(latest(&host)["outcome"], "active");
    assert_ne!(host.get("/things/1").expect(200).json(), OLD);
}

#[test]
fn the_same_logic_never_differs_despite_clock_randomness_and_writes() {
    let setup = Setup::counter();
    let host = setup.start();
    let draft = json!({"name": "busy", "value": 0, "step": 1, "color": "red", "remarks": {}});
    host.post("/counters", &draft).expect(201);
    shadow(&setup, &host, &same_logic(&setup));
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
    // A shadow does not run writes again.
    let reads = report["compared"].as_u64().unwrap() + report["skipped"].as_u64().unwrap();
    assert!(reads <= 120, "{report:#}");
}

#[test]
fn a_shadow_that_never_returns_delays_no_client() {
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
    // In the shadow, each read uses its full second of CPU time.
    assert!(began.elapsed() < Duration::from_secs(20));
    let report = eventually("reads beyond the shadow's capacity are skipped", || {
        let report = status(&host)["shadow"].clone();
        (report["skipped"].as_u64() >= Some(reads / 4)).then_some(report)
    });
    assert!(report["compared"].as_u64() < Some(reads / 2), "{report}");
    run_successfully(&host, &["abort"]);
    assert_eq!(latest(&host)["outcome"], "aborted");
    eventually("the shadow's memory is freed", || {
        (count(&host, "task_host_revisions_alive") == 1.0).then_some(())
    });
}
