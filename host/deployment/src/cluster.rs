//! This host among the others that share its database: membership, and what a rollout waits for on
//! the other hosts.
//!
//! A host whose database is its own is alone: it waits for nobody. What this host does for rollouts
//! of *other* hosts is in `follower`, above the rollout, which it may take over.

mod member;
mod remote;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

pub use self::member::{JoinError, Member};
pub(crate) use self::remote::{Command, Remote, coordinator, follow, no_canary};
use super::admin::AdminError;
use super::model::{ReplicaStatus, timestamp};
use super::rejection::Rejection;
use contract::deployment::Reason;
use request::Counts;
use storage::replicas::{Replica, Staged};
use storage::{self, Registry};

/// How often a host looks whether it has caught up.
const POLL: Duration = Duration::from_millis(100);

/// This host among the others that share its database.
pub(crate) struct Cluster {
    /// `None`: the database belongs to this host alone.
    member: Option<Arc<Member>>,
}

impl Cluster {
    /// The cluster of which `member` is this host. `None`: the database belongs to this host alone.
    pub(crate) fn new(member: Option<Arc<Member>>) -> Self {
        Cluster { member }
    }

    /// Returns this host's membership, or `None` if it is alone.
    pub(crate) fn member(&self) -> Option<&Arc<Member>> {
        self.member.as_ref()
    }

    /// Reports that every request that begins from now on is answered by this component, of this
    /// epoch.
    pub(crate) fn serves(&self, epoch: i64, digest: &str) {
        if let Some(member) = &self.member {
            member.serves(epoch, digest);
        }
    }

    /// Waits until every other host has prepared the component of a deployment, at most for
    /// `patience` and a lease. Returns the number of other hosts.
    ///
    /// # Errors
    /// Returns [`Rejection::Replica`] if a host cannot serve the component, and
    /// [`Rejection::Unstaged`] if a host did not report in time.
    pub(crate) async fn staged(&self, id: i64, patience: Duration) -> Result<usize, Rejection> {
        let Some(member) = &self.member else {
            return Ok(0);
        };
        let mut views = member.views();
        let until = Instant::now() + patience + member.lease_time();
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
                        return Err(Rejection::Replica {
                            name: other.heartbeat.name.clone(),
                            reason: reason.clone(),
                        });
                    }
                    Staged { problem: None, .. } => {}
                }
            }
            // A view from before this deployment says nothing about it.
            let current = view.running.as_ref().is_some_and(|of| of.row.id == id);
            if current && missing.is_empty() {
                return Ok(view.others(member.id()).count());
            }
            if !matches!(
                tokio::time::timeout_at(until.into(), views.changed()).await,
                Ok(Ok(()))
            ) {
                return Err(Rejection::Unstaged(missing.join(", ")));
            }
        }
    }

    /// Waits until no host serves the revision that was active before: each host has confirmed the
    /// switch, or its lease has expired. Returns how many hosts serve the active revision, or
    /// `None` if that was not known in time.
    pub(crate) async fn settled(&self) -> Option<usize> {
        let member = self.member.as_ref()?;
        let (epoch, mut views) = (member.epoch(), member.views());
        // A lease that is not renewed expires within one; the second is for pauses of the database.
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

    /// Returns the requests that the component of a deployment has answered on the other hosts,
    /// and those of the previous component.
    pub(crate) fn counts(&self, id: i64) -> [Counts; 2] {
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

    /// Sets the share of clients that a canary answers on every host, in percent.
    ///
    /// # Errors
    /// Returns the database's error.
    pub(crate) async fn set_share(&self, id: i64, percent: f64) -> Result<(), storage::Error> {
        match &self.member {
            Some(member) => member.replicas().set_canary_percent(id, percent).await,
            None => Ok(()),
        }
    }

    /// Waits until this host serves the active component, because a deployment is compared with
    /// that.
    ///
    /// # Errors
    /// Returns [`AdminError::Rejected`] if it does not within a lease.
    pub(crate) async fn caught_up(&self, registry: &dyn Registry) -> Result<(), AdminError> {
        let Some(member) = &self.member else {
            return Ok(());
        };
        let until = Instant::now() + member.lease_time();
        loop {
            let active = registry.active().await?;
            if active.is_none_or(|active| active.epoch <= member.epoch()) {
                return Ok(());
            }
            if Instant::now() >= until {
                return Err(AdminError::rejected(
                    Reason::ReplicaLate,
                    "this host does not serve the active component yet; ask again, or ask another \
                     host",
                ));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Returns the hosts that share the database. Empty if this host is alone.
    ///
    /// # Errors
    /// Returns the database's error.
    pub(crate) async fn replicas(&self) -> Result<Vec<ReplicaStatus>, storage::Error> {
        let Some(member) = &self.member else {
            return Ok(Vec::new());
        };
        let replicas = member.replicas().all().await?;
        let status = |replica: Replica| {
            let Replica {
                id,
                heartbeat,
                age,
                has_lease,
                serving_since,
                ..
            } = replica;
            ReplicaStatus {
                this: id == member.id(),
                id,
                state: if has_lease {
                    heartbeat.state.name()
                } else {
                    "gone"
                }
                .to_owned(),
                name: heartbeat.name,
                digest: heartbeat.digest,
                epoch: heartbeat.epoch,
                heartbeat_ms: u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
                host_version: heartbeat.host_version,
                problem: heartbeat.staged.problem,
                serving_since: serving_since.map(|micros| {
                    timestamp(SystemTime::UNIX_EPOCH + Duration::from_micros(micros.unsigned_abs()))
                }),
            }
        };
        Ok(replicas.into_iter().map(status).collect())
    }

    /// Gives the lease back, before the process ends.
    pub(crate) async fn leave(&self) {
        if let Some(member) = &self.member {
            member.leave().await;
        }
    }
}
