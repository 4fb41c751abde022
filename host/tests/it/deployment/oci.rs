//! Components from an OCI registry: published, deployed by reference, declared.

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

use super::{Built, built, command, history, numbered, other, quick, revision};
use crate::harness::server::{Asked, Told, serve};
use crate::harness::{Host, Refused, eventually, run, task_host};
use crate::hostile::probe::Probe;

const USER: &str = "robot:secret";
const TOKEN: &str = "a-token-of-the-registry";

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
    let deployed = run(with_credentials(
        command(&host, &["deploy", reference]),
        &registry,
    ));
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
    let mut deploy = command(&quick().start(), &["deploy", &reference]);
    deploy.env("TASK_HOST_REGISTRY_AUTH_FILE", registry.auth_file());
    run(deploy).says(1, &["cannot pull"]);
}

fn with_credentials(
    mut command: std::process::Command,
    registry: &Registry,
) -> std::process::Command {
    command.env("TASK_HOST_REGISTRY_AUTH_FILE", registry.auth_file());
    command
}

#[track_caller]
fn serves(host: &Host, component: &Built) {
    let digest = component.digest();
    eventually("the declared component serves", || {
        (revision(host) == digest[..12]).then_some(())
    });
}

/// A registry for one repository, in memory, which asks for a token.
struct Registry {
    address: SocketAddr,
    held: Arc<Mutex<Held>>,
    directory: tempfile::TempDir,
}

#[derive(Default)]
struct Held {
    /// By digest.
    blobs: HashMap<String, Vec<u8>>,
    /// By tag and by digest.
    manifests: HashMap<String, Vec<u8>>,
    requests: usize,
    away: bool,
}

impl Registry {
    fn start() -> Registry {
        let held: Arc<Mutex<Held>> = Arc::default();
        let kept = held.clone();
        let address = serve(move |asked| kept.lock().unwrap().answer(asked));
        let directory = tempfile::tempdir().unwrap();
        let auth = BASE64_STANDARD.encode(USER);
        let config = format!(r#"{{"auths": {{"{address}": {{"auth": "{auth}"}}}}}}"#);
        fs::write(directory.path().join("config.json"), config).unwrap();
        Registry {
            address,
            held,
            directory,
        }
    }

    fn repository(&self) -> String {
        format!("{}/acme/things", self.address)
    }

    fn auth_file(&self) -> String {
        self.directory
            .path()
            .join("config.json")
            .display()
            .to_string()
    }

    fn publish(&self, component: &Built, tag: &str) -> Refused {
        let mut publish = task_host();
        publish
            .args(["publish", component.path()])
            .arg(format!("oci://{}:{tag}", self.repository()));
        run(with_credentials(publish, self))
    }

    /// Publishes and returns the reference by content alone.
    #[track_caller]
    fn published(&self, component: &Built, tag: &str) -> String {
        self.publish(component, tag).says(0, &[]);
        format!("oci://{}@sha256:{}", self.repository(), self.digest(tag))
    }

    fn published_manifest(&self, component: &Built) -> Vec<u8> {
        self.publish(component, "other").says(0, &[]);
        self.manifest("other")
    }

    fn manifest(&self, tag: &str) -> Vec<u8> {
        self.held.lock().unwrap().manifests[tag].clone()
    }

    fn digest(&self, tag: &str) -> String {
        digest_of(&self.manifest(tag))
    }

    /// Has another manifest where the digest of a tag's is asked for.
    fn replace(&self, tag: &str, manifest: &[u8]) {
        let digest = format!("sha256:{}", self.digest(tag));
        let mut held = self.held.lock().unwrap();
        held.manifests.insert(digest, manifest.to_vec());
    }

    fn be_away(&self, away: bool) {
        self.held.lock().unwrap().away = away;
    }

    fn forget_requests(&self) {
        self.held.lock().unwrap().requests = 0;
    }

    fn requests(&self) -> usize {
        self.held.lock().unwrap().requests
    }
}

impl Held {
    fn answer(&mut self, asked: &Asked) -> Told {
        self.requests += 1;
        if self.away {
            return Told::status(503);
        }
        let authorization = asked.headers.get("authorization").map(String::as_str);
        let (path, query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
        if path == "/token" {
            let basic = format!("Basic {}", BASE64_STANDARD.encode(USER));
            return match authorization == Some(&basic) {
                true => Told::status(200).body(format!(r#"{{"token": "{TOKEN}"}}"#)),
                false => Told::status(401),
            };
        }
        if authorization != Some(&format!("Bearer {TOKEN}")) {
            let host = &asked.headers["host"];
            let challenge = format!(
                "Bearer realm=\"http://{host}/token\",service=\"test\",\
                 scope=\"repository:acme/things:pull,push\""
            );
            return Told::status(401).header("www-authenticate", challenge);
        }
        let Some(rest) = path.strip_prefix("/v2/acme/things/") else {
            return Told::status(if path == "/v2/" { 200 } else { 404 });
        };
        match (
            asked.method.as_str(),
            rest.split_once('/').unwrap_or((rest, "")),
        ) {
            ("POST", ("blobs", "uploads/")) => {
                Told::status(202).header("location", "/v2/acme/things/blobs/uploads/1")
            }
            ("PATCH", ("blobs", "uploads/1")) => {
                self.blobs
                    .entry("upload".into())
                    .or_default()
                    .extend(&asked.body);
                let end = self.blobs["upload"].len() - 1;
                Told::status(202)
                    .header("location", "/v2/acme/things/blobs/uploads/1")
                    .header("range", format!("0-{end}"))
            }
            ("PUT", ("blobs", "uploads/1")) => {
                let mut blob = self.blobs.remove("upload").unwrap_or_default();
                blob.extend(&asked.body);
                let digest = query.strip_prefix("digest=").unwrap().replace("%3A", ":");
                assert_eq!(digest, format!("sha256:{}", digest_of(&blob)));
                self.blobs.insert(digest.clone(), blob);
                let location = format!("/v2/acme/things/blobs/{digest}");
                Told::status(201).header("location", location)
            }
            ("GET" | "HEAD", ("blobs", digest)) => match self.blobs.get(digest) {
                Some(blob) => Told::status(200).body(blob.clone()),
                None => Told::status(404),
            },
            ("PUT", ("manifests", tag)) => {
                let digest = format!("sha256:{}", digest_of(&asked.body));
                self.manifests.insert(tag.to_owned(), asked.body.clone());
                self.manifests.insert(digest.clone(), asked.body.clone());
                let location = format!("/v2/acme/things/manifests/{digest}");
                Told::status(201)
                    .header("location", location)
                    .header("docker-content-digest", digest)
            }
            ("GET" | "HEAD", ("manifests", name)) => match self.manifests.get(name) {
                Some(manifest) => Told::status(200)
                    .header("content-type", "application/vnd.oci.image.manifest.v1+json")
                    .header(
                        "docker-content-digest",
                        format!("sha256:{}", digest_of(manifest)),
                    )
                    .body(manifest.clone()),
                None => Told::status(404),
            },
            _ => Told::status(405),
        }
    }
}

fn digest_of(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
