//! The component that the configuration declares, for GitOps: a reference that names its content.

use std::sync::Arc;

use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::oci::{self, Artifact};
use super::{Failure, setting};
use deployment::{Bundled, Deployments};

/// The component that the configuration declares
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// The component that is to be active, by its content: oci://REGISTRY/REPOSITORY@sha256:DIGEST.
    /// It is deployed through the same gate as any other when it differs from the one declared
    /// last, so that a restart undoes no later deployment
    #[arg(long, env = "TASK_HOST_DECLARED_COMPONENT", value_name = "REFERENCE")]
    declared_component: Option<Artifact>,

    #[command(flatten)]
    registry: oci::Args,
}

impl Args {
    /// Checks the flag.
    ///
    /// # Errors
    /// The reference can become another component.
    pub(super) fn check(&self) -> Result<(), Failure> {
        match &self.declared_component {
            Some(artifact) if !artifact.is_pinned() => {
                let reason = format!(
                    "{artifact} may become another component; name its content by @sha256:DIGEST, \
                     as `task-host publish` prints it"
                );
                Err(setting("--declared-component", reason))
            }
            _ => Ok(()),
        }
    }

    /// Fetches the declared component; none: nothing is declared.
    ///
    /// # Errors
    /// The registry, or what it holds.
    pub(super) async fn fetch(&self) -> anyhow::Result<Option<Bundled>> {
        match &self.declared_component {
            Some(artifact) => fetch(artifact, &self.registry).await.map(Some),
            None => Ok(None),
        }
    }

    /// Has the declaration carried out for as long as the deployments do their work.
    pub(super) fn carry_out(&self, deployments: &Arc<Deployments>) {
        let Some(artifact) = self.declared_component.clone() else {
            return;
        };
        let registry = self.registry.clone();
        deployments.declare(artifact.to_string(), move || {
            let (artifact, registry) = (artifact.clone(), registry.clone());
            async move { fetch(&artifact, &registry).await }
        });
    }
}

async fn fetch(artifact: &Artifact, registry: &oci::Args) -> anyhow::Result<Bundled> {
    let pulled = artifact.pull(registry).await?;
    let signature = pulled.signature.map(|text| BASE64_STANDARD.decode(text));
    Ok(Bundled {
        content: pulled.content,
        signature: signature
            .transpose()
            .context("its signature is not base64")?,
    })
}
