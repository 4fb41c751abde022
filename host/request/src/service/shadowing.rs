//! Runs in the shadow what the active revision has answered, and compares. See
//! [`shadow`](crate::shadow).

use std::sync::Arc;
use std::time::Instant;

use tracing::Instrument as _;

use super::Service;
use crate::shadow::{Difference, Job, Jobs, Seen, Shadow};
use crate::work::{Moment, Work};
use crate::{Answer, Fault, Refusal, Request, Revision, Trial};
use contract::{Access, RouteIndex};
use storage::Transaction;
use transcode::Outcome;

/// A run in the shadow, and its transaction where another run may use it.
type Run = (Option<Box<dyn Transaction>>, Result<Answer, Refusal>);

impl Service {
    /// Where a read of the active revision is to be offered; none: nowhere.
    pub(super) fn shadow_of(
        &self,
        revision: &Arc<Revision>,
        route: RouteIndex,
        request: &Request,
    ) -> Option<Arc<Shadow>> {
        let traffic = self.traffic.load();
        let Trial::Shadow(shadow) = &traffic.candidate.as_ref()?.trial else {
            return None;
        };
        let is_read = revision.description.route(route).access == Access::Read;
        // What a condition comes to is the host's matter.
        let compared =
            is_read && request.if_match.is_none() && Arc::ptr_eq(revision, &traffic.active);
        compared.then(|| shadow.clone())
    }

    /// Offers an answered read, and goes on at once.
    pub(super) fn offer(&self, shadow: &Shadow, job: Job) {
        if !self.admission.has_room() || !shadow.offer(job) {
            self.skip(shadow);
        }
    }

    /// Runs on a candidate what is offered, one read after another. Ends when nothing can be
    /// offered any more; dropping it ends the read that runs.
    pub async fn run_in_shadow(&self, candidate: &Revision, shadow: &Shadow, mut jobs: Jobs) {
        while let Some(job) = jobs.0.recv().await {
            // Clients have the slots first.
            let difference = match self.admission.has_room() {
                true => {
                    // Lines of the candidate's own are told from those of what clients got.
                    let span = tracing::info_span!(
                        "shadow",
                        request.id = job.request.id,
                        component.digest = candidate.digest,
                    );
                    self.compare(candidate, &job).instrument(span).await
                }
                false => None,
            };
            match difference {
                None => self.skip(shadow),
                Some(None) => {
                    self.metrics.shadowed("same");
                    shadow.same();
                }
                Some(Some(difference)) => {
                    self.metrics.shadowed("different");
                    let route = job.revision.description.route(job.route);
                    let route = format!("{} {}", route.method, route.path);
                    shadow.different(route, difference, job.request.id);
                }
            }
        }
    }

    fn skip(&self, shadow: &Shadow) {
        self.metrics.shadowed("skipped");
        shadow.skipped();
    }

    /// What differs, if anything; none where that could not be found out.
    async fn compare(&self, candidate: &Revision, job: &Job) -> Option<Option<Difference>> {
        let answered = Seen::of(&job.answered)?;
        let like = job.revision.description.route(job.route);
        let Some(route) = candidate.route_like(like) else {
            return Some(Some(Difference::no_route()));
        };
        let began = Instant::now();
        let work = Work::read(candidate, route, &job.request, began);
        let (transaction, tried) = match work {
            Ok(work) => {
                let transaction = self.database.begin(Access::Read, self.budget(began)).await;
                self.look(&work, transaction.ok()?, job.moment).await
            }
            // Without data there is nothing that may have changed.
            Err(refusal) => (None, Err(refusal)),
        };
        let tried = Seen::of(&tried)?;
        let difference = answered.differs(&tried);
        let (Some(_), Some(transaction)) = (&difference, transaction) else {
            return Some(difference);
        };
        let work = Work::read(&job.revision, job.route, &job.request, Instant::now()).ok()?;
        let (_, again) = self.look(&work, transaction, job.moment).await;
        // The two runs share the budget of one transaction: what they use it up for is no answer.
        if matches!(again, Err(Refusal::Fault(_))) && job.answered.is_ok() {
            return None;
        }
        Some(Seen::of(&again)?.differs(&tried))
    }

    /// Runs an operation in a read transaction, and hands that back where it is still good.
    async fn look(
        &self,
        work: &Work<'_>,
        transaction: Box<dyn Transaction>,
        moment: Moment,
    ) -> Run {
        let lives = self.metrics.instance_lives();
        let call = self.call(transaction, work.arrived, Some(moment));
        let finished = work.invocation.run(call).await;
        drop(lives);
        let transaction = Some(finished.transaction).filter(|used| !used.spent());
        let answered = match finished.outcome {
            Ok(Outcome::Reply(_)) if transaction.is_none() => {
                Err(Fault::Transaction("a statement had failed".into()).into())
            }
            Ok(Outcome::Reply(reply)) => Ok(work.answer(reply)),
            Ok(Outcome::Problem(problem)) => Err(Refusal::Problem(Box::new(problem))),
            Err(interruption) => return (None, Err(interruption.into())),
        };
        (transaction, answered)
    }
}
