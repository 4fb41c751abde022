//! The dependencies between tasks (`task_dependencies`).

use crate::contract::sql::Value;
use crate::contract::tasks::Task;
use crate::error::Error;
use crate::platform::Platform;
use crate::store::placeholders::{self, CHUNK, padded_len};
use crate::store::rows::Table;
use crate::store::tasks;

/// Returns the ids that no task has, sorted.
///
/// # Errors
/// Returns [`Error::Database`] if a statement fails, and [`Error::Corrupt`] if a result is not an id
/// or a count.
pub fn missing(platform: &mut impl Platform, mut ids: Vec<i64>) -> Result<Vec<i64>, Error> {
    ids.sort_unstable();
    ids.dedup();
    let mut missing = Vec::new();
    for chunk in ids.chunks(CHUNK) {
        let count = padded_len(chunk.len());
        let mut params: Vec<Value> = chunk.iter().copied().map(Value::Integer).collect();
        params.resize(count, Value::Null);
        let list = placeholders::list(1, count);

        let statement = format!("select count(*) from tasks where id in ({list})");
        let rows = platform.query(&statement, &params)?;
        if Table::new(&rows)?.only()?.count()? == chunk.len() as u64 {
            continue;
        }
        let statement = format!("select id from tasks where id in ({list}) order by id");
        let rows = platform.query(&statement, &params)?;
        let found: Result<Vec<i64>, _> = Table::new(&rows)?
            .rows()
            .map(|mut row| row.integer())
            .collect();
        let found = found?;
        missing.extend(chunk.iter().filter(|id| found.binary_search(id).is_err()));
    }
    Ok(missing)
}

/// Adds dependencies: pairs of a task's id and the id of the task it depends on. Both tasks must
/// exist, and no pair may be stored already.
///
/// # Errors
/// Returns [`Error::Database`] if a statement fails.
pub fn add(platform: &mut impl Platform, pairs: &[(i64, i64)]) -> Result<(), Error> {
    for chunk in pairs.chunks(CHUNK) {
        let count = padded_len(chunk.len());
        let mut params: Vec<Value> = chunk
            .iter()
            .flat_map(|(task, dependency)| [*task, *dependency].map(Value::Integer))
            .collect();
        params.resize(count * 2, Value::Null);
        let statement = format!(
            "insert into task_dependencies (task_id, dependency_id) select column1, column2 \
             from {} where column1 is not null",
            placeholders::table(&["bigint", "bigint"], 1, count)
        );
        platform.execute(&statement, &params)?;
    }
    Ok(())
}

/// Removes some dependencies of a task.
///
/// # Errors
/// Returns [`Error::Database`] if a statement fails.
pub fn remove(platform: &mut impl Platform, id: i64, removed: &[i64]) -> Result<(), Error> {
    for chunk in removed.chunks(CHUNK) {
        let count = padded_len(chunk.len());
        let mut params = vec![Value::Integer(id)];
        params.extend(chunk.iter().copied().map(Value::Integer));
        params.resize(count + 1, Value::Null);
        let statement = format!(
            "delete from task_dependencies where task_id = $1 and dependency_id in ({})",
            placeholders::list(2, count)
        );
        platform.execute(&statement, &params)?;
    }
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

/// Returns the tasks that depend on this one, sorted by id.
///
/// # Errors
/// Returns [`Error::Database`] if the statement fails, and [`Error::Corrupt`] if a row is not a task.
pub fn dependents(platform: &mut impl Platform, id: i64) -> Result<Vec<Task>, Error> {
    let statement = concat!(
        "select ",
        tasks::columns!(),
        " from tasks where id in \
         (select task_id from task_dependencies where dependency_id = $1) order by id"
    );
    let rows = platform.query(statement, &[Value::Integer(id)])?;
    tasks::decode_all(&rows)
}

/// Returns whether a task depends on itself, directly or through other tasks. The query visits each
/// task once, because UNION drops rows that it has already found.
///
/// # Errors
/// Returns [`Error::Database`] if the statement fails.
pub fn in_cycle(platform: &mut impl Platform, id: i64) -> Result<bool, Error> {
    let statement = "with recursive needed (id) as (\
         select dependency_id from task_dependencies where task_id = $1 \
         union \
         select d.dependency_id from task_dependencies d join needed n on d.task_id = n.id\
         ) select 1 from needed where id = $1 limit 1";
    let rows = platform.query(statement, &[Value::Integer(id)])?;
    Ok(!rows.cells.is_empty())
}
