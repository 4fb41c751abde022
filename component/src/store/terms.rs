//! The index of the terms that find tasks (`task_terms`). See `domain::terms`.

use crate::contract::sql::Value;
use crate::error::Error;
use crate::platform::Platform;
use crate::store::placeholders::{self, CHUNK, padded_len};

/// Adds terms, each with its task's id. No pair may be in the index already or appear twice.
///
/// # Errors
/// Returns [`Error::Database`] if a statement fails.
pub fn add(platform: &mut impl Platform, terms: Vec<(String, i64)>) -> Result<(), Error> {
    let mut terms = terms.into_iter();
    while terms.len() > 0 {
        let count = padded_len(terms.len().min(CHUNK));
        let mut params = Vec::with_capacity(count * 2);
        for (term, id) in terms.by_ref().take(count) {
            params.push(Value::Text(term));
            params.push(Value::Integer(id));
        }
        params.resize(count * 2, Value::Null);
        let statement = format!(
            "insert into task_terms (term, task_id) select column1, column2 from {} \
             where column1 is not null",
            placeholders::table(&["text", "bigint"], 1, count)
        );
        platform.execute(&statement, &params)?;
    }
    Ok(())
}

/// Removes terms of one task. Terms that are not in the index are ignored.
///
/// # Errors
/// Returns [`Error::Database`] if a statement fails.
pub fn remove(platform: &mut impl Platform, id: i64, terms: Vec<String>) -> Result<(), Error> {
    let mut terms = terms.into_iter();
    while terms.len() > 0 {
        let count = padded_len(terms.len().min(CHUNK));
        let mut params = Vec::with_capacity(count + 1);
        params.push(Value::Integer(id));
        params.extend(terms.by_ref().take(count).map(Value::Text));
        // Null is equal to no term.
        params.resize(count + 1, Value::Null);
        let statement = format!(
            "delete from task_terms where task_id = $1 and term in ({})",
            placeholders::list(2, count)
        );
        platform.execute(&statement, &params)?;
    }
    Ok(())
}
