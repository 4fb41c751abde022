//! Statements and the values of their rows. A failure is logged here, with its statement.

use crate::bindings::task_host::platform::log::{Level, write};
use crate::bindings::task_host::platform::sql::{self, Cause, Cell, Failure, Rows, Value};

/// A statement failed. The log has the details.
pub struct Failed {
    pub cause: Cause,
}

/// Runs a statement that returns rows.
pub fn query(statement: &str, params: &[Value]) -> Result<Rows, Failed> {
    sql::query(statement, params).map_err(|failure| logged(statement, failure))
}

/// Runs a statement and returns the number of rows that it changed.
pub fn execute(statement: &str, params: &[Value]) -> Result<u64, Failed> {
    sql::execute(statement, params).map_err(|failure| logged(statement, failure))
}

fn logged(statement: &str, failure: Failure) -> Failed {
    // A rule that is broken is the client's fault.
    let level = match failure.cause {
        Cause::Other => Level::Error,
        _ => Level::Info,
    };
    write(
        level,
        &failure.detail,
        &[("statement".into(), statement.into())],
    );
    Failed {
        cause: failure.cause,
    }
}

/// Returns the integer in a cell. Panics if it has none: then the statement does not fit the table.
pub fn integer(cell: &Cell) -> i64 {
    match cell {
        Cell::Integer(value) => *value,
        other => panic!("no integer: {other:?}"),
    }
}

/// Returns the text in a cell of some rows. Panics if it has none.
pub fn text(rows: &Rows, cell: &Cell) -> String {
    let Cell::Text(span) = cell else {
        panic!("no text: {cell:?}")
    };
    let bytes = &rows.heap[span.start as usize..][..span.len as usize];
    String::from_utf8(bytes.to_vec()).expect("text in a database is UTF-8")
}
