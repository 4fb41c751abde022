//! The component that the configuration declares: deployed through the same gate as any other when
//! the declaration differs from the last one that was carried out here.
//!
//! What was declared last is a row of the history, whoever deployed what since: so a restart, or
//! another replica that reads the same configuration, undoes no later deployment.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::deployments::{Deployments, OrderError};
use super::model::Order;
use super::start::Bundled;

/// The kind of such deployments. Their actor is the reference that was declared.
const DECLARED: &str = "declared";
/// The first pause after what may pass: the source is away, or a deployment runs. It doubles.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

impl Deployments {
    /// Deploys what `reference` names unless that was declared last, in a task that
    /// [`Deployments::stop`] ends. A source that is away is asked again; a refusal stands, and is
    /// in the history.
    pub fn declare<F>(
        self: &Arc<Self>,
        reference: String,
        fetch: impl Fn() -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = anyhow::Result<Bundled>> + Send,
    {
        let this = self.clone();
        let task = tokio::spawn(async move {
            let mut pause = PAUSE;
            while let Err(reason) = this.try_declared(&reference, &fetch).await {
                tracing::warn!(
                    "the declared component {reference} is not deployed yet: {reason:#}"
                );
                tokio::time::sleep(pause).await;
                pause = LONGEST_PAUSE.min(pause * 2);
            }
        });
        *self
            .declaring
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(task);
    }

    /// Ends the task of [`Deployments::declare`]; a deployment that it began goes on.
    pub(super) fn stop_declaring(&self) {
        let mut declaring = self
            .declaring
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = declaring.take() {
            task.abort();
        }
    }

    /// Whether a reference was the last to be declared.
    async fn is_declared(&self, reference: &str) -> Result<bool, storage::Error> {
        let rows = self.registry().deployments(u32::MAX).await?;
        let last = rows.iter().find(|row| row.new.kind == DECLARED);
        Ok(last.is_some_and(|row| row.new.actor == reference))
    }

    async fn try_declared<F>(
        self: &Arc<Self>,
        reference: &str,
        fetch: &(impl Fn() -> F + Sync),
    ) -> anyhow::Result<()>
    where
        F: Future<Output = anyhow::Result<Bundled>> + Send,
    {
        if self.is_declared(reference).await? {
            return Ok(());
        }
        let Bundled { content, signature } = fetch().await?;
        let component = self.upload(content, None, signature, reference).await?;
        let order = Order {
            digest: component.digest,
            ..Order::default()
        };
        match self.order(order, DECLARED, reference).await {
            Ok(id) => {
                tracing::info!(
                    deployment.id = id,
                    "the configuration declares {reference}: deployment {id}"
                );
                Ok(())
            }
            // Such as a component that was rolled back before: it is declared, and stays refused.
            Err(OrderError::Rejected { code, reason }) => {
                tracing::error!("the declared component {reference} is refused ({code}): {reason}");
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}
