//! A component that is tried beside the active one: as a canary, which answers a share of the
//! clients, or in the shadow, where it answers nobody.
//!
//! Its migrations are applied and nothing is switched yet. The trial ends when an operator
//! promotes it or aborts the deployment; a canary also ends by itself when it fails more often
//! than the active one does in the same time. No end of it touches the active revision.

use std::sync::{Arc, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::deployments::{Deployments, OrderError};
use super::journal::{Journal, Status};
use super::model::Order;
use super::{Refused, history, probation};
use request::shadow::{Report, Shadow};
use request::{Candidate, Revision, Share, Trial};

/// What ends a trial well, held by [`Deployments`] while it may.
pub(super) struct Promotion {
    /// The deployment's.
    id: i64,
    /// Tells who promotes it.
    promoted: oneshot::Sender<String>,
}

impl Order {
    /// The stage in which the component is tried beside the active one; none: it is switched to
    /// at once.
    pub(super) fn trial(&self) -> Option<&'static str> {
        match (self.canary_percent, self.shadow) {
            (Some(_), _) => Some("canary"),
            (None, true) => Some("shadow"),
            (None, false) => None,
        }
    }
}

impl Deployments {
    /// Gives a canary or a shadow all requests; with a percentage, gives a canary another share.
    ///
    /// # Errors
    /// [`OrderError::NotFound`]; [`OrderError::Rejected`] where the deployment is no trial, or not
    /// any more; [`OrderError::Database`].
    pub async fn promote(
        &self,
        id: i64,
        canary_percent: Option<f64>,
        actor: &str,
    ) -> Result<(), OrderError> {
        if self.registry().deployment(id).await?.is_none() {
            return Err(OrderError::NotFound(format!("there is no deployment {id}")));
        }
        if self.promote_elsewhere(id, canary_percent, actor).await? {
            return Ok(());
        }
        self.promote_here(id, canary_percent, actor)?;
        if let (Some(percent), Some(member)) = (canary_percent, &self.member) {
            member.replicas().set_canary_percent(id, percent).await?;
        }
        Ok(())
    }

    fn promote_here(
        &self,
        id: i64,
        canary_percent: Option<f64>,
        actor: &str,
    ) -> Result<(), OrderError> {
        // The trial cannot end while this is held, so no share is given to one that has.
        let mut promotion = self.lock_promotion();
        if promotion.as_ref().is_none_or(|current| current.id != id) {
            return Err(OrderError::Rejected {
                code: "no-trial",
                reason: format!(
                    "deployment {id} is no canary and no shadow now; only those are promoted"
                ),
            });
        }
        match canary_percent {
            Some(percent) => self.give_share(id, percent, actor),
            None => {
                if let Some(promotion) = promotion.take() {
                    // Where the trial fails at this moment, that counts.
                    let _ = promotion.promoted.send(actor.to_owned());
                }
                Ok(())
            }
        }
    }

    fn give_share(&self, id: i64, percent: f64, actor: &str) -> Result<(), OrderError> {
        match self.service.candidate() {
            Some(Candidate {
                revision,
                trial: Trial::Canary(_),
            }) => self.service.set_candidate(Candidate {
                revision,
                trial: Trial::Canary(Share::of_percent(percent)),
            }),
            _ => {
                return Err(OrderError::Rejected {
                    code: "no-canary",
                    reason: format!("deployment {id} is no canary, so it has no share to change"),
                });
            }
        }
        if let Some(journal) = self.journal(id) {
            let detail = format!("{percent} % of the clients from now on, by {actor}");
            journal.note("canary", Status::Noted, Some(detail));
        }
        Ok(())
    }

    /// Tries a revision beside the active one until it is promoted.
    ///
    /// # Errors
    /// [`Refused::Canary`] where it failed too often; [`Refused::Database`].
    pub(super) async fn try_beside(
        &self,
        journal: &Journal,
        order: &Order,
        revision: &Arc<Revision>,
    ) -> Result<(), Refused> {
        let Some(stage) = order.trial() else {
            return Ok(());
        };
        let report = history::report(&journal.events());
        self.registry()
            .advance_deployment(journal.id, stage, &report)
            .await?;
        let (promoted, promotion) = oneshot::channel();
        *self.lock_promotion() = Some(Promotion {
            id: journal.id,
            promoted,
        });
        let ended = match order.canary_percent {
            Some(percent) => self.canary(journal, revision, percent, promotion).await,
            None => Ok(self.shadow(journal, revision, promotion).await),
        };
        match ended {
            // The switch ends the trial, so that no client of a canary goes back meanwhile.
            Ok(detail) => {
                journal.note(stage, Status::Passed, Some(detail));
                Ok(())
            }
            Err(reason) => {
                self.end_trial();
                journal.note(stage, Status::Failed, Some(reason.clone()));
                Err(Refused::Canary(reason))
            }
        }
    }

    /// Ends whatever is tried, and says what came of a shadow.
    pub(super) fn end_trial(&self) -> Option<String> {
        let mut promotion = self.lock_promotion();
        *promotion = None;
        match self.service.remove_candidate()?.trial {
            Trial::Canary(_) => None,
            Trial::Shadow(shadow) => Some(in_words(&shadow.report())),
        }
    }

    /// Answers a share of the clients. Returns that it is promoted, or why it has to go.
    async fn canary(
        &self,
        journal: &Journal,
        revision: &Arc<Revision>,
        percent: f64,
        promotion: oneshot::Receiver<String>,
    ) -> Result<String, String> {
        let active = self.service.active();
        let elsewhere = || self.counts_elsewhere(journal.id);
        let judge = probation::compare(&self.settings.probation, revision, &active, elsewhere);
        self.service.set_candidate(Candidate {
            revision: revision.clone(),
            trial: Trial::Canary(Share::of_percent(percent)),
        });
        let detail = format!("{percent} % of the clients, until it is promoted");
        journal.note("canary", Status::Began, Some(detail));
        journal.reach("canary").await;
        tokio::select! {
            actor = told(promotion) => Ok(format!("promoted by {actor}")),
            reason = judge => Err(reason),
        }
    }

    /// Runs reads again. Returns that it is promoted, and what came of them.
    async fn shadow(
        &self,
        journal: &Journal,
        revision: &Arc<Revision>,
        promotion: oneshot::Receiver<String>,
    ) -> String {
        let (shadow, jobs) = Shadow::new();
        self.service.set_candidate(Candidate {
            revision: revision.clone(),
            trial: Trial::Shadow(shadow.clone()),
        });
        let detail = "reads are run on it after their answer, until it is promoted".to_owned();
        journal.note("shadow", Status::Began, Some(detail));
        journal.reach("shadow").await;
        let running = async {
            self.service.run_in_shadow(revision, &shadow, jobs).await;
            std::future::pending().await
        };
        tokio::select! {
            actor = told(promotion) => {
                format!("promoted by {actor}; {}", in_words(&shadow.report()))
            }
            never = running => never,
        }
    }

    fn lock_promotion(&self) -> MutexGuard<'_, Option<Promotion>> {
        // What it guards is whole also where a holder panicked.
        self.promotion
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who promotes. A promotion that cannot come any more never does.
async fn told(promotion: oneshot::Receiver<String>) -> String {
    match promotion.await {
        Ok(actor) => actor,
        Err(_) => std::future::pending().await,
    }
}

/// What came of a shadow, in a sentence.
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
