//! Runs answered reads again on a candidate, and compares the answers. See
//! [`shadow`](crate::shadow).

use std::sync::Arc;
use std::time::Instant;

use tracing::Instrument as _;

use super::Service;
use crate::prepared::{ClockAndSeed, PreparedRequest};
use crate::shadow::{Comparable, Difference, Job, Jobs, Shadow};
use crate::{Answer, Error, Fault, Request, Revision};
use contract::{Access, RouteIndex};
use storage::Transaction;
use transcode::Outcome;

/// A run on a candidate: its transaction, if another run may use it, and its answer.
type Run = (Option<Box<dyn Transaction>>, Result<Answer, Error>);

impl Service {
    /// The shadow that a request is to be offered to. `None` if it is not to be compared.
    pub(super) fn shadow_of(
        &self,
        revision: &Arc<Revision>,
        route: RouteIndex,
        request: &Request,
    ) -> Option<Arc<Shadow>> {
        let shadow = self.traffic.shadow_of(revision)?;
        let is_read = revision.description.route(route).access == Access::Read;
        // The host evaluates conditions, so an answer to them says nothing about the logic.
        (is_read && request.conditions.is_empty()).then_some(shadow)
    }

    /// Offers an answered read to the shadow. Never waits.
    pub(super) fn offer(&self, shadow: &Shadow, job: Job) {
        if !self.admission.has_room() || !shadow.offer(job) {
            self.skip(shadow);
        }
    }

    /// Runs offered reads on a candidate, one after another. Ends when nothing can be offered any
    /// more. Dropping the future ends the read that runs.
    pub async fn run_in_shadow(&self, candidate: &Revision, shadow: &Shadow, mut jobs: Jobs) {
        while let Some(job) = jobs.0.recv().await {
            // Clients have priority for the slots.
            let difference = match self.admission.has_room() {
                true => {
                    // The span tells the candidate's log lines apart from those of real requests.
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

    /// Runs a read on the candidate and returns the first difference, if any. The outer `None`
    /// means that the two could not be compared.
    async fn compare(&self, candidate: &Revision, job: &Job) -> Option<Option<Difference>> {
        let answered = Comparable::of(&job.answered)?;
        let Some(route) = candidate.route_like(job.revision.description.route(job.route)) else {
            return Some(Some(Difference::no_route()));
        };
        let began = Instant::now();
        let prepared = PreparedRequest::read(candidate, route, &job.request, began);
        let (transaction, tried) = match prepared {
            Ok(prepared) => {
                let budget = self.budget(began, self.patience(began).until(began));
                let transaction = self.database.begin(Access::Read, budget).await;
                self.run_read(&prepared, transaction.ok()?, job.clock_and_seed)
                    .await
            }
            // The request reached no data, so no data can have changed meanwhile.
            Err(error) => (None, Err(error)),
        };
        let tried = Comparable::of(&tried)?;
        let difference = answered.first_difference(&tried);
        let (Some(_), Some(transaction)) = (&difference, transaction) else {
            return Some(difference);
        };
        let prepared =
            PreparedRequest::read(&job.revision, job.route, &job.request, Instant::now()).ok()?;
        let (_, again) = self
            .run_read(&prepared, transaction, job.clock_and_seed)
            .await;
        // The two runs share one transaction's budget. A fault of the second run may only mean
        // that the first one used the budget up.
        if matches!(again, Err(Error::Fault(_))) && job.answered.is_ok() {
            return None;
        }
        Some(Comparable::of(&again)?.first_difference(&tried))
    }

    /// Runs an operation in a read transaction, and returns the transaction if it can still be
    /// used.
    async fn run_read(
        &self,
        request: &PreparedRequest<'_>,
        transaction: Box<dyn Transaction>,
        clock_and_seed: ClockAndSeed,
    ) -> Run {
        let lives = self.metrics.instance_lives();
        let call = self.call(transaction, request.arrived, Some(clock_and_seed));
        let finished = request.invocation.run(call).await;
        drop(lives);
        let transaction = Some(finished.transaction).filter(|used| !used.spent());
        let answered = match finished.outcome {
            Ok(Outcome::Reply(_)) if transaction.is_none() => {
                Err(Fault::Transaction("a statement had failed".into()).into())
            }
            Ok(Outcome::Reply(reply)) => Ok(request.answer(reply)),
            Ok(Outcome::Problem(problem)) => Err(Error::Problem(Box::new(problem))),
            Err(interruption) => return (None, Err(interruption.into())),
        };
        (transaction, answered)
    }
}
