//! Runs a recorded request again, on any revision, without its database.
//!
//! The call gets the recorded clock and seed, and a transaction that answers each statement with the
//! recorded result. It ends at the first statement that differs from the recorded one, because nobody
//! knows what the database would have answered. Nothing is written anywhere.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;

use crate::prepared::PreparedRequest;
use crate::recording::value::Typed;
use crate::recording::{Outcome, PublishedEvent, Recording, duration};
use crate::service::judged;
use crate::{Conditions, Error, Fault, Request, Revision};
use contract::{Migration, RouteIndex};
use runtime::{Call, Cost, Heard, Lines, Record};
use storage::{
    Effects, Event, Failure, MigrationError, RecordedAnswer, Rows, Seen, SlowStatement,
    Transaction, Usage, Value,
};

/// The code of the fault of a success in a transaction that cannot be committed.
const IGNORED_FAILURE: &str = "logic-ignored-failure";

/// A request that ran again.
#[derive(Debug)]
pub struct Replayed {
    /// What a client would be answered, or the statement at which the call had to end.
    pub outcome: Result<Outcome, Difference>,
    /// How many of the recorded statements were asked.
    pub statements: usize,
    /// The first log lines of the logic.
    pub log: Vec<String>,
    /// The events that were published.
    pub events: Vec<PublishedEvent>,
    /// The time that the call took.
    pub cost: Cost,
}

/// A statement that differs from the recorded one.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The statement's number, from 1.
    pub number: usize,
    /// The recorded statement. `None`: the recording has fewer statements.
    pub recorded: Option<(String, Vec<Typed>)>,
    /// The statement that the logic asked now, with its parameters.
    pub asked: (String, Vec<Typed>),
    /// Whether the recording was too large to have this statement.
    pub left_out: bool,
}

/// Why a recording cannot be replayed with a revision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The component has no such route.
    #[error("the component has no route {0}")]
    NoRoute(String),
    /// The recording is damaged.
    #[error("the recording is damaged: {0}")]
    Damaged(&'static str),
}

/// Runs a recorded request again.
///
/// # Errors
/// Returns [`ReplayError`] if the revision has no such route, or the recording is damaged.
pub async fn replay(recording: &Recording, revision: &Revision) -> Result<Replayed, ReplayError> {
    let route = route(recording, revision)?;
    let clock = recording.call.clock.parse::<jiff::Timestamp>();
    let clock = clock.map_err(|_| ReplayError::Damaged("its clock is not RFC 3339"))?;
    let now = clock.duration_since(jiff::Timestamp::UNIX_EPOCH);
    let now = now
        .try_into()
        .map_err(|_| ReplayError::Damaged("its clock is before 1970"))?;
    // Logic that did not ask for random numbers may ask for them now.
    let seed = match &recording.call.seed {
        None => [0; 32],
        Some(digits) => {
            let bytes = hex::decode(digits).ok();
            let seed = bytes.and_then(|bytes| bytes.try_into().ok());
            seed.ok_or(ReplayError::Damaged("its seed is not 64 hex digits"))?
        }
    };
    let request = request(recording);
    let began = Instant::now();
    let prepared = match PreparedRequest::read(revision, route, &request, began) {
        Ok(prepared) => prepared,
        Err(error) => {
            return Ok(Replayed {
                outcome: Ok(Outcome::of(&Err(error))),
                statements: 0,
                log: Vec::new(),
                events: Vec::new(),
                cost: Cost::default(),
            });
        }
    };
    let deadline = began + duration(recording.call.time_left_ms);
    let statements = recording.statements.iter().map(|statement| Told {
        sql: statement.sql.clone(),
        params: statement.params.iter().map(Value::from).collect(),
        heard: statement.result.heard(),
    });
    let course = Arc::new(Mutex::new(Course::default()));
    let transaction = Box::new(ReplayedTransaction {
        statements: statements.collect(),
        left_out: recording.left_out > 0,
        writes: recording.call.writes,
        deadline,
        spent: false,
        course: course.clone(),
    });
    let lines = Lines::default();
    let call = Call {
        transaction,
        dialect: recording.dialect(),
        now,
        seed: Some(seed),
        deadline,
        span: tracing::Span::none(),
        lines: Some(lines.clone()),
        record: Record::default(),
    };
    let finished = prepared.invocation.run(call).await;
    let spent = finished.transaction.spent();
    drop(finished.transaction);
    let Course {
        asked,
        difference,
        events,
    } = std::mem::take(&mut *course.lock());
    let answered = match judged(finished.outcome) {
        Ok(Ok(_)) if spent => Err(Fault::Transaction("a statement had failed".into()).into()),
        Ok(Ok(reply)) => Ok(prepared.answer(reply)),
        Ok(Err(problem)) => Err(problem),
        Err(interruption) => Err(Error::from(interruption)),
    };
    // The database refused to commit what these statements did.
    let refused = recording.outcome.code.as_deref() == Some(IGNORED_FAILURE)
        && answered.is_ok()
        && asked == recording.statements.len();
    Ok(Replayed {
        outcome: match difference {
            Some(difference) => Err(difference),
            None if refused => Ok(recording.outcome.clone()),
            None => Ok(Outcome::of(&answered)),
        },
        statements: asked,
        log: lines.take(),
        events: events.iter().map(PublishedEvent::of).collect(),
        cost: finished.cost,
    })
}

fn route(recording: &Recording, revision: &Revision) -> Result<RouteIndex, ReplayError> {
    let mut routes = revision.description.indexed_routes();
    let method = recording.method();
    let found = routes
        .find(|(_, route)| Some(route.method) == method && route.path == recording.call.route);
    let missing = || format!("{} {}", recording.call.method, recording.call.route);
    found
        .map(|(index, _)| index)
        .ok_or_else(|| ReplayError::NoRoute(missing()))
}

fn request(recording: &Recording) -> Request {
    let call = &recording.call;
    Request {
        id: recording.request_id.clone(),
        trace_id: recording.trace_id.clone(),
        path: call.path.clone(),
        parameters: call.parameters.clone(),
        query: call.query.clone(),
        media_type: call.media_type.clone(),
        body: Bytes::from(
            call.body
                .as_ref()
                .map(|body| body.bytes())
                .unwrap_or_default(),
        ),
        conditions: Conditions::default(),
        idempotency_key: None,
        dry_run: call.dry_run,
        strict: call.strict,
    }
}

/// A recorded statement and what the logic is told.
struct Told {
    sql: String,
    params: Vec<Value>,
    heard: Heard,
}

/// What has happened in a transaction.
#[derive(Default)]
struct Course {
    asked: usize,
    difference: Option<Difference>,
    events: Vec<Event>,
}

/// A transaction that knows only recorded statements.
struct ReplayedTransaction {
    statements: Vec<Told>,
    left_out: bool,
    writes: bool,
    deadline: Instant,
    spent: bool,
    course: Arc<Mutex<Course>>,
}

impl ReplayedTransaction {
    /// Returns what the next statement was answered with.
    ///
    /// # Errors
    /// The statement differs from the recorded one.
    fn tell(&mut self, sql: &str, params: &[Value]) -> Result<Heard, storage::Error> {
        let mut course = self.course.lock();
        let next = self.statements.get(course.asked);
        if let Some(told) = next
            && told.sql == sql
            && same(&told.params, params)
        {
            course.asked += 1;
            return match &told.heard {
                Heard::Ended(error) => Err(error.clone()),
                heard => Ok(heard.clone()),
            };
        }
        let typed = |params: &[Value]| params.iter().map(Typed::from).collect::<Vec<_>>();
        course.difference = Some(Difference {
            number: course.asked + 1,
            recorded: next.map(|told| (told.sql.clone(), typed(&told.params))),
            asked: (sql.to_owned(), typed(params)),
            left_out: next.is_none() && self.left_out,
        });
        Err(unknown())
    }
}

/// Whether two lists of parameters are the same to the bit.
fn same(one: &[Value], other: &[Value]) -> bool {
    let equal = |(one, other): (&Value, &Value)| match (one, other) {
        (Value::Real(one), Value::Real(other)) => one.to_bits() == other.to_bits(),
        (one, other) => one == other,
    };
    one.len() == other.len() && one.iter().zip(other).all(equal)
}

/// Ends a call whose statement was not recorded.
fn unknown() -> storage::Error {
    storage::Error::Unavailable("the statement was not recorded".into())
}

#[async_trait]
impl Transaction for ReplayedTransaction {
    fn set_room(&mut self, _bytes: usize) {}

    async fn query(
        &mut self,
        statement: &str,
        params: &[Value],
    ) -> Result<Result<Rows, Failure>, storage::Error> {
        match self.tell(statement, params)? {
            Heard::Rows(rows) => Ok(Ok(rows)),
            Heard::Failed(failure) => {
                self.spent = true;
                Ok(Err(failure))
            }
            // The logic asks for rows of a statement that it did not ask for rows before.
            Heard::Changed(_) | Heard::NotKept | Heard::Ended(_) => Err(unknown()),
        }
    }

    async fn execute(
        &mut self,
        statement: &str,
        params: &[Value],
    ) -> Result<Result<u64, Failure>, storage::Error> {
        match self.tell(statement, params)? {
            Heard::Changed(count) => Ok(Ok(count)),
            Heard::Failed(failure) => {
                self.spent = true;
                Ok(Err(failure))
            }
            Heard::Rows(_) | Heard::NotKept | Heard::Ended(_) => Err(unknown()),
        }
    }

    async fn repeats(&mut self, _: &[storage::Recorded]) -> Result<bool, storage::Error> {
        Ok(false)
    }

    fn seen(&self) -> Option<Seen> {
        None
    }

    async fn columns(&mut self, _statement: &str) -> Vec<String> {
        Vec::new()
    }

    async fn migrate(
        &mut self,
        _migrations: &[Migration],
        _rollback: bool,
    ) -> Result<Result<Vec<String>, MigrationError>, storage::Error> {
        Err(unknown())
    }

    async fn recall(&mut self, _key: &str) -> Result<Option<RecordedAnswer>, storage::Error> {
        Ok(None)
    }

    async fn record(&mut self, _key: &str, _: &RecordedAnswer) -> Result<(), storage::Error> {
        Ok(())
    }

    fn publish(&mut self, event: Event) -> Result<(), Failure> {
        if !self.writes {
            return Err(Failure::read_only());
        }
        self.course.lock().events.push(event);
        Ok(())
    }

    async fn mark(&mut self) -> Result<(), storage::Error> {
        Err(unknown())
    }

    async fn undo(&mut self) -> Result<(), storage::Error> {
        Err(unknown())
    }

    async fn effects(&mut self) -> Result<Effects, storage::Error> {
        Err(unknown())
    }

    async fn check(&mut self) -> Result<(), storage::Error> {
        Ok(())
    }

    async fn commit(self: Box<Self>) -> Result<(), storage::Error> {
        Ok(())
    }

    async fn rehearse(self: Box<Self>) -> Result<(), storage::Error> {
        Ok(())
    }

    async fn rollback(self: Box<Self>) -> Result<(), storage::Error> {
        Ok(())
    }

    fn spent(&self) -> bool {
        self.spent
    }

    fn take_slow(&mut self) -> Vec<SlowStatement> {
        Vec::new()
    }

    fn deadline(&self) -> Instant {
        self.deadline
    }

    fn busy(&self) -> Duration {
        Duration::ZERO
    }

    fn usage(&self) -> Usage {
        Usage::default()
    }
}
