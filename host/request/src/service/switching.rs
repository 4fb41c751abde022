//! Which revision requests begin on, and how that changes: one pointer, replaced as a whole.

use std::sync::Arc;

use super::Service;
use crate::traffic::Traffic;
use crate::{Candidate, Client, Revision};

impl Service {
    /// The revision that a client's request begins on now. It ends on it, whatever changes.
    pub fn begin(&self, client: Client<'_>) -> Arc<Revision> {
        self.traffic.load().choose(client).clone()
    }

    /// The active revision.
    pub fn active(&self) -> Arc<Revision> {
        self.traffic.load().active.clone()
    }

    /// What is tried beside the active revision.
    pub fn candidate(&self) -> Option<Candidate> {
        self.traffic.load().candidate.clone()
    }

    /// Makes another revision the active one, with all requests, and returns the one before. No
    /// request that begins after this returns runs the old one, or what was tried beside it;
    /// those in flight end where they began.
    pub fn switch(&self, revision: Arc<Revision>) -> Arc<Revision> {
        self.metrics
            .revision_loaded(&revision.digest, &revision.stats);
        self.metrics.revision_activated(
            &revision.digest,
            &revision.description.name,
            &revision.description.version,
        );
        let traffic = Traffic {
            active: revision,
            candidate: None,
        };
        self.traffic.swap(Arc::new(traffic)).active.clone()
    }

    /// Tries a revision beside the active one, instead of what was tried before.
    pub fn try_out(&self, candidate: Candidate) {
        let revision = &candidate.revision;
        self.metrics
            .revision_loaded(&revision.digest, &revision.stats);
        self.set_candidate(Some(candidate));
    }

    /// Tries nothing beside the active revision any more, and returns what was tried. Requests in
    /// flight on it end there.
    pub fn dismiss(&self) -> Option<Candidate> {
        self.set_candidate(None)
    }

    fn set_candidate(&self, candidate: Option<Candidate>) -> Option<Candidate> {
        let before = self.traffic.rcu(|traffic| Traffic {
            active: traffic.active.clone(),
            candidate: candidate.clone(),
        });
        before.candidate.clone()
    }
}
