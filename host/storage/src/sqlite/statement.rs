//! What is known of each statement's text, and how its parameters and results cross.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Statement, ToSql};

use super::failure::Stop;
use crate::budget::Meter;
use crate::stats::nanos;
use crate::{Cell, Error, Limit, Rows, Span, Value};

/// Statements that take longer on average run aside.
const SLOW: Duration = Duration::from_millis(1);
/// A run counts for so much at most. With its weight of an eighth, one alone does not make a
/// statement slow: it may be that the thread had to wait for a processor meanwhile, which running
/// aside, on yet another thread, would make worse.
const LONG: Duration = Duration::from_millis(7);

/// The highest parameter number, as on both engines.
const MAX_PARAMETER: usize = 32_766;

/// What is known of the statements that ran on a connection, by text.
pub(super) struct Shapes {
    known: HashMap<Box<str>, Arc<Shape>>,
    capacity: usize,
}

/// What is known of one statement.
pub(super) struct Shape {
    /// For each of SQLite's parameters, in its own order, the index into `params`.
    slots: Box<[u16]>,
    /// Whether it leaves the database as it is.
    pub(super) readonly: bool,
    /// A moving average over the last runs, in nanoseconds; [`UNKNOWN`] before the first one.
    average: AtomicU64,
}

/// As slow as can be.
const UNKNOWN: u64 = u64::MAX;

impl Shapes {
    /// Keeps about `capacity` texts.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            known: HashMap::new(),
            capacity: capacity.max(1),
        }
    }

    /// What is known of a text.
    pub(super) fn get(&self, text: &str) -> Option<Arc<Shape>> {
        self.known.get(text).cloned()
    }

    /// Finds out what there is to know of a compiled statement.
    ///
    /// # Errors
    /// A [`Failure`](crate::Failure) where it is nothing that the logic may run.
    pub(super) fn learn(
        &mut self,
        text: &str,
        statement: &Statement<'_>,
    ) -> Result<Arc<Shape>, Stop> {
        let shape = Arc::new(Shape::of(text, statement)?);
        // Texts made up anew for each request would pile up. What is in use comes back.
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
        // SQLite compiles a text without a statement to nothing at all.
        if statement.expanded_sql().is_none() {
            return Err(Stop::refused("there is no statement in the text"));
        }
        if statement.is_explain() != 0 {
            return Err(Stop::refused("EXPLAIN is not available"));
        }
        let slots = (1..=statement.parameter_count())
            .map(|slot| number(statement.parameter_name(slot)))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            slots,
            readonly: statement.readonly(),
            average: AtomicU64::new(UNKNOWN),
        })
    }

    /// Whether it is known to take so little time that it may run in place.
    pub(super) fn is_fast(&self) -> bool {
        self.average.load(Relaxed) < nanos(SLOW)
    }

    /// Notes how long a run took.
    pub(super) fn note(&self, elapsed: Duration) {
        let average = match self.average.load(Relaxed) {
            // The next run decides, if this one was long.
            UNKNOWN => nanos(elapsed.min(SLOW)),
            average => average - average / 8 + nanos(elapsed.min(LONG)) / 8,
        };
        self.average.store(average, Relaxed);
    }

    /// Binds `$n` to the n-th of `params`, wherever and however often it stands.
    pub(super) fn bind(
        &self,
        statement: &mut CachedStatement<'_>,
        params: &[Value],
    ) -> Result<(), Stop> {
        for (slot, &index) in self.slots.iter().enumerate() {
            let number = index + 1;
            let Some(value) = params.get(usize::from(index)) else {
                return Err(Stop::refused(format!(
                    "${number} stands in the statement, which has {} parameters",
                    params.len()
                )));
            };
            match value {
                Value::Text(text) if text.contains('\0') => {
                    return Err(Stop::refused(format!("${number} contains U+0000")));
                }
                Value::Real(real) if real.is_nan() => {
                    return Err(Stop::refused(format!("${number} is not a number")));
                }
                _ => {}
            }
            statement
                .raw_bind_parameter(slot + 1, value)
                .map_err(|error| Stop::sort(&error, None))?;
        }
        Ok(())
    }
}

/// Reads `$n`. SQLite also knows `?`, `?n`, `:name`, `@name` and `$name`, PostgreSQL does not.
fn number(name: Option<&str>) -> Result<u16, Stop> {
    let name = name.unwrap_or("?");
    name.strip_prefix('$')
        .filter(|digits| !digits.starts_with(['0', '+']))
        .and_then(|digits| digits.parse().ok())
        .filter(|number| (1..=MAX_PARAMETER).contains(number))
        .and_then(|number| u16::try_from(number - 1).ok())
        .ok_or_else(|| Stop::refused(format!("{name} is no parameter; write $1, $2 and so on")))
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

/// Runs a bound statement to its end and copies its rows.
pub(super) fn rows(statement: &mut CachedStatement<'_>, meter: &mut Meter) -> Result<Rows, Stop> {
    let mut result = Rows::default();
    let mut width = statement.column_count();
    let mut rows = statement.raw_query();
    while let Some(row) = next(&mut rows)? {
        meter.row()?;
        // Counted again: a changed schema compiles `SELECT *` anew when it is first stepped.
        width = row.as_ref().column_count();
        result.cells.reserve(width);
        for column in 0..width {
            let value = row
                .get_ref(column)
                .map_err(|error| Stop::sort(&error, None))?;
            result.cells.push(match value {
                ValueRef::Null => Cell::Null,
                ValueRef::Integer(value) => Cell::Integer(value),
                ValueRef::Real(value) => Cell::Real(value),
                ValueRef::Text(text) => {
                    if std::str::from_utf8(text).is_err() {
                        return Err(Stop::refused("a text in the result is not UTF-8"));
                    }
                    Cell::Text(keep(&mut result.heap, text, meter)?)
                }
                ValueRef::Blob(bytes) => Cell::Blob(keep(&mut result.heap, bytes, meter)?),
            });
        }
    }
    drop(rows);
    result.width = u32::try_from(width).unwrap_or(u32::MAX);
    Ok(result)
}

/// Runs a bound statement to its end and drops its rows.
pub(super) fn exhaust(statement: &mut CachedStatement<'_>) -> Result<(), Stop> {
    let mut rows = statement.raw_query();
    while next(&mut rows)?.is_some() {}
    Ok(())
}

fn next<'a, 's>(rows: &'a mut rusqlite::Rows<'s>) -> Result<Option<&'a rusqlite::Row<'s>>, Stop> {
    rows.next().map_err(|error| Stop::sort(&error, None))
}

fn keep(heap: &mut Vec<u8>, bytes: &[u8], meter: &mut Meter) -> Result<Span, Error> {
    meter.bytes(bytes.len())?;
    Span::append(heap, bytes).ok_or(Error::Limit(Limit::Bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_slow_until_it_is_known_to_be_fast_and_not_for_one_long_run() {
        let shape = Shape {
            slots: [].into(),
            readonly: true,
            average: AtomicU64::new(UNKNOWN),
        };
        assert!(!shape.is_fast());
        shape.note(Duration::from_micros(10));
        assert!(shape.is_fast());
        shape.note(Duration::from_secs(1));
        assert!(shape.is_fast());
        shape.note(Duration::from_secs(1));
        assert!(!shape.is_fast());
        for _ in 0..64 {
            shape.note(Duration::from_micros(10));
        }
        assert!(shape.is_fast());
    }

    #[test]
    fn parameters_are_a_dollar_sign_and_a_number() {
        assert_eq!(number(Some("$1")).unwrap(), 0);
        assert_eq!(number(Some("$32766")).unwrap(), 32_765);
        let other = [
            "$0", "$01", "$+1", "$32767", "$x", "$", "?1", ":a", "@a", "$1::x",
        ];
        for name in other.map(Some).into_iter().chain([None]) {
            assert!(number(name).is_err(), "{name:?}");
        }
    }
}
