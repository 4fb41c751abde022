//! Reads the result of a statement.

use crate::bindings::task_host::platform::sql::{self, Cell, Rows, Span, Value};
use crate::bindings::task_host::platform::types::Problem;
use crate::problems;

/// The rows of one statement. Reading a cell as another type is a defect in the statement, and
/// traps.
pub struct Table(Rows);

impl Table {
    /// Runs a statement that returns rows.
    pub fn query(statement: &str, params: &[Value]) -> Result<Self, Problem> {
        sql::query(statement, params)
            .map(Self)
            .map_err(problems::defect)
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.0.cells.len() / (self.0.width.max(1) as usize)
    }

    /// Returns a text that is not null.
    pub fn text(&self, row: usize, column: usize) -> String {
        match *self.cell(row, column) {
            Cell::Text(Span { start, len }) => {
                let (start, len) = (start as usize, len as usize);
                let bytes = self.0.heap[start..start + len].to_vec();
                String::from_utf8(bytes).expect("the contract guarantees UTF-8")
            }
            ref other => panic!("expected a text: {other:?}"),
        }
    }

    /// Returns an integer that is not null.
    pub fn integer(&self, row: usize, column: usize) -> i64 {
        let integer = self.integer_or_null(row, column);
        integer.expect("the column is declared not null")
    }

    /// Returns an integer, or `None` for null.
    pub fn integer_or_null(&self, row: usize, column: usize) -> Option<i64> {
        match *self.cell(row, column) {
            Cell::Null => None,
            Cell::Integer(integer) => Some(integer),
            ref other => panic!("expected an integer: {other:?}"),
        }
    }

    fn cell(&self, row: usize, column: usize) -> &Cell {
        &self.0.cells[row * self.0.width as usize + column]
    }
}

/// Runs a statement that returns no rows. Returns the number of rows that it changed.
pub fn execute(statement: &str, params: &[Value]) -> Result<u64, Problem> {
    sql::execute(statement, params).map_err(problems::defect)
}

/// Creates a text parameter.
pub fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}
