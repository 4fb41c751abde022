//! The component that the configuration declares. It is deployed through the same gate as any other,
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
use contract::deployment::Kind;

/// The first pause after a failure that may be temporary: the source does not answer, or a
/// deployment runs. It doubles with every failure.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

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
        let Bundled { content, signature } = fetch().await?;
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
