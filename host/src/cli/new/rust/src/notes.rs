//! The operations: each runs in a transaction, which a problem rolls back.

use crate::Logic;
use crate::bindings::exports::__SNAKE__::api::notes::{Draft, Guest, Note, Problem};
use crate::bindings::task_host::platform::sql::{Cause, Rows, Value};
use crate::bindings::task_host::platform::types::FieldError;
use crate::database::{self, Failed, integer, text};

/// Maximum length of a text, in characters.
const MAX_LENGTH: usize = 1000;

impl Guest for Logic {
    fn create(draft: Draft) -> Result<Note, Problem> {
        let length = draft.text.chars().count();
        if draft.text.trim().is_empty() || length > MAX_LENGTH {
            return Err(Problem {
                errors: vec![FieldError {
                    pointer: "/text".into(),
                    detail: format!("has from 1 to {MAX_LENGTH} characters"),
                }],
                ..problem(422, "invalid-note", "The note is not valid")
            });
        }
        let inserted = database::query(
            "INSERT INTO notes (text) VALUES ($1) RETURNING id, text",
            &[Value::Text(draft.text)],
        );
        match inserted {
            Ok(rows) => first(&rows),
            Err(Failed {
                cause: Cause::Unique,
            }) => Err(problem(
                409,
                "already-noted",
                "There is a note with this text",
            )),
            Err(failed) => Err(failed.into()),
        }
    }

    fn get(id: i64) -> Result<Note, Problem> {
        let rows = database::query(
            "SELECT id, text FROM notes WHERE id = $1",
            &[Value::Integer(id)],
        )?;
        first(&rows)
    }

    fn list(q: Option<String>, after: Option<i64>) -> Result<Vec<Note>, Problem> {
        let rows = database::query(
            "SELECT id, text FROM notes WHERE id > $1 AND text LIKE '%' || $2 || '%' \
             ORDER BY id LIMIT 100",
            &[
                Value::Integer(after.unwrap_or_default()),
                Value::Text(q.unwrap_or_default()),
            ],
        )?;
        Ok(notes(&rows))
    }

    fn delete(id: i64) -> Result<(), Problem> {
        match database::execute("DELETE FROM notes WHERE id = $1", &[Value::Integer(id)])? {
            0 => Err(no_such_note()),
            _ => Ok(()),
        }
    }
}

fn notes(rows: &Rows) -> Vec<Note> {
    let rows_of_cells = rows.cells.chunks(rows.width as usize);
    rows_of_cells
        .map(|cells| Note {
            id: integer(&cells[0]),
            text: text(rows, &cells[1]),
        })
        .collect()
}

fn first(rows: &Rows) -> Result<Note, Problem> {
    notes(rows).into_iter().next().ok_or_else(no_such_note)
}

fn no_such_note() -> Problem {
    problem(404, "no-such-note", "There is no such note")
}

fn problem(status: u16, code: &str, title: &str) -> Problem {
    Problem {
        status,
        code: code.into(),
        title: title.into(),
        detail: None,
        errors: vec![],
        extensions: vec![],
    }
}

impl From<Failed> for Problem {
    fn from(_: Failed) -> Self {
        // The log has the reason. Clients must not see it.
        problem(500, "database-failed", "The database failed")
    }
}
