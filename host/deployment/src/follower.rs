//! What this host does when its view of the cluster changes: it prepares the component of another
//! host's deployment, switches after that host has switched, follows its canary, carries out commands
//! for its own deployment, and takes over a deployment whose host is gone.
//!
//! The database decides what is true. A host that hears of a change late, or not at all, reaches the
//! same state; a host that cannot serve the active component answers nothing until it can.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cluster::{Command, Member, coordinator};
use super::history;
use super::host::Host;
use super::journal::Ending;
use super::model::Order;
use super::recovery;
use super::rejection::Rejection;
use super::rollouts::Rollouts;
use contract::Word;
use contract::deployment::{Outcome, Progress, Stage};
use request::{Revision, Share, Trial};
use storage::registry::{Active, DeploymentRow};
use storage::replicas::{RunningDeployment, Staged, View};

/// The pause before an active component that did not load is loaded again.
const RETRY: Duration = Duration::from_secs(5);

/// Follows the other hosts of the database.
pub(crate) struct Follower {
    host: Arc<Host>,
    rollouts: Arc<Rollouts>,
    member: Arc<Member>,
    /// The component of another host's deployment, ready to serve.
    staged: Option<Arc<Revision>>,
    /// The active component that did not load, and when that was.
    failed: Option<(String, Instant)>,
}

impl Follower {
    /// Creates the follower of this host.
    pub(crate) fn new(host: Arc<Host>, rollouts: Arc<Rollouts>, member: Arc<Member>) -> Self {
        Follower {
            host,
            rollouts,
            member,
            staged: None,
            failed: None,
        }
    }

    /// Reacts to every change of the view, until the process ends.
    pub(crate) async fn run(mut self) {
        let mut views = self.member.views();
        loop {
            let view = views.borrow_and_update().clone();
            self.react(&view).await;
            if views.changed().await.is_err() {
                return;
            }
        }
    }

    async fn react(&mut self, view: &View) {
        let count = view.others(self.member.id()).count() + 1;
        let metrics = self.host.revisions.metrics();
        metrics.replicas(count, self.member.epoch());
        self.abandon_if_taken_over(view).await;
        match &view.running {
            Some(running) if coordinator(&running.row) == self.member.id() => {
                self.carry_out_command(running).await;
            }
            Some(running) if view.has_lease(coordinator(&running.row)) => {
                self.take_part(running).await;
                self.catch_up(view).await;
            }
            Some(running) => {
                self.catch_up(view).await;
                self.take_over(running.row.id).await;
            }
            None => {
                self.end_trial();
                self.staged = None;
                if self.member.staged() != 0 {
                    self.member.stages(Staged::default(), None);
                }
                self.catch_up(view).await;
            }
        }
    }

    /// Prepares the component of another host's deployment, and follows its canary.
    async fn take_part(&mut self, running: &RunningDeployment) {
        let row = &running.row;
        if needs_component(&row.stage) && self.member.staged() != row.id {
            let prepared = self.prepare(&row.new.digest).await;
            let problem = prepared.as_ref().err();
            let problem = problem.map(|rejection| format!("{rejection} ({})", rejection.code()));
            let active = self.host.revisions.active();
            let staged = Staged {
                deployment: row.id,
                problem,
            };
            let watched = prepared.as_ref().ok();
            let watched = watched.map(|revision| [&revision.stats, &active.stats]);
            self.member.stages(staged, watched);
            self.staged = prepared.ok();
        }
        match &self.staged {
            Some(revision)
                if row.stage == Progress::At(Stage::Canary)
                    && revision.digest == row.new.digest =>
            {
                let order: Order = serde_json::from_str(&row.new.order).unwrap_or_default();
                let percent = running.canary_percent.or(order.canary_percent);
                self.follow_canary(revision, Share::of_percent(percent.unwrap_or_default()));
            }
            _ => self.end_trial(),
        }
    }

    /// Returns a revision that can serve: staged, active, kept, or loaded now.
    async fn prepare(&self, digest: &str) -> Result<Arc<Revision>, Rejection> {
        if let Some(staged) = &self.staged
            && staged.digest == digest
        {
            return Ok(staged.clone());
        }
        let active = self.host.revisions.active();
        if active.digest == digest {
            return Ok(active);
        }
        if let Some(kept) = self.host.revisions.find_kept(digest) {
            return Ok(kept);
        }
        let gate = &self.host.gate;
        let component = gate.stored(digest).await?;
        gate.check_signature(&component)?;
        // The host that runs the deployment applies the migrations.
        gate.prepare(&component).await
    }

    /// Lets the revision answer the share of clients that the canary has on its own host.
    fn follow_canary(&self, revision: &Arc<Revision>, share: Share) {
        if let Some(candidate) = self.host.revisions.candidate()
            && candidate.revision.digest == revision.digest
            && matches!(candidate.trial, Trial::Canary(current) if current == share)
        {
            return;
        }
        self.host.revisions.start_canary(revision.clone(), share);
    }

    /// Ends the trial that followed another host's. A trial of this host's own deployment goes on.
    fn end_trial(&self) {
        if let (Some(candidate), Some(staged)) = (self.host.revisions.candidate(), &self.staged)
            && Arc::ptr_eq(&candidate.revision, staged)
        {
            self.host.revisions.end_trial();
        }
    }

    /// Serves the active component, if this host does not yet.
    async fn catch_up(&mut self, view: &View) {
        let Some(active) = &view.active else { return };
        if active.epoch <= self.member.epoch() {
            return;
        }
        if let Some((digest, when)) = &self.failed
            && *digest == active.digest
            && when.elapsed() < RETRY
        {
            return;
        }
        match self.prepare(&active.digest).await {
            Ok(revision) => {
                self.failed = None;
                self.switch_to(active, revision).await;
            }
            Err(rejection) => {
                tracing::error!(
                    component.digest = active.digest,
                    "the active component {} cannot be served here ({}): {rejection}",
                    active.digest,
                    rejection.code()
                );
                // If the database does not answer, the revision that serves may still be right.
                if !matches!(rejection, Rejection::Database(_)) {
                    self.failed = Some((active.digest.clone(), Instant::now()));
                    self.member.fails();
                }
            }
        }
    }

    async fn switch_to(&self, active: &Active, revision: Arc<Revision>) {
        let switching = self.host.revisions.begin_switch().await;
        // A deployment of this host may have switched while this waited.
        if active.epoch <= self.member.epoch() {
            return;
        }
        let digest = revision.digest.clone();
        if digest != self.host.revisions.active().digest {
            tracing::info!(
                component.digest = digest,
                deployment.id = active.deployment,
                "deployment {} made {digest} active",
                active.deployment
            );
            switching.switch_to(revision);
        }
        self.member.serves(active.epoch, &digest);
    }

    /// Carries out another host's command for a deployment that runs here.
    async fn carry_out_command(&self, running: &RunningDeployment) {
        let Some(command) = &running.command else {
            return;
        };
        let id = running.row.id;
        match serde_json::from_str(command) {
            Ok(Command::Interrupt { reason }) => {
                self.rollouts.interrupt(id, reason).await;
            }
            Ok(Command::Promote { percent, actor }) => {
                if let Err(error) = self.rollouts.promote(id, percent, &actor).await {
                    tracing::warn!("cannot promote deployment {id} for {actor}: {error}");
                }
            }
            Err(error) => {
                tracing::warn!("cannot read another host's command for deployment {id}: {error}");
            }
        }
        if let Err(error) = self.member.replicas().clear_command(id).await {
            tracing::warn!("cannot clear the command for deployment {id}: {error}");
        }
    }

    /// Decides what becomes of a deployment whose host is gone, or continues its probation or trial.
    async fn take_over(&mut self, id: i64) {
        // The view may be older than the last takeover.
        if self.rollouts.running() == Some(id) {
            return;
        }
        if let Err(error) = self.try_take_over(id).await {
            tracing::warn!("cannot decide on the unfinished deployment {id} yet: {error}");
        }
    }

    async fn try_take_over(&mut self, id: i64) -> Result<(), Rejection> {
        let registry = self.host.registry();
        if !registry.take_over(id).await? {
            return Ok(());
        }
        // It may have progressed before it was taken over, so it is read again.
        let Some(row) = registry.deployment(id).await? else {
            return Ok(());
        };
        let active = self.host.revisions.active();
        match row.new.from.clone() {
            Some(from) if row.stage == Progress::Paused && active.digest == row.new.digest => {
                let previous = self.host.earlier_revision(&from).await?;
                let rollouts = &self.rollouts;
                rollouts.resume_probation(row, active, previous).await;
            }
            _ => match recovery::trial(&row) {
                Some(order) => {
                    let staged = self.staged.take();
                    let staged = staged.filter(|staged| staged.digest == row.new.digest);
                    // From now on this host counts the requests as the one that runs the trial.
                    self.member.stages(Staged::default(), None);
                    self.rollouts.resume_trial(row, order, staged);
                }
                None => recovery::decide(&self.host.gate, row).await?,
            },
        }
        Ok(())
    }

    /// Stops to run a deployment that another host has taken over, because this one was away for
    /// longer than its lease.
    async fn abandon_if_taken_over(&self, view: &View) {
        let Some(id) = self.rollouts.running() else {
            return;
        };
        if let Some(running) = &view.running
            && running.row.id == id
            && coordinator(&running.row) == self.member.id()
        {
            return;
        }
        // The view may be older than a deployment that began here.
        if let Ok(Some(row)) = self.host.registry().deployment(id).await
            && coordinator(&row) != self.member.id()
        {
            self.rollouts.abandon(id, &ending(row)).await;
        }
    }
}

/// Returns whether every host prepares the component at this stage.
fn needs_component(progress: &Word<Progress>) -> bool {
    matches!(
        progress.known(),
        Some(Progress::At(
            Stage::Staging
                | Stage::Migrate
                | Stage::Canary
                | Stage::Shadow
                | Stage::Switch
                | Stage::Probation
        ))
    )
}

/// Returns how another host ended a deployment, or that it runs there.
fn ending(row: DeploymentRow) -> Ending {
    let ended = history::deployment(row);
    let outcome = ended.outcome.known().unwrap_or(Outcome::Running);
    match ended.reason {
        Some(reason) => {
            let code = ended.code.and_then(|code| code.known());
            Ending::because(outcome, code, reason)
        }
        None => Ending::of(outcome),
    }
}
