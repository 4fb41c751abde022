//! One attempt to answer a request: admission, transaction, condition, call, commit, durability.
//!
//! Read it from top to bottom. A request first waits until its route may take another slot. A write
//! then takes the writer and then a slot; a read takes a slot first. The slot is free again before
//! the transaction ends, so other requests run while this one waits for the disk. No answer is given before everything that the request wrote, and everything
//! that it saw, is durable.

use std::pin::pin;
use std::time::Instant;

use futures_util::FutureExt as _;
use tracing::{Instrument as _, trace_span};

use super::Service;
use crate::admission::{Patience, Slot};
use crate::conditions::{Current, Verdict};
use crate::prepared::{PreparedRequest, entity_tag};
use crate::recording::RecordedCall;
use crate::recordings::Recordings;
use crate::{Answer, Error, Fault, Invocation, Revision, TimeLimit};
use contract::{Access, DETAIL, RouteIndex};
use runtime::{Interruption, Lines, Record};
use storage::{Attempt, Budget, Recorded, Transaction};
use telemetry::metrics;
use transcode::{Outcome, Reply};

/// Why an attempt did not succeed.
pub(super) enum AttemptError {
    /// Another transaction was in the way: the request may run again, at least as the `next` attempt.
    Conflict { next: Attempt },
    /// The request must not run again.
    Failed(Error),
}

/// What a request needs before its logic runs: a transaction and a slot.
pub(super) type Admitted<'a> = (Box<dyn Transaction>, Slot<'a>);

/// A run of the logic that was not interrupted.
pub(super) struct Ran {
    pub(super) transaction: Box<dyn Transaction>,
    /// The error is the logic's problem.
    pub(super) outcome: Result<Reply, Error>,
    /// Its statements, if they prove its answer and the answer may be kept.
    pub(super) proof: Option<Vec<Recorded>>,
}

impl Service {
    /// Tries once to answer a request, which may be admitted already.
    pub(super) async fn attempt(
        &self,
        request: &PreparedRequest<'_>,
        admitted: Option<Admitted<'_>>,
        patience: &mut Patience,
    ) -> Result<Answer, AttemptError> {
        let (transaction, slot) = match admitted {
            Some(admitted) => admitted,
            None => {
                let wait = |until| self.wait_for_turn(request, until);
                self.in_turn(patience, wait).await?
            }
        };
        let limit = self.time_limit(request, &*transaction);
        let answered = match request.route.access {
            Access::Write => self.write(request, transaction, slot).await,
            Access::Read => self.read(request, transaction, slot).await,
        };
        answered.map_err(|error| error.at(limit))
    }

    /// Returns the limit that ends a request in this transaction, if it takes too long.
    fn time_limit(
        &self,
        request: &PreparedRequest<'_>,
        transaction: &dyn Transaction,
    ) -> TimeLimit {
        match transaction.deadline() < request.arrived + self.limits.deadline {
            true => TimeLimit::WriteHold(self.limits.hold),
            false => TimeLimit::Request(self.limits.deadline),
        }
    }

    /// Waits for what a request needs before it goes on: not at all, or in the bounded queue. `wait` gets
    /// the time until which it may wait.
    pub(super) async fn in_turn<T, W>(
        &self,
        patience: &mut Patience,
        wait: impl FnOnce(Instant) -> W,
    ) -> Result<T, AttemptError>
    where
        W: Future<Output = Result<T, AttemptError>>,
    {
        let begun = Instant::now();
        let waits = trace_span!(target: DETAIL, "admit");
        let mut wait = pin!(wait(patience.until(begun)).instrument(waits));
        // A request that can start at once skips the queue.
        let waited = match wait.as_mut().now_or_never() {
            Some(waited) => waited,
            None => {
                let place = self.admission.enter();
                let _place = place.map_err(|full| self.reject(full))?;
                let _queued = self.metrics.queued();
                wait.await
            }
        };
        patience.spend(begun);
        waited.map_err(|error| error.at(TimeLimit::Request(self.limits.deadline)))
    }

    /// Waits for a slot.
    pub(super) async fn slot<'a>(
        &'a self,
        revision: &'a Revision,
        route: RouteIndex,
        gives_way: bool,
        until: Instant,
    ) -> Result<Slot<'a>, AttemptError> {
        let admission = &self.admission;
        let slot = async {
            let bulkhead = admission.bulkhead(revision, route, gives_way, until);
            admission.slot(bulkhead.await?, until).await
        };
        slot.await.map_err(|late| self.reject(late))
    }

    /// Waits for the transaction and for the slot. A write waits for the database's writer in
    /// `begin`.
    async fn wait_for_turn<'a>(
        &'a self,
        request: &PreparedRequest<'a>,
        until: Instant,
    ) -> Result<Admitted<'a>, AttemptError> {
        let budget = Budget {
            attempt: request.attempt,
            ..self.budget(request.arrived, until)
        };
        let PreparedRequest {
            revision,
            index,
            gives_way,
            ..
        } = *request;
        Ok(match request.route.access {
            Access::Write => {
                let admission = &self.admission;
                let bulkhead = admission.bulkhead(revision, index, gives_way, until);
                let bulkhead = bulkhead.await.map_err(|late| self.reject(late))?;
                let transaction = self.database.begin(Access::Write, budget).await?;
                let slot = admission.slot(bulkhead, until).await;
                (transaction, slot.map_err(|late| self.reject(late))?)
            }
            Access::Read => {
                let slot = self.slot(revision, index, gives_way, until).await?;
                (self.database.begin(Access::Read, budget).await?, slot)
            }
        })
    }

    fn reject(&self, error: Error) -> AttemptError {
        self.metrics.rejected();
        error.into()
    }

    async fn read(
        &self,
        request: &PreparedRequest<'_>,
        transaction: Box<dyn Transaction>,
        slot: Slot<'_>,
    ) -> Result<Answer, AttemptError> {
        let (transaction, slot) = self.check_conditions(request, transaction, slot).await?;
        let ran = self.run(request, &*request.invocation, transaction).await?;
        let proof = ran.proof;
        let seen = match request.keep {
            Some(_) => ran.transaction.seen(),
            None => None,
        };
        let answered = self
            .conclude(request, ran.transaction, slot, ran.outcome)
            .await;
        if let Some((answers, key)) = request.keep {
            match &answered {
                Ok(answer) => answers.add(key, Ok(answer.clone()), proof, seen),
                Err(AttemptError::Failed(error @ Error::Problem(_))) => {
                    answers.add(key, Err(error.clone()), proof, seen);
                }
                Err(_) => {}
            }
        }
        answered
    }

    async fn write(
        &self,
        request: &PreparedRequest<'_>,
        mut transaction: Box<dyn Transaction>,
        slot: Slot<'_>,
    ) -> Result<Answer, AttemptError> {
        if let Some(key) = &request.key
            && let Some(recorded) = transaction.recall(&key.name).await?
        {
            self.roll_back(request.route.access, transaction, slot)
                .await?;
            return Ok(key.replay(recorded)?);
        }
        let (transaction, slot) = self.check_conditions(request, transaction, slot).await?;
        let ran = self.run(request, &*request.invocation, transaction).await?;
        self.conclude(request, ran.transaction, slot, ran.outcome)
            .await
    }

    /// Evaluates the request's conditions in its transaction, and returns the transaction if they
    /// hold.
    async fn check_conditions<'s>(
        &self,
        request: &PreparedRequest<'_>,
        transaction: Box<dyn Transaction>,
        slot: Slot<'s>,
    ) -> Result<(Box<dyn Transaction>, Slot<'s>), AttemptError> {
        if request.conditions.is_empty() {
            return Ok((transaction, slot));
        }
        let (transaction, read) = match &request.reader {
            Some(reader) => {
                let ran = self.run(request, &**reader, transaction).await;
                if let Some(call) = request.last_call
                    && let Some(call) = &mut *call.lock()
                {
                    call.for_condition = true;
                }
                let ran = ran?;
                (ran.transaction, Some(ran.outcome))
            }
            None => (transaction, None),
        };
        let tag = match &read {
            Some(Ok(current)) => Some(entity_tag(current)),
            _ => None,
        };
        let current = tag.as_deref().map_or(Current::Missing, Current::Tagged);
        if request.conditions.evaluate(current) == Verdict::Proceed {
            return Ok((transaction, slot));
        }
        self.roll_back(request.route.access, transaction, slot)
            .await?;
        Err(match read {
            // If the resource does not exist, its own problem says more than 412.
            Some(Err(problem)) => problem.into(),
            _ => Error::PreconditionFailed.into(),
        })
    }

    /// Runs an operation in a transaction, and records it if its answer may be kept.
    pub(super) async fn run(
        &self,
        request: &PreparedRequest<'_>,
        invocation: &dyn Invocation,
        transaction: Box<dyn Transaction>,
    ) -> Result<Ran, AttemptError> {
        let lives = self.metrics.instance_lives();
        let runs = trace_span!(target: DETAIL, "logic", operation = request.route.operation);
        // The logic's own log lines belong to the span that it runs in.
        let mut call =
            runs.in_scope(|| self.call(transaction, request.arrived, request.clock_and_seed));
        let record = self
            .recordings
            .as_ref()
            .filter(|_| request.last_call.is_some());
        call.record = Record {
            digests: request.keep.is_some(),
            ..record.map_or_else(Record::default, Recordings::record)
        };
        call.lines = record.map(|_| Lines::default());
        let (lines, deadline) = (call.lines.clone(), call.deadline);
        let time_left = deadline.saturating_duration_since(Instant::now());
        let run = invocation.run(call).instrument(runs);
        let finished = self.timed(request.revision, request.index, run).await;
        drop(lives);
        let proof = match (&finished.recording, &request.keep) {
            (Some(recording), Some(_)) => recording.proof(),
            _ => None,
        };
        if let (Some(last_call), Some(recording)) = (request.last_call, finished.recording) {
            *last_call.lock() = Some(RecordedCall {
                recording,
                lines: lines.unwrap_or_default(),
                time_left,
                cost: finished.cost,
                for_condition: false,
            });
        }
        self.metrics.instantiated(finished.cost.instantiation);
        self.metrics.call(finished.cost.guest, finished.cost.host);
        let access = request.route.access;
        let mut transaction = finished.transaction;
        self.slow.report(request.route, transaction.take_slow());
        match judged(finished.outcome) {
            Ok(outcome) => Ok(Ran {
                transaction,
                outcome,
                proof,
            }),
            Err(interruption) => {
                let error = AttemptError::from(interruption);
                let outcome = match error {
                    AttemptError::Conflict { .. } => metrics::Outcome::Conflict,
                    AttemptError::Failed(_) => metrics::Outcome::Rollback,
                };
                self.count_transaction(access, outcome, &*transaction);
                Err(error)
            }
        }
    }

    /// Commits a success and makes its answer. Rolls back after a problem.
    async fn conclude(
        &self,
        request: &PreparedRequest<'_>,
        mut transaction: Box<dyn Transaction>,
        slot: Slot<'_>,
        outcome: Result<Reply, Error>,
    ) -> Result<Answer, AttemptError> {
        let reply = match outcome {
            Ok(reply) => reply,
            Err(problem) => {
                self.roll_back(request.route.access, transaction, slot)
                    .await?;
                return Err(problem.into());
            }
        };
        if transaction.spent() {
            let fault = Fault::Transaction("a statement had failed".into());
            return Err(Error::from(fault).into());
        }
        let answer = request.answer(reply);
        if let Some(key) = &request.key {
            transaction
                .record(&key.name, &key.recorded(&answer))
                .await?;
        }
        self.commit(request.route.access, transaction, slot, request.dry_run)
            .await?;
        Ok(answer)
    }

    /// Commits, and returns when everything that was written is durable. The instance is gone, so
    /// the slot is free while this waits for the disk. In a dry run this checks what a commit would
    /// check, and rolls back.
    pub(super) async fn commit(
        &self,
        access: Access,
        transaction: Box<dyn Transaction>,
        slot: Slot<'_>,
        dry_run: bool,
    ) -> Result<(), AttemptError> {
        drop(slot);
        let (busy, usage) = (transaction.busy(), transaction.usage());
        let commits = trace_span!(target: DETAIL, "commit");
        let ends = match dry_run {
            true => transaction.rehearse(),
            false => transaction.commit(),
        };
        let committed = ends.instrument(commits).await;
        let outcome = match committed {
            Ok(()) if dry_run => metrics::Outcome::Rollback,
            Ok(()) => metrics::Outcome::Commit,
            Err(storage::Error::Conflict | storage::Error::BrokenKey) => metrics::Outcome::Conflict,
            Err(storage::Error::OutcomeUnknown(_)) => metrics::Outcome::Unknown,
            Err(_) => metrics::Outcome::Rollback,
        };
        self.metrics.transaction(access, outcome, busy);
        self.metrics.statements(usage.statements.into(), usage.rows);
        Ok(committed?)
    }

    /// Rolls back, and returns when everything that was seen is durable: an answer must not report
    /// a commit that a crash could still undo.
    pub(super) async fn roll_back(
        &self,
        access: Access,
        transaction: Box<dyn Transaction>,
        slot: Slot<'_>,
    ) -> Result<(), AttemptError> {
        drop(slot);
        self.count_transaction(access, metrics::Outcome::Rollback, &*transaction);
        Ok(transaction.rollback().await?)
    }

    pub(super) fn count_transaction(
        &self,
        access: Access,
        outcome: metrics::Outcome,
        transaction: &dyn Transaction,
    ) {
        let usage = transaction.usage();
        self.metrics
            .transaction(access, outcome, transaction.busy());
        self.metrics.statements(usage.statements.into(), usage.rows);
    }
}

/// What the logic's outcome means: a reply, the logic's problem, or a fault.
pub(crate) fn judged(
    outcome: Result<Outcome, Interruption>,
) -> Result<Result<Reply, Error>, Interruption> {
    match outcome? {
        Outcome::Reply(reply) => Ok(Ok(reply)),
        Outcome::Problem(problem) => match problem.unfit_code() {
            Some(reason) => Err(Fault::Value(reason).into()),
            None => Ok(Err(Error::Problem(Box::new(problem)))),
        },
    }
}

impl AttemptError {
    /// Names the limit that ended the attempt, if time did.
    fn at(self, limit: TimeLimit) -> Self {
        match self {
            AttemptError::Failed(Error::Fault(Fault::Deadline(_))) => {
                Error::from(Fault::Deadline(limit)).into()
            }
            other => other,
        }
    }
}

impl From<Error> for AttemptError {
    fn from(error: Error) -> Self {
        AttemptError::Failed(error)
    }
}

impl From<storage::Error> for AttemptError {
    fn from(error: storage::Error) -> Self {
        match error {
            storage::Error::Conflict => AttemptError::Conflict {
                next: Attempt::First,
            },
            storage::Error::BrokenKey => AttemptError::Conflict {
                next: Attempt::Repeated,
            },
            other => AttemptError::Failed(other.into()),
        }
    }
}

impl From<Interruption> for AttemptError {
    fn from(interruption: Interruption) -> Self {
        match interruption {
            Interruption::Database(error) => error.into(),
            Interruption::Fault(fault) => AttemptError::Failed(fault.into()),
        }
    }
}
