//! The deployments that this host runs: at most one at a time, in a task that this owns.
//!
//! The registry makes sure that only one deployment runs over all hosts of a database. This file
//! begins it, interrupts it, and stops it with the process; `rollout` carries it out.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::task::JoinHandle;

use super::admin::AdminError;
use super::history;
use super::host::Host;
use super::journal::{Ending, Journal};
use super::model::Order;
use super::rollout::{Rollout, Trial};
use contract::deployment::{Kind, Progress, Reason, Stage};
use request::Revision;
use storage::registry::{DeploymentRow, NewDeployment, StoredComponent};

/// The deployments that this host runs.
pub(crate) struct Rollouts {
    host: Arc<Host>,
    trial: Arc<Trial>,
    /// The deployment that runs here, or that ran last.
    current: Mutex<Option<Current>>,
}

/// A deployment and its task.
struct Current {
    rollout: Arc<Rollout>,
    task: JoinHandle<()>,
}

impl Rollouts {
    /// Runs deployments of `host`.
    pub(crate) fn new(host: Arc<Host>) -> Self {
        Rollouts {
            trial: Arc::new(Trial::new(host.clone())),
            host,
            current: Mutex::default(),
        }
    }

    /// Begins to deploy a component, and returns the deployment's id.
    ///
    /// # Errors
    /// Returns [`AdminError::Busy`] if a deployment runs, [`AdminError::Rejected`] if this host does
    /// not serve the active component yet, or [`AdminError::Unavailable`]. Nothing was begun then.
    pub(crate) async fn deploy(
        &self,
        order: Order,
        kind: Kind,
        component: StoredComponent,
        actor: &str,
    ) -> Result<i64, AdminError> {
        let rollout = self.begin(&order, kind, actor).await?;
        Ok(self.run(rollout, |rollout| async move {
            rollout.deploy(&order, component).await;
        }))
    }

    /// Begins to go back to a component that was active before, and returns the deployment's id.
    ///
    /// # Errors
    /// The same as [`Rollouts::deploy`].
    pub(crate) async fn roll_back(
        &self,
        component: StoredComponent,
        actor: &str,
    ) -> Result<i64, AdminError> {
        let order = Order {
            digest: component.digest.clone(),
            ..Order::default()
        };
        let rollout = self.begin(&order, Kind::Rollback, actor).await?;
        Ok(self.run(rollout, |rollout| async move {
            rollout.roll_back(component).await;
        }))
    }

    /// Continues a probation that a stop of a host interrupted.
    pub(crate) async fn resume_probation(
        &self,
        row: DeploymentRow,
        new: Arc<Revision>,
        previous: Arc<Revision>,
    ) {
        let id = row.id;
        let events = history::deployment(row).events;
        let database = self.host.gate.database.clone();
        let rollout = self.rollout(Journal::resumed(id, events, database));
        let in_probation = Progress::At(Stage::Probation);
        let report = rollout.journal.report();
        let registry = self.host.registry();
        if let Err(error) = registry.advance_deployment(id, in_probation, &report).await {
            tracing::error!("the probation of deployment {id} does not continue: {error}");
            return;
        }
        self.host.revisions.keep(previous.clone());
        self.run(rollout, |rollout| async move {
            rollout.resume_probation(new, previous).await;
        });
    }

    /// Continues the trial of an order, which the end of a host interrupted. `staged`: the revision on
    /// trial, if this host has prepared it.
    pub(crate) fn resume_trial(
        &self,
        row: DeploymentRow,
        order: Order,
        staged: Option<Arc<Revision>>,
    ) {
        let id = row.id;
        let events = history::deployment(row).events;
        let database = self.host.gate.database.clone();
        let rollout = self.rollout(Journal::resumed(id, events, database));
        self.run(rollout, |rollout| async move {
            rollout.resume_trial(&order, staged).await;
        });
    }

    /// Gives the revision on trial all requests. With a percentage, gives a canary another share, on
    /// every host.
    ///
    /// # Errors
    /// Returns [`AdminError::Rejected`] if the deployment is not on trial here, or if a shadow
    /// should get a share; [`AdminError::Unavailable`].
    pub(crate) async fn promote(
        &self,
        id: i64,
        percent: Option<f64>,
        actor: &str,
    ) -> Result<(), AdminError> {
        let journal = self.journal(id);
        let promoted = self.trial.promote(id, percent, actor, journal.as_deref());
        promoted.await
    }

    /// Ends a deployment as aborted. Returns false if it does not run here.
    pub(crate) async fn interrupt(&self, id: i64, reason: String) -> bool {
        let Some(rollout) = self.halt(id).await else {
            return false;
        };
        rollout.abort(Reason::Aborted, reason).await;
        true
    }

    /// Stops to run a deployment that another host has taken over. `ending`: how that host ended it.
    pub(crate) async fn abandon(&self, id: i64, ending: &Ending) {
        let Some(rollout) = self.halt(id).await else {
            return;
        };
        tracing::warn!(
            deployment.id = id,
            "another host took over deployment {id}, while this host was away"
        );
        rollout.abandon(ending);
    }

    /// Stops what runs, before the process ends. A probation or a trial continues when the host starts
    /// again, or on another host at once. Otherwise a deployment before its switch is left to the next
    /// start, which rejects it.
    pub(crate) async fn stop(&self) {
        let Some(id) = self.running() else { return };
        let Some(rollout) = self.halt(id).await else {
            return;
        };
        let registry = self.host.registry();
        let Ok(Some(row)) = registry.deployment(id).await else {
            return;
        };
        match row.stage.known() {
            Some(Progress::At(Stage::Probation)) => {
                let report = rollout.journal.report();
                let paused = registry.advance_deployment(id, Progress::Paused, &report);
                if let Err(error) = paused.await {
                    tracing::warn!("cannot record that the probation continues later: {error}");
                }
            }
            Some(Progress::At(stage @ (Stage::Canary | Stage::Shadow))) => {
                rollout.pause_trial(stage).await;
            }
            _ => {}
        }
    }

    /// Returns the deployment that runs here.
    pub(crate) fn running(&self) -> Option<i64> {
        let current = self.current.lock();
        let current = current.as_ref().filter(|of| !of.task.is_finished());
        current.map(|of| of.rollout.journal.id)
    }

    /// Returns the journal of a deployment that runs here or ran here last.
    pub(crate) fn journal(&self, id: i64) -> Option<Arc<Journal>> {
        let current = self.current.lock();
        let journal = &current.as_ref()?.rollout.journal;
        (journal.id == id).then(|| journal.clone())
    }

    /// Records a new deployment in the registry.
    async fn begin(
        &self,
        order: &Order,
        kind: Kind,
        actor: &str,
    ) -> Result<Arc<Rollout>, AdminError> {
        let registry = self.host.registry();
        self.host.cluster.caught_up(registry).await?;
        let new = NewDeployment {
            digest: order.digest.clone(),
            from: Some(self.host.revisions.active().digest.clone()),
            kind: kind.into(),
            actor: actor.to_owned(),
            order: serde_json::to_string(order).unwrap_or_default(),
        };
        let begun = registry.begin_deployment(&new).await?;
        let id = match begun {
            Ok(id) => id,
            Err(running) => return Err(self.busy(running).await),
        };
        let database = self.host.gate.database.clone();
        Ok(self.rollout(Journal::new(id, database)))
    }

    /// Why no deployment can begin while another one runs, and how to go on.
    async fn busy(&self, id: i64) -> AdminError {
        let row = self.host.registry().deployment(id).await;
        let stage = row.ok().flatten().and_then(|row| row.stage.known());
        let abort = format!("`task-host abort {id}`");
        let advice = match stage {
            Some(Progress::At(Stage::Probation) | Progress::Paused) => format!(
                "Deployment {id} is in probation, which takes {} after its switch (--probation). \
                 Wait for its end, or go back to the component before with {abort}. For \
                 development, start the host with --probation 0s: then a deployment ends with its \
                 switch.",
                humantime::format_duration(self.host.settings.probation.window)
            ),
            Some(Progress::At(stage @ (Stage::Canary | Stage::Shadow))) => format!(
                "Deployment {id} is a {stage}. End this trial with `task-host promote {id}`, which \
                 gives it all clients, or with {abort}."
            ),
            _ => format!("Wait for the end of deployment {id}, or end it with {abort}."),
        };
        AdminError::Busy { id, advice }
    }

    fn rollout(&self, journal: Journal) -> Arc<Rollout> {
        let pause_before = self.host.settings.pause_before.as_deref();
        Arc::new(Rollout {
            host: self.host.clone(),
            trial: self.trial.clone(),
            journal: Arc::new(journal.pausing(pause_before)),
        })
    }

    /// Spawns a deployment's task, and returns the deployment's id.
    fn run<F>(&self, rollout: Arc<Rollout>, work: impl FnOnce(Arc<Rollout>) -> F) -> i64
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let id = rollout.journal.id;
        let task = tokio::spawn(work(rollout.clone()));
        *self.current.lock() = Some(Current { rollout, task });
        id
    }

    /// Ends a deployment's task, wherever it is. Returns `None` if it does not run here.
    async fn halt(&self, id: i64) -> Option<Arc<Rollout>> {
        let Current { rollout, task } = self
            .current
            .lock()
            .take_if(|current| current.rollout.journal.id == id && !current.task.is_finished())?;
        task.abort();
        // Its result is that it was aborted, or that it has just ended.
        let _ = task.await;
        Some(rollout)
    }
}
