//! The table `tasks`.

use std::fmt::Write;

use crate::contract::sql::{Dialect, Rows, Value};
use crate::contract::tasks::Task;
use crate::domain::{names, timestamp};
use crate::error::Error;
use crate::platform::Platform;
use crate::store::arrays::{self, Array};
use crate::store::lists;
use task_host_sdk::rows::{Corrupt, Reader, Table};

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
/// Returns [`Error::Corrupt`] if a cell holds something that [`insert`] does not write.
fn decode(mut row: Reader<'_>) -> Result<Task, Error> {
    const NO_CASE: Error = Error::Corrupt("an enum has no such case");
    // Rust evaluates the fields in the order in which they are written: the order of the columns.
    Ok(Task {
        id: row.integer()?,
        title: row.text()?.to_owned(),
        description: row.optional_text()?.map(str::to_owned),
        status: names::case_at(&names::STATUSES, row.integer()?).ok_or(NO_CASE)?,
        priority: names::case_at(&names::PRIORITIES, row.integer()?).ok_or(NO_CASE)?,
        category: names::case_at(&names::CATEGORIES, row.integer()?).ok_or(NO_CASE)?,
        assignee: row.optional_text()?.map(str::to_owned),
        estimated_hours: row.optional_real()?,
        actual_hours: row.optional_real()?,
        tags: lists::read_tags(row.text()?)?,
        dependencies: lists::read_ids(row.text()?)?,
        due_at: row.optional_integer()?.map(timestamp::datetime),
        created_at: timestamp::datetime(row.integer()?),
        updated_at: Some(row.integer()?)
            .filter(|micros| *micros != 0)
            .map(timestamp::datetime),
        completed_at: row.optional_integer()?.map(timestamp::datetime),
        checksum: row.text()?.to_owned(),
    })
}

/// Reads all tasks from a result of [`columns!`]. The list is allocated in its full size, because the
/// component's allocator does not reuse memory: a growing list would leave its smaller copies behind.
///
/// # Errors
/// The same as [`decode`].
pub fn decode_all(rows: &Rows) -> Result<Vec<Task>, Error> {
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
/// Returns [`Error::TaskNotFound`] if no task has this id, [`Error::Database`] if the statement fails,
/// and [`Error::Corrupt`] if the row is not a task.
pub fn find(platform: &mut impl Platform, id: i64) -> Result<Task, Error> {
    let statement = concat!("select ", columns!(), " from tasks where id = $1");
    let rows = platform.query(statement, &[Value::Integer(id)])?;
    match Table::new(&rows)?.rows().next() {
        Some(row) => decode(row),
        None => Err(Error::TaskNotFound(id.to_string())),
    }
}

/// Number of tasks that one statement inserts. Fewer tasks are inserted one by one, so there are two
/// different statements.
const ROWS: usize = 20;

/// Inserts new tasks in their order, and sets their ids to those that the database assigned. Each id
/// is higher than those before.
///
/// # Errors
/// Returns [`Error::Database`] if a statement fails, and [`Error::Corrupt`] if it returns other rows
/// than one id for each task.
pub fn insert(platform: &mut impl Platform, tasks: &mut [Task]) -> Result<(), Error> {
    let mut chunks = tasks.chunks_exact_mut(ROWS);
    for chunk in &mut chunks {
        insert_rows(platform, chunk)?;
    }
    for task in chunks.into_remainder().chunks_mut(1) {
        insert_rows(platform, task)?;
    }
    Ok(())
}

fn insert_rows(platform: &mut impl Platform, tasks: &mut [Task]) -> Result<(), Error> {
    let or_fail = match platform.dialect() {
        // Keeps SQLite from copying each page that the statement changes, to undo the statement alone if it fails.
        // A request whose statement fails is undone as a whole. Not for updates: the clause would hold for
        // what triggers insert, too, and the history ignores conflicts.
        Dialect::Sqlite => "or fail ",
        Dialect::Postgres => "",
    };
    let mut statement = format!(
        "insert {or_fail}into tasks (title, description, status, priority, category, \
         assignee, estimated_hours, actual_hours, tags, dependencies, due_at, created_at, \
         updated_at, completed_at, checksum) values "
    );
    let mut params = Vec::with_capacity(tasks.len() * COLUMNS);
    for task in &*tasks {
        statement.push_str(if params.is_empty() { "(" } else { ", (" });
        for column in 1..=COLUMNS {
            let comma = if column == 1 { "" } else { ", " };
            // Writing to a string cannot fail.
            let _ = write!(statement, "{comma}${}", params.len() + column);
        }
        statement.push(')');
        params.extend(values(task));
    }
    statement.push_str(" returning id");
    let rows = platform.query(&statement, &params)?;
    let ids: Result<Vec<i64>, Corrupt> = Table::new(&rows)?
        .rows()
        .map(|mut row| row.integer())
        .collect();
    let mut ids = ids?;
    if ids.len() != tasks.len() {
        return Err(Error::Corrupt("an insertion returned other rows"));
    }
    // Engines assign ids in the order of the rows, but may return them in any order.
    ids.sort_unstable();
    for (task, id) in tasks.iter_mut().zip(ids) {
        task.id = id;
    }
    Ok(())
}

/// Inserts a task that was deleted, under its id.
///
/// # Errors
/// Returns [`Error::Database`] if the statement fails.
pub fn insert_again(platform: &mut impl Platform, task: &Task) -> Result<(), Error> {
    // PostgreSQL assigns ids itself unless a statement says otherwise.
    let overriding = match platform.dialect() {
        Dialect::Sqlite => "",
        Dialect::Postgres => "overriding system value ",
    };
    let columns = columns!();
    let mut statement = format!("insert into tasks ({columns}) {overriding}values ($1");
    for column in 2..=COLUMNS + 1 {
        // Writing to a string cannot fail.
        let _ = write!(statement, ", ${column}");
    }
    statement.push(')');
    let mut params = vec![Value::Integer(task.id)];
    params.extend(values(task));
    platform.execute(&statement, &params)?;
    Ok(())
}

/// Number of columns that [`values`] returns: all but the id.
const COLUMNS: usize = 15;

fn values(task: &Task) -> [Value; COLUMNS] {
    [
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
        integer(task.due_at.map(timestamp::micros)),
        Value::Integer(timestamp::micros(task.created_at)),
        Value::Integer(task.updated_at.map_or(0, timestamp::micros)),
        integer(task.completed_at.map(timestamp::micros)),
        Value::Text(task.checksum.clone()),
    ]
}

/// Updates the columns that a change made different, in groups. Other groups are left out, because an
/// engine rewrites the index of every column that the statement names. With six groups there are at
/// most 64 different statements.
///
/// # Errors
/// Returns [`Error::Database`] if the statement fails.
pub fn update(platform: &mut impl Platform, old: &Task, new: &Task) -> Result<(), Error> {
    let mut statement = String::from(
        "update tasks set updated_at = $2, checksum = $3, estimated_hours = $4, actual_hours = $5",
    );
    let mut params = vec![
        Value::Integer(new.id),
        Value::Integer(new.updated_at.map_or(0, timestamp::micros)),
        Value::Text(new.checksum.clone()),
        real(new.estimated_hours),
        real(new.actual_hours),
    ];
    let mut set = |column: &str, value: Value| {
        params.push(value);
        // Writing to a string cannot fail.
        let _ = write!(statement, ", {column} = ${}", params.len());
    };
    let same_texts = old.title == new.title
        && old.description == new.description
        && old.tags == new.tags
        && old.dependencies == new.dependencies;
    if !same_texts {
        set("title", Value::Text(new.title.clone()));
        set("description", text(&new.description));
        set("tags", Value::Text(lists::write_tags(&new.tags)));
        set(
            "dependencies",
            Value::Text(lists::write_ids(&new.dependencies)),
        );
    }
    if old.status != new.status || old.completed_at != new.completed_at {
        set("status", Value::Integer(new.status as i64));
        set(
            "completed_at",
            integer(new.completed_at.map(timestamp::micros)),
        );
    }
    if old.priority != new.priority {
        set("priority", Value::Integer(new.priority as i64));
    }
    if old.category != new.category {
        set("category", Value::Integer(new.category as i64));
    }
    if old.assignee != new.assignee {
        set("assignee", text(&new.assignee));
    }
    if old.due_at != new.due_at {
        set("due_at", integer(new.due_at.map(timestamp::micros)));
    }
    statement.push_str(" where id = $1");
    platform.execute(&statement, &params)?;
    Ok(())
}

/// Removes one dependency from the texts of many tasks. Each task has its id and its new checksum.
///
/// # Errors
/// Returns [`Error::Database`] if the statement fails.
pub fn remove_dependency<'a>(
    platform: &mut impl Platform,
    dependency: i64,
    now: i64,
    tasks: impl Iterator<Item = (i64, &'a str)>,
) -> Result<(), Error> {
    let without = "trim(replace(' ' || dependencies || ' ', $2, ' '))";
    set_dependencies(platform, without, format!(" {dependency} "), now, tasks)
}

/// Adds one dependency to the texts of many tasks. Each task has its id and its new checksum.
///
/// # Errors
/// Returns [`Error::Database`] if the statement fails.
pub fn add_dependency<'a>(
    platform: &mut impl Platform,
    dependency: i64,
    now: i64,
    tasks: impl Iterator<Item = (i64, &'a str)>,
) -> Result<(), Error> {
    let with = "trim(dependencies || $2)";
    set_dependencies(platform, with, format!(" {dependency}"), now, tasks)
}

/// Sets the texts of the dependencies of many tasks to the value of an expression, in which `$2` is
/// `dependency`.
fn set_dependencies<'a>(
    platform: &mut impl Platform,
    expression: &str,
    dependency: String,
    now: i64,
    tasks: impl Iterator<Item = (i64, &'a str)>,
) -> Result<(), Error> {
    let mut changes = Array::new();
    for (id, checksum) in tasks {
        let mut change = Array::of_integers(&[id]);
        change.text(checksum);
        changes.array(change);
    }
    let statement = format!(
        "update tasks set dependencies = {expression}, updated_at = $3, checksum = w.value ->> 1 from {} \
         where tasks.id = cast(w.value ->> 0 as bigint)",
        arrays::rows(platform.dialect(), "$1")
    );
    let params = [
        changes.into_value(),
        Value::Text(dependency),
        Value::Integer(now),
    ];
    platform.execute(&statement, &params)?;
    Ok(())
}

/// Deletes a task's row. No dependency may refer to it any more.
///
/// # Errors
/// Returns [`Error::Database`] if the statement fails.
pub fn delete(platform: &mut impl Platform, id: i64) -> Result<(), Error> {
    platform.execute("delete from tasks where id = $1", &[Value::Integer(id)])?;
    Ok(())
}

/// Counts all tasks. This reads the whole smallest index.
///
/// # Errors
/// Returns [`Error::Database`] if the statement fails, and [`Error::Corrupt`] if the result is not a
/// number.
pub fn count(platform: &mut impl Platform) -> Result<i64, Error> {
    let rows = platform.query("select count(*) from tasks", &[])?;
    Ok(Table::new(&rows)?.only()?.integer()?)
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
