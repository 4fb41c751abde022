//! The index of what tasks are found by (`task_terms`). See `domain::terms`.

use crate::contract::sql::Value;
use crate::platform::Platform;
use crate::refusal::Refusal;
use crate::store::placeholders::{self, CHUNK, places};

/// Adds terms, each with its task. No pair may be in the index already, or stand here twice.
///
/// # Errors
/// [`Refusal::Database`].
pub fn add(platform: &mut impl Platform, terms: Vec<(String, i64)>) -> Result<(), Refusal> {
    let mut terms = terms.into_iter();
    while terms.len() > 0 {
        let count = places(terms.len().min(CHUNK));
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

/// Removes terms of one task. Those that are not there are passed over.
///
/// # Errors
/// [`Refusal::Database`].
pub fn remove(platform: &mut impl Platform, id: i64, terms: Vec<String>) -> Result<(), Refusal> {
    let mut terms = terms.into_iter();
    while terms.len() > 0 {
        let count = places(terms.len().min(CHUNK));
        let mut params = Vec::with_capacity(count + 1);
        params.push(Value::Integer(id));
        params.extend(terms.by_ref().take(count).map(Value::Text));
        // Equal to nothing.
        params.resize(count + 1, Value::Null);
        let statement = format!(
            "delete from task_terms where task_id = $1 and term in ({})",
            placeholders::list(2, count)
        );
        platform.execute(&statement, &params)?;
    }
    Ok(())
}
