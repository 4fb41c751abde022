//! The components that the configuration names: one that it declares, and one that a start deploys.
//!
//! A declared component is deployed through the same gate as any other,
//! if the declaration differs from the last one that was carried out here.
//!
//! The last declaration is a row of the history, whoever has deployed something since. So neither a
//! restart nor another replica with the same configuration undoes a later deployment.

use std::sync::Arc;
use std::time::Duration;

use super::admin::{Admin as _, AdminError};
use super::deployments::Deployments;
use super::model::Order;
use super::start::Bundled;
use contract::deployment::{Kind, Outcome};
use futures_util::StreamExt as _;

/// The first pause after a failure that may be temporary: the source does not answer, or a
/// deployment runs. It doubles with every failure.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The actor of a deployment that a start begins.
const AT_START: &str = "serve --deploy";

impl Deployments {
    /// Deploys the component that `reference` names, unless it was declared last, in a task that
    /// [`Deployments::stop`] ends. A deployment that began goes on then. A source that does not
    /// answer is asked again. A rejection is final, and is in the history.
    pub fn declare<F>(
        self: &Arc<Self>,
        reference: String,
        fetch: impl Fn() -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = anyhow::Result<Bundled>> + Send,
    {
        let this = self.clone();
        self.spawn(async move {
            let mut pause = PAUSE;
            while let Err(reason) = this.deploy_declared(&reference, &fetch).await {
                tracing::warn!(
                    "the declared component {reference} is not deployed yet: {reason:#}"
                );
                tokio::time::sleep(pause).await;
                pause = LONGEST_PAUSE.min(pause * 2);
            }
        });
    }

    /// Deploys the component that comes with the host if another one is active, in a task that
    /// [`Deployments::stop`] ends. While another deployment runs, it waits. How it ended is logged.
    pub fn deploy_bundled(self: &Arc<Self>, bundled: Bundled) {
        let this = self.clone();
        self.spawn(async move {
            let mut pause = PAUSE;
            loop {
                match this.replace_active(&bundled).await {
                    Ok(()) => return,
                    // For example, the component was rolled back before.
                    Err(AdminError::Rejected { code, reason }) => {
                        tracing::error!("{} is not deployed ({code}): {reason}", bundled.name);
                        return;
                    }
                    Err(error) => {
                        tracing::warn!("{} is not deployed yet: {error}", bundled.name);
                    }
                }
                tokio::time::sleep(pause).await;
                pause = LONGEST_PAUSE.min(pause * 2);
            }
        });
    }

    async fn replace_active(&self, bundled: &Bundled) -> Result<(), AdminError> {
        let digest = bundled.digest();
        // Another host with the same component may have deployed it meanwhile.
        if self.host.revisions.active().digest == digest {
            return Ok(());
        }
        let (content, signature) = (bundled.content.clone(), bundled.signature.clone());
        self.upload(content, None, signature, AT_START).await?;
        let order = Order {
            digest,
            ..Order::default()
        };
        let id = self.order(order, Kind::Deploy, AT_START).await?;
        tracing::info!(
            deployment.id = id,
            "--deploy: deployment {id} replaces the active component by {}",
            bundled.name
        );
        if let Some(events) = self.follow(id).await? {
            events.for_each(async |_| ()).await;
        }
        let ended = self.deployment(id).await?;
        if let Some(ended) = ended.filter(|ended| ended.outcome != Outcome::Active) {
            tracing::error!(
                deployment.id = id,
                "--deploy: the previous component is served, because deployment {id} of {} was {}: \
                 {}",
                bundled.name,
                ended.outcome,
                ended.reason.unwrap_or_default()
            );
        }
        Ok(())
    }

    async fn deploy_declared<F>(
        &self,
        reference: &str,
        fetch: &(impl Fn() -> F + Sync),
    ) -> anyhow::Result<()>
    where
        F: Future<Output = anyhow::Result<Bundled>> + Send,
    {
        if self.was_declared_last(reference).await? {
            return Ok(());
        }
        let Bundled {
            content, signature, ..
        } = fetch().await?;
        let component = self.upload(content, None, signature, reference).await?;
        let order = Order {
            digest: component.digest,
            ..Order::default()
        };
        match self.order(order, Kind::Declared, reference).await {
            Ok(id) => {
                tracing::info!(
                    deployment.id = id,
                    "the configuration declares {reference}: deployment {id}"
                );
                Ok(())
            }
            // For example, the component was rolled back before. Asking again changes nothing.
            Err(AdminError::Rejected { code, reason }) => {
                tracing::error!(
                    "the declared component {reference} is rejected ({code}): {reason}"
                );
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Returns whether a reference was the last to be declared. A declaration's actor is its
    /// reference.
    async fn was_declared_last(&self, reference: &str) -> Result<bool, storage::Error> {
        let rows = self.host.registry().deployments(u32::MAX).await?;
        let last = rows.iter().find(|row| row.new.kind == Kind::Declared);
        Ok(last.is_some_and(|row| row.new.actor == reference))
    }
}
