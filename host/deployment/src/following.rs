//! What this host does about what it hears of the others: it stages what they deploy, switches
//! when they have, tries a canary as they do, and goes on where one of them is gone.
//!
//! What is true is in the database. A host that heard late, or not at all, comes to the same end;
//! one that cannot serve what is active answers nothing until it can.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::deployments::Deployments;
use super::member::Member;
use super::model::Order;
use super::rollout::check_signature;
use super::start::unfinished;
use super::{Refused, history};
use request::{Candidate, Revision, Share, Trial};
use storage::registry::{Active, DeploymentRow};
use storage::replicas::{RunningDeployment, Staged, View};

/// The stages in which every host has the component ready.
const STAGED: [&str; 6] = [
    "stage",
    "migrate",
    "canary",
    "shadow",
    "switch",
    "probation",
];

/// The pause before the active component is tried again that did not load.
const AGAIN: Duration = Duration::from_secs(5);

/// What this host holds on behalf of the others.
#[derive(Default)]
pub(super) struct Following {
    /// The component of the deployment that runs elsewhere, ready to serve.
    staged: Option<Arc<Revision>>,
    /// When the active component did not load, and which one that was.
    failed: Option<(String, Instant)>,
}

impl Deployments {
    /// Does what the other hosts' doings ask for, for as long as the process lives.
    pub(super) async fn follow_others(self: Arc<Self>, member: Arc<Member>) {
        let mut views = member.views();
        let mut following = Following::default();
        loop {
            let view = views.borrow_and_update().clone();
            self.heed(&member, &view, &mut following).await;
            if views.changed().await.is_err() {
                return;
            }
        }
    }

    async fn heed(self: &Arc<Self>, member: &Member, view: &View, following: &mut Following) {
        self.service
            .metrics()
            .replicas(view.others(member.id()).count() + 1, member.epoch());
        self.give_up_what_others_took(member, view).await;
        match &view.running {
            Some(running) if coordinator(&running.row) == member.id() => {
                self.hear_wish(member, running).await;
                return;
            }
            Some(running) if view.has_lease(coordinator(&running.row)) => {
                self.attend(member, running, following).await;
            }
            Some(running) => {
                self.catch_up(member, view, following).await;
                self.inherit(running.row.id).await;
                return;
            }
            None => {
                self.dismiss_followed(following);
                following.staged = None;
                if member.staged() != 0 {
                    member.stages(Staged::default(), None);
                }
            }
        }
        self.catch_up(member, view, following).await;
    }

    /// Serves what is active, if it does not yet.
    async fn catch_up(&self, member: &Member, view: &View, following: &mut Following) {
        let Some(active) = &view.active else { return };
        if active.epoch <= member.epoch() {
            return;
        }
        if let Some((digest, when)) = &following.failed
            && *digest == active.digest
            && when.elapsed() < AGAIN
        {
            return;
        }
        match self.ready(&active.digest, following).await {
            Ok(revision) => {
                following.failed = None;
                self.switch_to(member, active, revision).await;
            }
            Err(refused) => {
                tracing::error!(
                    component.digest = active.digest,
                    "the active component {} cannot be served here ({}): {refused}",
                    active.digest,
                    refused.code()
                );
                // Where the database is away, what is served may still be right.
                if !matches!(refused, Refused::Database(_)) {
                    following.failed = Some((active.digest.clone(), Instant::now()));
                    member.fails();
                }
            }
        }
    }

    /// The revision of a component that may serve: staged, active, kept, or loaded now.
    async fn ready(&self, digest: &str, following: &Following) -> Result<Arc<Revision>, Refused> {
        if let Some(staged) = &following.staged
            && staged.digest == digest
        {
            return Ok(staged.clone());
        }
        let active = self.service.active();
        if active.digest == digest {
            return Ok(active);
        }
        if let Some(kept) = self.kept(digest) {
            return Ok(kept);
        }
        let component = self.registry().component(digest).await?;
        let component = component.ok_or_else(|| Refused::Gone(digest.to_owned()))?;
        check_signature(&component, &self.keys)?;
        self.gate.prepare(&component).await.map(Arc::new)
    }

    async fn switch_to(&self, member: &Member, active: &Active, revision: Arc<Revision>) {
        // Held over no wait but this: a deployment of this host's own may switch, too.
        let _switching = self.switching.lock().await;
        if active.epoch <= member.epoch() {
            return;
        }
        if revision.digest != self.service.active().digest {
            tracing::info!(
                component.digest = revision.digest,
                deployment.id = active.deployment,
                "deployment {} made {} active",
                active.deployment,
                revision.digest
            );
            let previous = self.service.switch(revision.clone());
            self.keep(previous);
        }
        member.serves(active.epoch, &revision.digest);
    }

    /// Takes part in a deployment that another host runs.
    async fn attend(
        &self,
        member: &Member,
        running: &RunningDeployment,
        following: &mut Following,
    ) {
        let row = &running.row;
        if STAGED.contains(&row.stage.as_str()) && member.staged() != row.id {
            let prepared = self.ready(&row.new.digest, following).await;
            let problem = prepared.as_ref().err();
            let problem = problem.map(|refused| format!("{refused} ({})", refused.code()));
            let active = self.service.active();
            let staged = Staged {
                deployment: row.id,
                problem,
            };
            let watched = prepared.as_ref().ok();
            let watched = watched.map(|revision| [&revision.stats, &active.stats]);
            member.stages(staged, watched);
            following.staged = prepared.ok();
        }
        match (row.stage.as_str(), &following.staged) {
            ("canary", Some(revision)) if revision.digest == row.new.digest => {
                let order: Order = serde_json::from_str(&row.new.order).unwrap_or_default();
                let percent = running.canary_percent.or(order.canary_percent);
                self.try_as_others(revision, Share::of_percent(percent.unwrap_or_default()));
            }
            _ => self.dismiss_followed(following),
        }
    }

    /// Tries no longer what another host tried; what this one tries itself is not touched.
    fn dismiss_followed(&self, following: &Following) {
        if let (Some(tried), Some(staged)) = (self.service.candidate(), &following.staged)
            && Arc::ptr_eq(&tried.revision, staged)
        {
            self.service.remove_candidate();
        }
    }

    fn try_as_others(&self, revision: &Arc<Revision>, share: Share) {
        if let Some(tried) = self.service.candidate()
            && tried.revision.digest == revision.digest
            && matches!(tried.trial, Trial::Canary(given) if given == share)
        {
            return;
        }
        self.service.set_candidate(Candidate {
            revision: revision.clone(),
            trial: Trial::Canary(share),
        });
    }

    /// Decides what becomes of a deployment whose host is gone, or goes on with its probation.
    async fn inherit(self: &Arc<Self>, id: i64) {
        // What was heard may be from before it was taken over.
        if self.running_here() == Some(id) {
            return;
        }
        let inherited = async {
            if !self.registry().take_over(id).await? {
                return Ok(());
            }
            // It may have gone further before it was taken over.
            let Some(row) = self.registry().deployment(id).await? else {
                return Ok(());
            };
            let active = self.service.active();
            if row.stage != "paused" || active.digest != row.new.digest {
                return Ok(unfinished::decide(&self.gate, row).await?);
            }
            let Some(from) = row.new.from.clone() else {
                return Ok(unfinished::decide(&self.gate, row).await?);
            };
            let previous = self.loaded(&from).await?;
            self.resume(row, active, previous).await;
            Ok::<_, Refused>(())
        };
        if let Err(error) = inherited.await {
            tracing::warn!("cannot decide on the unfinished deployment {id} yet: {error}");
        }
    }

    /// Ends what is done here for a deployment that another host has taken over, as this one was
    /// away for longer than its lease.
    async fn give_up_what_others_took(&self, member: &Member, view: &View) {
        let Some(id) = self.running_here() else {
            return;
        };
        if let Some(running) = &view.running
            && running.row.id == id
            && coordinator(&running.row) == member.id()
        {
            return;
        }
        // What was heard may be older than what began here.
        let row = match self.registry().deployment(id).await {
            Ok(Some(row)) if coordinator(&row) != member.id() => row,
            _ => return,
        };
        let Some(journal) = self.drop_running(id).await else {
            return;
        };
        self.end_trial();
        tracing::warn!(
            deployment.id = id,
            "deployment {id} was taken over by another host, while this one was away"
        );
        let ended = history::deployment(row);
        journal.end(&ended.outcome, ended.reason.as_deref());
        journal.close();
    }
}

/// The host that runs a deployment; empty where none is named.
pub(super) fn coordinator(row: &DeploymentRow) -> &str {
    row.coordinator.as_deref().unwrap_or_default()
}
