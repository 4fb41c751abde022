//! The OpenAPI document of the task API, against the committed one, and the command that prints it.

use serde_json::{Value, json};

use crate::harness::{Setup, run, task_host};
use crate::hostile::probe::{Probe, get};

/// The committed document. A change of the API shows in a review as a change of this file. To write
/// it again, run the test with `UPDATE_SNAPSHOTS=1`.
const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots/openapi.json");

#[test]
fn the_document_is_the_committed_one() {
    let host = Setup::tasks().start();
    let mut document = host.get("/openapi.json").expect(200).json();
    // Not part of the API: it changes with every release of the component.
    document["info"]["version"] = "".into();
    let document = format!("{document:#}\n");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(COMMITTED, &document).expect("the file is written");
    }
    let committed = std::fs::read_to_string(COMMITTED).unwrap_or_default();
    assert!(
        document == committed,
        "the task API's document differs from {COMMITTED}; if that is intended, run this test \
         again with UPDATE_SNAPSHOTS=1 and commit the file"
    );
}

#[test]
fn the_command_prints_the_document_that_a_host_serves() {
    let setup = Setup::tasks();
    let mut command = task_host();
    command.arg("openapi").arg(setup.component_path());
    let output = run(command);
    output.says(0, &[]);
    let printed: Value = serde_json::from_str(&output.stdout).expect("JSON");
    let served = setup.start().get("/openapi.json").expect(200).json();
    assert_eq!(printed, served);
}

#[test]
fn a_component_that_no_host_would_accept_has_no_document() {
    let unfit = Probe::good().routes([get("/health")]).setup();
    let mut command = task_host();
    command.arg("openapi").arg(unfit.component_path());
    let output = run(command);
    output.says(1, &["no host would accept it", "/health"]);
    assert_eq!(output.stdout, "");
    let mut command = task_host();
    command.args(["openapi", "no-such-file.wasm"]);
    run(command).says(2, &["FILE", "no-such-file.wasm"]);
}

#[test]
fn the_example_of_every_request_body_is_accepted() {
    let host = Setup::tasks().start();
    // Operations on one task use this one.
    let task = json!({"title": "First", "category": "feature"});
    host.post("/tasks", &task).expect(201);
    let document = host.get("/openapi.json").expect(200).json();
    let mut tried = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let content = operation["requestBody"]["content"].as_object();
            for (media_type, media) in content.into_iter().flatten() {
                let method = method.to_ascii_uppercase();
                let request = host.request(&method, &path.replace("{id}", "1"));
                // Also unknown members would be errors.
                let request = request.header("prefer", "handling=strict");
                let answer = request
                    .body(media_type, media["example"].to_string())
                    .send();
                assert!(
                    matches!(answer.status, 200 | 201),
                    "{method} {path}: {answer}"
                );
                tried.push(format!("{method} {path}"));
            }
        }
    }
    tried.sort();
    tried.dedup();
    assert_eq!(
        tried,
        [
            "PATCH /tasks/{id}",
            "POST /api/tasks",
            "POST /tasks",
            "POST /tasks/bulk",
            "PUT /api/tasks/{id}",
            "PUT /tasks/{id}"
        ]
    );
}
