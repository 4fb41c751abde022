//! Runs sampled requests on the active and on a new revision, and compares what can be seen of them. See
//! [`rehearsal`](crate::rehearsal).
//!
//! The runs of one request share a transaction, the clock and the seed. What a run has done is undone
//! before the next one begins, and at the end the transaction is rolled back. Nothing is answered, counted
//! or recorded.
//!
//! If the new revision has migrations, they are applied in the transaction after the active revision has
//! run: so each revision runs on its own schema, with the same data. Migrations can take long, so several
//! requests share a transaction then: those that run on the active revision in a quarter of its time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::Instrument as _;

use super::{Service, judged};
use crate::admission::Slot;
use crate::prepared::{ClockAndSeed, PreparedRequest};
use crate::rehearsal::{Example, Examples, Found, Observed, Part, Report, Tally};
use crate::samples::Sample;
use crate::{Error, Fault, Revision};
use contract::{Access, Migration, RouteIndex};
use storage::{Effects, Transaction};

const BUSY: &str = "the host or the database was busy";
const INTERRUPTED: &str = "the active logic took too long, or another transaction was in the way";
const TIME: &str = "the time of the rehearsal was over";
const TOO_LONG: &str = "the new logic took too long for a request, which ended the rehearsal";
const MIGRATIONS: &str = "the migrations could not be applied within the time for which one request may \
                          hold up other writes (--write-hold)";

/// Transactions with migrations that may be lost before the rehearsal ends. Each locks tables for nothing.
const MAX_LOST: u32 = 3;

/// A rehearsal that runs.
struct Rehearsing<'a> {
    service: &'a Service,
    active: &'a Revision,
    new: &'a Revision,
    /// The migrations of the new revision, if it has some that the active one does not have.
    migrations: Option<&'a [Migration]>,
    /// Transactions with migrations that were lost.
    lost: u32,
    tally: Tally,
}

/// A sampled request that runs on both revisions.
struct Case {
    sample: Arc<Sample>,
    active: RouteIndex,
    /// `None`: the new revision does not have the route.
    new: Option<RouteIndex>,
    access: Access,
    clock_and_seed: ClockAndSeed,
}

/// A transaction in which requests run and are undone.
struct Stage<'a> {
    transaction: Box<dyn Transaction>,
    /// How long it may take in all.
    time: Duration,
    _slot: Slot<'a>,
}

impl Service {
    /// Whether there are sampled requests.
    pub fn has_samples(&self) -> bool {
        let recordings = self.recordings();
        recordings.is_some_and(|recordings| !recordings.samples().pick(1).is_empty())
    }

    /// Runs at most `most` sampled requests on the active and on a new revision, and compares them. Begins
    /// no request after `time`. Clients notice nothing: what is written is undone, and no write of others
    /// waits longer than it may wait for another request.
    ///
    /// `None`: requests are not sampled, or no sample is of a route of the active revision.
    pub async fn rehearse(&self, new: &Revision, most: usize, time: Duration) -> Option<Report> {
        let samples = self.recordings()?.samples().pick(usize::MAX);
        let active = self.active();
        let is_new = |migration: &Migration| {
            let mut applied = active.description.migrations.iter();
            applied.all(|applied| applied.name != migration.name)
        };
        let migrations = &new.description.migrations;
        let mut rehearsing = Rehearsing {
            service: self,
            active: &active,
            new,
            migrations: Some(&migrations[..]).filter(|all| all.iter().any(is_new)),
            lost: 0,
            tally: Tally::default(),
        };
        let cases = samples.iter().filter_map(|sample| rehearsing.case(sample));
        let cases: VecDeque<Case> = cases.take(most).collect();
        if cases.is_empty() {
            return None;
        }
        rehearsing.run(cases, Instant::now() + time).await;
        let (report, examples) = rehearsing.tally.report();
        *self.examples.lock() = Some(Arc::new(Examples {
            active: active.digest.clone(),
            new: new.digest.clone(),
            examples,
        }));
        Some(report)
    }

    /// Returns the examples of the latest rehearsal. There are none if recordings are masked.
    pub fn rehearsed(&self) -> Option<Arc<Examples>> {
        self.examples.lock().clone()
    }
}

impl<'a> Rehearsing<'a> {
    async fn run(&mut self, mut waiting: VecDeque<Case>, until: Instant) {
        while !waiting.is_empty() {
            let ended = match Instant::now() < until {
                true => self.round(&mut waiting).await,
                false => Err(TIME),
            };
            if let Err(because) = ended {
                self.tally.skip(waiting.len(), because);
                return;
            }
        }
    }

    /// A sample as a case. `None`: the active revision does not have its route any more.
    fn case(&self, sample: &Arc<Sample>) -> Option<Case> {
        let active = self.active.find_route(sample.method, &sample.path)?;
        let new = self.new.find_route(sample.method, &sample.path);
        let writes = self.active.description.route(active).access == Access::Write
            || new.is_some_and(|new| self.new.description.route(new).access == Access::Write);
        Some(Case {
            sample: sample.clone(),
            active,
            new,
            access: match writes {
                true => Access::Write,
                false => Access::Read,
            },
            clock_and_seed: ClockAndSeed::new(),
        })
    }

    /// Runs one case, or several if there are migrations, in a transaction.
    ///
    /// # Errors
    /// The rehearsal has to end, for this reason.
    async fn round(&mut self, waiting: &mut VecDeque<Case>) -> Result<(), &'static str> {
        let Some(first) = waiting.pop_front() else {
            return Ok(());
        };
        let Ok(stage) = self.open(&first).await else {
            self.tally.skip(1, BUSY);
            return Ok(());
        };
        match self.migrations {
            None => self.on_one_schema(stage, &first).await,
            Some(migrations) => {
                waiting.push_front(first);
                self.on_both_schemas(migrations, stage, waiting).await
            }
        }
    }

    /// Begins a transaction. Waits as long as a request does.
    async fn open(&self, case: &Case) -> Result<Stage<'a>, Error> {
        let Service {
            database,
            admission,
            ..
        } = self.service;
        let arrived = Instant::now();
        let until = self.service.patience(arrived).until(arrived);
        let bulkhead = admission.bulkhead(self.active, case.active, true, until);
        let bulkhead = bulkhead.await?;
        let begun = Instant::now();
        let budget = self.service.budget(begun, until);
        let transaction = match self.migrations {
            Some(_) => database.begin_trial(budget).await,
            None => database.begin(case.access, budget).await,
        };
        let mut transaction = transaction?;
        let slot = admission.slot(bulkhead, until).await?;
        transaction.mark().await?;
        Ok(Stage {
            time: transaction.deadline().saturating_duration_since(begun),
            transaction,
            _slot: slot,
        })
    }

    async fn on_one_schema(&mut self, stage: Stage<'_>, case: &Case) -> Result<(), &'static str> {
        let (Some(stage), Some(active)) = self.on_active(stage, case).await else {
            self.tally.skip(1, INTERRUPTED);
            return Ok(());
        };
        let (time, left) = (stage.time, stage.left());
        let (stage, new) = self.on_new(stage, case).await;
        let Some(new) = new else {
            self.tally.skip(1, BUSY);
            return Ok(());
        };
        let mut again = None;
        if let Some(stage) = stage
            && !active.compare(&new, None).is_empty()
        {
            (_, again) = self.on_active(stage, case).await;
        }
        self.judge(case, &active, &new, again.as_ref(), left >= time / 2)
    }

    /// Runs cases on the active revision, applies the migrations, and runs the cases on the new revision.
    async fn on_both_schemas(
        &mut self,
        migrations: &[Migration],
        mut stage: Stage<'_>,
        waiting: &mut VecDeque<Case>,
    ) -> Result<(), &'static str> {
        let time = stage.time;
        let mut told = VecDeque::new();
        while let Some(case) = waiting.pop_front() {
            // It cannot run again later, so this finds out at once what depends on chance.
            let (open, first) = self.on_active(stage, &case).await;
            let (open, again) = match open {
                Some(open) => self.on_active(open, &case).await,
                None => (None, None),
            };
            match first {
                Some(first) if open.is_some() => told.push_back((case, first, again)),
                _ => self.tally.skip(1, INTERRUPTED),
            }
            let Some(open) = open else {
                give_back(waiting, told);
                return self.lose();
            };
            stage = open;
            if stage.left() < time - time / 4 {
                break;
            }
        }
        let migrated = stage.transaction.migrate(migrations, true).await;
        if !matches!(migrated, Ok(Ok(_))) || stage.transaction.mark().await.is_err() {
            give_back(waiting, told);
            return Err(MIGRATIONS);
        }
        while let Some((case, active, again)) = told.pop_front() {
            let left = stage.left();
            let (open, new) = self.on_new(stage, &case).await;
            match new {
                Some(new) => {
                    let had_time = left >= time / 4;
                    self.judge(&case, &active, &new, again.as_ref(), had_time)?;
                }
                None => self.tally.skip(1, BUSY),
            }
            let Some(open) = open else {
                give_back(waiting, told);
                return self.lose();
            };
            stage = open;
        }
        Ok(())
    }

    /// Counts a transaction that was lost before its cases had run.
    ///
    /// # Errors
    /// There were too many.
    fn lose(&mut self) -> Result<(), &'static str> {
        self.lost += 1;
        match self.lost < MAX_LOST {
            true => Ok(()),
            false => Err(INTERRUPTED),
        }
    }

    /// Counts what the two runs of a case show.
    fn judge(
        &mut self,
        case: &Case,
        active: &Observed,
        new: &Observed,
        again: Option<&Observed>,
        had_time: bool,
    ) -> Result<(), &'static str> {
        if new.met_deadline() && !had_time {
            self.tally.skip(1, INTERRUPTED);
            return Ok(());
        }
        let found = match case.new {
            Some(_) => active.compare(new, again),
            None => vec![Found::no_route()],
        };
        let Sample {
            method,
            path,
            request,
            ..
        } = &*case.sample;
        let traps = found.iter().any(|found| found.part == Part::Trap);
        let route = format!("{method} {path}");
        let is_first = self.tally.add(&route, &request.id, found);
        let recordings = self.service.recordings();
        if is_first && recordings.is_some_and(|recordings| !recordings.masks()) {
            self.tally.keep(Example::of(route, request, active, new));
        }
        match traps && new.took_too_long() {
            true => Err(TOO_LONG),
            false => Ok(()),
        }
    }

    async fn on_active<'s>(
        &self,
        stage: Stage<'s>,
        case: &Case,
    ) -> (Option<Stage<'s>>, Option<Observed>) {
        self.observe(stage, case, self.active, case.active).await
    }

    async fn on_new<'s>(
        &self,
        stage: Stage<'s>,
        case: &Case,
    ) -> (Option<Stage<'s>>, Option<Observed>) {
        match case.new {
            Some(new) => self.observe(stage, case, self.new, new).await,
            None => (Some(stage), Some(Observed::default())),
        }
    }

    /// Runs a case on a revision and undoes what it has done. Returns the transaction, if another run may
    /// use it, and what was observed, if that says something about the logic.
    async fn observe<'s>(
        &self,
        stage: Stage<'s>,
        case: &Case,
        revision: &Revision,
        route: RouteIndex,
    ) -> (Option<Stage<'s>>, Option<Observed>) {
        let begun = Instant::now();
        let request = &case.sample.request;
        let prepared = match PreparedRequest::read(revision, route, request, begun) {
            Ok(prepared) => prepared,
            Err(error) => {
                let observed = Observed::of(&Err(error), &Effects::default());
                return (Some(stage), observed);
            }
        };
        // The span tells these log lines apart from those of real requests.
        let span = tracing::info_span!(
            "rehearsal",
            request.id = request.id,
            component.digest = revision.digest,
        );
        let lives = self.service.metrics.instance_lives();
        let clock_and_seed = Some(case.clock_and_seed);
        let call = span.in_scope(|| self.service.call(stage.transaction, begun, clock_and_seed));
        let finished = prepared.invocation.run(call).instrument(span).await;
        drop(lives);
        let mut transaction = finished.transaction;
        let mut answered = match judged(finished.outcome) {
            Ok(Ok(_)) if transaction.spent() => {
                Err(Fault::Transaction("a statement had failed".into()).into())
            }
            Ok(Ok(reply)) => Ok(prepared.answer(reply)),
            Ok(Err(problem)) => Err(problem),
            Err(interruption) => Err(interruption.into()),
        };
        let mut effects = Effects::default();
        if case.access == Access::Write && answered.is_ok() {
            match checked(&mut *transaction).await {
                Ok(checked) => effects = checked,
                Err(error) => answered = Err(error.into()),
            }
        }
        let observed = Observed::of(&answered, &effects);
        let stage = match transaction.undo().await {
            Ok(()) => Some(Stage {
                transaction,
                ..stage
            }),
            Err(_) => None,
        };
        (stage, observed)
    }
}

impl Stage<'_> {
    /// The time until the transaction has to be over.
    fn left(&self) -> Duration {
        let deadline = self.transaction.deadline();
        deadline.saturating_duration_since(Instant::now())
    }
}

/// Checks what a commit would check, and returns what it would keep.
async fn checked(transaction: &mut dyn Transaction) -> Result<Effects, storage::Error> {
    transaction.check().await?;
    transaction.effects().await
}

/// Lets cases run again, in another transaction.
fn give_back<T>(waiting: &mut VecDeque<Case>, told: VecDeque<(Case, T, Option<T>)>) {
    for (case, ..) in told.into_iter().rev() {
        waiting.push_front(case);
    }
}
