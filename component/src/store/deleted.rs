//! Deleted tasks that can be restored (`deleted_tasks`).

use crate::contract::sql::{Rows, Value};
use crate::contract::tasks::Task;
use crate::error::Error;
use crate::platform::Platform;
use crate::store::arrays::{self, Array};
use crate::store::{history, lists, tasks};
use task_host_sdk::rows::{Corrupt, Table};

/// How long a deleted task is kept, in microseconds: 30 days.
const KEPT_MICROS: i64 = 30 * 86_400_000_000;
/// Number of deleted tasks that are kept: the latest ones.
const KEPT_MAX: i64 = 10_000;
/// Maximum number of tasks that one request removes for good.
const PURGED_MAX: i64 = 1_000;

/// A deleted task.
pub struct Deleted {
    /// The task as it was.
    pub task: Task,
    /// The tasks that depended on it.
    pub dependents: Vec<i64>,
}

/// Keeps a task that is about to be deleted.
///
/// # Errors
/// Returns [`Error::Database`] if the statement fails.
pub fn keep(
    platform: &mut impl Platform,
    id: i64,
    now: i64,
    dependents: &[i64],
) -> Result<(), Error> {
    let statement = concat!(
        "insert into deleted_tasks (deleted_at, dependents, ",
        tasks::columns!(),
        ") select $2, $3, ",
        tasks::columns!(),
        " from tasks where id = $1"
    );
    let params = [
        Value::Integer(id),
        Value::Integer(now),
        Value::Text(lists::write_ids(dependents)),
    ];
    platform.execute(statement, &params)?;
    Ok(())
}

/// Returns a deleted task. `None`: no task with this id is kept.
///
/// # Errors
/// Returns [`Error::Database`] if a statement fails, and [`Error::Corrupt`] if the row is not a task.
pub fn find(platform: &mut impl Platform, id: i64, now: i64) -> Result<Option<Deleted>, Error> {
    let kept = "from deleted_tasks where id = $1 and deleted_at >= $2";
    let params = [Value::Integer(id), Value::Integer(now - KEPT_MICROS)];
    let columns = tasks::columns!();
    let rows = platform.query(&format!("select {columns} {kept}"), &params)?;
    let Some(task) = tasks::decode_all(&rows)?.pop() else {
        return Ok(None);
    };
    let rows = platform.query(&format!("select dependents {kept}"), &params)?;
    let dependents = lists::read_ids(Table::new(&rows)?.only()?.text()?)?;
    Ok(Some(Deleted { task, dependents }))
}

/// Notes of those of these tasks that are deleted that a task depended on them.
///
/// # Errors
/// Returns [`Error::Database`] if the statement fails.
pub fn add_dependent(platform: &mut impl Platform, id: i64, deleted: &[i64]) -> Result<(), Error> {
    append(platform, "dependents", id, deleted)
}

/// Notes of those of these tasks that are deleted that they depended on a task.
///
/// # Errors
/// Returns [`Error::Database`] if the statement fails.
pub fn add_dependency(platform: &mut impl Platform, id: i64, deleted: &[i64]) -> Result<(), Error> {
    append(platform, "dependencies", id, deleted)
}

fn append(
    platform: &mut impl Platform,
    column: &str,
    id: i64,
    deleted: &[i64],
) -> Result<(), Error> {
    if deleted.is_empty() {
        return Ok(());
    }
    let statement = format!(
        "update deleted_tasks set {column} = trim({column} || $1) \
         where id in (select cast(v.value as bigint) from {})",
        arrays::elements(platform.dialect(), "$2")
    );
    let params = [
        Value::Text(format!(" {id}")),
        Array::of_integers(deleted).into_value(),
    ];
    platform.execute(&statement, &params)?;
    Ok(())
}

/// Removes a task that was restored. Its history stays.
///
/// # Errors
/// Returns [`Error::Database`] if the statement fails.
pub fn remove(platform: &mut impl Platform, id: i64) -> Result<(), Error> {
    let statement = "delete from deleted_tasks where id = $1";
    platform.execute(statement, &[Value::Integer(id)])?;
    Ok(())
}

/// Removes tasks for good that were deleted too long ago or are too many, with their history.
///
/// # Errors
/// Returns [`Error::Database`] if a statement fails, and [`Error::Corrupt`] if a result is not an id.
pub fn purge(platform: &mut impl Platform, now: i64) -> Result<(), Error> {
    let statement = "select id from deleted_tasks where deleted_at < $1 union \
                     select id from (select id from deleted_tasks \
                     order by deleted_at desc, id desc limit $2 offset $3) as v limit $2";
    let params = [now - KEPT_MICROS, PURGED_MAX, KEPT_MAX].map(Value::Integer);
    let ids = read_ids(&platform.query(statement, &params)?)?;
    if ids.is_empty() {
        return Ok(());
    }
    remove_for_good(platform, &ids)
}

/// Removes these deleted tasks for good, with their history.
///
/// # Errors
/// Returns [`Error::Database`] if a statement fails.
pub fn remove_for_good(platform: &mut impl Platform, ids: &[i64]) -> Result<(), Error> {
    history::delete(platform, ids)?;
    let statement = format!(
        "delete from deleted_tasks where id in (select cast(v.value as bigint) from {})",
        arrays::elements(platform.dialect(), "$1")
    );
    platform.execute(&statement, &[Array::of_integers(ids).into_value()])?;
    Ok(())
}

fn read_ids(rows: &Rows) -> Result<Vec<i64>, Corrupt> {
    Table::new(rows)?
        .rows()
        .map(|mut row| row.integer())
        .collect()
}
