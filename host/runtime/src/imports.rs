//! What a component may import: SQL in its transaction, events, log lines, a clock that stands
//! still, and random bytes.

mod events;

use std::borrow::Cow;
use std::time::Instant;

use tracing::{Instrument as _, trace_span};
use wasmtime::component::{HasSelf, Linker};

use super::bindings::task_host::platform::{events as feed, log, sql};
use super::bindings::wasi::clocks::wall_clock;
use super::bindings::wasi::random::random;
use super::fault::Interruption;
use super::state::State;
use contract::DETAIL;
use storage::{Cause, Cell, Dialect, Failure, Rows, Span, Transaction, Value};

/// Random bytes a call. WASI sets no limit, and a component could ask for all memory.
const RANDOM_BYTES_PER_CALL: u64 = 64 << 10;
/// The part of a log line that is kept, in bytes: of its message, and of each field.
const LOG_TEXT_BYTES: usize = 4 << 10;
const LOG_FIELDS: usize = 32;
/// What one call may write to the log in all, in bytes: lines are few and short, or they are a
/// flood.
pub(super) const LOG_BYTES: usize = 64 << 10;

/// Defines every import that the platform offers.
pub(super) fn define(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    sql::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    log::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    feed::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    wall_clock::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    random::add_to_linker::<_, HasSelf<_>>(linker, |state| state)
}

/// The interfaces between components and this host, with the versions that it has: what `define`
/// defines, the types they use, and what components export. For messages.
const OFFERED: [(&str, &str); 7] = [
    ("task-host:platform/service", "1.0.0"),
    ("task-host:platform/sql", "1.0.0"),
    ("task-host:platform/log", "1.0.0"),
    ("task-host:platform/events", "1.0.0"),
    ("task-host:platform/types", "1.0.0"),
    ("wasi:clocks/wall-clock", "0.2.0"),
    ("wasi:random/random", "0.2.0"),
];

/// The version of an interface that this host has, if it has it.
pub(super) fn offered(interface: &str) -> Option<&'static str> {
    let found = OFFERED.iter().find(|(name, _)| *name == interface)?;
    Some(found.1)
}

impl State {
    /// The transaction, or a trap that says where there is none.
    fn begin_statement(
        &mut self,
        statement: &str,
        params: &[sql::Value],
    ) -> wasmtime::Result<&mut Box<dyn Transaction>> {
        let size = statement.len() + params.iter().map(size_of_param).sum::<usize>();
        self.hand_over(size)?;
        self.cpu.pause();
        self.transaction.as_mut().ok_or_else(|| impure("sql"))
    }

    fn require_request(&self, what: &str) -> wasmtime::Result<()> {
        if self.transaction.is_none() {
            return Err(impure(what));
        }
        Ok(())
    }
}

fn impure(what: &str) -> wasmtime::Error {
    wasmtime::format_err!("{what} is not available to describe and assets, which are pure")
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
        self.require_request("sql")?;
        Ok(match self.dialect {
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
        let runs = statement_span(&statement);
        let result = transaction
            .query(&statement, &params)
            .instrument(runs)
            .await;
        self.returned_from_host(began.elapsed());
        match result.map_err(Interruption::from)? {
            Ok(rows) => Ok(Ok(rows.into())),
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
        let runs = statement_span(&statement);
        let result = transaction
            .execute(&statement, &params)
            .instrument(runs)
            .await;
        self.returned_from_host(began.elapsed());
        Ok(result.map_err(Interruption::from)?.map_err(Into::into))
    }
}

/// A statement's span, with its text and never its values.
fn statement_span(statement: &str) -> tracing::Span {
    trace_span!(target: DETAIL, "sql", db.query.text = statement)
}

impl log::Host for State {
    fn write(
        &mut self,
        level: log::Level,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        let size = message.len() + fields.iter().map(|(k, v)| k.len() + v.len()).sum::<usize>();
        self.hand_over(size)?;
        let message = one_line(clip(&message));
        let kept = fields.iter().take(LOG_FIELDS);
        let size = message.len()
            + kept
                .map(|(k, v)| clip(k).len() + clip(v).len())
                .sum::<usize>();
        if self.log_lines_left == 0 || size > self.log_bytes_left {
            self.log_lines_dropped += 1;
            return Ok(());
        }
        self.log_lines_left -= 1;
        self.log_bytes_left -= size;
        if !enabled(level) {
            return Ok(());
        }
        let fields = serde_json::Value::Object(
            fields
                .iter()
                .take(LOG_FIELDS)
                .map(|(name, value)| (clip(name).to_owned(), clip(value).into()))
                .collect(),
        );
        let _entered = self.span.enter();
        match level {
            log::Level::Debug => tracing::debug!(target: "logic", logic = %fields, "{message}"),
            log::Level::Info => tracing::info!(target: "logic", logic = %fields, "{message}"),
            log::Level::Warn => tracing::warn!(target: "logic", logic = %fields, "{message}"),
            log::Level::Error => tracing::error!(target: "logic", logic = %fields, "{message}"),
        }
        Ok(())
    }
}

/// Whether anybody sees lines of this level.
fn enabled(level: log::Level) -> bool {
    match level {
        log::Level::Debug => tracing::enabled!(target: "logic", tracing::Level::DEBUG),
        log::Level::Info => tracing::enabled!(target: "logic", tracing::Level::INFO),
        log::Level::Warn => tracing::enabled!(target: "logic", tracing::Level::WARN),
        log::Level::Error => tracing::enabled!(target: "logic", tracing::Level::ERROR),
    }
}

fn clip(text: &str) -> &str {
    let end = (0..=LOG_TEXT_BYTES.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end))
        .unwrap_or(0);
    &text[..end]
}

/// Text without control characters: a line break would begin what looks like a line of the
/// host's own. Fields need this not, they are written as JSON.
fn one_line(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return text.into();
    }
    let mut line = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character.is_control() {
            true => line.extend(character.escape_default()),
            false => line.push(character),
        }
    }
    line.into()
}

impl wall_clock::Host for State {
    fn now(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        self.require_request("the clock")?;
        Ok(wall_clock::Datetime {
            seconds: self.now.as_secs(),
            nanoseconds: self.now.subsec_nanos(),
        })
    }

    fn resolution(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        Ok(wall_clock::Datetime {
            seconds: 0,
            nanoseconds: 1_000,
        })
    }
}

impl random::Host for State {
    fn get_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.require_request("random")?;
        if len > RANDOM_BYTES_PER_CALL {
            return Err(wasmtime::format_err!(
                "{len} random bytes were asked for; one call gives at most {RANDOM_BYTES_PER_CALL}"
            ));
        }
        let mut bytes = vec![0; len as usize];
        self.fill_random(&mut bytes);
        Ok(bytes)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.require_request("random")?;
        let mut bytes = [0; 8];
        self.fill_random(&mut bytes);
        Ok(u64::from_ne_bytes(bytes))
    }
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

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn a_message_is_one_line_whatever_stands_in_it() {
        assert_eq!(one_line("Größe 7"), "Größe 7");
        assert_eq!(
            one_line("a\nERROR \u{1b}[31mb\r\u{85}"),
            "a\\nERROR \\u{1b}[31mb\\r\\u{85}"
        );
    }
}
