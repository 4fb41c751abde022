//! The revisions of this host: the active one, the candidate on trial, and the earlier ones that
//! stay compiled.
//!
//! The request service holds the active revision and the candidate, because every request reads
//! them; nothing else in this layer replaces them. The switch lock is here: this host's own rollout
//! and the follower of another host's rollout may both switch.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use request::rehearsal::Report;
use request::shadow::{Jobs, Shadow};
use request::{Candidate, Revision, Service, Share, Trial};
use telemetry::metrics::Metrics;

/// The revisions of this host.
pub(crate) struct Revisions {
    service: Arc<Service>,
    /// Earlier revisions that stay compiled, the latest first.
    kept: Mutex<VecDeque<Arc<Revision>>>,
    /// How many earlier revisions stay compiled.
    capacity: usize,
    /// Held from the decision on the active revision to its switch, across the registry's commit.
    switching: tokio::sync::Mutex<()>,
}

/// The right to replace the active revision. Nobody else has it until this is dropped.
pub(crate) struct Switching<'a> {
    revisions: &'a Revisions,
    _lock: tokio::sync::MutexGuard<'a, ()>,
}

impl Revisions {
    /// Manages the revisions of `service`, which serves the active one already. Up to `capacity`
    /// earlier ones stay compiled.
    pub(crate) fn new(service: Arc<Service>, capacity: usize) -> Self {
        Revisions {
            service,
            kept: Mutex::default(),
            capacity,
            switching: tokio::sync::Mutex::default(),
        }
    }

    /// Returns the active revision.
    pub(crate) fn active(&self) -> Arc<Revision> {
        self.service.active()
    }

    /// Returns the earlier revisions that stay compiled, the latest first.
    pub(crate) fn kept(&self) -> Vec<Arc<Revision>> {
        self.kept.lock().iter().cloned().collect()
    }

    /// Returns an earlier revision if it is still compiled.
    pub(crate) fn find_kept(&self, digest: &str) -> Option<Arc<Revision>> {
        let kept = self.kept.lock();
        kept.iter()
            .find(|revision| revision.digest == digest)
            .cloned()
    }

    /// Keeps a revision compiled that is not active any more, so that going back to it is quick.
    pub(crate) fn keep(&self, revision: Arc<Revision>) {
        let active = self.active().digest.clone();
        let mut kept = self.kept.lock();
        kept.retain(|other| other.digest != revision.digest && other.digest != active);
        if revision.digest != active {
            kept.push_front(revision);
        }
        kept.truncate(self.capacity);
    }

    /// Waits for the right to replace the active revision.
    pub(crate) async fn begin_switch(&self) -> Switching<'_> {
        Switching {
            revisions: self,
            _lock: self.switching.lock().await,
        }
    }

    /// Sends every new request to the previous revision again, at once. The revision that failed
    /// is not kept.
    pub(crate) fn revert_to(&self, previous: Arc<Revision>) {
        let digest = previous.digest.clone();
        self.service.switch(previous);
        // It was kept while the other revision was active.
        self.kept.lock().retain(|kept| kept.digest != digest);
    }

    /// Returns the revision on trial.
    pub(crate) fn candidate(&self) -> Option<Candidate> {
        self.service.candidate()
    }

    /// Lets a revision answer a share of the clients.
    pub(crate) fn start_canary(&self, revision: Arc<Revision>, share: Share) {
        self.service.set_candidate(Candidate {
            revision,
            trial: Trial::Canary(share),
        });
    }

    /// Lets a revision repeat reads. The caller must run the returned jobs with
    /// [`Revisions::run_shadow`].
    pub(crate) fn start_shadow(&self, revision: Arc<Revision>) -> (Arc<Shadow>, Jobs) {
        let (shadow, jobs) = Shadow::new();
        self.service.set_candidate(Candidate {
            revision,
            trial: Trial::Shadow(shadow.clone()),
        });
        (shadow, jobs)
    }

    /// Repeats reads on a shadow until its trial ends.
    pub(crate) async fn run_shadow(&self, revision: &Revision, shadow: &Shadow, jobs: Jobs) {
        self.service.run_in_shadow(revision, shadow, jobs).await;
    }

    /// Returns whether there are sampled requests to rehearse a deployment with.
    pub(crate) fn has_samples(&self) -> bool {
        self.service.has_samples()
    }

    /// Runs sampled requests on the active and on a new revision, see [`Service::rehearse`].
    pub(crate) async fn rehearse(
        &self,
        new: &Revision,
        most: usize,
        time: Duration,
    ) -> Option<Report> {
        self.service.rehearse(new, most, time).await
    }

    /// Ends the trial, and returns the revision that was on trial.
    pub(crate) fn end_trial(&self) -> Option<Candidate> {
        self.service.remove_candidate()
    }

    /// The metrics of this process.
    pub(crate) fn metrics(&self) -> &Metrics {
        self.service.metrics()
    }
}

impl Switching<'_> {
    /// Sends every new request to `revision`. Keeps the previous revision compiled, and returns it.
    pub(crate) fn switch_to(&self, revision: Arc<Revision>) -> Arc<Revision> {
        let previous = self.revisions.service.switch(revision);
        self.revisions.keep(previous.clone());
        previous
    }
}
