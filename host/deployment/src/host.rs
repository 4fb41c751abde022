//! The parts of one host that a rollout works with.

use std::sync::Arc;

use super::cluster::Cluster;
use super::gate::Gate;
use super::model::VerdictStatus;
use super::rejection::Rejection;
use super::revisions::Revisions;
use super::settings::Settings;
use parking_lot::Mutex;
use request::Revision;
use storage::Registry;

/// The parts of one host that a rollout works with. They live as long as the process.
pub(crate) struct Host {
    /// Checks components and builds revisions.
    pub(crate) gate: Arc<Gate>,
    /// The active revision, the candidate, and the earlier ones.
    pub(crate) revisions: Revisions,
    /// The other hosts of the database.
    pub(crate) cluster: Cluster,
    /// How deployments are carried out.
    pub(crate) settings: Settings,
    /// How the new revision of this host's deployment is judged now.
    pub(crate) verdict: Mutex<Option<VerdictStatus>>,
}

impl Host {
    /// Returns the tables of components and deployments.
    pub(crate) fn registry(&self) -> &dyn Registry {
        self.gate.database.registry()
    }

    /// Returns the revision of a component that was active: the compiled one, or one that is loaded
    /// now.
    ///
    /// # Errors
    /// Returns a [`Rejection`] if the component is gone or does not load any more.
    pub(crate) async fn earlier_revision(&self, digest: &str) -> Result<Arc<Revision>, Rejection> {
        match self.revisions.find_kept(digest) {
            Some(kept) => Ok(kept),
            None => self.gate.load(&self.gate.stored(digest).await?).await,
        }
    }
}
