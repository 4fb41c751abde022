//! What the history says of components: which were active, and which had to go.

use storage::registry::DeploymentRow;
use storage::{self, Registry};

/// The deployments that are remembered, the latest first.
pub(super) struct Past(Vec<DeploymentRow>);

impl Past {
    pub(super) async fn read(registry: &dyn Registry) -> Result<Self, storage::Error> {
        registry.deployments(u32::MAX).await.map(Past)
    }

    /// The components that became active and stayed, the latest first, each once. Those that were
    /// rolled back since are not among them.
    pub(super) fn active(&self) -> Vec<&str> {
        let mut digests: Vec<&str> = Vec::new();
        for row in &self.0 {
            let digest = row.new.digest.as_str();
            if outcome(row) == Some("active")
                && !digests.contains(&digest)
                && self.rolled_back(digest).is_none()
            {
                digests.push(digest);
            }
        }
        digests
    }

    /// What was active before the component that is.
    pub(super) fn before(&self, active: &str) -> Option<&str> {
        self.0
            .iter()
            .filter(|row| row.new.digest == active && outcome(row) == Some("active"))
            .filter_map(|row| row.new.from.as_deref())
            // An order to deploy what was active already changed nothing.
            .find(|from| *from != active)
    }

    /// Why a component was rolled back, if the latest that is known of it says so.
    pub(super) fn rolled_back(&self, digest: &str) -> Option<&str> {
        let decided = |row: &&DeploymentRow| {
            row.new.digest == digest && matches!(outcome(row), Some("active" | "rolled-back"))
        };
        let end = self.0.iter().find(decided)?.end.as_ref()?;
        (end.outcome == "rolled-back").then(|| end.reason.as_deref().unwrap_or_default())
    }
}

fn outcome(row: &DeploymentRow) -> Option<&str> {
    row.end.as_ref().map(|end| end.outcome.as_str())
}
