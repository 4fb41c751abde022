//! What is known about each statement of the logic, and how its parameters and results are
//! converted.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Statement, ToSql};

use super::failure::classify;
use crate::budget::Meter;
use crate::stats::nanos;
use crate::stop::{NO_STATEMENT, Stop};
use crate::{Cell, Rows, Span, Value, parameter};

/// A statement that takes longer on average runs as blocking work.
const SLOW: Duration = Duration::from_millis(1);
/// The maximum that one run counts for in the average. A run has a weight of an eighth, so a single
/// long run does not make a statement slow. The thread may have waited for a processor meanwhile,
/// and using yet another thread for blocking work would make that worse.
const LONG: Duration = Duration::from_millis(7);

/// What is known about the statements that ran on a connection, by text.
pub(super) struct Shapes {
    known: HashMap<Box<str>, Arc<Shape>>,
    capacity: usize,
}

/// What is known about one statement.
pub(super) struct Shape {
    /// The number of each parameter, in SQLite's order.
    numbers: Box<[u16]>,
    /// Whether it does not change the database.
    pub(super) readonly: bool,
    /// A moving average of the last runs, in nanoseconds. [`UNKNOWN`] before the first one.
    average: AtomicU64,
}

/// Counts as slow.
const UNKNOWN: u64 = u64::MAX;

impl Shapes {
    /// Makes a cache for some multiple of `capacity` texts.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            known: HashMap::new(),
            capacity: capacity.max(1),
        }
    }

    /// Returns what is known about a text.
    pub(super) fn get(&self, text: &str) -> Option<Arc<Shape>> {
        self.known.get(text).cloned()
    }

    /// Examines a compiled statement and caches the result.
    ///
    /// # Errors
    /// Returns the logic's fault if the logic may not run the statement.
    pub(super) fn learn(
        &mut self,
        text: &str,
        statement: &Statement<'_>,
    ) -> Result<Arc<Shape>, Stop> {
        let shape = Arc::new(Shape::of(text, statement)?);
        // If the logic makes a new text for each request, the texts would pile up. The ones in use
        // are soon added again.
        if self.known.len() >= self.capacity * 4 {
            self.known.clear();
        }
        self.known.insert(text.into(), shape.clone());
        Ok(shape)
    }
}

impl Shape {
    fn of(text: &str, statement: &Statement<'_>) -> Result<Self, Stop> {
        if text.contains('\0') {
            return Err(Stop::refused("a statement may not contain U+0000"));
        }
        // SQLite compiles a text without a statement to a null statement.
        if statement.expanded_sql().is_none() {
            return Err(Stop::refused(NO_STATEMENT));
        }
        if statement.is_explain() != 0 {
            return Err(Stop::refused("EXPLAIN is not available"));
        }
        let numbers = (1..=statement.parameter_count())
            .map(|slot| number(statement.parameter_name(slot)))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            numbers,
            readonly: statement.readonly(),
            average: AtomicU64::new(UNKNOWN),
        })
    }

    /// Returns whether the statement takes so little time that it need not run as blocking work.
    pub(super) fn is_fast(&self) -> bool {
        self.average.load(Relaxed) < nanos(SLOW)
    }

    /// Adds the time of a run to the average.
    pub(super) fn add_run(&self, elapsed: Duration) {
        let average = match self.average.load(Relaxed) {
            // If this run was long, the next one decides.
            UNKNOWN => nanos(elapsed.min(SLOW)),
            average => average - average / 8 + nanos(elapsed.min(LONG)) / 8,
        };
        self.average.store(average, Relaxed);
    }

    /// Binds `$n` to the n-th of `params`, at every occurrence.
    pub(super) fn bind(
        &self,
        statement: &mut CachedStatement<'_>,
        params: &[Value],
    ) -> Result<(), Stop> {
        for (slot, &number) in self.numbers.iter().enumerate() {
            let value = parameter::value(params, number)?;
            statement
                .raw_bind_parameter(slot + 1, value)
                .map_err(|error| classify(&error, None))?;
        }
        Ok(())
    }
}

/// Reads `$n`. SQLite also accepts `?`, `?n`, `:name`, `@name` and `$name`, but PostgreSQL does not.
fn number(name: Option<&str>) -> Result<u16, Stop> {
    let name = name.unwrap_or("?");
    name.strip_prefix('$')
        .and_then(parameter::number)
        .ok_or_else(|| Stop::refused(parameter::not_a_parameter(name)))
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Boolean(value) => ValueRef::Integer((*value).into()),
            Value::Integer(value) => ValueRef::Integer(*value),
            Value::Real(value) => ValueRef::Real(*value),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// Runs a bound statement to its end and returns its rows.
pub(super) fn rows(statement: &mut CachedStatement<'_>, meter: &mut Meter) -> Result<Rows, Stop> {
    let mut result = Rows::default();
    let mut width = statement.column_count();
    let mut rows = statement.raw_query();
    while let Some(row) = next(&mut rows)? {
        meter.row()?;
        // The width is read again: after a change of the schema, SQLite compiles `SELECT *` again
        // when it is first stepped.
        width = row.as_ref().column_count();
        result.cells.reserve(width);
        for column in 0..width {
            let value = row
                .get_ref(column)
                .map_err(|error| classify(&error, None))?;
            result.cells.push(match value {
                ValueRef::Null => Cell::Null,
                ValueRef::Integer(value) => Cell::Integer(value),
                ValueRef::Real(value) => Cell::Real(value),
                ValueRef::Text(text) => {
                    if std::str::from_utf8(text).is_err() {
                        return Err(Stop::refused("a text in the result is not UTF-8"));
                    }
                    Cell::Text(Span::append(&mut result.heap, text, meter)?)
                }
                ValueRef::Blob(bytes) => Cell::Blob(Span::append(&mut result.heap, bytes, meter)?),
            });
        }
    }
    drop(rows);
    result.width = u32::try_from(width).unwrap_or(u32::MAX);
    Ok(result)
}

/// Runs a bound statement to its end and ignores its rows.
pub(super) fn exhaust(statement: &mut CachedStatement<'_>) -> Result<(), Stop> {
    let mut rows = statement.raw_query();
    while next(&mut rows)?.is_some() {}
    Ok(())
}

fn next<'a, 's>(rows: &'a mut rusqlite::Rows<'s>) -> Result<Option<&'a rusqlite::Row<'s>>, Stop> {
    rows.next().map_err(|error| classify(&error, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_slow_until_a_run_was_fast_and_one_long_run_does_not_make_it_slow() {
        let shape = Shape {
            numbers: [].into(),
            readonly: true,
            average: AtomicU64::new(UNKNOWN),
        };
        assert!(!shape.is_fast());
        shape.add_run(Duration::from_micros(10));
        assert!(shape.is_fast());
        shape.add_run(Duration::from_secs(1));
        assert!(shape.is_fast());
        shape.add_run(Duration::from_secs(1));
        assert!(!shape.is_fast());
        for _ in 0..64 {
            shape.add_run(Duration::from_micros(10));
        }
        assert!(shape.is_fast());
    }

    #[test]
    fn parameters_are_a_dollar_sign_and_a_number() {
        assert_eq!(number(Some("$1")).unwrap(), 1);
        assert_eq!(number(Some("$32766")).unwrap(), 32_766);
        let other = [
            "$0", "$01", "$+1", "$32767", "$x", "$", "?1", ":a", "@a", "$1::x",
        ];
        for name in other.map(Some).into_iter().chain([None]) {
            assert!(number(name).is_err(), "{name:?}");
        }
    }
}
