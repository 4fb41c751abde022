//! The table of tasks.

use std::fmt::Write;

use crate::contract::sql::{Rows, Value};
use crate::contract::tasks::Task;
use crate::domain::{moment, names};
use crate::platform::Platform;
use crate::refusal::Refusal;
use crate::store::lists;
use crate::store::placeholders::{self, CHUNK, places};
use crate::store::rows::{Row, Table};

/// The columns that [`decode`] reads, in its order.
macro_rules! columns {
    () => {
        "id, title, description, status, priority, category, assignee, estimated_hours, \
         actual_hours, tags, dependencies, due_at, created_at, updated_at, completed_at, checksum"
    };
}
pub(crate) use columns;

/// Reads a task from a row of [`columns!`].
///
/// # Errors
/// [`Refusal::Corrupt`] where a cell is not what [`insert`] wrote.
fn decode(mut row: Row<'_>) -> Result<Task, Refusal> {
    const NO_CASE: Refusal = Refusal::Corrupt("an enum has no such case");
    // A record's members are evaluated as written: in the order of the columns.
    Ok(Task {
        id: row.integer()?,
        title: row.text()?.to_owned(),
        description: row.optional_text()?.map(str::to_owned),
        status: names::at(&names::STATUSES, row.integer()?).ok_or(NO_CASE)?,
        priority: names::at(&names::PRIORITIES, row.integer()?).ok_or(NO_CASE)?,
        category: names::at(&names::CATEGORIES, row.integer()?).ok_or(NO_CASE)?,
        assignee: row.optional_text()?.map(str::to_owned),
        estimated_hours: row.optional_real()?,
        actual_hours: row.optional_real()?,
        tags: lists::read_tags(row.text()?)?,
        dependencies: lists::read_ids(row.text()?)?,
        due_at: row.optional_integer()?.map(moment::datetime),
        created_at: moment::datetime(row.integer()?),
        updated_at: Some(row.integer()?)
            .filter(|micros| *micros != 0)
            .map(moment::datetime),
        completed_at: row.optional_integer()?.map(moment::datetime),
        checksum: row.text()?.to_owned(),
    })
}

/// Reads the tasks of a result of [`columns!`]. The list is made in its full size: in an
/// allocator that takes nothing back, growing one would leave its smaller copies behind.
///
/// # Errors
/// As [`decode`].
pub fn decode_all(rows: &Rows) -> Result<Vec<Task>, Refusal> {
    let rows = Table::new(rows)?.rows();
    let mut tasks = Vec::with_capacity(rows.len());
    for row in rows {
        tasks.push(decode(row)?);
    }
    Ok(tasks)
}

/// Reads one task.
///
/// # Errors
/// [`Refusal::TaskNotFound`], [`Refusal::Database`], [`Refusal::Corrupt`].
pub fn find(platform: &mut impl Platform, id: i64) -> Result<Task, Refusal> {
    let statement = concat!("select ", columns!(), " from tasks where id = $1");
    let rows = platform.query(statement, &[Value::Integer(id)])?;
    match Table::new(&rows)?.rows().next() {
        Some(row) => decode(row),
        None => Err(Refusal::TaskNotFound(id.to_string())),
    }
}

/// Writes a new task's row and returns the id that it was assigned.
///
/// # Errors
/// [`Refusal::Database`], [`Refusal::Corrupt`].
pub fn insert(platform: &mut impl Platform, task: &Task) -> Result<i64, Refusal> {
    let statement = "insert into tasks (title, description, status, priority, category, \
         assignee, estimated_hours, actual_hours, tags, dependencies, due_at, created_at, \
         updated_at, completed_at, checksum) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) returning id";
    let params = [
        Value::Text(task.title.clone()),
        text(&task.description),
        Value::Integer(task.status as i64),
        Value::Integer(task.priority as i64),
        Value::Integer(task.category as i64),
        text(&task.assignee),
        real(task.estimated_hours),
        real(task.actual_hours),
        Value::Text(lists::write_tags(&task.tags)),
        Value::Text(lists::write_ids(&task.dependencies)),
        integer(task.due_at.map(moment::micros)),
        Value::Integer(moment::micros(task.created_at)),
        Value::Integer(task.updated_at.map_or(0, moment::micros)),
        integer(task.completed_at.map(moment::micros)),
        Value::Text(task.checksum.clone()),
    ];
    let rows = platform.query(statement, &params)?;
    Table::new(&rows)?.only()?.integer()
}

/// Writes what a change made different. Columns that stay are left out, because an engine
/// rewrites the index of every column that is named.
///
/// # Errors
/// [`Refusal::Database`].
pub fn update(platform: &mut impl Platform, old: &Task, new: &Task) -> Result<(), Refusal> {
    let mut statement = String::from("update tasks set updated_at = $2, checksum = $3");
    let mut params = vec![
        Value::Integer(new.id),
        Value::Integer(new.updated_at.map_or(0, moment::micros)),
        Value::Text(new.checksum.clone()),
    ];
    let mut set = |column: &str, changed: bool, value: &dyn Fn() -> Value| {
        if changed {
            params.push(value());
            // Writing to a string cannot fail.
            let _ = write!(statement, ", {column} = ${}", params.len());
        }
    };
    set("title", old.title != new.title, &|| {
        Value::Text(new.title.clone())
    });
    set("description", old.description != new.description, &|| {
        text(&new.description)
    });
    set("status", old.status != new.status, &|| {
        Value::Integer(new.status as i64)
    });
    set("priority", old.priority != new.priority, &|| {
        Value::Integer(new.priority as i64)
    });
    set("category", old.category != new.category, &|| {
        Value::Integer(new.category as i64)
    });
    set("assignee", old.assignee != new.assignee, &|| {
        text(&new.assignee)
    });
    set(
        "estimated_hours",
        old.estimated_hours != new.estimated_hours,
        &|| real(new.estimated_hours),
    );
    set(
        "actual_hours",
        old.actual_hours != new.actual_hours,
        &|| real(new.actual_hours),
    );
    set("tags", old.tags != new.tags, &|| {
        Value::Text(lists::write_tags(&new.tags))
    });
    set(
        "dependencies",
        old.dependencies != new.dependencies,
        &|| Value::Text(lists::write_ids(&new.dependencies)),
    );
    set("due_at", old.due_at != new.due_at, &|| {
        integer(new.due_at.map(moment::micros))
    });
    set(
        "completed_at",
        old.completed_at != new.completed_at,
        &|| integer(new.completed_at.map(moment::micros)),
    );
    statement.push_str(" where id = $1");
    platform.execute(&statement, &params)?;
    Ok(())
}

/// Writes the dependencies of many tasks, with what changes beside them.
///
/// # Errors
/// [`Refusal::Database`].
pub fn update_dependencies(platform: &mut impl Platform, tasks: &[Task]) -> Result<(), Refusal> {
    for chunk in tasks.chunks(CHUNK) {
        let count = places(chunk.len());
        let mut params = Vec::with_capacity(count * 4);
        for task in chunk {
            params.extend([
                Value::Integer(task.id),
                Value::Text(lists::write_ids(&task.dependencies)),
                Value::Integer(task.updated_at.map_or(0, moment::micros)),
                Value::Text(task.checksum.clone()),
            ]);
        }
        params.resize(count * 4, Value::Null);
        let statement = format!(
            "update tasks set dependencies = v.column2, updated_at = v.column3, \
             checksum = v.column4 from {} where tasks.id = v.column1",
            placeholders::table(&["bigint", "text", "bigint", "text"], 1, count)
        );
        platform.execute(&statement, &params)?;
    }
    Ok(())
}

/// Deletes a task's row. Nothing may refer to it any more.
///
/// # Errors
/// [`Refusal::Database`].
pub fn delete(platform: &mut impl Platform, id: i64) -> Result<(), Refusal> {
    platform.execute("delete from tasks where id = $1", &[Value::Integer(id)])?;
    Ok(())
}

/// The number of tasks. It reads the smallest index whole, some milliseconds for a million
/// tasks: a counter kept by each write would make every write wait for every other on
/// PostgreSQL.
///
/// # Errors
/// [`Refusal::Database`], [`Refusal::Corrupt`].
pub fn count(platform: &mut impl Platform) -> Result<i64, Refusal> {
    let rows = platform.query("select count(*) from tasks", &[])?;
    Table::new(&rows)?.only()?.integer()
}

fn text(value: &Option<String>) -> Value {
    value.clone().map_or(Value::Null, Value::Text)
}

fn real(value: Option<f64>) -> Value {
    value.map_or(Value::Null, Value::Real)
}

fn integer(value: Option<i64>) -> Value {
    value.map_or(Value::Null, Value::Integer)
}
