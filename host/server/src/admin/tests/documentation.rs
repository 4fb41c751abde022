//! The OpenAPI document, compared with the routes, the data and the committed document.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};

use crate::admin::fake::{FakeAdmin, component, deployment, event, status};
use crate::admin::openapi::description;
use crate::admin::routes;
use crate::admin::tests::ask;
use crate::{Figures, RevisionSecond};
use contract::deployment::{EventStatus, Reason, Stage};
use deployment::model::{HostEnd, Order, Rehearsal, StageRejection};

type Operations = BTreeSet<(String, String, String)>;

#[test]
fn the_document_names_every_route_and_no_other() {
    let routes = routes();
    let served: Operations = routes
        .iter()
        .map(|route| {
            let method = route.method.as_str().to_lowercase();
            (route.path.to_owned(), method, route.operation.to_owned())
        })
        .collect();
    let document = description();
    let mut described = Operations::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if let Some(id) = operation["operationId"].as_str() {
                described.insert((path.clone(), method.clone(), id.to_owned()));
            }
        }
    }
    assert_eq!(described, served);
    assert_eq!(described.len(), routes.len());
}

#[test]
fn every_parameter_of_a_path_is_described() {
    for (path, item) in description()["paths"].as_object().unwrap() {
        let named = path.split(['{', '}']).skip(1).step_by(2);
        let named: Vec<_> = named.map(Value::from).collect();
        let parameters = item["parameters"].as_array();
        let described = parameters
            .into_iter()
            .flatten()
            .map(|of| of["name"].clone());
        assert_eq!(described.collect::<Vec<_>>(), named, "{path}");
    }
}

#[test]
fn every_reference_resolves() {
    let document = description();
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > 30, "{}", references.len());
    for reference in references {
        let target = document.pointer(reference.trim_start_matches('#'));
        assert!(target.is_some(), "{reference}");
    }
}

fn collect<'a>(value: &'a Value, references: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            references.extend(members.get("$ref").and_then(Value::as_str));
            members
                .values()
                .for_each(|value| collect(value, references));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        _ => {}
    }
}

/// The names that a schema gives, and those that a value has.
fn compare(schema: &str, value: &impl Serialize) {
    let document = description();
    let described = document["components"]["schemas"][schema]["properties"].as_object();
    let value = serde_json::to_value(value).unwrap();
    let described: Vec<_> = described.unwrap().keys().collect();
    let sent: Vec<_> = value.as_object().unwrap().keys().collect();
    assert_eq!(described, sent, "{schema}");
}

#[test]
fn the_schemas_have_the_members_that_are_sent() {
    let mut breaking = event(0, Stage::Compare, EventStatus::Noted);
    breaking.breaking.push("GET /things is gone".to_owned());
    breaking.log.push("info: hello".to_owned());
    breaking.canary_percent = Some(10.0);
    breaking.host_end = Some(HostEnd::Stop);
    let rejection = StageRejection {
        code: Reason::PathReserved.into(),
        reason: "/livez is a path that the host keeps for itself".to_owned(),
    };
    compare("StageRejection", &rejection);
    breaking.rejections.push(rejection);
    compare("Rehearsal", &Rehearsal::default());
    breaking.rehearsal = Some(Rehearsal::default());
    compare("Event", &breaking);
    compare("ComponentSummary", &component());
    compare("Deployment", &deployment(Vec::new()));
    compare("CanaryStep", &deployment(Vec::new()).canary_steps[0]);
    compare("Status", &status());
    compare("RevisionStatus", &status().active);
    let verdict = status().verdict.unwrap();
    compare("StepStatus", &verdict.step);
    compare("VerdictStatus", &verdict);
    let second = RevisionSecond {
        at: 0,
        revision: String::new(),
        requests: 0,
        failures: 0,
        traps: 0,
        kept: 0,
        p50_ms: 0.0,
        p99_ms: 0.0,
    };
    compare("RevisionSecond", &second);
    let (now, seconds) = (1, vec![second]);
    compare("Figures", &Figures { now, seconds });
    let order = json!({
        "digest": "", "message": "", "git_revision": "", "rehearse": 1, "rehearse_strict": true,
        "canary_steps": [25], "canary_step_ms": 1, "promote_by_itself": true
    });
    compare("Order", &serde_json::from_value::<Order>(order).unwrap());
}

/// A change of the API shows in a review as a change of the committed document. To write the file
/// again, run this test with `UPDATE_SNAPSHOTS=1`.
#[test]
fn the_document_is_the_committed_one() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/snapshots/admin-openapi.json"
    );
    let mut document = description();
    // Not part of the API: it changes with every release.
    document["info"]["version"] = "".into();
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(path, format!("{document:#}\n")).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap();
    assert!(
        format!("{document:#}\n") == committed,
        "the admin API's document differs from {path}; if that is intended, run this test again \
         with UPDATE_SNAPSHOTS=1 and commit the file"
    );
}

#[tokio::test]
async fn the_document_is_served_at_its_path() {
    let router = FakeAdmin::new().router(&[]);
    let reply = ask(&router, "GET /admin/openapi.json", &[], "").await;
    assert_eq!(reply.json(), description());
    let router = FakeAdmin::new().router(&["--admin-token", "x"]);
    let reply = ask(&router, "GET /admin/openapi.json", &[], "").await;
    assert_eq!(reply.status, 401);
}
