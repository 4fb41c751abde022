//! What is forgotten after a deployment: history, components and compiled code that nobody needs.
//!
//! Two kinds of components stay: those that were active last, as a rollback needs them, and the
//! latest uploads, as somebody may be about to deploy them. A series of refused uploads so never
//! costs a way back.

use super::deployments::Deployments;
use super::past::Past;

/// What is kept.
#[derive(Debug, Clone)]
pub struct Retention {
    /// Of the components that were active last, and of those uploaded last, this many each.
    pub components: usize,
    /// Deployments that have ended, the latest. What is needed of older ones stays as well: which
    /// components were active, and which were rolled back.
    pub deployments: u32,
}

impl Deployments {
    /// Forgets what is beyond the retention. A failure costs room until the next deployment.
    pub(super) async fn forget(&self) {
        match self.try_forget().await {
            Ok((0, 0)) => {}
            Ok((deployments, components)) => tracing::info!(
                deployments,
                components,
                "forgot {deployments} deployments and {components} components"
            ),
            Err(error) => tracing::warn!("cannot forget old deployments: {error}"),
        }
    }

    async fn try_forget(&self) -> Result<(u64, u64), storage::Error> {
        let registry = self.registry();
        let Retention {
            components: count,
            deployments,
        } = self.settings.retention;
        let deployments = registry.forget_deployments(deployments).await?;
        let past = Past::read(registry).await?;
        let uploads = registry.components().await?;
        let active = past.active().into_iter().take(count).map(str::to_owned);
        let latest = uploads.iter().take(count).map(|one| one.digest.clone());
        let mut keep: Vec<String> = active.chain(latest).collect();
        keep.extend(self.lock_kept().iter().map(|kept| kept.digest.clone()));
        keep.push(self.service.active().digest.clone());
        let mut gone = uploads;
        gone.retain(|one| !keep.contains(&one.digest));
        if let Some(cache) = &self.gate.cache {
            // First, so that a crash in between leaves no code behind that nobody looks for. A
            // component that stays all the same, as it is uploaded or deployed at this moment, is
            // compiled again.
            for component in &gone {
                cache.forget(&component.digest);
            }
        }
        let components = registry.forget_components(&gone).await?;
        Ok((deployments, components))
    }
}
