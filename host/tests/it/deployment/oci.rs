//! Components in an OCI registry: published, deployed by reference, and declared in the
//! configuration.

mod registry;

use self::registry::Registry;
use super::{Built, built, command, history, numbered, other, revision, short_probation};
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

    let host = short_probation().start();
    let deployed = run(registry.with_credentials(command(&host, &["deploy", reference])));
    deployed.says(0, &[]);
    assert_eq!(revision(&host), component.digest()[..12]);
}

#[test]
fn the_platforms_wit_package_is_published_in_the_form_that_tools_for_wit_read() {
    let registry = Registry::start();
    let publish = |tag: &str| {
        let mut publish = task_host();
        let reference = format!("oci://{}:{tag}", registry.repository());
        publish.args(["wit", "--publish", &reference]);
        run(registry.with_credentials(publish))
    };
    publish("latest").says(2, &["--publish", "give the tag 1.0.0"]);
    let published = publish("1.0.0");
    published.says(0, &[]);
    let (repository, digest) = (registry.repository(), registry.digest("1.0.0"));
    let expected = format!("oci://{repository}@sha256:{digest}");
    assert_eq!(published.stdout.trim(), expected);

    let manifest: serde_json::Value = serde_json::from_slice(&registry.manifest("1.0.0")).unwrap();
    let blob = |part: &serde_json::Value| registry.blob(part["digest"].as_str().unwrap());
    let (config, layers) = (&manifest["config"], manifest["layers"].as_array().unwrap());
    assert_eq!(config["mediaType"], "application/vnd.wasm.config.v0+json");
    assert_eq!(
        (layers.len(), &layers[0]["mediaType"]),
        (1, &"application/wasm".into())
    );
    let config: serde_json::Value = serde_json::from_slice(&blob(config)).unwrap();
    assert_eq!(config["created"], "1970-01-01T00:00:00Z");
    assert_eq!(
        config["layerDigests"],
        serde_json::json!([layers[0]["digest"]])
    );
    let of_world = &config["component"];
    assert_eq!(
        of_world["exports"],
        serde_json::json!(["task-host:platform/service@1.0.0"])
    );
    let decoded = wit_component::decode(&blob(&layers[0])).unwrap();
    let wit_component::DecodedWasm::WitPackage(resolve, package) = decoded else {
        panic!("it is a component");
    };
    let package = &resolve.packages[package];
    assert_eq!(package.name.to_string(), "task-host:platform@1.0.0");
    let sql = &resolve.interfaces[package.interfaces["sql"]];
    assert!(
        sql.functions["query"].docs.contents.is_some(),
        "its documentation is part of it"
    );
}

#[test]
fn publishing_without_credentials_fails() {
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
fn a_declared_component_is_deployed_once_and_a_restart_keeps_later_deployments() {
    let registry = Registry::start();
    let (first, later) = (built(&numbered(1)), built(&numbered(2)));
    let reference = registry.published(&first, "v1");

    let setup = short_probation()
        .variable("TASK_HOST_DECLARED_COMPONENT", &*reference)
        .variable("TASK_HOST_REGISTRY_AUTH_FILE", registry.auth_file());
    let host = setup.start();
    wait_until_it_serves(&host, &first);
    let row = eventually("the declared deployment ends", || {
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
        "the declared component is not deployed again"
    );
    assert_eq!(
        registry.requests(),
        0,
        "an unchanged declaration needs no request to the registry"
    );
    host.kill();

    // A changed declaration is a new deployment.
    let third = built(&numbered(3));
    let reference = registry.published(&third, "v3");
    let host = setup
        .variable("TASK_HOST_DECLARED_COMPONENT", reference)
        .start();
    wait_until_it_serves(&host, &third);
}

#[test]
fn a_new_database_begins_with_the_declared_component() {
    let registry = Registry::start();
    let component = built(&Probe::good());
    let reference = registry.published(&component, "v1");
    let host = short_probation()
        .without_component()
        .flag("--declared-component", reference)
        .flag("--registry-auth-file", registry.auth_file())
        .start();
    assert_eq!(revision(&host), component.digest()[..12]);
}

#[test]
fn a_host_starts_without_its_registry_and_asks_it_again() {
    let registry = Registry::start();
    let component = built(&other());
    let reference = registry.published(&component, "v1");
    registry.set_away(true);
    let host = short_probation()
        .flag("--declared-component", reference)
        .flag("--registry-auth-file", registry.auth_file())
        .start();
    let warned = host
        .log
        .find(|line| line["message"].to_string().contains("is not deployed yet"));
    assert_eq!(warned.expect("a warning")["level"], "WARN");
    registry.set_away(false);
    wait_until_it_serves(&host, &component);
}

#[test]
fn a_declaration_has_a_digest_and_a_registry_cannot_change_its_content() {
    let tag = "oci://registry.example/tasks:v1";
    Probe::good()
        .setup()
        .flag("--declared-component", tag)
        .refused()
        .says(2, &["--declared-component", "@sha256:DIGEST"]);

    let registry = Registry::start();
    let reference = registry.published(&built(&other()), "v1");
    registry.replace("v1", &registry.published_manifest(&built(&numbered(7))));
    let deploy = command(&short_probation().start(), &["deploy", &reference]);
    run(registry.with_credentials(deploy)).says(1, &["cannot pull"]);
}

#[test]
fn inspect_compares_new_logic_with_a_release_in_the_registry() {
    let registry = Registry::start();
    registry.published(&built(&Probe::good()), "prod");
    let release = format!("oci://{}:prod", registry.repository());
    let inspect = |new: &Built, release: &str| {
        let mut inspect = task_host();
        inspect.args(["inspect", new.path(), "--against", release]);
        run(registry.with_credentials(inspect))
    };
    let more = built(&Probe::good().routes([get("/things/{id}"), get("/more/{id}")]));
    inspect(&more, &release).says(0, &[]);
    let moved = built(&Probe::good().routes([get("/more/{id}")]));
    let refused = inspect(&moved, &release);
    refused.says(1, &["1 change breaks clients"]);
    let expected = "breaks GET /things/{id}: the path is gone";
    assert!(refused.stdout.contains(expected), "{refused:#?}");
    // If the release cannot be pulled, the comparison fails.
    inspect(&more, &release.replace(":prod", ":none")).says(1, &["cannot pull"]);
    inspect(&more, "oci://nowhere").says(2, &["--against", "give oci://"]);
    // The new component may be in the registry too.
    let reference = registry.published(&moved, "next");
    let mut inspect = task_host();
    inspect.args(["inspect", &reference, "--json"]);
    let output = run(registry.with_credentials(inspect));
    let facts: serde_json::Value = serde_json::from_str(&output.stdout).expect("JSON");
    assert_eq!(facts["digest"], format!("sha256:{}", moved.digest()));
    assert_eq!(facts.get("against"), None);
}

/// Waits until the host serves the component.
#[track_caller]
fn wait_until_it_serves(host: &Host, component: &Built) {
    let digest = component.digest();
    eventually("the declared component serves", || {
        (revision(host) == digest[..12]).then_some(())
    });
}
