//! Which task has to wait for which (`task_dependencies`).

use crate::contract::sql::Value;
use crate::contract::tasks::Task;
use crate::platform::Platform;
use crate::refusal::Refusal;
use crate::store::placeholders::{self, CHUNK, places};
use crate::store::rows::Table;
use crate::store::tasks;

/// Those of the ids that no task has, sorted.
///
/// # Errors
/// [`Refusal::Database`].
pub fn missing(platform: &mut impl Platform, mut ids: Vec<i64>) -> Result<Vec<i64>, Refusal> {
    ids.sort_unstable();
    ids.dedup();
    let mut missing = Vec::new();
    for chunk in ids.chunks(CHUNK) {
        let count = places(chunk.len());
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

/// Adds dependencies: a task's id, and the id of what it waits for. Both exist, and no pair is
/// there already.
///
/// # Errors
/// [`Refusal::Database`].
pub fn add(platform: &mut impl Platform, pairs: &[(i64, i64)]) -> Result<(), Refusal> {
    for chunk in pairs.chunks(CHUNK) {
        let count = places(chunk.len());
        let mut params: Vec<Value> = chunk
            .iter()
            .flat_map(|(task, on)| [*task, *on].map(Value::Integer))
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
/// [`Refusal::Database`].
pub fn remove(platform: &mut impl Platform, id: i64, removed: &[i64]) -> Result<(), Refusal> {
    for chunk in removed.chunks(CHUNK) {
        let count = places(chunk.len());
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

/// Removes what makes any task wait for this one.
///
/// # Errors
/// [`Refusal::Database`].
pub fn release(platform: &mut impl Platform, id: i64) -> Result<(), Refusal> {
    let statement = "delete from task_dependencies where dependency_id = $1";
    platform.execute(statement, &[Value::Integer(id)])?;
    Ok(())
}

/// The tasks that wait for this one, by id.
///
/// # Errors
/// [`Refusal::Database`], [`Refusal::Corrupt`].
pub fn dependents(platform: &mut impl Platform, id: i64) -> Result<Vec<Task>, Refusal> {
    let statement = concat!(
        "select ",
        tasks::columns!(),
        " from tasks where id in \
         (select task_id from task_dependencies where dependency_id = $1) order by id"
    );
    let rows = platform.query(statement, &[Value::Integer(id)])?;
    tasks::decode_all(&rows)
}

/// Whether a task waits for itself, through others or not. Each task on the way is visited
/// once, because the union drops what was seen.
///
/// # Errors
/// [`Refusal::Database`].
pub fn in_cycle(platform: &mut impl Platform, id: i64) -> Result<bool, Refusal> {
    let statement = "with recursive needed (id) as (\
         select dependency_id from task_dependencies where task_id = $1 \
         union \
         select d.dependency_id from task_dependencies d join needed n on d.task_id = n.id\
         ) select 1 from needed where id = $1 limit 1";
    let rows = platform.query(statement, &[Value::Integer(id)])?;
    Ok(!rows.cells.is_empty())
}
