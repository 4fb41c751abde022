//! Statements with typed parameters, and their rows as values.

use std::borrow::Cow;

use crate::bindings::task_host::platform::sql::Rows;
pub use crate::bindings::task_host::platform::sql::{Cause, Cell, Dialect, Failure, Value};
use crate::bindings::wasi::clocks::wall_clock::Datetime;
use crate::clock;
use crate::error::{Error, Result};
use crate::platform::{Host, Platform};
use crate::rows::{Mismatch, Row, Table};
#[cfg(not(target_family = "wasm"))]
use crate::testing::compare_columns;

/// Returns the dialect of the database behind this request.
pub fn dialect() -> Dialect {
    Host.dialect()
}

/// A statement with its parameters. The macro [`sql!`](crate::sql!) makes it.
#[derive(Debug, Clone)]
#[must_use = "a statement runs when one(), optional(), all() or execute() is called"]
pub struct Statement {
    text: Cow<'static, str>,
    params: Vec<Value>,
}

impl Statement {
    /// Creates a statement from a text that is made at run time. `$n` is the nth parameter. Make such texts from
    /// few forms, because engines keep statements by their text, and never from what a client sent.
    ///
    /// ```no_run
    /// # fn run() -> task_host_sdk::Result<()> {
    /// use task_host_sdk::sql::{Statement, Value};
    ///
    /// let column = if true { "url" } else { "title" };
    /// let text = format!("select id from bookmarks order by {column} limit $1");
    /// let ids: Vec<i64> = Statement::new(text, vec![Value::Integer(10)]).all()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(text: impl Into<Cow<'static, str>>, params: Vec<Value>) -> Self {
        Self {
            text: text.into(),
            params,
        }
    }

    /// Returns the text, with `$n` for the nth parameter.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Runs the statement and returns its rows.
    ///
    /// # Errors
    /// Returns an error if the statement fails or a row does not fit `T`.
    pub fn all<T: Row>(self) -> Result<Vec<T>> {
        let rows = self.query()?;
        let table = self.table::<T>(&rows)?;
        let rows = table.rows();
        let mut values = Vec::with_capacity(rows.len());
        for mut row in rows {
            values.push(T::read(&mut row).map_err(|mismatch| self.mismatch(mismatch))?);
        }
        Ok(values)
    }

    /// Runs the statement and returns its first row. `None` if it has none.
    ///
    /// # Errors
    /// The same as [`Statement::all`].
    pub fn optional<T: Row>(self) -> Result<Option<T>> {
        let rows = self.query()?;
        let row = self.table::<T>(&rows)?.rows().next();
        row.map(|mut row| T::read(&mut row))
            .transpose()
            .map_err(|mismatch| self.mismatch(mismatch))
    }

    /// Runs the statement and returns its first row.
    ///
    /// # Errors
    /// The same as [`Statement::all`], and if there is no row:
    /// [`on_missing`](crate::OnFailure::on_missing) turns that into a problem.
    pub fn one<T: Row>(self) -> Result<T> {
        let rows = self.query()?;
        match self.table::<T>(&rows)?.rows().next() {
            Some(mut row) => T::read(&mut row).map_err(|mismatch| self.mismatch(mismatch)),
            None => Err(Error::missing(self.text)),
        }
    }

    /// Runs the statement and returns the number of rows that it changed.
    ///
    /// # Errors
    /// Returns an error if the statement fails.
    pub fn execute(self) -> Result<u64> {
        let result = Host.execute(&self.text, &self.params);
        result.map_err(|failure| Error::failure(failure, self.text))
    }

    fn query(&self) -> Result<Rows> {
        let result = Host.query(&self.text, &self.params);
        result.map_err(|failure| Error::failure(failure, self.text.clone()))
    }

    fn table<'a, T: Row>(&self, rows: &'a Rows) -> Result<Table<'a>> {
        compare_columns(T::FIELDS, &self.text);
        let mismatch = |what| Mismatch {
            field: "the result",
            what,
        };
        Table::new(rows).map_err(|what| self.mismatch(mismatch(what)))
    }

    fn mismatch(&self, mismatch: Mismatch) -> Error {
        Error::mismatch(mismatch, self.text.clone())
    }
}

/// In a component this does nothing: a result has no names of columns there.
#[cfg(target_family = "wasm")]
fn compare_columns(_fields: &[&str], _statement: &str) {}

/// A type that a statement takes as a parameter.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a parameter of a statement",
    note = "use i64, i32, u32, f64, bool, &str, String, bytes, Datetime, an enum with #[derive(Data)], or an Option of \
            these; columns have no u64 and no usize: convert with i64::try_from",
    note = "pass a list as one parameter of JSON text, and read it with json_each or json_array_elements"
)]
pub trait ToValue {
    /// Returns the parameter.
    fn to_value(&self) -> Value;
}

/// Types that have their own case of [`Value`].
macro_rules! values {
    ($($type:ty: $value:ident => $case:expr;)*) => {$(
        impl ToValue for $type {
            fn to_value(&self) -> Value {
                let $value = self;
                $case
            }
        }
    )*};
}
values! {
    bool: value => Value::Boolean(*value);
    i8: value => Value::Integer((*value).into());
    i16: value => Value::Integer((*value).into());
    i32: value => Value::Integer((*value).into());
    i64: value => Value::Integer(*value);
    u8: value => Value::Integer((*value).into());
    u16: value => Value::Integer((*value).into());
    u32: value => Value::Integer((*value).into());
    f32: value => Value::Real((*value).into());
    f64: value => Value::Real(*value);
    str: value => Value::Text(value.to_owned());
    String: value => Value::Text(value.clone());
    [u8]: value => Value::Blob(value.to_vec());
    Vec<u8>: value => Value::Blob(value.clone());
    Datetime: value => Value::Integer(clock::micros(*value));
    Value: value => value.clone();
}

impl<T: ToValue> ToValue for Option<T> {
    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::to_value)
    }
}

impl<T: ToValue + ?Sized> ToValue for &T {
    fn to_value(&self) -> Value {
        T::to_value(self)
    }
}
