//! Answers requests: reads them, runs attempts until one ends without a conflict, and counts the
//! outcome.
//!
//! `proof` answers reads without the logic. `attempt` is one attempt, from admission to a durable commit. `probes` asks for health and
//! readiness. `shadowing` runs answered reads again on a candidate. `rehearsing` runs sampled requests on
//! two revisions.

mod attempt;
mod probes;
mod proof;
mod rehearsing;
mod shadowing;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use rand::Rng as _;
use tokio::sync::{Semaphore, watch};
use tracing::{Instrument as _, trace_span};

use self::attempt::AttemptError;
pub(crate) use self::attempt::judged;
use self::proof::{Proof, Read};
use super::admission::{Admission, Patience, Stopwatch, overloaded};
use super::answers::Answers;
use super::background::Background;
use super::prepared::{ClockAndSeed, LastCall, PreparedRequest, since_epoch};
use super::recording::{Component, Recorded};
use super::recordings::Recordings;
use super::rehearsal::Examples;
use super::shadow::Job;
use super::slow::{Slow, SlowEntry};
use super::traffic::Traffic;
use super::{Answer, Answered, Candidate, Client, Error, Fault, Lease, Request, Revision, Source};
use contract::{Access, DETAIL, RouteIndex};
use runtime::{Call, Record};
use storage::{Attempt, Budget, Database, Dialect, Transaction};
use telemetry::metrics::Metrics;

/// Health calls at a time. They have slots of their own, so that health can be asked under full
/// load.
const HEALTH_CALLS: usize = 2;

/// Conflicts after which a write runs alone, so that it cannot conflict again. Otherwise a write that
/// reads much may always lose against writes that are faster.
const CONFLICTS: u32 = 4;
/// Maximum number of retries after conflicts; then the request fails with 503. The retries take one
/// or two seconds in total. With 64 clients that change 1000 tasks at random, 8 retries were too
/// few for one request in some thousands.
const RETRIES: u32 = 12;
/// The first pause before a retry. Pauses double up to the longest; half of each is random.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(256);

/// The limits of each request, in addition to `runtime::Limits` for its instance, and of all
/// requests together.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Requests that run at a time.
    pub running: usize,
    /// Requests that wait for their turn at a time.
    pub waiting: usize,
    /// How long a request waits for its turn, in all its waits together.
    pub wait: Duration,
    /// Wall-clock time of a request from its arrival.
    pub deadline: Duration,
    /// Wall-clock time that one request may hold the writer.
    pub hold: Duration,
    /// SQL statements of a request.
    pub statements: u32,
    /// Rows that a request's statements return.
    pub rows: u64,
    /// Bytes of text and blobs that a request's statements return.
    pub bytes: u64,
    /// Memory that a result of a request takes when its statements run without the logic, in bytes.
    pub memory_bytes: usize,
    /// Size of the answer cache, in bytes. 0: no answers are kept.
    pub answer_cache_bytes: usize,
    /// The share of proven answers that are compared with a run, from 0 to 1.
    pub answer_check: f64,
    /// CPU time: requests to a route whose runs take this or more on average give way to others.
    pub long_run: Duration,
}

/// Answers requests with the active revision, or with a candidate.
pub struct Service {
    traffic: Traffic,
    database: Arc<dyn Database>,
    admission: Admission,
    /// `None`: every request runs where it arrives.
    background: Option<Background>,
    /// `None`: no answers are kept.
    answers: Option<Answers>,
    health_calls: Semaphore,
    limits: Limits,
    metrics: Arc<Metrics>,
    /// Shared with the task that extends it.
    lease: Arc<Lease>,
    slow: Slow,
    /// `None`: no requests are recorded or sampled.
    recordings: Option<Recordings>,
    /// Those of the latest rehearsal.
    examples: Mutex<Option<Arc<Examples>>>,
}

/// How a request came about.
#[derive(Default)]
struct Course {
    source: Source,
    last_call: LastCall,
}

impl Service {
    /// Creates a service that answers with `revision` from `database` while `lease` holds.
    pub fn new(
        revision: Arc<Revision>,
        database: Arc<dyn Database>,
        limits: Limits,
        metrics: Arc<Metrics>,
        lease: Arc<Lease>,
    ) -> Self {
        metrics.expect_faults(&Fault::CODES);
        metrics.expect_answers(&Source::ALL.map(Source::as_str));
        Service {
            traffic: Traffic::new(revision, metrics.clone()),
            admission: Admission::new(&limits, database.dialect() == Dialect::Sqlite),
            answers: Answers::new(limits.answer_cache_bytes, metrics.clone()),
            database,
            background: None,
            health_calls: Semaphore::new(HEALTH_CALLS),
            limits,
            slow: Slow::new(metrics.clone()),
            metrics,
            lease,
            recordings: None,
            examples: Mutex::default(),
        }
    }

    /// Keeps recordings of requests that fail or are slow, and samples of all.
    #[must_use]
    pub fn with_recordings(self, recordings: Option<Recordings>) -> Self {
        Service { recordings, ..self }
    }

    /// Runs reads that give way to others on these threads, if the database is SQLite. PostgreSQL works in a
    /// process of its own, and the threads that open a connection to it also serve it.
    #[must_use]
    pub fn with_background(self, background: Background) -> Self {
        let background = (self.database.dialect() == Dialect::Sqlite).then_some(background);
        Service { background, ..self }
    }

    /// Returns the limits of each request and of all requests together.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns the recordings of requests. `None`: no requests are recorded.
    pub fn recordings(&self) -> Option<&Recordings> {
        self.recordings.as_ref()
    }

    /// The metrics of this process.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Returns the statements of the logic that took longer than the database was told to note, the
    /// longest first.
    pub fn slow_statements(&self) -> Vec<SlowEntry> {
        self.slow.entries()
    }

    /// Fetches the plans of slow statements and logs them, one after another. Runs until the future is
    /// dropped. Without it, slow statements are listed without their plans.
    pub async fn explain_slow_statements(&self) {
        self.slow.explain(&*self.database).await;
    }

    /// Returns the revision that a client's request begins on now. The request ends on it, also if
    /// another revision becomes active meanwhile.
    pub fn begin(&self, client: Client<'_>) -> Arc<Revision> {
        self.traffic.choose(client)
    }

    /// Changes whenever clients may get another revision than before.
    pub fn switches(&self) -> watch::Receiver<()> {
        self.traffic.changes()
    }

    /// Returns the active revision.
    pub fn active(&self) -> Arc<Revision> {
        self.traffic.active()
    }

    /// Returns the candidate, if there is one.
    pub fn candidate(&self) -> Option<Candidate> {
        self.traffic.candidate()
    }

    /// Makes a revision the active one for all clients, removes the candidate, and returns the
    /// previous active revision.
    ///
    /// No request that begins after this returns runs on the previous revision or on the
    /// candidate. Requests in flight end on the revision that they began on.
    pub fn switch(&self, revision: Arc<Revision>) -> Arc<Revision> {
        let previous = self.traffic.switch(revision);
        if let Some(recordings) = &self.recordings {
            recordings.samples().restart();
        }
        previous
    }

    /// Sets the candidate that is tried in addition to the active revision. Replaces the previous
    /// candidate.
    pub fn set_candidate(&self, candidate: Candidate) {
        self.traffic.set_candidate(candidate);
    }

    /// Removes the candidate and returns it. Requests in flight on it end there.
    pub fn remove_candidate(&self) -> Option<Candidate> {
        self.traffic.remove_candidate()
    }

    /// Answers a request with a route of a revision. Dropping the future before the commit began
    /// rolls everything back.
    pub async fn answer(
        self: &Arc<Self>,
        revision: &Arc<Revision>,
        route: RouteIndex,
        request: Request,
    ) -> Answered {
        let arrived = Instant::now();
        let gives_way = self.admission.gives_way(revision, route);
        let reads = revision.description.route(route).access == Access::Read;
        match &self.background {
            Some(background) if gives_way && reads => {
                let (service, revision) = (self.clone(), revision.clone());
                let answers = async move {
                    let answers = service.answer_here(&revision, route, request, true, arrived);
                    answers.await
                };
                background.run(answers.in_current_span()).await
            }
            _ => {
                let answers = self.answer_here(revision, route, request, gives_way, arrived);
                answers.await
            }
        }
    }

    /// As [`Service::answer`], on this thread.
    async fn answer_here(
        &self,
        revision: &Arc<Revision>,
        route: RouteIndex,
        request: Request,
        gives_way: bool,
        arrived: Instant,
    ) -> Answered {
        let _in_flight = revision.stats.began();
        let shadow = self.shadow_of(revision, route, &request);
        let clock_and_seed = shadow.as_ref().map(|_| ClockAndSeed::new());
        let mut course = Course::default();
        let read = Read {
            revision,
            route,
            request: &request,
            gives_way,
            arrived,
        };
        let answered = self
            .answer_with_retries(read, clock_and_seed, &mut course)
            .await;
        let Course { source, last_call } = course;
        self.count(revision, &answered);
        let took = arrived.elapsed();
        self.record(revision, route, &request, &answered, last_call, took);
        let described = revision.description.route(route);
        if let Some(recordings) = &self.recordings {
            recordings.samples().offer(route, described, &request);
        }
        let is_read = described.access == Access::Read;
        if is_read && matches!(answered, Ok(_) | Err(Error::Problem(_))) {
            self.metrics.read_answered(source.as_str());
        }
        if let (Some(shadow), Some(clock_and_seed)) = (shadow, clock_and_seed) {
            let job = Job {
                revision: revision.clone(),
                route,
                request,
                clock_and_seed,
                answered: answered.clone(),
            };
            self.offer(&shadow, job);
        }
        Answered {
            result: answered,
            source,
        }
    }

    /// Keeps the recording of a request that has ended, if it is worth keeping.
    fn record(
        &self,
        revision: &Revision,
        route: RouteIndex,
        request: &Request,
        answered: &Result<Answer, Error>,
        last_call: LastCall,
        took: Duration,
    ) {
        let (Some(recordings), Some(call)) = (&self.recordings, last_call.into_inner()) else {
            return;
        };
        let Some(reason) = recordings.reason(answered, took) else {
            return;
        };
        let description = &revision.description;
        let route = match call.for_condition {
            true => revision.reader_of(route).unwrap_or(route),
            false => route,
        };
        recordings.add(Recorded {
            request: request.clone(),
            call,
            route: description.route(route).clone(),
            component: Component {
                digest: revision.digest.clone(),
                name: description.name.clone(),
                version: description.version.clone(),
            },
            database: self.database.dialect(),
            answered_at: SystemTime::now(),
            reason,
            outcome: answered.clone(),
            took,
        });
    }

    async fn answer_with_retries(
        &self,
        read: Read<'_>,
        clock_and_seed: Option<ClockAndSeed>,
        course: &mut Course,
    ) -> Result<Answer, Error> {
        self.check_lease()?;
        let mut patience = self.patience(read.arrived);
        let proof = match &self.answers {
            Some(answers) => self.prove(answers, &read, &mut patience).await?,
            None => Proof::none(),
        };
        let (mut admitted, keep, _flight) = match proof {
            Proof::Holds(answered, how) => {
                course.source = how;
                return answered;
            }
            Proof::Fails {
                admitted,
                keep,
                flight,
            } => (admitted, keep, flight),
        };
        let Read {
            revision,
            route,
            request,
            gives_way,
            arrived,
        } = read;
        let reads = trace_span!(target: DETAIL, "arguments");
        let mut prepared =
            reads.in_scope(|| PreparedRequest::read(revision, route, request, arrived))?;
        prepared.gives_way = gives_way;
        prepared.clock_and_seed = clock_and_seed;
        prepared.keep = keep;
        prepared.last_call = self.recordings.as_ref().map(|_| &course.last_call);
        let mut conflicts = 0;
        loop {
            let attempt = self.attempt(&prepared, admitted.take(), &mut patience);
            match attempt.await {
                Ok(answer) => return Ok(answer),
                Err(AttemptError::Failed(error)) => return Err(error),
                Err(AttemptError::Conflict { next }) => {
                    let pause = pause_after(conflicts).ok_or_else(overloaded)?;
                    if arrived.elapsed() + pause >= self.limits.deadline {
                        return Err(overloaded());
                    }
                    conflicts += 1;
                    prepared.attempt = match conflicts >= CONFLICTS {
                        true => Attempt::Alone,
                        false => prepared.attempt.max(next),
                    };
                    self.metrics.retried();
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    /// A host whose lease has ended may have been passed over by the others: its answers could be
    /// out of date.
    fn check_lease(&self) -> Result<(), Error> {
        match self.lease.holds() {
            true => Ok(()),
            false => Err(Error::Unavailable(
                "this host's lease has run out: it cannot reach the database, or cannot serve the \
                 active component"
                    .into(),
            )),
        }
    }

    fn count(&self, revision: &Revision, answered: &Result<Answer, Error>) {
        match answered {
            Err(Error::Fault(fault)) => {
                self.metrics.faulted(fault.code());
                revision.stats.failed();
            }
            Err(Error::Unavailable(_) | Error::Storage(_) | Error::OutcomeUnknown(_)) => {
                self.metrics.database_unavailable();
            }
            Err(Error::Problem(problem)) if !(400..500).contains(&problem.status) => {
                revision.stats.failed();
            }
            _ => {}
        }
    }

    /// How long a request may wait that arrived at that time.
    fn patience(&self, arrived: Instant) -> Patience {
        Patience::new(self.limits.wait, arrived + self.limits.deadline)
    }

    /// What the database may do for a request that arrived at that time and may wait until `wait_until`.
    fn budget(&self, arrived: Instant, wait_until: Instant) -> Budget {
        Budget {
            deadline: arrived + self.limits.deadline,
            wait_until,
            hold: self.limits.hold,
            statements: self.limits.statements,
            rows: self.limits.rows,
            bytes: self.limits.bytes,
            attempt: Attempt::Repeated,
        }
    }

    /// Runs the logic for a route, or its statements alone, and notes for admission how long that computes.
    async fn timed<T>(
        &self,
        revision: &Revision,
        route: RouteIndex,
        run: impl Future<Output = T>,
    ) -> T {
        let mut used = Duration::ZERO;
        let mut run = pin!(run);
        let run = poll_fn(|context| {
            let stopwatch = Stopwatch::start();
            let polled = run.as_mut().poll(context);
            used += stopwatch.used();
            if polled.is_pending() {
                self.admission.runs(revision, route, used);
            }
            polled
        });
        let ended = run.await;
        self.admission.ran(revision, route, used);
        ended
    }

    /// A call of the logic in a transaction. Log lines of the logic belong to the current span.
    fn call(
        &self,
        transaction: Box<dyn Transaction>,
        arrived: Instant,
        clock_and_seed: Option<ClockAndSeed>,
    ) -> Call {
        Call {
            dialect: self.database.dialect(),
            deadline: transaction.deadline().min(arrived + self.limits.deadline),
            transaction,
            now: clock_and_seed.map_or_else(since_epoch, |fixed| fixed.now),
            seed: clock_and_seed.map(|fixed| fixed.seed),
            span: tracing::Span::current(),
            lines: None,
            record: Record::default(),
        }
    }
}

/// The pause before the next retry. `None` after the last retry.
fn pause_after(conflicts: u32) -> Option<Duration> {
    let random = rand::rng().random_range(0.5..1.0);
    (conflicts < RETRIES).then(|| {
        (FIRST_PAUSE * 2u32.pow(conflicts))
            .min(LONGEST_PAUSE)
            .mul_f64(random)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_end() {
        let pauses: Vec<_> = (0..).map_while(pause_after).collect();
        assert_eq!(pauses.len(), RETRIES as usize);
        for (conflicts, pause) in pauses.into_iter().enumerate() {
            let whole = (FIRST_PAUSE * 2u32.pow(conflicts as u32)).min(LONGEST_PAUSE);
            assert!(
                whole / 2 <= pause && pause < whole,
                "{conflicts}: {pause:?}"
            );
        }
    }
}
