//! Answers a read without the logic, if the kept answer is proven to hold. [`crate::answers`] says why
//! that is exact.
//!
//! A proven answer passes the same lease, the same queue and the same slots as a run. Some proven
//! answers, chosen at random, are compared with a run in the same transaction. A difference would be
//! a mistake in this host: the revision's answers are not kept any more then, and the client gets the
//! answer of the run.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::Rng as _;

use super::Service;
use super::attempt::{Admitted, AttemptError};
use crate::admission::{Patience, Slot, overloaded};
use crate::answers::{Answers, Entry, Flight, KeyRef, Known, Source};
use crate::prepared::PreparedRequest;
use crate::{Answer, Error, Request, Revision};
use contract::{Access, RouteIndex};
use storage::{Attempt, Transaction};
use telemetry::metrics;

/// The logic has to run.
const CONFLICT: AttemptError = AttemptError::Conflict {
    next: Attempt::First,
};

/// A request that has arrived.
pub(super) struct Read<'a> {
    pub(super) revision: &'a Revision,
    pub(super) route: RouteIndex,
    pub(super) request: &'a Request,
    /// Whether it gives way to others.
    pub(super) gives_way: bool,
    pub(super) arrived: Instant,
}

/// Whether a kept answer holds.
pub(super) enum Proof<'a> {
    /// The answer, which is a success or a problem, and how it was proven.
    Holds(Result<Answer, Error>, Source),
    /// The logic has to run.
    Fails {
        /// What the request got already.
        admitted: Option<Admitted<'a>>,
        /// Where to keep the answer.
        keep: Option<(&'a Answers, KeyRef<'a>)>,
        /// Others wait for this run.
        flight: Option<Flight<'a>>,
    },
}

impl Proof<'_> {
    /// The logic has to run, and its answer is not kept.
    pub(super) fn none() -> Self {
        Proof::Fails {
            admitted: None,
            keep: None,
            flight: None,
        }
    }
}

/// A kept answer that is to be proven.
struct Candidate<'a> {
    read: &'a Read<'a>,
    answers: &'a Answers,
    key: KeyRef<'a>,
    known: Arc<Known>,
    /// Whether to compare it with a run.
    check: bool,
}

impl Service {
    /// Looks for a kept answer and proves it.
    ///
    /// # Errors
    /// The request was not admitted, or what the answer shows cannot become durable.
    pub(super) async fn prove<'a>(
        &'a self,
        answers: &'a Answers,
        read: &Read<'a>,
        patience: &mut Patience,
    ) -> Result<Proof<'a>, Error> {
        let Some(key) = answers.key(read.revision, read.route, read.request) else {
            return Ok(Proof::none());
        };
        let run = |admitted, flight| Proof::Fails {
            admitted,
            keep: Some((answers, key)),
            flight,
        };
        let mut source = Source::Unchanged;
        let mut entry = answers.get(key);
        if entry.is_none() {
            match answers.take_off(key) {
                Ok(flight) => return Ok(run(None, Some(flight))),
                Err(ended) => {
                    let begun = Instant::now();
                    let until = patience.until(begun).into();
                    // It is closed in the end, and then nobody can acquire it.
                    let _ = tokio::time::timeout_at(until, ended.acquire()).await;
                    patience.spend(begun);
                    source = Source::Shared;
                    entry = answers.get(key);
                }
            }
        }
        let known = match entry {
            None => return Ok(run(None, None)),
            Some(Entry::Unrepeatable) => return Ok(Proof::none()),
            Some(Entry::Known(known)) => known,
        };
        let wait = |until| self.slot(read.revision, read.route, read.gives_way, until);
        let slot = self.in_turn(patience, wait).await;
        let slot = slot.map_err(not_admitted)?;
        let unchanged = self.database.unchanged(&known.seen);
        let share = self.limits.answer_check;
        let check = share > 0.0 && rand::rng().random_bool(share);
        if unchanged && !check {
            drop(slot);
            self.admission
                .ran(read.revision, read.route, Duration::ZERO);
            return Ok(Proof::Holds(known.kept.answered.clone(), source));
        }
        if !unchanged && !known.verifiable {
            return Ok(run(None, None));
        }
        let begin = async |until| {
            let budget = self.budget(read.arrived, until);
            let begun = self.database.begin(Access::Read, budget).await;
            begun.map_err(AttemptError::from)
        };
        let begun = self.in_turn(patience, begin).await;
        let mut transaction = begun.map_err(not_admitted)?;
        transaction.set_room(self.limits.memory_bytes);
        let repeats = transaction.repeats(&known.kept.statements);
        let repeated = self.timed(read.revision, read.route, repeats).await;
        let route = read.revision.description.route(read.route);
        self.slow.report(route, transaction.take_slow());
        let candidate = Candidate {
            read,
            answers,
            key,
            known,
            check,
        };
        match repeated {
            Ok(true) => match self.conclude_proof(&candidate, transaction, slot).await {
                Ok((answered, source)) => Ok(Proof::Holds(answered, source)),
                Err(AttemptError::Conflict { .. }) => Ok(run(None, None)),
                Err(AttemptError::Failed(error)) => Err(error),
            },
            Ok(false) if unchanged && self.database.unchanged(&candidate.known.seen) => {
                self.distrust(&candidate, "a result differs although no table has changed");
                Ok(Proof::none())
            }
            Ok(false) if !transaction.spent() => Ok(run(Some((transaction, slot)), None)),
            // The logic runs in a transaction of its own and finds out by itself what is wrong.
            Ok(false) | Err(_) => {
                self.count_transaction(Access::Read, metrics::Outcome::Rollback, &*transaction);
                Ok(run(None, None))
            }
        }
    }

    /// Ends the transaction in which all statements had the same results, and returns the answer.
    ///
    /// # Errors
    /// [`CONFLICT`] means that the logic has to run.
    async fn conclude_proof(
        &self,
        candidate: &Candidate<'_>,
        transaction: Box<dyn Transaction>,
        slot: Slot<'_>,
    ) -> Result<(Result<Answer, Error>, Source), AttemptError> {
        let seen = transaction.seen();
        let kept = &candidate.known.kept.answered;
        let (transaction, run) = match candidate.check {
            false => (transaction, None),
            true => {
                let (transaction, run) = self.run_to_compare(candidate.read, transaction).await?;
                (transaction, Some(run))
            }
        };
        // As after a run.
        match kept {
            Ok(_) => self.commit(Access::Read, transaction, slot, false).await?,
            Err(_) => self.roll_back(Access::Read, transaction, slot).await?,
        }
        match run {
            Some(run) if run != *kept => {
                self.distrust(candidate, "the logic gives another answer");
                return Ok((run, Source::Run));
            }
            Some(_) => self.metrics.answer_checked("same"),
            None => {}
        }
        if let Some(seen) = seen {
            let Candidate { answers, known, .. } = candidate;
            answers.verified(candidate.key, known, seen);
        }
        Ok((kept.clone(), Source::Verified))
    }

    /// Runs the logic in the transaction of a proof.
    async fn run_to_compare(
        &self,
        read: &Read<'_>,
        transaction: Box<dyn Transaction>,
    ) -> Result<(Box<dyn Transaction>, Result<Answer, Error>), AttemptError> {
        let prepared =
            PreparedRequest::read(read.revision, read.route, read.request, read.arrived)?;
        // The proof has used a part of the budget. If the rest is too little, the logic runs in a
        // transaction of its own.
        let ran = self.run(&prepared, &*prepared.invocation, transaction);
        let ran = ran.await.map_err(|_| CONFLICT)?;
        if ran.transaction.spent() {
            return Err(CONFLICT);
        }
        let answered = ran.outcome.map(|reply| prepared.answer(reply));
        Ok((ran.transaction, answered))
    }

    /// Stops to keep answers of a revision, because one was wrong.
    fn distrust(&self, candidate: &Candidate<'_>, reason: &str) {
        let revision = candidate.read.revision;
        let route = revision.description.route(candidate.read.route);
        self.metrics.answer_checked("different");
        candidate.answers.distrust(revision);
        tracing::error!(
            component.digest = revision.digest,
            http.route = route.path,
            "the kept answer to {} {} was wrong: {reason}; no more answers of this component are kept \
             until the host is restarted: report this",
            route.method,
            route.path,
        );
    }
}

/// The error of a request that was not admitted.
fn not_admitted(error: AttemptError) -> Error {
    match error {
        AttemptError::Conflict { .. } => overloaded(),
        AttemptError::Failed(error) => error,
    }
}
