//! The platform of the logic: the request's transaction with its events, its clock and its log.
//!
//! On SQLite, the future of a statement is ready when it is first polled. So the logic can stay
//! synchronous, as it is in the component.

use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use request::Fault;
use runtime::{Call, Interruption};
use storage::{self, Transaction};
use tasks::contract::events::Event;
use tasks::contract::log::Level;
use tasks::contract::{Datetime, sql};
use tasks::platform::Platform;

/// The platform of one call.
pub struct TwinPlatform {
    /// The call's transaction.
    pub transaction: Box<dyn Transaction>,
    /// Why the call was interrupted. Every later statement fails.
    pub interruption: Option<Interruption>,
    /// Time spent in statements.
    pub host_time: Duration,
    now: Duration,
    span: tracing::Span,
}

impl TwinPlatform {
    /// Creates the platform of a call.
    pub fn new(call: Call) -> Self {
        TwinPlatform {
            transaction: call.transaction,
            interruption: None,
            host_time: Duration::ZERO,
            now: call.now,
            span: call.span,
        }
    }

    /// Converts the result of a statement for the logic, and records the time and the interruption.
    fn finish<T>(
        &mut self,
        began: Instant,
        result: Result<Result<T, storage::Failure>, storage::Error>,
    ) -> Result<T, sql::Failure> {
        self.host_time += began.elapsed();
        match result {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(failure)) => Err(native_failure(failure)),
            Err(error) => {
                self.interruption.get_or_insert(error.into());
                Err(sql::Failure {
                    cause: sql::Cause::Other,
                    constraint: None,
                    detail: "the call was interrupted".to_owned(),
                })
            }
        }
    }
}

impl Platform for TwinPlatform {
    fn dialect(&self) -> sql::Dialect {
        sql::Dialect::Sqlite
    }

    fn query(&mut self, statement: &str, params: &[sql::Value]) -> Result<sql::Rows, sql::Failure> {
        let began = Instant::now();
        let params: Vec<_> = params.iter().map(value).collect();
        let result = ready(self.transaction.query(statement, &params));
        self.finish(began, result).map(rows)
    }

    fn execute(&mut self, statement: &str, params: &[sql::Value]) -> Result<u64, sql::Failure> {
        let began = Instant::now();
        let params: Vec<_> = params.iter().map(value).collect();
        let result = ready(self.transaction.execute(statement, &params));
        self.finish(began, result)
    }

    fn now(&self) -> Datetime {
        Datetime {
            seconds: self.now.as_secs(),
            nanoseconds: self.now.subsec_nanos(),
        }
    }

    fn publish(&mut self, event: &Event) {
        let Event {
            kind,
            subject,
            attributes,
        } = event.clone();
        let published = storage::Event::new(kind, subject, attributes)
            .map_err(|broken| broken.to_string())
            .and_then(|event| {
                let published = self.transaction.publish(event);
                published.map_err(|refused| refused.detail)
            });
        if let Err(reason) = published {
            self.interruption.get_or_insert(Fault::Event(reason).into());
        }
    }

    fn log(&mut self, level: Level, message: &str, fields: &[(String, String)]) {
        let _entered = self.span.enter();
        match level {
            Level::Debug => tracing::debug!(target: "logic", logic = ?fields, "{message}"),
            Level::Info => tracing::info!(target: "logic", logic = ?fields, "{message}"),
            Level::Warn => tracing::warn!(target: "logic", logic = ?fields, "{message}"),
            Level::Error => tracing::error!(target: "logic", logic = ?fields, "{message}"),
        }
    }
}

/// Returns the output of a future that is ready immediately.
fn ready<T>(statement: impl Future<Output = T>) -> T {
    statement
        .now_or_never()
        .expect("the twin runs only on SQLite, whose statements never wait")
}

fn value(value: &sql::Value) -> storage::Value {
    match value {
        sql::Value::Null => storage::Value::Null,
        sql::Value::Boolean(value) => storage::Value::Boolean(*value),
        sql::Value::Integer(value) => storage::Value::Integer(*value),
        sql::Value::Real(value) => storage::Value::Real(*value),
        sql::Value::Text(value) => storage::Value::Text(value.clone()),
        sql::Value::Blob(value) => storage::Value::Blob(value.clone()),
    }
}

fn rows(rows: storage::Rows) -> sql::Rows {
    sql::Rows {
        width: rows.width,
        cells: rows.cells.into_iter().map(cell).collect(),
        heap: rows.heap,
    }
}

fn cell(cell: storage::Cell) -> sql::Cell {
    let span = |storage::Span { start, len }| sql::Span { start, len };
    match cell {
        storage::Cell::Null => sql::Cell::Null,
        storage::Cell::Boolean(value) => sql::Cell::Boolean(value),
        storage::Cell::Integer(value) => sql::Cell::Integer(value),
        storage::Cell::Real(value) => sql::Cell::Real(value),
        storage::Cell::Text(text) => sql::Cell::Text(span(text)),
        storage::Cell::Blob(blob) => sql::Cell::Blob(span(blob)),
    }
}

fn native_failure(failure: storage::Failure) -> sql::Failure {
    sql::Failure {
        cause: match failure.cause {
            storage::Cause::Unique => sql::Cause::Unique,
            storage::Cause::ForeignKey => sql::Cause::ForeignKey,
            storage::Cause::Check => sql::Cause::Check,
            storage::Cause::NotNull => sql::Cause::NotNull,
            storage::Cause::Other => sql::Cause::Other,
        },
        constraint: failure.constraint,
        detail: failure.detail,
    }
}
