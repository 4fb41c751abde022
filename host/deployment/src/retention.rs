//! What is forgotten after a deployment: history, components and compiled code that nobody needs.
//!
//! Two kinds of components stay: those that were active last, because a rollback needs them, and the
//! latest uploads, because somebody may be about to deploy them. So a series of rejected uploads
//! never costs a rollback its target.

use super::history::Past;
use super::host::Host;
use super::settings::Retention;

/// Forgets deployments, components and compiled code beyond the retention. If that fails, they use
/// space until the next deployment.
pub(crate) async fn forget(host: &Host) {
    match try_forget(host).await {
        Ok((0, 0)) => {}
        Ok((deployments, components)) => tracing::info!(
            deployments,
            components,
            "forgot {deployments} deployments and {components} components"
        ),
        Err(error) => tracing::warn!("cannot forget old deployments: {error}"),
    }
}

async fn try_forget(host: &Host) -> Result<(u64, u64), storage::Error> {
    let registry = host.registry();
    let Retention {
        components: count,
        deployments,
    } = host.settings.retention;
    let deployments = registry.forget_deployments(deployments).await?;
    let past = Past::read(registry).await?;
    let uploads = registry.components().await?;
    let active = past.active().into_iter().take(count).map(str::to_owned);
    let latest = uploads.iter().take(count).map(|one| one.digest.clone());
    let mut keep: Vec<String> = active.chain(latest).collect();
    keep.extend(host.revisions.kept().iter().map(|kept| kept.digest.clone()));
    keep.push(host.revisions.active().digest.clone());
    let mut gone = uploads;
    gone.retain(|one| !keep.contains(&one.digest));
    if let Some(cache) = &host.gate.cache {
        // The code goes first, so that a crash in between leaves no code that nobody looks for. A
        // component that stays after all, because it is uploaded or deployed at this moment, is
        // compiled again.
        for component in &gone {
            cache.forget(&component.digest);
        }
    }
    let components = registry.forget_components(&gone).await?;
    Ok((deployments, components))
}
