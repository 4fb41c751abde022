//! What is forgotten after a deployment, and what stays.

use std::collections::BTreeSet;

use serde_json::json;

use super::{Built, built, command, deploy, history, latest, numbered, quick, revision};
use crate::harness::{Host, Setup, column, run};
use crate::hostile::probe::Probe;

fn forgetful() -> Setup {
    quick()
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

/// The digests whose compiled code is kept.
fn code(setup: &Setup) -> BTreeSet<String> {
    let directory = setup.directory().join("code-cache");
    let entries = std::fs::read_dir(directory).expect("the cache").flatten();
    entries
        .map(|entry| entry.file_name().into_string().expect("UTF-8"))
        .map(|name| name.split('-').next().expect("a digest").to_owned())
        .collect()
}

/// Deploys components of these numbers, one after the other.
fn deploy_all(host: &Host, numbers: impl IntoIterator<Item = u32>, flags: &[&str]) -> Vec<Built> {
    let deploy_one = |number| {
        let component = built(&numbered(number));
        let output = deploy(host, &component, flags);
        assert_eq!(output.code, Some(0), "{output:#?}");
        component
    };
    numbers.into_iter().map(deploy_one).collect()
}

fn digests(components: &[Built]) -> BTreeSet<String> {
    components.iter().map(Built::digest).collect()
}

#[test]
fn components_beyond_those_kept_are_forgotten_with_their_code() {
    let setup = forgetful();
    let host = setup.start();
    let deployed = deploy_all(&host, 1..=5, &[]);
    let kept = digests(&deployed[3..]);
    // Forgetting comes after the answer.
    crate::harness::eventually("the others are forgotten", || {
        (components(&host) == kept && code(&setup) == kept).then_some(())
    });
    let order = json!({"digest": deployed[0].digest()});
    let refused = host.admin("POST", "/admin/rollback").json(&order).send();
    let problem = refused.problem(404, "not-found");
    let detail = problem["detail"].as_str().expect("a detail");
    assert!(detail.contains(&deployed[0].digest()), "{detail}");
    // The way back is open, and goes on being so after a restart.
    drop(host);
    let host = setup.start();
    let output = run(command(&host, &["rollback"]));
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert!(deployed[3].digest().starts_with(&revision(&host)));
}

#[test]
fn a_series_of_attempts_costs_no_way_back() {
    let setup = forgetful();
    let host = setup.start();
    let active = deploy_all(&host, [1], &[]);
    let before = latest(&host)["from"].as_str().expect("a digest").to_owned();
    let tried = deploy_all(&host, 10..=15, &["--dry-run"]);
    let mut kept = digests(&tried[4..]);
    kept.extend([active[0].digest(), before.clone()]);
    crate::harness::eventually("the others are forgotten", || {
        (components(&host) == kept).then_some(())
    });
    let output = run(command(&host, &["rollback"]));
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert!(before.starts_with(&revision(&host)));
}

#[test]
fn the_history_keeps_its_latest_rows_and_those_that_are_needed() {
    let setup = forgetful();
    let host = setup.start();
    deploy_all(&host, [1], &[]);
    deploy_all(&host, 10..=15, &["--dry-run"]);
    let ids = || column(&history(&host), "id");
    crate::harness::eventually("the others are forgotten", || {
        // 1 and 2 made a component active; 3 and 4 were dry runs.
        (ids() == [8, 7, 6, 5, 2, 1].map(|id| json!(id))).then_some(())
    });
}

#[test]
fn a_component_that_is_uploaded_waits_for_its_deployment() {
    let setup = forgetful();
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
fn what_others_put_into_the_caches_directory_stays() {
    let setup = forgetful();
    let host = setup.start();
    let foreign = setup.directory().join("code-cache/notes.txt");
    std::fs::write(&foreign, "mine").expect("written");
    // Of another service that shares the directory.
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
