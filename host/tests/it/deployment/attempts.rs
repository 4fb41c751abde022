//! Every attempt leaves a row in the history, also one that HTTP refused.

use serde_json::{Value, json};

use super::{latest, quick};
use crate::client::Answer;
use crate::harness::Host;
use crate::hostile::probe::Probe;

const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

fn upload(host: &Host, headers: &[(&str, &str)], content: Vec<u8>) -> Answer {
    let request = host.admin("POST", "/admin/components");
    let headers = headers.iter();
    headers
        .fold(request, |request, (name, value)| {
            request.header(name, value)
        })
        .body("application/wasm", content)
        .send()
}

#[track_caller]
fn remembered(host: &Host, kind: &str, digest: &str, code: &str, word: &str) {
    let row = latest(host);
    assert_eq!(row["kind"], kind, "{row}");
    assert_eq!(row["digest"], digest, "{row}");
    assert_eq!(row["outcome"], "rejected", "{row}");
    assert_eq!(row["code"], code, "{row}");
    assert_eq!(row["actor"], "alice (loopback)", "{row}");
    let reason = row["reason"].as_str().expect("a reason");
    assert!(reason.contains(word), "{reason}");
}

#[test]
fn uploads_that_are_refused_are_remembered() {
    let host = quick().flag("--component-limit", "100KiB").start();
    let alice = ("task-host-actor", "alice");
    let named = ("task-host-digest", ZEROS);
    upload(&host, &[alice, named], vec![0; 100 << 11]).problem(413, "component-too-large");
    remembered(&host, "upload", ZEROS, "component-too-large", "100KiB");
    upload(&host, &[alice, named], Probe::good().build()).problem(422, "digest-mismatch");
    remembered(&host, "upload", ZEROS, "digest-mismatch", ZEROS);
    let strange = ("task-host-digest", "tomorrow");
    upload(&host, &[alice, strange], vec![]).problem(400, "invalid-header");
    remembered(&host, "upload", "", "invalid-header", "Task-Host-Digest");
}

#[test]
fn orders_that_are_refused_are_remembered() {
    let host = quick().start();
    let order = |path: &str, order: &Value| {
        let request = host.admin("POST", path).header("task-host-actor", "alice");
        request.json(order).send()
    };
    let unknown = json!({ "digest": ZEROS });
    order("/admin/deployments", &unknown).problem(404, "not-found");
    remembered(&host, "deploy", ZEROS, "not-found", ZEROS);
    order("/admin/rollback", &unknown).problem(422, "never-active");
    remembered(&host, "rollback", ZEROS, "never-active", ZEROS);
    let misspelt = json!({"digest": ZEROS, "dryrun": true});
    order("/admin/deployments", &misspelt).problem(422, "invalid-request");
    remembered(&host, "deploy", "", "invalid-request", "#/dryrun");
}

#[test]
fn strangers_leave_no_row_and_reading_neither() {
    let host = quick().flag("--admin-token", "s3cret").start();
    upload(&host, &[], vec![]).problem(401, "unauthorized");
    let authorized = |method: &str, path: &str| {
        let request = host.admin(method, path);
        request.header("authorization", "Bearer s3cret").send()
    };
    authorized("GET", "/admin/deployments/77").problem(404, "not-found");
    authorized("POST", "/admin/deployments/77/abort").problem(422, "not-running");
    let rows = authorized("GET", "/admin/deployments").expect(200).json();
    assert_eq!(rows.as_array().map(Vec::len), Some(1), "{rows}");
}
