//! Answers requests: the order in which a request meets the queue, the database and the logic.
//!
//! A write takes the writer first, then an instance; a read takes an instance first. Nothing is
//! acknowledged before what it wrote, and what it saw, is durable.

mod conflict;
mod ended;
mod probes;
mod shadowing;
mod switching;

use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use futures_util::FutureExt as _;
use tokio::sync::{Semaphore, SemaphorePermit};
use tracing::{Instrument as _, trace_span};

use self::ended::Ended;
use super::admission::{Admission, overloaded};
use super::conditions::if_match;
use super::shadow::Job;
use super::traffic::Traffic;
use super::work::{Moment, Work, clock, entity_tag};
use super::{Answer, Fault, Invocation, Lease, Limits, Refusal, Request, Revision};
use contract::{Access, DETAIL, RouteIndex};
use runtime::Call;
use storage::{Budget, Database, Error, Transaction};
use telemetry::metrics::{self, Metrics};
use transcode::{Outcome, Reply};

/// Calls for `GET /health` at a time. They use instances beside those of requests, so that
/// health can be asked under full load.
const HEALTH_CALLS: usize = 2;

/// Answers requests with the active revision, or one that is tried beside it.
pub struct Service {
    traffic: ArcSwap<Traffic>,
    database: Arc<dyn Database>,
    admission: Admission,
    health_calls: Semaphore,
    limits: Limits,
    metrics: Arc<Metrics>,
    /// Shared with who extends it.
    lease: Arc<Lease>,
}

/// What a request needs before its logic runs.
type Turn<'a> = (Box<dyn Transaction>, SemaphorePermit<'a>);

impl Service {
    /// Serves `revision` over `database`, as long as `lease` holds.
    pub fn new(
        revision: Arc<Revision>,
        database: Arc<dyn Database>,
        limits: Limits,
        metrics: Arc<Metrics>,
        lease: Arc<Lease>,
    ) -> Self {
        metrics.expect_faults(&Fault::CODES);
        metrics.revision_loaded(&revision.digest, &revision.stats);
        metrics.revision_activated(
            &revision.digest,
            &revision.description.name,
            &revision.description.version,
        );
        let traffic = Traffic {
            active: revision,
            candidate: None,
        };
        Service {
            traffic: ArcSwap::from_pointee(traffic),
            database,
            admission: Admission::new(limits.running, limits.waiting, limits.wait),
            health_calls: Semaphore::new(HEALTH_CALLS),
            limits,
            metrics,
            lease,
        }
    }

    /// The figures of this process.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Answers a request with the route of that index of that revision. Dropping the future
    /// before the commit began rolls everything back.
    ///
    /// # Errors
    /// Every [`Refusal`]; nothing that the request wrote was kept, except perhaps where its outcome
    /// is unknown.
    pub async fn answer(
        &self,
        revision: &Arc<Revision>,
        route: RouteIndex,
        request: Request,
    ) -> Result<Answer, Refusal> {
        let arrived = Instant::now();
        let _in_flight = revision.stats.began();
        let shadow = self.shadow_of(revision, route, &request);
        let moment = shadow.as_ref().map(|_| Moment::now());
        let answered = self
            .answer_in_time(revision, route, &request, arrived, moment)
            .await;
        match &answered {
            Err(Refusal::Fault(fault)) => {
                self.metrics.faulted(fault.code());
                revision.stats.failed();
            }
            Err(Refusal::Unavailable(_) | Refusal::OutcomeUnknown(_)) => {
                self.metrics.database_unavailable();
            }
            Err(Refusal::Problem(problem)) if !(400..500).contains(&problem.status) => {
                revision.stats.failed();
            }
            _ => {}
        }
        if let (Some(shadow), Some(moment)) = (shadow, moment) {
            let job = Job {
                revision: revision.clone(),
                route,
                request,
                moment,
                answered: answered.clone(),
            };
            self.offer(&shadow, job);
        }
        answered
    }

    async fn answer_in_time(
        &self,
        revision: &Revision,
        route: RouteIndex,
        request: &Request,
        arrived: Instant,
        moment: Option<Moment>,
    ) -> Result<Answer, Refusal> {
        self.check_lease()?;
        let reads = trace_span!(target: DETAIL, "arguments");
        let mut work = reads.in_scope(|| Work::read(revision, route, request, arrived))?;
        work.moment = moment;
        let mut conflicts = 0;
        loop {
            match self.attempt(&work).await {
                Ok(answer) => return Ok(answer),
                Err(Ended::Refused(refusal)) => return Err(refusal),
                Err(Ended::Conflict) => {
                    let pause = conflict::pause(conflicts).ok_or_else(overloaded)?;
                    if work.arrived.elapsed() + pause >= self.limits.deadline {
                        return Err(overloaded());
                    }
                    conflicts += 1;
                    self.metrics.retried();
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    async fn attempt(&self, work: &Work<'_>) -> Result<Answer, Ended> {
        let (transaction, slot) = self.admitted(work).await?;
        match work.route.access {
            Access::Write => self.write(work, transaction, slot).await,
            Access::Read => self.read(work, transaction, slot).await,
        }
    }

    /// Takes a transaction and a slot: at once, or from a place in the queue.
    async fn admitted(&self, work: &Work<'_>) -> Result<Turn<'_>, Ended> {
        let waits = trace_span!(target: DETAIL, "admit");
        let mut turn = pin!(self.turn(work).instrument(waits));
        // Who need not wait takes no place in the queue.
        if let Some(turn) = turn.as_mut().now_or_never() {
            return turn;
        }
        let place = self.admission.enter();
        let _place = place.map_err(|full| self.turn_away(full))?;
        let _queued = self.metrics.queued();
        turn.await
    }

    /// Waits for a transaction and a slot.
    async fn turn(&self, work: &Work<'_>) -> Result<Turn<'_>, Ended> {
        let budget = self.budget(work.arrived);
        let slot = async {
            let slot = self.admission.slot().await;
            slot.map_err(|late| self.turn_away(late))
        };
        Ok(match work.route.access {
            Access::Write => {
                let transaction = self.database.begin(Access::Write, budget).await?;
                (transaction, slot.await?)
            }
            Access::Read => {
                let slot = slot.await?;
                (self.database.begin(Access::Read, budget).await?, slot)
            }
        })
    }

    fn turn_away(&self, refusal: Refusal) -> Ended {
        self.metrics.rejected();
        refusal.into()
    }

    async fn read(
        &self,
        work: &Work<'_>,
        transaction: Box<dyn Transaction>,
        slot: SemaphorePermit<'_>,
    ) -> Result<Answer, Ended> {
        let (transaction, outcome) = self.run(work, &*work.invocation, transaction).await?;
        let answer = self.conclude(work, transaction, slot, outcome).await?;
        if let (Some(condition), Some(tag)) = (work.if_match, &answer.etag)
            && !if_match(condition, tag)
        {
            return Err(Refusal::PreconditionFailed.into());
        }
        Ok(answer)
    }

    async fn write(
        &self,
        work: &Work<'_>,
        mut transaction: Box<dyn Transaction>,
        slot: SemaphorePermit<'_>,
    ) -> Result<Answer, Ended> {
        if let Some(key) = &work.key
            && let Some(recorded) = transaction.recall(&key.name).await?
        {
            self.abandon(work, transaction, slot).await?;
            return Ok(key.replay(recorded)?);
        }
        if let (Some(condition), Some(reader)) = (work.if_match, &work.reader) {
            let (checked, current) = self.run(work, &**reader, transaction).await?;
            let refusal = match current {
                Ok(current) if if_match(condition, &entity_tag(&current)) => None,
                Ok(_) => Some(Refusal::PreconditionFailed),
                // What is not there cannot be changed either: its own problem says more.
                Err(problem) => Some(problem),
            };
            if let Some(refusal) = refusal {
                self.abandon(work, checked, slot).await?;
                return Err(refusal.into());
            }
            transaction = checked;
        }
        let (transaction, outcome) = self.run(work, &*work.invocation, transaction).await?;
        self.conclude(work, transaction, slot, outcome).await
    }

    /// Ends the transaction as the outcome demands, and makes the answer.
    async fn conclude(
        &self,
        work: &Work<'_>,
        mut transaction: Box<dyn Transaction>,
        slot: SemaphorePermit<'_>,
        outcome: Result<Reply, Refusal>,
    ) -> Result<Answer, Ended> {
        let reply = match outcome {
            Ok(reply) => reply,
            Err(problem) => {
                self.abandon(work, transaction, slot).await?;
                return Err(problem.into());
            }
        };
        if transaction.spent() {
            let fault = Fault::Transaction("a statement had failed".into());
            return Err(Refusal::from(fault).into());
        }
        let answer = work.answer(reply);
        if let Some(key) = &work.key {
            transaction
                .record(&key.name, &key.recorded(&answer))
                .await?;
        }
        self.commit(work, transaction, slot).await?;
        Ok(answer)
    }

    /// Runs an operation in a transaction and hands the transaction back. The inner error is
    /// the logic's problem.
    async fn run(
        &self,
        work: &Work<'_>,
        invocation: &dyn Invocation,
        transaction: Box<dyn Transaction>,
    ) -> Result<(Box<dyn Transaction>, Result<Reply, Refusal>), Ended> {
        let lives = self.metrics.instance_lives();
        let runs = trace_span!(target: DETAIL, "logic", operation = work.route.operation);
        // The logic's own lines belong to the span that it runs in.
        let call = runs.in_scope(|| self.call(transaction, work.arrived, work.moment));
        let finished = invocation.run(call).instrument(runs).await;
        drop(lives);
        self.metrics.instantiated(finished.cost.instantiation);
        self.metrics.call(finished.cost.guest, finished.cost.host);
        let access = work.route.access;
        let transaction = finished.transaction;
        match finished.outcome {
            Ok(Outcome::Reply(reply)) => Ok((transaction, Ok(reply))),
            Ok(Outcome::Problem(problem)) => {
                Ok((transaction, Err(Refusal::Problem(Box::new(problem)))))
            }
            Err(interruption) => {
                let ended = Ended::from(interruption);
                let outcome = match ended {
                    Ended::Conflict => metrics::Outcome::Conflict,
                    Ended::Refused(_) => metrics::Outcome::Rollback,
                };
                self.count(access, outcome, &*transaction);
                Err(ended)
            }
        }
    }

    /// Commits, and returns when what was written is durable. The instance is gone, so others
    /// may run while this waits for the disk.
    async fn commit(
        &self,
        work: &Work<'_>,
        transaction: Box<dyn Transaction>,
        slot: SemaphorePermit<'_>,
    ) -> Result<(), Ended> {
        drop(slot);
        let (busy, usage) = (transaction.busy(), transaction.usage());
        let commits = trace_span!(target: DETAIL, "commit");
        let committed = transaction.commit().instrument(commits).await;
        let outcome = match committed {
            Ok(()) => metrics::Outcome::Commit,
            Err(Error::Conflict) => metrics::Outcome::Conflict,
            Err(Error::OutcomeUnknown(_)) => metrics::Outcome::Unknown,
            Err(_) => metrics::Outcome::Rollback,
        };
        self.metrics.transaction(work.route.access, outcome, busy);
        self.metrics.statements(usage.statements.into(), usage.rows);
        Ok(committed?)
    }

    /// Rolls back, and returns when what was seen is durable: an answer must not tell of a
    /// commit that a crash could still undo.
    async fn abandon(
        &self,
        work: &Work<'_>,
        transaction: Box<dyn Transaction>,
        slot: SemaphorePermit<'_>,
    ) -> Result<(), Ended> {
        drop(slot);
        self.count(work.route.access, metrics::Outcome::Rollback, &*transaction);
        Ok(transaction.rollback().await?)
    }

    fn count(&self, access: Access, outcome: metrics::Outcome, transaction: &dyn Transaction) {
        let usage = transaction.usage();
        self.metrics
            .transaction(access, outcome, transaction.busy());
        self.metrics.statements(usage.statements.into(), usage.rows);
    }

    fn budget(&self, arrived: Instant) -> Budget {
        Budget {
            deadline: arrived + self.limits.deadline,
            wait: self.limits.wait,
            hold: self.limits.hold,
            statements: self.limits.statements,
            rows: self.limits.rows,
            bytes: self.limits.bytes,
        }
    }

    fn call(
        &self,
        transaction: Box<dyn Transaction>,
        arrived: Instant,
        moment: Option<Moment>,
    ) -> Call {
        Call {
            dialect: self.database.dialect(),
            deadline: transaction.deadline().min(arrived + self.limits.deadline),
            transaction,
            now: moment.map_or_else(clock, |moment| moment.now),
            seed: moment.map(|moment| moment.seed),
            span: tracing::Span::current(),
        }
    }
}
