//! The dependencies between tasks (`task_dependencies`).

use crate::contract::sql::{Rows, Value};
use crate::error::Error;
use crate::platform::Platform;
use crate::store::arrays::{self, Array};
use task_host_sdk::rows::{Corrupt, Table};

/// Returns the ids that no task has, sorted.
///
/// # Errors
/// Returns [`Error::Database`] if a statement fails, and [`Error::Corrupt`] if a result is not an id
/// or a count.
pub fn missing(platform: &mut impl Platform, mut ids: Vec<i64>) -> Result<Vec<i64>, Error> {
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok(ids);
    }
    let elements = arrays::elements(platform.dialect(), "$1");
    let params = [Array::of_integers(&ids).into_value()];
    let named = format!("tasks where id in (select cast(v.value as bigint) from {elements})");

    let rows = platform.query(&format!("select count(*) from {named}"), &params)?;
    if Table::new(&rows)?.only()?.count()? == ids.len() as u64 {
        return Ok(Vec::new());
    }
    let rows = platform.query(&format!("select id from {named} order by id"), &params)?;
    let found: Result<Vec<i64>, Corrupt> = Table::new(&rows)?
        .rows()
        .map(|mut row| row.integer())
        .collect();
    let found = found?;
    ids.retain(|id| found.binary_search(id).is_err());
    Ok(ids)
}

/// Adds dependencies of a task. All tasks must exist, and none may be stored already.
///
/// # Errors
/// Returns [`Error::Database`] if a statement fails.
pub fn add(platform: &mut impl Platform, id: i64, added: &[i64]) -> Result<(), Error> {
    if added.is_empty() {
        return Ok(());
    }
    let statement = format!(
        "insert into task_dependencies (task_id, dependency_id) \
         select $1, cast(v.value as bigint) from {}",
        arrays::elements(platform.dialect(), "$2")
    );
    let params = [Value::Integer(id), Array::of_integers(added).into_value()];
    platform.execute(&statement, &params)?;
    Ok(())
}

/// Adds the dependencies of new tasks, each with its id.
///
/// # Errors
/// Returns [`Error::Database`] if a statement fails.
pub fn add_all<'a>(
    platform: &mut impl Platform,
    tasks: impl Iterator<Item = (i64, &'a [i64])>,
) -> Result<(), Error> {
    let pairs: Vec<[i64; 2]> = tasks
        .flat_map(|(id, dependencies)| dependencies.iter().map(move |other| [id, *other]))
        .collect();
    let statement = format!(
        "insert into task_dependencies (task_id, dependency_id) \
         select cast(w.value ->> 0 as bigint), cast(w.value ->> 1 as bigint) from {}",
        arrays::rows(platform.dialect(), "$1")
    );
    for part in pairs.chunks(ROWS) {
        let mut pairs = Array::new();
        for pair in part {
            pairs.array(Array::of_integers(pair));
        }
        platform.execute(&statement, &[pairs.into_value()])?;
    }
    Ok(())
}

/// Number of dependencies that one statement adds.
const ROWS: usize = 10_000;

/// Removes some dependencies of a task.
///
/// # Errors
/// Returns [`Error::Database`] if a statement fails.
pub fn remove(platform: &mut impl Platform, id: i64, removed: &[i64]) -> Result<(), Error> {
    if removed.is_empty() {
        return Ok(());
    }
    let statement = format!(
        "delete from task_dependencies where task_id = $1 and \
         dependency_id in (select cast(v.value as bigint) from {})",
        arrays::elements(platform.dialect(), "$2")
    );
    let params = [Value::Integer(id), Array::of_integers(removed).into_value()];
    platform.execute(&statement, &params)?;
    Ok(())
}

/// Removes a task from the dependencies of all other tasks.
///
/// # Errors
/// Returns [`Error::Database`] if the statement fails.
pub fn remove_from_all(platform: &mut impl Platform, id: i64) -> Result<(), Error> {
    let statement = "delete from task_dependencies where dependency_id = $1";
    platform.execute(statement, &[Value::Integer(id)])?;
    Ok(())
}

/// A task that depends on another one: what changes when that one is deleted.
pub struct Dependent {
    /// Its id.
    pub id: i64,
    /// Its status, as stored.
    pub status: i64,
    /// Its checksum.
    pub checksum: String,
    /// The bytes of its texts. A change writes all of them again.
    pub bytes: u64,
}

/// The columns of a [`Dependent`].
const DEPENDENT: &str = "id, status, checksum, octet_length(title) + \
     coalesce(octet_length(description), 0) + octet_length(tags) + octet_length(dependencies)";

/// Returns the tasks that depend on this one, sorted by id, at most `limit`.
///
/// # Errors
/// Returns [`Error::Database`] if the statement fails, and [`Error::Corrupt`] if a row has other cells.
pub fn dependents(
    platform: &mut impl Platform,
    id: i64,
    limit: usize,
) -> Result<Vec<Dependent>, Error> {
    let statement = format!(
        "select {DEPENDENT} from tasks where id in \
         (select task_id from task_dependencies where dependency_id = $1) order by id limit $2"
    );
    let params = [Value::Integer(id), Value::Integer(limit as i64)];
    read_dependents(&platform.query(&statement, &params)?)
}

/// Returns those of these tasks that exist and can depend on this one: it does not need them, directly or
/// through other tasks, and they have fewer than `limit` dependencies. Sorted by id. None of them may
/// depend on it already.
///
/// # Errors
/// Returns [`Error::Database`] if the statement fails, and [`Error::Corrupt`] if a row has other cells.
pub fn former_dependents(
    platform: &mut impl Platform,
    id: i64,
    former: &[i64],
    limit: i64,
) -> Result<Vec<Dependent>, Error> {
    let statement = format!(
        "with recursive {NEEDED} select {DEPENDENT} from tasks \
         where id in (select cast(v.value as bigint) from {}) \
         and id not in (select n.id from needed as n) and (select count(*) from \
         task_dependencies as d where d.task_id = tasks.id) < $3 order by id",
        arrays::elements(platform.dialect(), "$2")
    );
    let params = [
        Value::Integer(id),
        Array::of_integers(former).into_value(),
        Value::Integer(limit),
    ];
    read_dependents(&platform.query(&statement, &params)?)
}

fn read_dependents(rows: &Rows) -> Result<Vec<Dependent>, Error> {
    let rows = Table::new(rows)?.rows();
    let mut dependents = Vec::with_capacity(rows.len());
    for mut row in rows {
        dependents.push(Dependent {
            id: row.integer()?,
            status: row.integer()?,
            checksum: row.text()?.to_owned(),
            bytes: row.count()?,
        });
    }
    Ok(dependents)
}

/// The tasks that the task `$1` depends on, directly or through other tasks. Each of them is visited once,
/// because UNION drops rows that it has already found.
const NEEDED: &str = "needed (id) as (\
     select dependency_id from task_dependencies where task_id = $1 \
     union \
     select d.dependency_id from task_dependencies d join needed n on d.task_id = n.id)";

/// What a task depends on, directly or through other tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Not itself.
    Others,
    /// Itself.
    Itself,
    /// More tasks than were looked at.
    TooMany,
}

/// Looks for a task among the tasks that it depends on, directly or through other tasks. More than
/// `limit` are not visited.
///
/// # Errors
/// Returns [`Error::Database`] if the statement fails, and [`Error::Corrupt`] if the result is not a
/// row of counts.
pub fn needs(platform: &mut impl Platform, id: i64, limit: usize) -> Result<Needs, Error> {
    let statement = format!(
        "with recursive {NEEDED} select count(*), count(case when id = $1 then 1 end) \
         from (select id from needed limit $2) as v"
    );
    let params = [Value::Integer(id), Value::Integer(limit as i64 + 1)];
    let rows = platform.query(&statement, &params)?;
    let mut row = Table::new(&rows)?.only()?;
    let (visited, found) = (row.count()?, row.count()?);
    Ok(match found {
        0 if visited <= limit as u64 => Needs::Others,
        0 => Needs::TooMany,
        _ => Needs::Itself,
    })
}
