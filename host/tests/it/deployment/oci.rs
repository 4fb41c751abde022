//! Components from an OCI registry: published, deployed by reference, declared.

mod registry;

use self::registry::Registry;
use super::{Built, built, command, history, numbered, other, quick, revision};
use crate::harness::{Host, eventually, run, task_host};
use crate::hostile::probe::{Probe, get};

#[test]
fn a_published_component_is_deployed_by_its_reference() {
    let registry = Registry::start();
    let component = built(&other());
    let published = registry.publish(&component, "v1");
    published.says(0, &[]);
    let reference = published.stdout.trim();
    let digest = registry.digest("v1");
    let repository = registry.repository();
    assert_eq!(reference, format!("oci://{repository}@sha256:{digest}"));

    let manifest: serde_json::Value = serde_json::from_slice(&registry.manifest("v1")).unwrap();
    let (config, layer) = (&manifest["config"], &manifest["layers"][0]);
    assert_eq!(config["mediaType"], "application/vnd.wasm.config.v0+json");
    assert_eq!(layer["mediaType"], "application/wasm");
    assert_eq!(layer["digest"], format!("sha256:{}", component.digest()));

    let host = quick().start();
    let deployed = run(registry.known_to(command(&host, &["deploy", reference])));
    deployed.says(0, &[]);
    assert_eq!(revision(&host), component.digest()[..12]);
}

#[test]
fn a_registry_that_asks_who_it_is_gets_no_component_from_strangers() {
    let registry = Registry::start();
    let component = built(&other());
    let mut publish = task_host();
    publish
        .args(["publish", component.path()])
        .arg(format!("oci://{}:v1", registry.repository()))
        .env("DOCKER_CONFIG", registry.directory.path().join("none"));
    run(publish).says(1, &["cannot publish", "401"]);
}

#[test]
fn what_is_declared_is_deployed_once_and_a_restart_undoes_no_later_deployment() {
    let registry = Registry::start();
    let (first, later) = (built(&numbered(1)), built(&numbered(2)));
    let reference = registry.published(&first, "v1");

    let setup = quick()
        .variable("TASK_HOST_DECLARED_COMPONENT", &*reference)
        .variable("TASK_HOST_REGISTRY_AUTH_FILE", registry.auth_file());
    let host = setup.start();
    serves(&host, &first);
    let row = eventually("the declaration has ended", || {
        let row = history(&host)[0].clone();
        (row["outcome"] == "active").then_some(row)
    });
    assert_eq!(
        (row["kind"].as_str(), row["actor"].as_str()),
        (Some("declared"), Some(&*reference))
    );

    let flags = ["deploy", later.path()];
    run(command(&host, &flags)).says(0, &[]);
    let count = history(&host).as_array().unwrap().len();
    host.kill();

    let host = setup.start();
    assert_eq!(
        revision(&host),
        later.digest()[..12],
        "the later deployment stays"
    );
    registry.forget_requests();
    host.kill();

    let host = setup.start();
    assert_eq!(
        history(&host).as_array().unwrap().len(),
        count,
        "nothing was declared anew"
    );
    assert_eq!(
        registry.requests(),
        0,
        "the registry is not needed for that"
    );
    host.kill();

    // Another declaration is another deployment.
    let third = built(&numbered(3));
    let reference = registry.published(&third, "v3");
    let host = setup
        .variable("TASK_HOST_DECLARED_COMPONENT", reference)
        .start();
    serves(&host, &third);
}

#[test]
fn a_new_database_begins_with_what_is_declared() {
    let registry = Registry::start();
    let component = built(&Probe::good());
    let reference = registry.published(&component, "v1");
    let host = quick()
        .without_component()
        .flag("--declared-component", reference)
        .flag("--registry-auth-file", registry.auth_file())
        .start();
    assert_eq!(revision(&host), component.digest()[..12]);
}

#[test]
fn a_registry_that_is_away_stops_no_host_and_is_asked_again() {
    let registry = Registry::start();
    let component = built(&other());
    let reference = registry.published(&component, "v1");
    registry.be_away(true);
    let host = quick()
        .flag("--declared-component", reference)
        .flag("--registry-auth-file", registry.auth_file())
        .start();
    let warned = host
        .log
        .find(|line| line["message"].to_string().contains("is not deployed yet"));
    assert_eq!(warned.expect("it says so")["level"], "WARN");
    registry.be_away(false);
    serves(&host, &component);
}

#[test]
fn a_declaration_names_its_content_and_a_registry_cannot_change_it() {
    let tag = "oci://registry.example/tasks:v1";
    Probe::good()
        .setup()
        .flag("--declared-component", tag)
        .refused()
        .says(2, &["--declared-component", "@sha256:DIGEST"]);

    let registry = Registry::start();
    let reference = registry.published(&built(&other()), "v1");
    registry.replace("v1", &registry.published_manifest(&built(&numbered(7))));
    let deploy = command(&quick().start(), &["deploy", &reference]);
    run(registry.known_to(deploy)).says(1, &["cannot pull"]);
}

#[test]
fn a_pipeline_compares_new_logic_with_the_release_in_the_registry() {
    let registry = Registry::start();
    registry.published(&built(&Probe::good()), "prod");
    let release = format!("oci://{}:prod", registry.repository());
    let inspect = |new: &Built, release: &str| {
        let mut inspect = task_host();
        inspect.args(["inspect", new.path(), "--against", release]);
        run(registry.known_to(inspect))
    };
    let more = built(&Probe::good().routes([get("/things/{id}"), get("/more/{id}")]));
    inspect(&more, &release).says(0, &[]);
    let moved = built(&Probe::good().routes([get("/more/{id}")]));
    let refused = inspect(&moved, &release);
    refused.says(1, &["1 change breaks clients"]);
    let told = "breaks GET /things/{id}: the path is gone";
    assert!(refused.stdout.contains(told), "{refused:#?}");
    // Nothing to compare with is no reason to let it pass.
    inspect(&more, &release.replace(":prod", ":none")).says(1, &["cannot pull"]);
    inspect(&more, "oci://nowhere").says(2, &["--against", "give oci://"]);
    // The new component, too, may be in the registry.
    let reference = registry.published(&moved, "next");
    let mut inspect = task_host();
    inspect.args(["inspect", &reference, "--json"]);
    let seen = run(registry.known_to(inspect));
    let seen: serde_json::Value = serde_json::from_str(&seen.stdout).expect("JSON");
    assert_eq!(seen["digest"], format!("sha256:{}", moved.digest()));
    assert_eq!(seen.get("against"), None);
}

#[track_caller]
fn serves(host: &Host, component: &Built) {
    let digest = component.digest();
    eventually("the declared component serves", || {
        (revision(host) == digest[..12]).then_some(())
    });
}
