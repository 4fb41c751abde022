//! The registry of components and deployments, tested through its trait.

mod active;
mod components;
mod deployments;
mod persistence;
mod retention;

use contract::deployment::{Progress, Stage};
use storage::Registry;
use storage::registry::{DeploymentRow, End, NewDeployment, StoredComponent};

use super::*;

/// Stores a component of a few bytes under an invented digest.
async fn put(registry: &dyn Registry, digest: &str) {
    registry.put_component(&component(digest)).await.unwrap();
}

fn component(digest: &str) -> StoredComponent {
    StoredComponent {
        digest: digest.into(),
        content: format!("the bytes of {digest}").into(),
        size_bytes: 0,
        signature: None,
        actor: "ann".into(),
        uploaded_at: 0,
    }
}

pub(super) fn new(digest: &str) -> NewDeployment {
    NewDeployment {
        digest: digest.into(),
        from: Some("before".into()),
        kind: "deploy".into(),
        actor: "bob".into(),
        order: r#"{"dry_run":false}"#.into(),
    }
}

fn end(outcome: &str) -> End {
    let refused = outcome != "active";
    End {
        outcome: outcome.into(),
        code: refused.then(|| "traps".into()),
        reason: refused.then(|| "it trapped".into()),
        report: r#"[{"stage":"end"}]"#.into(),
    }
}

async fn begin(registry: &dyn Registry, digest: &str) -> i64 {
    let begun = registry.begin_deployment(&new(digest)).await.unwrap();
    begun.expect("no other deployment is running")
}

/// Deploys a component, from its upload until it is active and the deployment has ended.
async fn deploy(registry: &dyn Registry, digest: &str) -> i64 {
    put(registry, digest).await;
    let id = begin(registry, digest).await;
    registry
        .activate(id, digest, Stage::Switch.into())
        .await
        .unwrap();
    finish(registry, id, "active", None).await.unwrap();
    id
}

/// Ends a deployment.
async fn finish(
    registry: &dyn Registry,
    id: i64,
    outcome: &str,
    back_to: Option<&str>,
) -> Result<(), Error> {
    registry.end_deployment(id, &end(outcome), back_to).await
}

/// Records a deployment that was rejected before it ran.
async fn reject(registry: &dyn Registry, digest: &str) -> i64 {
    let (new, end) = (new(digest), end("rejected"));
    registry.record_attempt(&new, &end).await.unwrap()
}

async fn active_digest(registry: &dyn Registry) -> Option<String> {
    registry.active().await.unwrap().map(|active| active.digest)
}

async fn row(registry: &dyn Registry, id: i64) -> DeploymentRow {
    registry.deployment(id).await.unwrap().unwrap()
}

/// Returns the ids of the stored deployments, the newest first.
async fn ids(registry: &dyn Registry) -> Vec<i64> {
    let rows = registry.deployments(u32::MAX).await.unwrap();
    rows.iter().map(|row| row.id).collect()
}

/// Returns the digests of the stored components, the latest upload first.
async fn digests(registry: &dyn Registry) -> Vec<String> {
    let listed = registry.components().await.unwrap();
    listed.into_iter().map(|listed| listed.digest).collect()
}
