//! The operations.

use crate::bindings::exports::toys::contacts::contacts::{Change, Contact, Guest};
use crate::bindings::task_host::platform::sql::{self, Cell, Failure, Value};
use crate::bindings::task_host::platform::types::Problem;
use crate::{Component, revision, schema};

impl Guest for Component {
    fn get(name: String) -> Result<Contact, Problem> {
        let params = [Value::Text(name.clone())];
        let rows = sql::query(schema::select_statement(revision()), &params).map_err(defect)?;
        match rows.cells.first() {
            None => Err(problem(
                404,
                "contact-not-found",
                format!("There is no {name}."),
            )),
            Some(Cell::Text(span)) => {
                let (start, len) = (span.start as usize, span.len as usize);
                let phone = String::from_utf8_lossy(&rows.heap[start..start + len]).into_owned();
                Ok(Contact { name, phone })
            }
            Some(other) => Err(problem(500, "lost", format!("{name} has {other:?}"))),
        }
    }

    fn put(name: String, change: Change) -> Result<Contact, Problem> {
        let params = [Value::Text(name.clone()), Value::Text(change.phone.clone())];
        sql::execute(schema::upsert_statement(revision()), &params).map_err(defect)?;
        let phone = change.phone;
        Ok(Contact { name, phone })
    }
}

/// A statement failed, which is a defect.
fn defect(failure: Failure) -> Problem {
    problem(500, "defect", failure.detail)
}

fn problem(status: u16, code: &str, title: String) -> Problem {
    Problem {
        status,
        code: code.to_owned(),
        title,
        detail: None,
        errors: Vec::new(),
        extensions: Vec::new(),
    }
}
