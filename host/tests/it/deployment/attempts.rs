//! Every attempt leaves a row in the history, also one that was refused before a deployment began.

use serde_json::{Value, json};

use super::{latest, short_probation};
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

/// Asserts that the latest row of the history is this rejection.
#[track_caller]
fn is_recorded(host: &Host, kind: &str, digest: &str, code: &str, word: &str) {
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
fn refused_uploads_are_recorded() {
    let host = short_probation()
        .flag("--component-limit", "100KiB")
        .start();
    let alice = ("task-host-actor", "alice");
    let named = ("task-host-digest", ZEROS);
    upload(&host, &[alice, named], vec![0; 100 << 11]).problem(413, "component-too-large");
    is_recorded(&host, "upload", ZEROS, "component-too-large", "100KiB");
    upload(&host, &[alice, named], Probe::good().build()).problem(422, "digest-mismatch");
    is_recorded(&host, "upload", ZEROS, "digest-mismatch", ZEROS);
    let invalid = ("task-host-digest", "tomorrow");
    upload(&host, &[alice, invalid], vec![]).problem(400, "invalid-header");
    is_recorded(&host, "upload", "", "invalid-header", "Task-Host-Digest");
}

#[test]
fn refused_deployments_and_rollbacks_are_recorded() {
    let host = short_probation().start();
    let order = |path: &str, order: &Value| {
        let request = host.admin("POST", path).header("task-host-actor", "alice");
        request.json(order).send()
    };
    let unknown = json!({ "digest": ZEROS });
    order("/admin/deployments", &unknown).problem(404, "not-found");
    is_recorded(&host, "deploy", ZEROS, "not-found", ZEROS);
    order("/admin/rollback", &unknown).problem(422, "never-active");
    is_recorded(&host, "rollback", ZEROS, "never-active", ZEROS);
    let misspelt = json!({"digest": ZEROS, "dryrun": true});
    order("/admin/deployments", &misspelt).problem(422, "invalid-request");
    is_recorded(&host, "deploy", "", "invalid-request", "#/dryrun");
}

#[test]
fn unauthorized_requests_and_reads_leave_no_row() {
    let host = short_probation().flag("--admin-token", "s3cret").start();
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
