//! An OCI registry in memory that supports what `publish`, `deploy` and `inspect` use.

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

use crate::deployment::Built;
use crate::harness::server::{Received, Reply, serve};
use crate::harness::{Refused, run, task_host};

const USER: &str = "robot:secret";
const TOKEN: &str = "a-token-of-the-registry";

/// A registry with one repository that requires a token.
pub(super) struct Registry {
    address: SocketAddr,
    held: Arc<Mutex<Held>>,
    pub(super) directory: tempfile::TempDir,
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
    pub(super) fn start() -> Registry {
        let held: Arc<Mutex<Held>> = Arc::default();
        let kept = held.clone();
        let address = serve(move |received| kept.lock().unwrap().answer(received));
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

    /// Adds the credentials for this registry to a command.
    pub(super) fn with_credentials(&self, mut command: Command) -> Command {
        command.env("TASK_HOST_REGISTRY_AUTH_FILE", self.auth_file());
        command
    }

    pub(super) fn repository(&self) -> String {
        format!("{}/acme/things", self.address)
    }

    pub(super) fn auth_file(&self) -> String {
        self.directory
            .path()
            .join("config.json")
            .display()
            .to_string()
    }

    pub(super) fn publish(&self, component: &Built, tag: &str) -> Refused {
        let mut publish = task_host();
        publish
            .args(["publish", component.path()])
            .arg(format!("oci://{}:{tag}", self.repository()));
        run(self.with_credentials(publish))
    }

    /// Publishes a component and returns its reference by digest.
    #[track_caller]
    pub(super) fn published(&self, component: &Built, tag: &str) -> String {
        self.publish(component, tag).says(0, &[]);
        format!("oci://{}@sha256:{}", self.repository(), self.digest(tag))
    }

    pub(super) fn published_manifest(&self, component: &Built) -> Vec<u8> {
        self.publish(component, "other").says(0, &[]);
        self.manifest("other")
    }

    pub(super) fn manifest(&self, tag: &str) -> Vec<u8> {
        self.held.lock().unwrap().manifests[tag].clone()
    }

    pub(super) fn blob(&self, digest: &str) -> Vec<u8> {
        self.held.lock().unwrap().blobs[digest].clone()
    }

    pub(super) fn digest(&self, tag: &str) -> String {
        digest_of(&self.manifest(tag))
    }

    /// Serves another manifest under the digest of a tag's manifest.
    pub(super) fn replace(&self, tag: &str, manifest: &[u8]) {
        let digest = format!("sha256:{}", self.digest(tag));
        let mut held = self.held.lock().unwrap();
        held.manifests.insert(digest, manifest.to_vec());
    }

    /// If `away`, every request fails with 503.
    pub(super) fn set_away(&self, away: bool) {
        self.held.lock().unwrap().away = away;
    }

    pub(super) fn forget_requests(&self) {
        self.held.lock().unwrap().requests = 0;
    }

    pub(super) fn requests(&self) -> usize {
        self.held.lock().unwrap().requests
    }
}

impl Held {
    fn answer(&mut self, received: &Received) -> Reply {
        self.requests += 1;
        if self.away {
            return Reply::status(503);
        }
        let authorization = received.headers.get("authorization").map(String::as_str);
        let (path, query) = received
            .target
            .split_once('?')
            .unwrap_or((&received.target, ""));
        if path == "/token" {
            let basic = format!("Basic {}", BASE64_STANDARD.encode(USER));
            return match authorization == Some(&basic) {
                true => Reply::status(200).body(format!(r#"{{"token": "{TOKEN}"}}"#)),
                false => Reply::status(401),
            };
        }
        if authorization != Some(&format!("Bearer {TOKEN}")) {
            let host = &received.headers["host"];
            let challenge = format!(
                "Bearer realm=\"http://{host}/token\",service=\"test\",\
                 scope=\"repository:acme/things:pull,push\""
            );
            return Reply::status(401).header("www-authenticate", challenge);
        }
        let Some(rest) = path.strip_prefix("/v2/acme/things/") else {
            return Reply::status(if path == "/v2/" { 200 } else { 404 });
        };
        match (
            received.method.as_str(),
            rest.split_once('/').unwrap_or((rest, "")),
        ) {
            ("POST", ("blobs", "uploads/")) => {
                Reply::status(202).header("location", "/v2/acme/things/blobs/uploads/1")
            }
            ("PATCH", ("blobs", "uploads/1")) => {
                self.blobs
                    .entry("upload".into())
                    .or_default()
                    .extend(&received.body);
                let end = self.blobs["upload"].len() - 1;
                Reply::status(202)
                    .header("location", "/v2/acme/things/blobs/uploads/1")
                    .header("range", format!("0-{end}"))
            }
            ("PUT", ("blobs", "uploads/1")) => {
                let mut blob = self.blobs.remove("upload").unwrap_or_default();
                blob.extend(&received.body);
                let digest = query.strip_prefix("digest=").unwrap().replace("%3A", ":");
                assert_eq!(digest, format!("sha256:{}", digest_of(&blob)));
                self.blobs.insert(digest.clone(), blob);
                let location = format!("/v2/acme/things/blobs/{digest}");
                Reply::status(201).header("location", location)
            }
            ("GET" | "HEAD", ("blobs", digest)) => match self.blobs.get(digest) {
                Some(blob) => Reply::status(200).body(blob.clone()),
                None => Reply::status(404),
            },
            ("PUT", ("manifests", tag)) => {
                let digest = format!("sha256:{}", digest_of(&received.body));
                self.manifests.insert(tag.to_owned(), received.body.clone());
                self.manifests.insert(digest.clone(), received.body.clone());
                let location = format!("/v2/acme/things/manifests/{digest}");
                Reply::status(201)
                    .header("location", location)
                    .header("docker-content-digest", digest)
            }
            ("GET" | "HEAD", ("manifests", name)) => match self.manifests.get(name) {
                Some(manifest) => Reply::status(200)
                    .header("content-type", "application/vnd.oci.image.manifest.v1+json")
                    .header(
                        "docker-content-digest",
                        format!("sha256:{}", digest_of(manifest)),
                    )
                    .body(manifest.clone()),
                None => Reply::status(404),
            },
            _ => Reply::status(405),
        }
    }
}

fn digest_of(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
