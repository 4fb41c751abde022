//! The index of the terms that find tasks (`task_terms`). See `domain::terms`.
//!
//! A row is a term and the id of its task. Rows of folded terms have the negative id. So the logic
//! before them, which may serve beside this one or after a rollback, neither finds these rows nor
//! inserts one that exists.

use crate::contract::sql::Value;
use crate::error::Error;
use crate::platform::Platform;
use crate::store::arrays::{self, Array};

/// Adds terms of one task. None may be in the index already or appear twice.
///
/// # Errors
/// Returns [`Error::Database`] if a statement fails.
pub fn add(platform: &mut impl Platform, id: i64, terms: &[String]) -> Result<(), Error> {
    if terms.is_empty() {
        return Ok(());
    }
    let statement = format!(
        "insert into task_terms (term, task_id) select v.value, $1 from {}",
        arrays::elements(platform.dialect(), "$2")
    );
    platform.execute(&statement, &params(id, terms))?;
    Ok(())
}

/// Adds terms of new tasks, each with its id, or with the negative id if it is a folded term. In the
/// order of the key, neighbours are on the same pages.
///
/// # Errors
/// Returns [`Error::Database`] if a statement fails.
pub fn add_all(platform: &mut impl Platform, mut terms: Vec<(String, i64)>) -> Result<(), Error> {
    terms.sort_unstable();
    let statement = format!(
        "insert into task_terms (term, task_id) \
         select w.value ->> 0, cast(w.value ->> 1 as bigint) from {}",
        arrays::rows(platform.dialect(), "$1")
    );
    for part in terms.chunks(ROWS) {
        let mut pairs = Array::new();
        for (term, id) in part {
            let mut pair = Array::of_texts([term.as_str()]);
            pair.integer(*id);
            pairs.array(pair);
        }
        platform.execute(&statement, &[pairs.into_value()])?;
    }
    Ok(())
}

/// Number of terms that one statement adds: their text stays well below the host's limits.
const ROWS: usize = 5_000;

/// Adds folded terms of one task. Those that are in the index already are left out: the logic before
/// folded terms leaves them when it changes a task.
///
/// # Errors
/// Returns [`Error::Database`] if a statement fails.
pub fn add_folded(platform: &mut impl Platform, id: i64, terms: &[String]) -> Result<(), Error> {
    if terms.is_empty() {
        return Ok(());
    }
    let statement = format!(
        "insert into task_terms (term, task_id) select v.value, $1 from {} where true \
         on conflict do nothing",
        arrays::elements(platform.dialect(), "$2")
    );
    platform.execute(&statement, &params(-id, terms))?;
    Ok(())
}

/// Removes terms of one task. Terms that are not in the index are ignored.
///
/// # Errors
/// Returns [`Error::Database`] if a statement fails.
pub fn remove(platform: &mut impl Platform, id: i64, terms: &[String]) -> Result<(), Error> {
    if terms.is_empty() {
        return Ok(());
    }
    let statement = format!(
        "delete from task_terms where task_id = $1 and {}",
        arrays::is_in(platform.dialect(), "term", "$2")
    );
    platform.execute(&statement, &params(id, terms))?;
    Ok(())
}

/// Removes folded terms of one task. Terms that are not in the index are ignored.
///
/// # Errors
/// Returns [`Error::Database`] if a statement fails.
pub fn remove_folded(platform: &mut impl Platform, id: i64, terms: &[String]) -> Result<(), Error> {
    remove(platform, -id, terms)
}

fn params(id: i64, terms: &[String]) -> [Value; 2] {
    let terms = Array::of_texts(terms.iter().map(String::as_str));
    [Value::Integer(id), terms.into_value()]
}
