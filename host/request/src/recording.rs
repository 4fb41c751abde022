//! The recording of a request, as a document: everything that its logic was told, and what it answered.
//! With it the request runs again anywhere ([`replay`](crate::replay)), without the database.
//!
//! The document is JSON with a version. Later versions of the host read earlier ones. Values of
//! statements keep their types and every bit: see [`value`].

pub(crate) mod mask;
mod outcome;
pub mod value;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::value::{Cells, Text, Typed};
use crate::{Answer, Error, Request};
use contract::{Access, Method, Route};
use runtime::{Asked, Cost, Fault, Heard, Lines};
use storage::{Cause, Dialect, Event, Failure, Limit};

/// The version that this host writes.
pub const VERSION: u32 = 1;

/// A request of which a recording is kept.
pub(crate) struct Recorded {
    pub(crate) request: Request,
    pub(crate) call: RecordedCall,
    /// The route of the request, or of the GET that its condition refers to, if that was the last call.
    pub(crate) route: Route,
    pub(crate) component: Component,
    pub(crate) database: Dialect,
    pub(crate) answered_at: std::time::SystemTime,
    pub(crate) reason: Reason,
    pub(crate) outcome: Result<Answer, Error>,
    pub(crate) took: Duration,
}

/// The last call of the logic for a request.
pub(crate) struct RecordedCall {
    pub(crate) recording: Box<runtime::Recording>,
    pub(crate) lines: Lines,
    /// The time that the call had when it began.
    pub(crate) time_left: Duration,
    pub(crate) cost: Cost,
    /// Whether it read the resource of a condition.
    pub(crate) for_condition: bool,
}

/// The recording of a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// The version of this format.
    pub version: u32,
    /// The request's id, as the client and the log have it.
    pub request_id: String,
    /// The W3C trace id.
    pub trace_id: String,
    /// When it was answered: RFC 3339, UTC.
    pub answered_at: String,
    /// Why the recording was kept.
    pub reason: Reason,
    /// The members whose texts were replaced. Empty: the recording is complete.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub masked: Vec<String>,
    /// The component that answered.
    pub component: Component,
    /// The SQL dialect of the database: `sqlite` or `postgres`.
    pub database: String,
    /// The call of the logic.
    pub call: Call,
    /// The statements that ran, in order.
    pub statements: Vec<Statement>,
    /// How many statements and events were left out at the end, because the recording was too large.
    pub left_out: usize,
    /// The first log lines of the logic.
    pub log: Vec<String>,
    /// The events that were published, in order. They were sent only if the request succeeded.
    pub events: Vec<PublishedEvent>,
    /// What the client was answered.
    pub outcome: Outcome,
    /// How long it took.
    pub timings: Timings,
    /// The limits of the call.
    pub limits: Limits,
}

/// Why a recording was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The request ended with a status of 500 or more.
    Failed,
    /// It took longer than `--record-slow`.
    Slow,
}

/// A component.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Component {
    /// SHA-256, in hex.
    pub digest: String,
    /// The service's name.
    pub name: String,
    /// The logic's version.
    pub version: String,
}

/// A call of the logic: its arguments, as the client sent them, and what else its result depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// The function, such as `tasks:api/tasks#get`.
    pub operation: String,
    /// The method of the route.
    pub method: String,
    /// The path template of the route.
    pub route: String,
    /// Whether the request may write.
    pub writes: bool,
    /// Whether the call read the resource that a condition such as `If-Match` refers to.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub for_condition: bool,
    /// The path.
    pub path: String,
    /// The path's parameters.
    pub parameters: Vec<(String, String)>,
    /// The query string without `?`.
    pub query: Option<String>,
    /// The body's media type.
    pub media_type: Option<String>,
    /// The body.
    pub body: Option<Text>,
    /// Whether unknown members and parameters were errors.
    pub strict: bool,
    /// Whether it was a dry run.
    pub dry_run: bool,
    /// The time that the clock showed: RFC 3339, UTC, to the nanosecond.
    pub clock: String,
    /// The seed of the random numbers, in hex. `None`: the logic asked for none.
    pub seed: Option<String>,
    /// The time that the call had until its deadline, in milliseconds.
    pub time_left_ms: f64,
}

/// A statement and its result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Statement {
    /// The text.
    pub sql: String,
    /// The parameters.
    pub params: Vec<Typed>,
    /// The result.
    pub result: StatementResult,
    /// The names of the result's columns, if they were recorded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// How long it took, in milliseconds.
    pub took_ms: f64,
}

/// The result of a statement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatementResult {
    /// Rows.
    Rows(Cells),
    /// The number of rows that changed.
    Changed(u64),
    /// A failure, which the logic was told.
    Failed {
        /// `unique`, `foreign-key`, `check`, `not-null` or `other`.
        cause: String,
        /// The constraint's name.
        constraint: Option<String>,
        /// The engine's message.
        detail: String,
    },
    /// Nothing: the statement ended the call.
    Ended {
        /// `deadline`, a limit (`statements`, `rows`, `bytes`, `statement-memory`, `memory`) or
        /// `unavailable`.
        by: String,
        /// The reason.
        detail: String,
    },
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedEvent {
    /// What happened.
    pub kind: String,
    /// What it happened to.
    pub subject: String,
    /// Names and values.
    pub attributes: Vec<(String, String)>,
}

/// What a client was answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The HTTP status.
    pub status: u16,
    /// The code of the problem. `None` after a success.
    pub code: Option<String>,
    /// The reason, for operators: after a trap its backtrace. The client did not receive it.
    pub reason: Option<String>,
    /// The answer's body, or the members of the logic's problem.
    pub body: Option<Text>,
    /// The `Location` header.
    pub location: Option<String>,
    /// The next page's cursor.
    pub next: Option<String>,
}

/// How long a request took, in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Timings {
    /// From its arrival to its answer.
    pub total_ms: f64,
    /// Making the instance.
    pub instance_ms: f64,
    /// The logic, with making the instance and without statements.
    pub logic_ms: f64,
    /// The statements.
    pub statements_ms: f64,
}

/// The limits of a call. See the flags of `task-host serve`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// `--memory-limit`
    pub memory_bytes: usize,
    /// `--handover-limit`
    pub handover_bytes: usize,
    /// `--answer-limit`
    pub answer_bytes: usize,
    /// `--cpu-limit`
    pub cpu_ms: f64,
    /// `--event-limit`
    pub events: u32,
    /// `--log-line-limit`
    pub log_lines: u32,
}

impl Recording {
    /// Reads a recording.
    ///
    /// # Errors
    /// Returns what is wrong, as a sentence: it is no recording, or one of a later version.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        match serde_json::from_slice::<Version>(json) {
            Ok(Version { version }) if version > VERSION => {
                return Err(format!(
                    "this is a recording of version {version}, and this task-host knows versions up to \
                     {VERSION}: use a newer one"
                ));
            }
            _ => {}
        }
        serde_json::from_slice(json).map_err(|error| format!("this is not a recording: {error}"))
    }

    /// Makes the document of a recorded request, with masked members.
    pub(crate) fn new(recorded: &Recorded, limits: &runtime::Limits, mask: &[String]) -> Self {
        let Recorded {
            request,
            call,
            route,
            ..
        } = recorded;
        let asked = &call.recording;
        // The GET of a condition has the path's parameters only.
        let own = !call.for_condition;
        let mut document = Recording {
            version: VERSION,
            request_id: request.id.clone(),
            trace_id: request.trace_id.clone(),
            answered_at: Timestamp::try_from(recorded.answered_at)
                .unwrap_or_default()
                .to_string(),
            reason: recorded.reason,
            masked: Vec::new(),
            component: recorded.component.clone(),
            database: dialect_word(recorded.database).to_owned(),
            call: Call {
                operation: route.operation.clone(),
                method: route.method.as_str().to_owned(),
                route: route.path.clone(),
                writes: route.access == Access::Write,
                for_condition: call.for_condition,
                path: request.path.clone(),
                parameters: request.parameters.clone(),
                query: request.query.clone().filter(|_| own),
                media_type: request.media_type.clone().filter(|_| own),
                body: (own && !request.body.is_empty()).then(|| Text::of(&request.body)),
                strict: own && request.strict,
                dry_run: own && request.dry_run,
                clock: timestamp(asked.now).to_string(),
                seed: asked.seed.map(hex::encode),
                time_left_ms: millis(call.time_left),
            },
            statements: asked.statements.iter().map(Statement::of).collect(),
            left_out: asked.left_out,
            log: call.lines.kept(),
            events: asked.events.iter().map(PublishedEvent::of).collect(),
            outcome: Outcome::of(&recorded.outcome),
            timings: Timings {
                total_ms: millis(recorded.took),
                instance_ms: millis(call.cost.instantiation),
                logic_ms: millis(call.cost.guest),
                statements_ms: millis(call.cost.host),
            },
            limits: Limits {
                memory_bytes: limits.memory_bytes,
                handover_bytes: limits.handover_bytes,
                answer_bytes: limits.answer_bytes,
                cpu_ms: millis(limits.cpu),
                events: limits.events,
                log_lines: limits.log_lines,
            },
        };
        if !mask.is_empty() {
            mask::apply(&mut document, mask);
        }
        document
    }

    /// The request's method and target, as on the first line of HTTP.
    pub fn target(&self) -> String {
        let Call {
            method,
            path,
            query,
            ..
        } = &self.call;
        match query {
            Some(query) => format!("{method} {path}?{query}"),
            None => format!("{method} {path}"),
        }
    }

    /// The limits of the call.
    pub fn runtime_limits(&self) -> runtime::Limits {
        runtime::Limits {
            instances: 1,
            memory_bytes: self.limits.memory_bytes,
            handover_bytes: self.limits.handover_bytes,
            answer_bytes: self.limits.answer_bytes,
            cpu: duration(self.limits.cpu_ms),
            events: self.limits.events,
            log_lines: self.limits.log_lines,
            ..runtime::Limits::default()
        }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self.database.as_str() {
            "postgres" => Dialect::Postgres,
            _ => Dialect::Sqlite,
        }
    }

    pub(crate) fn method(&self) -> Option<Method> {
        method(&self.call.method)
    }
}

/// The method with this name in HTTP.
pub(crate) fn method(name: &str) -> Option<Method> {
    let all = [
        Method::Get,
        Method::Post,
        Method::Put,
        Method::Patch,
        Method::Delete,
    ];
    all.into_iter().find(|method| method.as_str() == name)
}

impl Recorded {
    /// How much memory this takes, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        let log = self.call.lines.kept();
        let answer = match &self.outcome {
            Ok(answer) => answer.body.as_ref().map_or(0, bytes::Bytes::len),
            Err(Error::Fault(Fault::Trap(text))) => text.len(),
            Err(_) => 0,
        };
        size_of::<Self>()
            + self.call.recording.memory_bytes()
            + self.request.memory_bytes()
            + log.iter().map(String::len).sum::<usize>()
            + answer
    }
}

impl Statement {
    fn of(asked: &Asked) -> Self {
        Statement {
            sql: asked.statement.to_string(),
            params: asked.params.iter().map(Typed::from).collect(),
            result: StatementResult::of(&asked.result),
            columns: asked.columns.clone(),
            took_ms: millis(asked.took),
        }
    }
}

/// The words for causes of failures.
const CAUSES: [(Cause, &str); 5] = [
    (Cause::Unique, "unique"),
    (Cause::ForeignKey, "foreign-key"),
    (Cause::Check, "check"),
    (Cause::NotNull, "not-null"),
    (Cause::Other, "other"),
];

/// The words for what ended a call at a statement.
const ENDS: [(storage::Error, &str); 6] = [
    (storage::Error::Deadline, "deadline"),
    (storage::Error::Limit(Limit::Statements), "statements"),
    (storage::Error::Limit(Limit::Rows), "rows"),
    (storage::Error::Limit(Limit::Bytes), "bytes"),
    (storage::Error::Limit(Limit::Memory), "statement-memory"),
    (storage::Error::Limit(Limit::Room), "memory"),
];

impl StatementResult {
    fn of(heard: &Heard) -> Self {
        match heard {
            Heard::Rows(rows) => StatementResult::Rows(Cells::from(rows)),
            Heard::Changed(count) => StatementResult::Changed(*count),
            Heard::Failed(failure) => StatementResult::Failed {
                cause: CAUSES
                    .iter()
                    .find(|(cause, _)| *cause == failure.cause)
                    .map_or("other", |(_, word)| *word)
                    .to_owned(),
                constraint: failure.constraint.clone(),
                detail: failure.detail.clone(),
            },
            Heard::Ended(error) => StatementResult::Ended {
                by: ENDS
                    .iter()
                    .find(|(end, _)| end == error)
                    .map_or("unavailable", |(_, word)| *word)
                    .to_owned(),
                detail: error.to_string(),
            },
            Heard::NotKept => StatementResult::Ended {
                by: "unavailable".to_owned(),
                detail: "the result was not kept".to_owned(),
            },
        }
    }

    /// What a replay hears.
    pub(crate) fn heard(&self) -> Heard {
        match self {
            StatementResult::Rows(cells) => Heard::Rows(cells.into()),
            StatementResult::Changed(count) => Heard::Changed(*count),
            StatementResult::Failed {
                cause,
                constraint,
                detail,
            } => Heard::Failed(Failure {
                cause: CAUSES
                    .iter()
                    .find(|(_, word)| word == cause)
                    .map_or(Cause::Other, |(cause, _)| *cause),
                constraint: constraint.clone(),
                detail: detail.clone(),
            }),
            StatementResult::Ended { by, detail } => {
                Heard::Ended(ENDS.into_iter().find(|(_, word)| word == by).map_or_else(
                    || storage::Error::Unavailable(detail.clone()),
                    |(end, _)| end,
                ))
            }
        }
    }
}

impl PublishedEvent {
    pub(crate) fn of(event: &Event) -> Self {
        PublishedEvent {
            kind: event.kind().to_owned(),
            subject: event.subject().to_owned(),
            attributes: event.attributes().to_vec(),
        }
    }
}

fn dialect_word(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => "sqlite",
        Dialect::Postgres => "postgres",
    }
}

fn timestamp(since_epoch: Duration) -> Timestamp {
    let seconds = i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX);
    Timestamp::new(seconds, since_epoch.subsec_nanos().cast_signed()).unwrap_or(Timestamp::MAX)
}

/// A duration in milliseconds, to the microsecond.
fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e3
}

/// A duration of milliseconds from a document, which may be anything.
pub(crate) fn duration(millis: f64) -> Duration {
    const DAY: f64 = 86_400e3;
    let millis = if millis.is_nan() { 0.0 } else { millis };
    Duration::from_micros((millis.clamp(0.0, DAY) * 1e3) as u64)
}
