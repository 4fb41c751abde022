//! `task-host:platform/sql`: statements in the call's transaction, and the conversions between the
//! interface's values and storage's.

mod failed;

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use tracing::{Instrument as _, trace_span};
use wasmtime::StoreContextMut;
use wasmtime::component::Linker;

use crate::bindings::task_host::platform::sql;
use crate::fault::Interruption;
use crate::recording::Answered;
use crate::state::State;
use contract::DETAIL;
use storage::{Cause, Cell, Dialect, Failure, Rows, Span, Transaction, Value};

impl State {
    /// Charges a statement and pauses the CPU meter, then returns the transaction to run it in.
    ///
    /// # Errors
    /// Returns an interruption if the guest has passed too much data, or a trap if the call is
    /// pure.
    fn begin_statement(
        &mut self,
        statement: &str,
        params: &[sql::Value],
    ) -> wasmtime::Result<&mut Box<dyn Transaction>> {
        let size = statement.len() + params.iter().map(size_of_param).sum::<usize>();
        self.hand_over(size)?;
        let room = self.memory.hold(size).map_err(Interruption::from)?;
        self.cpu.pause();
        let transaction = &mut self.context("sql")?.transaction;
        transaction.set_room(room);
        Ok(transaction)
    }

    /// Notes that a statement has ended and that the guest goes on, and records it.
    async fn end_statement(
        &mut self,
        began: Instant,
        statement: String,
        params: Vec<Value>,
        answered: Answered<'_>,
    ) {
        let took = began.elapsed();
        self.statement_ended(took);
        if let Answered::Failed(failure) = answered {
            failed::report(self, &statement, &params, failure);
        }
        let Some(recording) = &mut self.recording else {
            return;
        };
        let columns = match (&answered, &mut self.context) {
            (Answered::Rows(_), Some(context)) if recording.wants_columns() => {
                context.transaction.columns(&statement).await
            }
            _ => Vec::new(),
        };
        recording.add(statement, params, took, &answered, columns);
    }
}

fn size_of_param(param: &sql::Value) -> usize {
    match param {
        sql::Value::Text(text) => text.len(),
        sql::Value::Blob(bytes) => bytes.len(),
        _ => size_of::<u64>(),
    }
}

impl sql::Host for State {
    fn engine(&mut self) -> wasmtime::Result<sql::Dialect> {
        Ok(match self.context("sql")?.dialect {
            Dialect::Sqlite => sql::Dialect::Sqlite,
            Dialect::Postgres => sql::Dialect::Postgres,
        })
    }

    async fn query(
        &mut self,
        statement: String,
        params: Vec<sql::Value>,
    ) -> wasmtime::Result<Result<sql::Rows, sql::Failure>> {
        let began = Instant::now();
        let transaction = self.begin_statement(&statement, &params)?;
        let params: Vec<Value> = params.into_iter().map(Value::from).collect();
        let span = statement_span(&statement);
        let result = transaction
            .query(&statement, &params)
            .instrument(span)
            .await;
        if let Ok(Err(_)) = &result {
            // It is logged.
            self.expect_fiber()?;
        }
        let answered = match &result {
            Ok(Ok(rows)) => Answered::Rows(rows),
            Ok(Err(failure)) => Answered::Failed(failure),
            Err(error) => Answered::Ended(error),
        };
        self.end_statement(began, statement, params, answered).await;
        match result.map_err(Interruption::from)? {
            Ok(rows) => {
                let held = self.memory.hold(rows.memory_bytes());
                held.map_err(Interruption::from)?;
                Ok(Ok(rows.into()))
            }
            Err(failure) => Ok(Err(failure.into())),
        }
    }

    async fn execute(
        &mut self,
        statement: String,
        params: Vec<sql::Value>,
    ) -> wasmtime::Result<Result<u64, sql::Failure>> {
        let began = Instant::now();
        let transaction = self.begin_statement(&statement, &params)?;
        let params: Vec<Value> = params.into_iter().map(Value::from).collect();
        let span = statement_span(&statement);
        let result = transaction
            .execute(&statement, &params)
            .instrument(span)
            .await;
        if let Ok(Err(_)) = &result {
            // It is logged.
            self.expect_fiber()?;
        }
        let answered = match &result {
            Ok(Ok(changed)) => Answered::Changed(*changed),
            Ok(Err(failure)) => Answered::Failed(failure),
            Err(error) => Answered::Ended(error),
        };
        self.end_statement(began, statement, params, answered).await;
        let result = result.map_err(Interruption::from)?;
        Ok(result.map_err(sql::Failure::from))
    }
}

/// Defines the interface for calls that run without a fiber, in which each statement is done at once.
pub(super) fn define_without_fiber(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    type Store<'a> = StoreContextMut<'a, State>;
    type Statement = (String, Vec<sql::Value>);
    let mut interface = linker.instance("task-host:platform/sql@1.0.0")?;
    interface.func_wrap("engine", |mut store: Store<'_>, ()| {
        Ok((sql::Host::engine(store.data_mut())?,))
    })?;
    interface.func_wrap("query", |mut store: Store<'_>, statement: Statement| {
        let (statement, params) = statement;
        Ok((at_once(sql::Host::query(
            store.data_mut(),
            statement,
            params,
        ))?,))
    })?;
    interface.func_wrap("execute", |mut store: Store<'_>, statement: Statement| {
        let (statement, params) = statement;
        Ok((at_once(sql::Host::execute(
            store.data_mut(),
            statement,
            params,
        ))?,))
    })
}

/// Polls once.
///
/// # Errors
/// The database did not answer at once, against what its transaction said.
fn at_once<T>(work: impl Future<Output = wasmtime::Result<T>>) -> wasmtime::Result<T> {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => {
            let reason = "a statement waited in a call without a fiber".to_owned();
            Err(Interruption::Database(storage::Error::Unavailable(reason)).into())
        }
    }
}

/// A statement's span. It has the statement's text, but never the values of its parameters.
fn statement_span(statement: &str) -> tracing::Span {
    trace_span!(target: DETAIL, "sql", db.query.text = statement)
}

impl From<sql::Value> for Value {
    fn from(value: sql::Value) -> Self {
        match value {
            sql::Value::Null => Value::Null,
            sql::Value::Boolean(value) => Value::Boolean(value),
            sql::Value::Integer(value) => Value::Integer(value),
            sql::Value::Real(value) => Value::Real(value),
            sql::Value::Text(value) => Value::Text(value),
            sql::Value::Blob(value) => Value::Blob(value),
        }
    }
}

impl From<Rows> for sql::Rows {
    fn from(rows: Rows) -> Self {
        sql::Rows {
            width: rows.width,
            cells: rows.cells.into_iter().map(sql::Cell::from).collect(),
            heap: rows.heap,
        }
    }
}

impl From<Cell> for sql::Cell {
    fn from(cell: Cell) -> Self {
        let span = |Span { start, len }| sql::Span { start, len };
        match cell {
            Cell::Null => sql::Cell::Null,
            Cell::Boolean(value) => sql::Cell::Boolean(value),
            Cell::Integer(value) => sql::Cell::Integer(value),
            Cell::Real(value) => sql::Cell::Real(value),
            Cell::Text(text) => sql::Cell::Text(span(text)),
            Cell::Blob(blob) => sql::Cell::Blob(span(blob)),
        }
    }
}

impl From<Failure> for sql::Failure {
    fn from(failure: Failure) -> Self {
        sql::Failure {
            cause: match failure.cause {
                Cause::Unique => sql::Cause::Unique,
                Cause::ForeignKey => sql::Cause::ForeignKey,
                Cause::Check => sql::Cause::Check,
                Cause::NotNull => sql::Cause::NotNull,
                Cause::Other => sql::Cause::Other,
            },
            constraint: failure.constraint,
            detail: failure.detail,
        }
    }
}
