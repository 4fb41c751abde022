//! Components and WIT packages in OCI registries, in the layout of the CNCF's WebAssembly working group: an image
//! manifest with one layer of type `application/wasm`.
//! <https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/>
//!
//! A registry on a loopback address is reached by plain HTTP, every other registry by HTTPS.

mod credentials;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use futures_util::TryStreamExt as _;
use oci_client::client::{ClientConfig, ClientProtocol, Config, ImageLayer};
use oci_client::manifest::{OciDescriptor, OciImageManifest};
use oci_client::{Client, Reference};
use serde_json::json;

use crate::tls;
use contract::digest;
use transcode::Interface;

/// The prefix of every reference.
pub(crate) const SCHEME: &str = "oci://";
/// The media type of the layer with the component.
const WASM: &str = "application/wasm";
/// The media type of the image's config.
const WASM_CONFIG: &str = "application/vnd.wasm.config.v0+json";
/// When the image was made: no time is recorded, so that the same content always has the same digest. Readers
/// require the member.
const CREATED: &str = "1970-01-01T00:00:00Z";
/// The manifest's annotation with the component's signature, in base64.
const SIGNATURE: &str = "task-host.signature";
/// Maximum size of a component, the same as for uploads to a host.
const MAX_BYTES: usize = 64 << 20;
/// Time limit for connecting to a registry, and for each read from it.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The credentials for registries
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub(crate) struct Args {
    /// A file with credentials for registries, in the format of `docker login`; by default the
    /// user's own file
    #[arg(long, env = "TASK_HOST_REGISTRY_AUTH_FILE", value_name = "FILE")]
    registry_auth_file: Option<PathBuf>,
}

/// A reference to a component in a registry: `oci://REGISTRY/REPOSITORY` with `:TAG`,
/// `@sha256:DIGEST` or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Artifact(Reference);

/// A component that was pulled from a registry.
#[derive(Debug)]
pub(crate) struct Pulled {
    /// The component's bytes.
    pub(crate) content: Vec<u8>,
    /// The component's signature in base64, if it was published with one.
    pub(crate) signature: Option<String>,
}

/// What is published under a reference.
#[derive(Debug)]
pub(crate) struct Publication {
    content: Vec<u8>,
    /// The interfaces that it exports and imports, for readers that do not pull it.
    exports: Vec<String>,
    imports: Vec<String>,
    signature: Option<String>,
}

impl Publication {
    /// A component, with its signature in base64.
    ///
    /// # Errors
    /// The content is not a component.
    pub(crate) fn component(content: Vec<u8>, signature: Option<String>) -> anyhow::Result<Self> {
        ensure!(content.len() <= MAX_BYTES, "{}", too_large());
        let interface = Interface::decode(&content).context("the file is not a component")?;
        Ok(Publication {
            exports: interface.exports().to_vec(),
            imports: interface.imports().to_vec(),
            content,
            signature,
        })
    }

    /// A WIT package in its binary form, with the exports and imports of its world.
    pub(crate) fn wit_package(
        content: Vec<u8>,
        exports: Vec<String>,
        imports: Vec<String>,
    ) -> Self {
        Publication {
            content,
            exports,
            imports,
            signature: None,
        }
    }

    /// Returns the image's config. The same content always results in the same bytes.
    fn config(&self) -> Config {
        let config = json!({
            "created": CREATED,
            "author": null,
            "architecture": "wasm",
            "os": "wasip2",
            "layerDigests": [format!("sha256:{}", digest::sha256(&self.content))],
            "component": {
                "exports": self.exports,
                "imports": self.imports,
                "target": null,
            },
        });
        Config::new(config.to_string(), WASM_CONFIG.to_owned(), None)
    }
}

impl Artifact {
    /// Returns the reference's tag.
    pub(crate) fn tag(&self) -> Option<&str> {
        self.0.tag()
    }

    /// Returns whether the reference contains a digest, so that its content can never change.
    pub(crate) fn is_pinned(&self) -> bool {
        self.0.digest().is_some()
    }

    /// Pulls the component and verifies its digests.
    ///
    /// # Errors
    /// The registry cannot be reached, or does not hold a component under the reference.
    pub(crate) async fn pull(&self, args: &Args) -> anyhow::Result<Pulled> {
        self.try_pull(args)
            .await
            .with_context(|| format!("cannot pull {self}"))
    }

    async fn try_pull(&self, args: &Args) -> anyhow::Result<Pulled> {
        let (client, auth) = (self.client(), credentials::find(args, self.registry())?);
        let (manifest, digest) = client.pull_image_manifest(&self.0, &auth).await?;
        if let Some(expected) = self.0.digest() {
            ensure!(expected == digest, "the registry returned {digest} instead");
        }
        let layer = only_layer(&manifest)?;
        let mut content = Vec::with_capacity(layer.size.try_into().unwrap_or_default());
        let mut chunks = client.pull_blob_stream(&self.0, layer).await?.stream;
        while let Some(chunk) = chunks.try_next().await? {
            content.extend_from_slice(&chunk);
            ensure!(content.len() <= MAX_BYTES, "{}", too_large());
        }
        let digest = format!("sha256:{}", digest::sha256(&content));
        ensure!(
            digest == layer.digest,
            "the content has the digest {digest}, not {}",
            layer.digest
        );
        let annotations = manifest.annotations.unwrap_or_default();
        Ok(Pulled {
            content,
            signature: annotations.get(SIGNATURE).cloned(),
        })
    }

    /// Pushes a component or a WIT package, and returns the reference with the digest of what was published.
    ///
    /// # Errors
    /// The registry cannot be reached, or does not accept it.
    pub(crate) async fn push(
        &self,
        args: &Args,
        publication: Publication,
    ) -> anyhow::Result<Artifact> {
        self.try_push(args, publication)
            .await
            .with_context(|| format!("cannot publish {self}"))
    }

    async fn try_push(&self, args: &Args, publication: Publication) -> anyhow::Result<Artifact> {
        let (client, auth) = (self.client(), credentials::find(args, self.registry())?);
        let config = publication.config();
        let Publication {
            content, signature, ..
        } = publication;
        let layers = [ImageLayer::new(content, WASM.to_owned(), None)];
        let annotations =
            signature.map(|signature| BTreeMap::from([(SIGNATURE.to_owned(), signature)]));
        let mut manifest = OciImageManifest::build(&layers, &config, annotations);
        manifest.media_type = Some("application/vnd.oci.image.manifest.v1+json".to_owned());
        client
            .push(&self.0, &layers, config, &auth, Some(manifest))
            .await?;
        let digest = client.fetch_manifest_digest(&self.0, &auth).await?;
        Ok(Artifact(self.0.clone_with_digest(digest)))
    }

    fn registry(&self) -> &str {
        self.0.resolve_registry()
    }

    fn client(&self) -> Client {
        tls::install_provider();
        let protocol = match is_loopback(self.registry()) {
            true => ClientProtocol::Http,
            false => ClientProtocol::Https,
        };
        Client::new(ClientConfig {
            protocol,
            // Components are independent of the platform.
            platform_resolver: None,
            connect_timeout: Some(TIMEOUT),
            read_timeout: Some(TIMEOUT),
            user_agent: concat!("task-host/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        })
    }
}

impl fmt::Display for Artifact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.0)
    }
}

impl FromStr for Artifact {
    type Err = String;

    fn from_str(text: &str) -> Result<Artifact, String> {
        let expected = "give oci://REGISTRY/REPOSITORY with :TAG or @sha256:DIGEST";
        let rest = text.strip_prefix(SCHEME).ok_or(expected)?;
        let registry = rest.split('/').next().unwrap_or_default();
        // Tools have different default registries, so a reference must name one.
        let names_registry = registry.contains(['.', ':']) || registry == "localhost";
        if !names_registry || !rest.contains('/') {
            return Err(format!("{expected}; {registry:?} is not a registry"));
        }
        let reference =
            Reference::try_from(rest).map_err(|error| format!("{expected}; {error}"))?;
        Ok(Artifact(reference))
    }
}

fn only_layer(manifest: &OciImageManifest) -> anyhow::Result<&OciDescriptor> {
    let [layer] = &manifest.layers[..] else {
        bail!(
            "the image has {} layers, but a component has one",
            manifest.layers.len()
        );
    };
    ensure!(
        layer.media_type == WASM,
        "the layer has the media type {}, but a component has {WASM}",
        layer.media_type
    );
    ensure!(
        usize::try_from(layer.size).is_ok_and(|size| size <= MAX_BYTES),
        "{}",
        too_large()
    );
    Ok(layer)
}

fn too_large() -> String {
    format!("the component is larger than {} MiB", MAX_BYTES >> 20)
}

fn is_loopback(registry: &str) -> bool {
    let host = match registry.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => registry.split(':').next(),
    };
    let host = host.unwrap_or_default();
    let address = host.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_reference_must_name_its_registry() {
        for text in [
            "oci://ghcr.io/acme/tasks:1.2",
            "oci://localhost/tasks:dev",
            &format!("oci://registry.example:5000/a/b@{DIGEST}"),
        ] {
            let artifact: Artifact = text.parse().unwrap();
            assert_eq!(artifact.to_string(), text);
            assert_eq!(artifact.is_pinned(), text.ends_with(DIGEST));
        }
        for text in [
            "ghcr.io/acme/tasks:1",
            "oci://tasks:1",
            "oci://acme/tasks:1",
            "oci://ghcr.io",
            "oci://ghcr.io/Acme/tasks",
        ] {
            let error = text.parse::<Artifact>().unwrap_err();
            assert!(error.starts_with("give oci://"), "{text}: {error}");
        }
    }

    #[test]
    fn only_loopback_registries_are_reached_without_tls() {
        for registry in ["localhost", "localhost:5000", "127.0.0.1:1", "[::1]:5000"] {
            assert!(is_loopback(registry), "{registry}");
        }
        for registry in ["ghcr.io", "localhost.example:5000", "10.0.0.1:5000"] {
            assert!(!is_loopback(registry), "{registry}");
        }
    }
}
