//! The stages `canary` and `shadow`: a new revision on trial beside the active one.
//!
//! Its migrations are applied and nothing is switched yet. The trial ends when an operator promotes
//! the deployment or aborts it. A canary also ends when it fails more often than the active
//! revision does in the same time, and it may go on in steps and be promoted by itself. No way of
//! ending a trial affects the active revision.
//!
//! A trial outlives its host. The deployment's events say how far it was, and [`Trial::run`] goes on
//! from there, on the next start or on another host (`recovery`).

mod canary;
mod steps;

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use self::canary::Position;
use crate::admin::AdminError;
use crate::cluster;
use crate::host::Host;
use crate::journal::Journal;
use crate::model::{HostEnd, Order};
use crate::rejection::Rejection;
use contract::deployment::{EventStatus, Reason, Stage};
use request::shadow::Report;
use request::{Revision, Share, Trial as Mode};

/// The trial of this host: at most one runs at a time.
pub(crate) struct Trial {
    host: Arc<Host>,
    /// Promotes the running trial. `None`: no trial can be promoted now.
    promotion: Mutex<Option<Promotion>>,
    /// Held while the share of a canary changes, across the database: on every host the last change
    /// decides.
    sharing: tokio::sync::Mutex<()>,
}

/// The right to promote one deployment, once.
struct Promotion {
    /// The deployment's id.
    id: i64,
    /// Takes the name of who promotes it.
    promoted: oneshot::Sender<String>,
    /// Whether the canary still goes on by itself. An operator who sets a share ends that.
    by_itself: bool,
}

impl Trial {
    /// Creates the place in which trials of this host run.
    pub(crate) fn new(host: Arc<Host>) -> Self {
        Trial {
            host,
            promotion: Mutex::default(),
            sharing: tokio::sync::Mutex::default(),
        }
    }

    /// Runs the ordered trial, if any, until it is promoted. If the journal says that the trial has
    /// begun, it goes on: a canary with the share that it had last.
    ///
    /// # Errors
    /// Returns [`Rejection::Canary`] if the canary failed too often, or [`Rejection::Database`].
    pub(super) async fn run(
        &self,
        journal: &Journal,
        order: &Order,
        revision: &Arc<Revision>,
    ) -> Result<(), Rejection> {
        let Some(stage) = order.trial() else {
            return Ok(());
        };
        // The other hosts follow the trial by its row, so this write must succeed.
        let registry = self.host.registry();
        registry
            .advance_deployment(journal.id, stage.into(), &journal.report())
            .await?;
        let elsewhere = self.host.cluster.counts(journal.id)[0];
        let position = Position::of(order, &journal.events(), elsewhere);
        if let Some(position) = &position
            && position.resumed
        {
            // The share that was stored may be one that the events do not know yet.
            let shared = self.host.cluster.set_share(journal.id, position.percent);
            shared.await?;
        }
        let (promoted, promotion) = oneshot::channel();
        *self.promotion.lock() = Some(Promotion {
            id: journal.id,
            promoted,
            by_itself: position.as_ref().is_some_and(Position::has_steps),
        });
        let ended = match position {
            Some(position) => self.canary(journal, position, revision, promotion).await,
            None => Ok(self.shadow(journal, revision, promotion).await),
        };
        match ended {
            // The switch ends the trial, so that no client of a canary goes back in between.
            Ok(detail) => {
                journal.note(stage, EventStatus::Passed, Some(detail));
                Ok(())
            }
            Err(reason) => {
                self.end();
                journal.note(stage, EventStatus::Failed, Some(reason.clone()));
                Err(Rejection::Canary(reason))
            }
        }
    }

    /// Gives the revision on trial all requests. With a percentage, gives a canary another share, on
    /// every host; from then on it does not go on by itself. The journal is that of the deployment.
    ///
    /// # Errors
    /// Returns [`AdminError::Rejected`] if the deployment is not on trial here, or if a shadow
    /// should get a share; [`AdminError::Unavailable`].
    pub(crate) async fn promote(
        &self,
        id: i64,
        percent: Option<f64>,
        actor: &str,
        journal: Option<&Journal>,
    ) -> Result<(), AdminError> {
        if let Some(percent) = percent {
            return self.set_share(id, percent, actor, journal).await;
        }
        let mut promotion = self.promotion.lock();
        if promotion.as_ref().is_none_or(|current| current.id != id) {
            return Err(no_trial(id));
        }
        if let Some(promotion) = promotion.take() {
            // If the trial fails at this moment, its failure decides.
            let _ = promotion.promoted.send(actor.to_owned());
        }
        Ok(())
    }

    /// Records that the host stops, so that the trial goes on after it.
    pub(super) async fn pause(&self, journal: &Journal, stage: Stage) {
        let detail = match self.end() {
            Some(report) => format!("its host stopped; {report}"),
            None => "its host stopped".to_owned(),
        };
        journal.note_host_end(stage, HostEnd::Stop, detail);
        journal.record(stage).await;
    }

    /// Records that the host of a trial crashed, unless it has recorded that it stops. This comes before
    /// anything of the component runs again, so that `recovery` learns of every crash.
    pub(super) async fn note_crash(&self, journal: &Journal, stage: Stage) {
        let last = journal.events().pop();
        if last.is_some_and(|event| event.host_end == Some(HostEnd::Stop)) {
            return;
        }
        let detail = "its host did not stop cleanly".to_owned();
        journal.note_host_end(stage, HostEnd::Crash, detail);
        journal.record(stage).await;
    }

    /// Ends whatever is on trial. Returns the comparison of a shadow, in a sentence.
    pub(super) fn end(&self) -> Option<String> {
        let mut promotion = self.promotion.lock();
        *promotion = None;
        match self.host.revisions.end_trial()?.trial {
            Mode::Canary(_) => None,
            Mode::Shadow(shadow) => Some(in_words(&shadow.report())),
        }
    }

    async fn set_share(
        &self,
        id: i64,
        percent: f64,
        actor: &str,
        journal: Option<&Journal>,
    ) -> Result<(), AdminError> {
        let _sharing = self.sharing.lock().await;
        let is_ours = |current: &Promotion| current.id == id;
        if !self.promotion.lock().as_ref().is_some_and(is_ours) {
            return Err(no_trial(id));
        }
        let candidate = self.host.revisions.candidate();
        if !candidate.is_some_and(|candidate| matches!(candidate.trial, Mode::Canary(_))) {
            return Err(cluster::no_canary(id));
        }
        self.host.cluster.set_share(id, percent).await?;
        let changed = self.give_share(id, percent, |promotion| {
            std::mem::take(&mut promotion.by_itself)
        });
        let Some(ends_steps) = changed else {
            return Err(no_trial(id));
        };
        if let Some(journal) = journal {
            let end = match ends_steps {
                true => "; the canary does not go on by itself any more",
                false => "",
            };
            let detail = format!("{percent} % of the clients from now on, by {actor}{end}");
            journal.note_share(EventStatus::Noted, percent, detail);
            journal.record(Stage::Canary).await;
        }
        Ok(())
    }

    /// Gives the canary of this host another share, and calls `then`. Returns `None` and changes nothing
    /// if the trial has ended.
    fn give_share<T>(
        &self,
        id: i64,
        percent: f64,
        then: impl FnOnce(&mut Promotion) -> T,
    ) -> Option<T> {
        // The trial cannot end while this lock is held, so no ended trial gets a share.
        let mut promotion = self.promotion.lock();
        let promotion = promotion.as_mut().filter(|current| current.id == id)?;
        let revisions = &self.host.revisions;
        let candidate = revisions.candidate()?;
        revisions.start_canary(candidate.revision, Share::of_percent(percent));
        Some(then(promotion))
    }

    /// Repeats reads on the revision. Returns a note on its promotion and on the comparison.
    async fn shadow(
        &self,
        journal: &Journal,
        revision: &Arc<Revision>,
        promotion: oneshot::Receiver<String>,
    ) -> String {
        let revisions = &self.host.revisions;
        let (shadow, jobs) = revisions.start_shadow(revision.clone());
        let (status, detail) = match journal.has_begun(Stage::Shadow) {
            true => (
                EventStatus::Noted,
                "it goes on, and counts reads from now on",
            ),
            false => (
                EventStatus::Began,
                "reads are repeated on it after their response, until it is promoted",
            ),
        };
        journal.note(Stage::Shadow, status, Some(detail.to_owned()));
        journal.record(Stage::Shadow).await;
        journal.reach(Stage::Shadow).await;
        let repeating = async {
            revisions.run_shadow(revision, &shadow, jobs).await;
            std::future::pending().await
        };
        tokio::select! {
            actor = promoted(promotion) => {
                format!("promoted by {actor}; {}", in_words(&shadow.report()))
            }
            never = repeating => never,
        }
    }
}

/// The deployment is not on trial.
fn no_trial(id: i64) -> AdminError {
    AdminError::rejected(
        Reason::NoTrial,
        format!("deployment {id} is neither a canary nor a shadow now; only those can be promoted"),
    )
}

/// Waits for a promotion and returns who promotes. Never returns if nobody can promote any more.
async fn promoted(promotion: oneshot::Receiver<String>) -> String {
    match promotion.await {
        Ok(actor) => actor,
        Err(_) => std::future::pending().await,
    }
}

/// Describes the comparison of a shadow in a sentence.
fn in_words(report: &Report) -> String {
    let Report {
        compared,
        different,
        skipped,
        samples,
    } = report;
    let mut words = format!("{different} of {compared} reads differed, {skipped} were left out");
    for sample in samples {
        let place = match sample.pointer.as_str() {
            "" => String::new(),
            pointer => format!(" at {pointer}"),
        };
        words += &format!(
            "; {}{place}: {} ({} times, first in request {})",
            sample.route, sample.detail, sample.count, sample.request_id
        );
    }
    words
}
