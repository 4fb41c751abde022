//! Reading what a statement returned.

use crate::bindings::task_host::platform::sql::{self, Cell, Rows, Span, Value};
use crate::bindings::task_host::platform::types::Problem;
use crate::refusals;

/// The rows of one statement. A cell of another kind than the one asked for is a defect of the
/// statement, and traps.
pub struct Table(Rows);

impl Table {
    /// Runs a statement that returns rows.
    pub fn query(statement: &str, params: &[Value]) -> Result<Self, Problem> {
        sql::query(statement, params)
            .map(Self)
            .map_err(refusals::defect)
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.0.cells.len() / (self.0.width.max(1) as usize)
    }

    /// A text that is not null.
    pub fn text(&self, row: usize, column: usize) -> String {
        match *self.cell(row, column) {
            Cell::Text(Span { start, len }) => {
                let (start, len) = (start as usize, len as usize);
                let bytes = self.0.heap[start..start + len].to_vec();
                String::from_utf8(bytes).expect("the contract says UTF-8")
            }
            ref other => panic!("text expected: {other:?}"),
        }
    }

    /// An integer that is not null.
    pub fn integer(&self, row: usize, column: usize) -> i64 {
        let integer = self.integer_or_null(row, column);
        integer.expect("the column is declared not null")
    }

    /// An integer, or none for null.
    pub fn integer_or_null(&self, row: usize, column: usize) -> Option<i64> {
        match *self.cell(row, column) {
            Cell::Null => None,
            Cell::Integer(integer) => Some(integer),
            ref other => panic!("integer expected: {other:?}"),
        }
    }

    fn cell(&self, row: usize, column: usize) -> &Cell {
        &self.0.cells[row * self.0.width as usize + column]
    }
}

/// Runs a statement that returns none.
pub fn execute(statement: &str, params: &[Value]) -> Result<u64, Problem> {
    sql::execute(statement, params).map_err(refusals::defect)
}

/// A text parameter.
pub fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}
