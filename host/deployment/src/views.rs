//! What operators see of the deployments: components, history, events, the state now.

use std::time::{Duration, SystemTime};

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};

use super::deployments::{Deployments, OrderError, plain_digest};
use super::history;
use super::journal::timestamp;
use super::model::{
    ComponentSummary, Deployment, Event, ReplicaStatus, RevisionStatus, ShadowReport, ShadowSample,
    Status,
};
use super::start::FALLBACK;
use request::shadow::Report;
use request::{Revision, Trial};
use storage::registry::StoredComponent;
use storage::replicas::Replica;

impl Deployments {
    /// The components that were uploaded, the latest first.
    ///
    /// # Errors
    /// [`OrderError::Database`].
    pub async fn components(&self) -> Result<Vec<ComponentSummary>, OrderError> {
        let components = self.registry().components().await?;
        Ok(components
            .iter()
            .map(|component| self.summary(component))
            .collect())
    }

    /// One component, with its content.
    ///
    /// # Errors
    /// [`OrderError::Database`].
    pub async fn component(
        &self,
        digest: &str,
    ) -> Result<Option<(ComponentSummary, Vec<u8>)>, OrderError> {
        let stored = self.registry().component(plain_digest(digest)).await?;
        Ok(stored.map(|component| (self.summary(&component), component.content)))
    }

    /// One deployment, with its events so far.
    ///
    /// # Errors
    /// [`OrderError::Database`].
    pub async fn deployment(&self, id: i64) -> Result<Option<Deployment>, OrderError> {
        let row = self.registry().deployment(id).await?;
        Ok(row.map(|row| {
            let mut deployment = history::deployment(row);
            if let Some(journal) = self.journal(id) {
                deployment.events = journal.events();
            }
            deployment
        }))
    }

    /// The latest deployments, the latest first.
    ///
    /// # Errors
    /// [`OrderError::Database`].
    pub async fn history(&self, limit: u32) -> Result<Vec<Deployment>, OrderError> {
        let rows = self.registry().deployments(limit).await?;
        Ok(rows.into_iter().map(history::deployment).collect())
    }

    /// The events of a deployment: the past ones, then each as it happens, until the last.
    ///
    /// # Errors
    /// [`OrderError::Database`].
    pub async fn follow(&self, id: i64) -> Result<Option<BoxStream<'static, Event>>, OrderError> {
        if let Some(journal) = self.journal(id) {
            return Ok(Some(journal.follow().boxed()));
        }
        let deployment = self.deployment(id).await?;
        Ok(deployment.map(|of| match of.outcome.as_str() {
            "running" => self.follow_elsewhere(id),
            _ => stream::iter(of.events).boxed(),
        }))
    }

    /// What is true now.
    ///
    /// # Errors
    /// [`OrderError::Database`].
    pub async fn status(&self) -> Result<Status, OrderError> {
        let active = self.service.active();
        let candidate = self.service.candidate();
        let running = self.registry().running_deployment().await?;
        let registered = self.registry().active().await?;
        let replicas = self.replicas().await?;
        let warning = match &registered {
            Some(active) => self.fallback_reason(active.deployment).await?,
            None => None,
        };
        Ok(Status {
            active: revision_status(&active),
            deployment: running.map(history::deployment),
            candidate: candidate
                .as_ref()
                .map(|candidate| revision_status(&candidate.revision)),
            candidate_percent: candidate.as_ref().map(|candidate| match &candidate.trial {
                Trial::Canary(share) => share.percent(),
                Trial::Shadow(_) => 0.0,
            }),
            shadow: candidate.and_then(|candidate| match candidate.trial {
                Trial::Canary(_) => None,
                Trial::Shadow(shadow) => Some(shadow_report(shadow.report())),
            }),
            kept: self
                .lock_kept()
                .iter()
                .map(|kept| revision_status(kept))
                .collect(),
            warning,
            replicas,
            epoch: registered.map_or(0, |active| active.epoch),
            host_version: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }

    /// The hosts that share the database.
    async fn replicas(&self) -> Result<Vec<ReplicaStatus>, OrderError> {
        let Some(member) = &self.member else {
            return Ok(Vec::new());
        };
        let replicas = member.replicas().all().await?;
        let shown = replicas.into_iter().map(
            |Replica {
                 id,
                 heartbeat: beat,
                 age,
                 has_lease: lives,
                 ..
             }| ReplicaStatus {
                this: id == member.id(),
                id,
                state: if lives { beat.state.name() } else { "gone" }.to_owned(),
                name: beat.name,
                digest: beat.digest,
                epoch: beat.epoch,
                heartbeat_ms: u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
                host_version: beat.host_version,
                problem: beat.staged.problem,
            },
        );
        Ok(shown.collect())
    }

    /// Why the host fell back to the active component, if it did.
    async fn fallback_reason(&self, deployment: i64) -> Result<Option<String>, OrderError> {
        let row = self.registry().deployment(deployment).await?;
        Ok(row
            .filter(|row| row.new.kind == FALLBACK)
            .and_then(|row| row.end?.reason))
    }

    pub(super) fn summary(&self, component: &StoredComponent) -> ComponentSummary {
        let micros = Duration::from_micros(component.uploaded_at.unsigned_abs());
        ComponentSummary {
            digest: component.digest.clone(),
            size_bytes: component.size_bytes,
            actor: component.actor.clone(),
            uploaded_at: timestamp(SystemTime::UNIX_EPOCH + micros),
            signed: self.is_signed(component),
            active: self.service.active().digest == component.digest,
        }
    }

    fn is_signed(&self, component: &StoredComponent) -> bool {
        let signature = component.signature.as_deref();
        signature.is_some_and(|signature| self.keys.verify(&component.digest, signature).is_ok())
    }
}

fn shadow_report(report: Report) -> ShadowReport {
    let samples = report.samples.into_iter();
    ShadowReport {
        compared: report.compared,
        different: report.different,
        skipped: report.skipped,
        samples: samples
            .map(|sample| ShadowSample {
                route: sample.route,
                pointer: sample.pointer,
                detail: sample.detail,
                count: sample.count,
                request_id: sample.request_id,
            })
            .collect(),
    }
}

fn revision_status(revision: &Revision) -> RevisionStatus {
    let counts = revision.stats.counts();
    RevisionStatus {
        digest: revision.digest.clone(),
        name: revision.description.name.clone(),
        version: revision.description.version.clone(),
        requests: counts.requests,
        failures: counts.failures,
        in_flight: counts.in_flight,
    }
}
