//! One deployment, from its first check to its end. Read [`Rollout::deploy`] and then the stages that
//! it names, in order.
//!
//! Each stage is recorded before it runs, so after a crash the registry alone decides (`recovery`):
//! before the stage `switch` is done the previous component is active, after it the new one. A
//! deployment that was in probation when the host died is rolled back; a trial goes on.
//!
//! To add a stage: add a variant to [`Stage`], and call it here between the stages that it belongs
//! to, with `journal.stage(…)`. A stage in which a crash must not simply reject the deployment also
//! needs an arm in `recovery::decide`.

mod probation;
mod rehearsal;
mod staging;
mod switch;
mod trial;
mod verdict;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use self::trial::Trial;
use super::gate::Compared;
use super::host::Host;
use super::journal::{Ending, Journal};
use super::model::Order;
use super::rejection::Rejection;
use super::retention;
use contract::deployment::{EventStatus, Outcome, Progress, Reason, Stage};
use request::Revision;
use storage::registry::StoredComponent;

/// How often a host tries to record the end of a deployment for which no other host waits.
const ATTEMPTS: u32 = 20;
/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(250);

/// One deployment that this host runs.
pub(crate) struct Rollout {
    pub(crate) host: Arc<Host>,
    /// Runs the deployment's trial. Shared with whoever promotes it.
    pub(crate) trial: Arc<Trial>,
    /// The deployment's events. Shared with whoever follows it.
    pub(crate) journal: Arc<Journal>,
}

/// Two revisions after a switch.
struct Switched {
    new: Arc<Revision>,
    previous: Arc<Revision>,
}

impl Rollout {
    /// Runs a deployment to its end.
    pub(crate) async fn deploy(&self, order: &Order, component: StoredComponent) {
        let switched = self.deploy_until_switched(order, component).await;
        self.watch(order, switched).await;
    }

    /// Continues a trial that the end of a host interrupted, and carries the deployment to its end.
    /// `staged`: the revision on trial, if this host has prepared it.
    pub(crate) async fn resume_trial(&self, order: &Order, staged: Option<Arc<Revision>>) {
        if let Some(stage) = order.trial() {
            self.trial.note_crash(&self.journal, stage).await;
        }
        let switched = self.resume_trial_until_switched(order, staged).await;
        self.watch(order, switched.map(Some)).await;
    }

    /// Watches what was switched to, if anything, and ends the deployment.
    async fn watch(&self, order: &Order, switched: Result<Option<Switched>, Rejection>) {
        let ending = match switched {
            Ok(Some(Switched { new, previous })) => {
                probation::watch(&self.host, &self.journal, new, previous).await
            }
            Ok(None) if order.dry_run => Ending::of(Outcome::Checked),
            Ok(None) => Ending::of(Outcome::Active),
            // Its outcome is that of a failed probation, so that nobody deploys it again by mistake.
            Err(Rejection::Canary(reason)) => {
                Ending::because(Outcome::RolledBack, Reason::CanaryFailed, reason)
            }
            Err(rejection) => Ending::rejected(&rejection),
        };
        self.finish(ending).await;
    }

    /// Runs the stages up to the switch. Returns `None` if there is nothing to switch.
    async fn deploy_until_switched(
        &self,
        order: &Order,
        component: StoredComponent,
    ) -> Result<Option<Switched>, Rejection> {
        let (host, journal) = (&*self.host, &*self.journal);
        let active = host.revisions.active();
        let was_active = host.registry().was_active(&component.digest).await?;
        let compared = Compared {
            active: &active,
            allow_breaking: order.allow_breaking,
        };
        let admitted = host.gate.admit(
            journal,
            &component,
            Some(compared),
            was_active,
            order.dry_run,
        );
        let revision = Arc::new(admitted.await?);
        rehearsal::rehearse(host, journal, order, &revision).await?;
        staging::stage(host, journal).await?;
        if order.dry_run {
            return Ok(None);
        }
        if component.digest == active.digest {
            let detail = "it is the active one already".to_owned();
            journal.note(Stage::Switch, EventStatus::Noted, Some(detail));
            return Ok(None);
        }
        let migrated = host.gate.migrate(&revision.description, was_active);
        journal.stage(Stage::Migrate, migrated).await?;
        self.try_and_switch(order, revision).await.map(Some)
    }

    async fn resume_trial_until_switched(
        &self,
        order: &Order,
        staged: Option<Arc<Revision>>,
    ) -> Result<Switched, Rejection> {
        let gate = &self.host.gate;
        let revision = match staged {
            Some(staged) => staged,
            None => {
                let component = gate.stored(&order.digest).await?;
                gate.check_signature(&component)?;
                // The migrations were applied before the trial.
                gate.prepare(&component).await?
            }
        };
        self.try_and_switch(order, revision).await
    }

    /// Runs the ordered trial, if any, and makes the revision the active one.
    async fn try_and_switch(
        &self,
        order: &Order,
        revision: Arc<Revision>,
    ) -> Result<Switched, Rejection> {
        let (host, journal) = (&*self.host, &*self.journal);
        self.trial.run(journal, order, &revision).await?;
        let in_probation = Progress::At(Stage::Probation);
        let switched = switch::switch(host, journal, revision.clone(), in_probation);
        let previous = journal.stage(Stage::Switch, switched).await?;
        Ok(Switched {
            new: revision,
            previous,
        })
    }

    /// Continues a probation that a stop of a host interrupted, and ends the deployment.
    pub(crate) async fn resume_probation(&self, new: Arc<Revision>, previous: Arc<Revision>) {
        let ending = probation::watch(&self.host, &self.journal, new, previous).await;
        self.finish(ending).await;
    }

    /// Goes back to a component that was active before, and ends the deployment.
    pub(crate) async fn roll_back(&self, component: StoredComponent) {
        let ending = match self.roll_back_until_switched(component).await {
            Ok(()) => {
                switch::settle(&self.host, &self.journal).await;
                Ending::of(Outcome::Active)
            }
            Err(rejection) => Ending::rejected(&rejection),
        };
        self.finish(ending).await;
    }

    async fn roll_back_until_switched(&self, component: StoredComponent) -> Result<(), Rejection> {
        let (host, journal) = (&*self.host, &*self.journal);
        let verified = async { host.gate.check_signature(&component) };
        journal.stage(Stage::Verify, verified).await?;
        staging::stage(host, journal).await?;
        let revision = match host.revisions.find_kept(&component.digest) {
            Some(kept) => kept,
            None => {
                let loaded = host.gate.load(&component);
                journal.stage(Stage::Compile, loaded).await?
            }
        };
        let switched = switch::switch(host, journal, revision, Progress::Switched);
        journal.stage(Stage::Switch, switched).await?;
        Ok(())
    }

    /// Records that the host stops while the deployment's component is on trial.
    pub(crate) async fn pause_trial(&self, stage: Stage) {
        self.trial.pause(&self.journal, stage).await;
    }

    /// Ends a deployment whose task was stopped. If requests had switched already, they go back to
    /// the previous revision.
    pub(crate) async fn abort(&self, code: Reason, reason: String) {
        let (host, journal) = (&*self.host, &*self.journal);
        if let Some(report) = self.trial.end() {
            journal.note(Stage::Shadow, EventStatus::Noted, Some(report));
        }
        let from = match host.registry().deployment(journal.id).await {
            Ok(Some(row)) if row.stage == Progress::At(Stage::Probation) => row.new.from,
            _ => None,
        };
        // Between the registry's switch and that of the requests, the previous revision still serves.
        if let Some(from) = &from
            && *from != host.revisions.active().digest
        {
            match host.earlier_revision(from).await {
                Ok(previous) => host.revisions.revert_to(previous),
                // There is nothing to go back to, so the new revision stays.
                Err(rejection) => {
                    let (code, reason) = (rejection.code(), rejection.to_string());
                    let ending = Ending::because(Outcome::Active, code, reason);
                    return self.finish(ending).await;
                }
            }
        }
        let ending = Ending::because(Outcome::Aborted, code, reason);
        self.finish(ending.back_to(from)).await;
    }

    /// Shows followers the end of a deployment that another host has taken over and ended.
    pub(crate) fn abandon(&self, ending: &Ending) {
        self.trial.end();
        self.journal.end(ending);
        self.journal.close();
    }

    /// Records the end, then publishes it. If the database does not answer, this is retried for
    /// some seconds; without a record, the next start decides in the same way.
    async fn finish(&self, ending: Ending) {
        let (host, journal) = (&*self.host, &*self.journal);
        // Whatever ended the deployment, nothing stays on trial.
        self.trial.end();
        let end = journal.end(&ending);
        journal.reach(Stage::End).await;
        let events = journal.events();
        let stages = events.iter().filter_map(|event| {
            let took = event.duration_ms? / 1e3;
            Some((event.stage.as_str(), took))
        });
        host.revisions.metrics().deployed(
            ending.outcome.as_str(),
            ending.code().map_or("", Reason::as_str),
            &stages.collect::<Vec<_>>(),
        );
        let (registry, back_to) = (host.registry(), ending.back_to.as_deref());
        let mut attempts = 0;
        while let Err(error) = registry.end_deployment(journal.id, &end, back_to).await {
            attempts += 1;
            // Other hosts wait for the end until they take the deployment over. A conflict says
            // that one of them has, and the follower abandons the deployment here.
            let others_wait = host.cluster.member().is_some() && error != storage::Error::Conflict;
            if attempts >= ATTEMPTS && !others_wait {
                tracing::error!(
                    deployment.id = journal.id,
                    "cannot record the end of deployment {}: {error}",
                    journal.id
                );
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        journal.close();
        retention::forget(host).await;
    }
}
