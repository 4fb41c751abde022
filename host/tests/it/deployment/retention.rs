//! Which components, compiled code and history rows are deleted after a deployment, and which stay.

use std::collections::BTreeSet;

use serde_json::json;

use super::{
    Built, built, deploy_successfully, history, latest, numbered, revision, run_successfully,
    short_probation,
};
use crate::harness::{Host, Setup, column};
use crate::hostile::probe::Probe;

fn short_retention() -> Setup {
    short_probation()
        .own_cache()
        .flag("--keep-components", "2")
        .flag("--keep-revisions", "1")
        .flag("--keep-history", "4")
}

/// The digests of the components that the host has.
fn components(host: &Host) -> BTreeSet<String> {
    let components = host.admin("GET", "/admin/components").send().expect(200);
    column(&components.json(), "digest")
        .iter()
        .map(|digest| digest.as_str().expect("text").to_owned())
        .collect()
}

/// The digests whose compiled code is in the cache.
fn code(setup: &Setup) -> BTreeSet<String> {
    let directory = setup.directory().join("code-cache");
    let entries = std::fs::read_dir(directory).expect("the cache").flatten();
    entries
        .map(|entry| entry.file_name().into_string().expect("UTF-8"))
        .map(|name| name.split('-').next().expect("a digest").to_owned())
        .collect()
}

/// Deploys the components with these numbers, one after the other.
fn deploy_all(host: &Host, numbers: impl IntoIterator<Item = u32>, flags: &[&str]) -> Vec<Built> {
    let deploy_one = |number| {
        let component = built(&numbered(number));
        deploy_successfully(host, &component, flags);
        component
    };
    numbers.into_iter().map(deploy_one).collect()
}

fn digests(components: &[Built]) -> BTreeSet<String> {
    components.iter().map(Built::digest).collect()
}

#[test]
fn components_beyond_the_retention_are_deleted_with_their_code() {
    let setup = short_retention();
    let host = setup.start();
    let deployed = deploy_all(&host, 1..=5, &[]);
    let kept = digests(&deployed[3..]);
    // The host deletes them after the deployment's answer.
    crate::harness::eventually("the others are deleted", || {
        (components(&host) == kept && code(&setup) == kept).then_some(())
    });
    let order = json!({"digest": deployed[0].digest()});
    let refused = host.admin("POST", "/admin/rollback").json(&order).send();
    let problem = refused.problem(404, "not-found");
    let detail = problem["detail"].as_str().expect("a detail");
    assert!(detail.contains(&deployed[0].digest()), "{detail}");
    // A rollback is still possible, also after a restart.
    drop(host);
    let host = setup.start();
    run_successfully(&host, &["rollback"]);
    assert!(deployed[3].digest().starts_with(&revision(&host)));
}

#[test]
fn dry_runs_do_not_remove_the_rollback_target() {
    let setup = short_retention();
    let host = setup.start();
    let active = deploy_all(&host, [1], &[]);
    let before = latest(&host)["from"].as_str().expect("a digest").to_owned();
    let tried = deploy_all(&host, 10..=15, &["--dry-run"]);
    let mut kept = digests(&tried[4..]);
    kept.extend([active[0].digest(), before.clone()]);
    crate::harness::eventually("the others are deleted", || {
        (components(&host) == kept).then_some(())
    });
    run_successfully(&host, &["rollback"]);
    assert!(before.starts_with(&revision(&host)));
}

#[test]
fn the_history_keeps_its_latest_rows_and_those_that_activated_a_component() {
    let setup = short_retention();
    let host = setup.start();
    deploy_all(&host, [1], &[]);
    deploy_all(&host, 10..=15, &["--dry-run"]);
    let ids = || column(&history(&host), "id");
    crate::harness::eventually("the others are deleted", || {
        // 1 and 2 activated a component. 3 and 4 were dry runs.
        (ids() == [8, 7, 6, 5, 2, 1].map(|id| json!(id))).then_some(())
    });
}

#[test]
fn an_uploaded_component_is_kept_until_its_deployment() {
    let setup = short_retention();
    let host = setup.start();
    let waiting = built(&numbered(99));
    let upload = |component: &Built| {
        let content = std::fs::read(&component.path).expect("a file");
        let request = host.admin("POST", "/admin/components");
        request.body("application/wasm", content).send().expect(201);
    };
    upload(&waiting);
    deploy_all(&host, [1], &[]);
    let order = json!({"digest": waiting.digest()});
    host.admin("POST", "/admin/deployments")
        .json(&order)
        .send()
        .expect(202);
}

#[test]
fn files_of_others_in_the_cache_directory_stay() {
    let setup = short_retention();
    let host = setup.start();
    let foreign = setup.directory().join("code-cache/notes.txt");
    std::fs::write(&foreign, "mine").expect("written");
    // Another service that shares the directory.
    let shared = Probe::slow().setup().own_cache_of(&setup).start();
    deploy_all(&host, 1..=4, &[]);
    let digest = shared
        .admin("GET", "/admin/status")
        .send()
        .expect(200)
        .json();
    let digest = digest["active"]["digest"]
        .as_str()
        .expect("text")
        .to_owned();
    assert!(foreign.exists());
    assert!(code(&setup).contains(&digest));
}
