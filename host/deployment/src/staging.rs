//! What a deployment waits for on the other hosts of the database: that each has the component
//! ready, and then that none serves the one before.

use std::time::Instant;

use super::Refused;
use super::deployments::Deployments;
use super::journal::Journal;
use request::Counts;
use storage::replicas::Staged;

impl Deployments {
    /// Waits until every other host has the component ready, and returns how many those are.
    ///
    /// # Errors
    /// [`Refused::Replica`] where one cannot serve it; [`Refused::Unstaged`].
    pub(super) async fn stage_elsewhere(&self, journal: &Journal) -> Result<usize, Refused> {
        let Some(member) = &self.member else {
            return Ok(0);
        };
        let (id, mut views) = (journal.id, member.views());
        let until = Instant::now() + self.gate.compiler.timeout + member.lease_time();
        loop {
            let view = views.borrow_and_update().clone();
            let mut missing = Vec::new();
            for other in view.others(member.id()) {
                match &other.heartbeat.staged {
                    staged if staged.deployment != id => {
                        missing.push(other.heartbeat.name.as_str())
                    }
                    Staged {
                        problem: Some(reason),
                        ..
                    } => {
                        return Err(Refused::Replica {
                            name: other.heartbeat.name.clone(),
                            reason: reason.clone(),
                        });
                    }
                    Staged { problem: None, .. } => {}
                }
            }
            // What was heard before this deployment began says nothing of it.
            let current = view.running.as_ref().is_some_and(|of| of.row.id == id);
            if current && missing.is_empty() {
                return Ok(view.others(member.id()).count());
            }
            if !matches!(
                tokio::time::timeout_at(until.into(), views.changed()).await,
                Ok(Ok(()))
            ) {
                return Err(Refused::Unstaged(missing.join(", ")));
            }
        }
    }

    /// Waits until no host serves what was active before: each has confirmed the switch, or has no
    /// lease any more. Returns how many serve it; none where that was not known in time.
    pub(super) async fn settled(&self) -> Option<usize> {
        let member = self.member.as_ref()?;
        let (epoch, mut views) = (member.epoch(), member.views());
        // Leases that are not renewed run out in one; the second is for the database's pauses.
        let until = Instant::now() + 2 * member.lease_time();
        loop {
            let view = views.borrow_and_update().clone();
            if view.fence >= epoch {
                return Some(view.others(member.id()).count() + 1);
            }
            let changed = tokio::time::timeout_at(until.into(), views.changed()).await;
            changed.ok()?.ok()?;
        }
    }

    /// What the component of a deployment and the one before have done on other hosts.
    pub(super) fn counts_elsewhere(&self, id: i64) -> [Counts; 2] {
        let mut counts = [Counts::default(); 2];
        let Some(member) = &self.member else {
            return counts;
        };
        let view = member.view();
        let others = view.others(member.id());
        for other in others.filter(|other| other.heartbeat.staged.deployment == id) {
            for (sum, (requests, failures)) in counts
                .iter_mut()
                .zip([other.heartbeat.new, other.heartbeat.old])
            {
                sum.requests += requests;
                sum.failures += failures;
            }
        }
        counts
    }
}
