//! Flags: the component that the configuration declares, for GitOps. The reference names the
//! content by its digest.

use std::sync::Arc;

use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::failure::Failure;
use crate::oci::{self, Artifact};
use deployment::{Bundled, Deployments};

/// The component that the configuration declares
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Args {
    /// The component that should be active, named by its digest:
    /// oci://REGISTRY/REPOSITORY@sha256:DIGEST. It is deployed through the same gate as any other
    /// component if it differs from the component that was declared last. So a restart does not
    /// undo a later deployment
    #[arg(long, env = "TASK_HOST_DECLARED_COMPONENT", value_name = "REFERENCE")]
    declared_component: Option<Artifact>,

    #[command(flatten)]
    registry: oci::Args,
}

impl Args {
    /// Checks the flag.
    ///
    /// # Errors
    /// [`Failure::Setting`] if the reference does not name the content by its digest.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        match &self.declared_component {
            Some(artifact) if !artifact.is_pinned() => {
                let reason = format!(
                    "{artifact} can be replaced by another component; name the content by \
                     @sha256:DIGEST, as `task-host publish` prints it"
                );
                Err(Failure::setting("--declared-component", reason))
            }
            _ => Ok(()),
        }
    }

    /// Fetches the declared component; `None` if none is declared.
    ///
    /// # Errors
    /// The registry cannot be reached, or does not hold a component there.
    pub(crate) async fn fetch(&self) -> anyhow::Result<Option<Bundled>> {
        match &self.declared_component {
            Some(artifact) => fetch(artifact, &self.registry).await.map(Some),
            None => Ok(None),
        }
    }

    /// Deploys the declared component in the background. If the registry cannot be reached, it is
    /// asked again until the deployments are stopped.
    pub(crate) fn deploy_in_background(&self, deployments: &Arc<Deployments>) {
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
        name: artifact.to_string(),
        content: pulled.content,
        signature: signature
            .transpose()
            .context("its signature is not base64")?,
    })
}
