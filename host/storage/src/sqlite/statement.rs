//! What is known about each statement of the logic, and how its parameters and results are
//! converted.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Statement, StatementStatus, ToSql};

use super::failure::classify;
use super::heap::HEAP;
use super::touched::Touched;
use crate::budget::Meter;
use crate::recorded::{CellRef, RowsDigest};
use crate::stats::nanos;
use crate::stop::{NO_STATEMENT, Stop};
use crate::{Cell, Found, Rows, Value, rules};

/// A statement that takes longer on average runs as blocking work.
const SLOW: Duration = Duration::from_millis(1);
/// The maximum that one run counts for in the average. A run has a weight of an eighth, so a single
/// long run does not make a statement slow. The thread may have waited for a processor meanwhile,
/// and using yet another thread for blocking work would make that worse.
const LONG: Duration = Duration::from_millis(7);

/// The statements that a connection has cached, by text: what is known about each, and how much
/// memory all of them take.
///
/// If the logic makes a new text for each request, statements would pile up on every connection. So
/// the size of all of them is limited. A connection that has more than its share then drops its
/// whole cache; the statements in use are soon compiled again.
pub(super) struct Cache {
    known: HashMap<Box<str>, Arc<Shape>>,
    /// The size of this connection's statements.
    bytes: usize,
    limits: CacheLimits,
}

/// Limits of the cached statements.
#[derive(Debug, Clone, Copy)]
pub(super) struct CacheLimits {
    /// Maximum size of the statements of all connections, in bytes. It may be exceeded up to
    /// twofold, while many connections are in use.
    pub(super) total_bytes: usize,
    /// The share of one connection, in bytes.
    pub(super) share_bytes: usize,
}

/// Maximum number of statements that a connection caches.
pub(super) const CACHED_STATEMENTS: usize = 1024;

/// Maximum size of a statement that is cached, in bytes.
const MAX_CACHED_BYTES: usize = 256 << 10;

/// What is known about one statement.
pub(super) struct Shape {
    /// The number of each parameter, in SQLite's order.
    numbers: Box<[u16]>,
    /// Whether it does not change the database.
    pub(super) readonly: bool,
    /// A moving average of the last runs, in nanoseconds. [`UNKNOWN`] before the first one.
    average: AtomicU64,
    /// What it touched when it was last compiled.
    touched: Mutex<Arc<Touched>>,
}

/// Counts as slow.
const UNKNOWN: u64 = u64::MAX;

impl Cache {
    /// Makes an empty cache.
    pub(super) fn new(limits: CacheLimits) -> Self {
        Self {
            known: HashMap::new(),
            bytes: 0,
            limits,
        }
    }

    /// Returns what is known about a text.
    pub(super) fn get(&self, text: &str) -> Option<Arc<Shape>> {
        self.known.get(text).cloned()
    }

    /// Adds a statement, unless it is too large. Returns whether it was added.
    pub(super) fn add(&mut self, text: &str, shape: Arc<Shape>, statement: &Statement<'_>) -> bool {
        if text.len() > rules::MAX_CACHED_LENGTH {
            return false;
        }
        let compiled = statement.get_status(StatementStatus::MemUsed);
        // The text is the key of two maps.
        let bytes = usize::try_from(compiled).unwrap_or(0) + 2 * text.len();
        if bytes > MAX_CACHED_BYTES {
            return false;
        }
        self.known.insert(text.into(), shape);
        self.bytes += bytes;
        HEAP.add_cached(bytes);
        true
    }

    /// Returns whether this cache must be dropped: it is full, or all caches together are too large
    /// and this one has more than its share.
    pub(super) fn is_full(&self) -> bool {
        self.known.len() >= CACHED_STATEMENTS
            || (self.bytes > self.limits.share_bytes
                && HEAP.cached_bytes() > self.limits.total_bytes)
    }

    /// Forgets all statements. The caller drops the statements themselves.
    pub(super) fn clear(&mut self) {
        self.known = HashMap::new();
        HEAP.subtract_cached(std::mem::take(&mut self.bytes));
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Shape {
    /// Examines a compiled statement.
    ///
    /// # Errors
    /// Returns the logic's fault if the logic may not run the statement.
    pub(super) fn of(text: &str, statement: &Statement<'_>) -> Result<Self, Stop> {
        if text.contains('\0') {
            return Err(Stop::refused("a statement may not contain U+0000"));
        }
        // SQLite compiles a text without a statement to a null statement. Of the statements that the
        // policy allows, those that read have columns and the others write.
        if statement.readonly() && statement.column_count() == 0 {
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
            touched: Mutex::default(),
        })
    }

    /// Sets what the statement touches, after it was compiled.
    pub(super) fn compiled(&self, touched: Touched) {
        *self.touched.lock() = Arc::new(touched);
    }

    /// Returns what the statement touches.
    pub(super) fn touched(&self) -> Arc<Touched> {
        self.touched.lock().clone()
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
    pub(super) fn bind(&self, statement: &mut Statement<'_>, params: &[Value]) -> Result<(), Stop> {
        for (slot, &number) in self.numbers.iter().enumerate() {
            let value = rules::value(params, number)?;
            statement
                .raw_bind_parameter(slot + 1, value)
                .map_err(|error| classify(&error))?;
        }
        Ok(())
    }
}

/// Reads `$n`. SQLite also accepts `?`, `?n`, `:name`, `@name` and `$name`, but PostgreSQL does not.
fn number(name: Option<&str>) -> Result<u16, Stop> {
    let name = name.unwrap_or("?");
    match name.strip_prefix('$') {
        Some(digits) => rules::number(digits).map_err(Stop::refused),
        None => Err(Stop::refused(rules::not_a_parameter(name))),
    }
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
pub(super) fn rows(statement: &mut Statement<'_>, meter: &mut Meter) -> Result<Rows, Stop> {
    let mut result = Rows::default();
    let mut width = statement.column_count();
    let mut rows = statement.raw_query();
    while let Some(row) = next(&mut rows)? {
        // The width is read again: after a change of the schema, SQLite compiles `SELECT *` again
        // when it is first stepped.
        width = row.as_ref().column_count();
        result.begin_row(width, meter)?;
        for column in 0..width {
            let value = row.get_ref(column).map_err(|error| classify(&error))?;
            let cell = match value {
                ValueRef::Null => Cell::Null,
                ValueRef::Integer(value) => Cell::Integer(value),
                ValueRef::Real(value) => Cell::Real(value),
                ValueRef::Text(text) => {
                    if std::str::from_utf8(text).is_err() {
                        return Err(Stop::refused("a text in the result is not UTF-8"));
                    }
                    Cell::Text(result.append(text, meter)?)
                }
                ValueRef::Blob(bytes) => Cell::Blob(result.append(bytes, meter)?),
            };
            result.cells.push(cell);
        }
    }
    drop(rows);
    result.width = u32::try_from(width).unwrap_or(u32::MAX);
    Ok(result)
}

/// Runs a bound statement to its end and returns the digest of its rows, without keeping them. Charges
/// what [`rows`] charges.
pub(super) fn digest(statement: &mut Statement<'_>, meter: &mut Meter) -> Result<Found, Stop> {
    let mut digest = RowsDigest::default();
    let mut width = statement.column_count();
    let mut rows = statement.raw_query();
    while let Some(row) = next(&mut rows)? {
        width = row.as_ref().column_count();
        meter.row()?;
        for column in 0..width {
            digest.cell(
                match row.get_ref(column).map_err(|error| classify(&error))? {
                    ValueRef::Null => CellRef::Null,
                    ValueRef::Integer(value) => CellRef::Integer(value),
                    ValueRef::Real(value) => CellRef::Real(value),
                    ValueRef::Text(text) => {
                        meter.bytes(text.len())?;
                        CellRef::Text(text)
                    }
                    ValueRef::Blob(bytes) => {
                        meter.bytes(bytes.len())?;
                        CellRef::Blob(bytes)
                    }
                },
            );
        }
    }
    Ok(digest.finish(u32::try_from(width).unwrap_or(u32::MAX)))
}

/// Runs a bound statement to its end and ignores its rows.
pub(super) fn exhaust(statement: &mut Statement<'_>) -> Result<(), Stop> {
    let mut rows = statement.raw_query();
    while next(&mut rows)?.is_some() {}
    Ok(())
}

fn next<'a, 's>(rows: &'a mut rusqlite::Rows<'s>) -> Result<Option<&'a rusqlite::Row<'s>>, Stop> {
    rows.next().map_err(|error| classify(&error))
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
            touched: Mutex::default(),
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
        assert_eq!(number(Some("$2000")).unwrap(), 2000);
        let other = [
            "$0", "$01", "$+1", "$2001", "$x", "$", "?1", ":a", "@a", "$1::x",
        ];
        for name in other.map(Some).into_iter().chain([None]) {
            assert!(number(name).is_err(), "{name:?}");
        }
    }
}
