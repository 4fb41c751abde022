//! What changed in each task (`task_history`). The database adds the rows: see the migration.

use crate::contract::sql::Value;
use crate::contract::tasks::{Task, TaskChange, TaskValues};
use crate::domain::{names, timestamp};
use crate::error::Error;
use crate::platform::Platform;
use crate::store::arrays::{self, Array};
use crate::store::lists;
use task_host_sdk::rows::{Reader, Table};

/// Maximum number of changes of a task that are kept and listed: the latest ones. The largest fit into 4 MiB
/// of JSON.
pub const CHANGES_MAX: i64 = 50;

/// Of many changes, one in this many removes those of the same task that are too many.
const PRUNE_AFTER: i64 = 16;

/// Returns the changes of a task, the latest first.
///
/// # Errors
/// Returns [`Error::Database`] if the statement fails, and [`Error::Corrupt`] if a row is not a change.
pub fn read(platform: &mut impl Platform, id: i64) -> Result<Vec<TaskChange>, Error> {
    let statement = "select changed_at, checksum, changes from task_history where task_id = $1 \
                     order by changed_at desc, checksum desc limit $2";
    let params = [Value::Integer(id), Value::Integer(CHANGES_MAX)];
    let rows = platform.query(statement, &params)?;
    Table::new(&rows)?.rows().map(decode).collect()
}

/// Removes the changes of a task that are too many, after some of its changes: chance decides. So up to a
/// few dozen more than [`CHANGES_MAX`] are kept.
///
/// # Errors
/// Returns [`Error::Database`] if the statement fails.
pub fn prune_sometimes(platform: &mut impl Platform, task: &Task) -> Result<(), Error> {
    let chance = timestamp::micros(platform.now()) >> 8;
    if chance % PRUNE_AFTER != 0 {
        return Ok(());
    }
    prune(platform, task.id)
}

/// Removes the changes of a task that are too many.
///
/// # Errors
/// Returns [`Error::Database`] if the statement fails.
pub fn prune(platform: &mut impl Platform, id: i64) -> Result<(), Error> {
    let statement = "delete from task_history where task_id = $1 and changed_at < \
                     (select changed_at from task_history where task_id = $1 \
                     order by changed_at desc limit 1 offset $2)";
    let params = [Value::Integer(id), Value::Integer(CHANGES_MAX - 1)];
    platform.execute(statement, &params)?;
    Ok(())
}

/// Removes all changes of these tasks.
///
/// # Errors
/// Returns [`Error::Database`] if the statement fails.
pub fn delete(platform: &mut impl Platform, ids: &[i64]) -> Result<(), Error> {
    let statement = format!(
        "delete from task_history where task_id in (select cast(v.value as bigint) from {})",
        arrays::elements(platform.dialect(), "$1")
    );
    platform.execute(&statement, &[Array::of_integers(ids).into_value()])?;
    Ok(())
}

fn decode(mut row: Reader<'_>) -> Result<TaskChange, Error> {
    let changed_at = timestamp::datetime(row.integer()?);
    let checksum = row.text()?.to_owned();
    let (before, after) = read_changes(row.text()?)?;
    Ok(TaskChange {
        changed_at,
        checksum,
        before,
        after,
    })
}

const NONE: TaskValues = TaskValues {
    title: None,
    description: None,
    status: None,
    priority: None,
    category: None,
    assignee: None,
    estimated_hours: None,
    actual_hours: None,
    tags: None,
    dependencies: None,
    due_at: None,
};

/// Decodes the values before and after a change.
fn read_changes(mut text: &str) -> Result<(TaskValues, TaskValues), Error> {
    const DAMAGED: Error = Error::Corrupt("a change is damaged");
    let (mut before, mut after) = (NONE, NONE);
    while !text.is_empty() {
        let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
        let end = text.find(|c: char| !is_name(c)).ok_or(DAMAGED)?;
        let (name, rest) = text.split_at(end);
        let (old, rest) = next_value(rest).ok_or(DAMAGED)?;
        let (new, rest) = next_value(rest).ok_or(DAMAGED)?;
        set(&mut before, name, old)?;
        set(&mut after, name, new)?;
        text = rest;
    }
    Ok((before, after))
}

/// Reads a value: `-` for null, a netstring, or a text without commas between `:` and `,`.
fn next_value(text: &str) -> Option<(Option<&str>, &str)> {
    if let Some(rest) = text.strip_prefix('-') {
        return Some((None, rest));
    }
    if let Some(rest) = text.strip_prefix(':') {
        let (value, rest) = rest.split_once(',')?;
        return Some((Some(value), rest));
    }
    let (value, rest) = lists::next_netstring(text)?;
    Some((Some(value), rest))
}

/// Sets the member with the name of a column. Columns of later logic are left out.
fn set(values: &mut TaskValues, column: &str, value: Option<&str>) -> Result<(), Error> {
    let text = || Some(value.map(str::to_owned));
    match column {
        "title" => values.title = text(),
        "description" => values.description = text(),
        "status" => values.status = Some(case(&names::STATUSES, value)?),
        "priority" => values.priority = Some(case(&names::PRIORITIES, value)?),
        "category" => values.category = Some(case(&names::CATEGORIES, value)?),
        "assignee" => values.assignee = text(),
        "estimated_hours" => values.estimated_hours = Some(number(value)?),
        "actual_hours" => values.actual_hours = Some(number(value)?),
        "tags" => values.tags = Some(value.map(lists::read_tags).transpose()?),
        "dependencies" => values.dependencies = Some(value.map(lists::read_ids).transpose()?),
        "due_at" => values.due_at = Some(number(value)?.map(timestamp::datetime)),
        _ => {}
    }
    Ok(())
}

fn case<T: Copy>(cases: &[(T, &str)], value: Option<&str>) -> Result<Option<T>, Error> {
    let Some(index) = number(value)? else {
        return Ok(None);
    };
    let case = names::case_at(cases, index).ok_or(Error::Corrupt("an enum has no such case"))?;
    Ok(Some(case))
}

fn number<T: std::str::FromStr>(value: Option<&str>) -> Result<Option<T>, Error> {
    let number = value.map(str::parse).transpose();
    number.map_err(|_| Error::Corrupt("a change has a value that is not a number"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::tasks::Status;

    #[test]
    fn texts_numbers_lists_and_nulls_are_read() {
        let text = "title4:a,-:,2::1,description--status:0,:2,estimated_hours-:0.10000000000000001,\
                    tags0:,6:3:x,y,,dependencies:1 2,:,due_at:1000000,-later:1,:2,";
        let (before, after) = read_changes(text).unwrap();
        let some = |text: &str| Some(Some(text.to_owned()));
        assert_eq!((before.title, after.title), (some("a,-:"), some(":1")));
        assert_eq!(
            (before.description, after.description),
            (Some(None), Some(None))
        );
        assert_eq!(after.status, Some(Some(Status::Completed)));
        assert_eq!(before.estimated_hours, Some(None));
        assert_eq!(after.estimated_hours, Some(Some(0.1)));
        assert_eq!(before.tags, Some(Some(Vec::new())));
        assert_eq!(after.tags, Some(Some(vec!["x,y".to_owned()])));
        assert_eq!(before.dependencies, Some(Some(vec![1, 2])));
        assert_eq!(after.dependencies, Some(Some(Vec::new())));
        assert_eq!(before.due_at.flatten().map(|time| time.seconds), Some(1));
        assert_eq!(after.due_at, Some(None));
        assert_eq!(after.priority, None);
    }

    #[test]
    fn damaged_changes_are_rejected() {
        for text in [
            "title",
            "title-",
            "title3:ab,-",
            "status:9,:0,",
            "status:x,:0,",
            "due_at:1",
        ] {
            assert!(
                matches!(read_changes(text), Err(Error::Corrupt(_))),
                "{text}"
            );
        }
    }
}
