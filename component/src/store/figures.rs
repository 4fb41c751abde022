//! Figures over all tasks, or over the tasks whose id is at least `first`. Each is one pass in the
//! database.

use crate::contract::sql::{Rows, Value};
use crate::contract::tasks::{Category, DayFigures, Priority, Status};
use crate::domain::{names, timestamp};
use crate::error::Error;
use crate::platform::Platform;
use crate::store::rows::{Row, Table};

/// The tasks with one status, priority and category.
pub struct Group {
    /// Their status.
    pub status: Status,
    /// Their priority.
    pub priority: Priority,
    /// Their category.
    pub category: Category,
    /// The number of tasks.
    pub count: u64,
    /// The number of tasks with an estimate.
    pub estimates: u64,
    /// The sum of the estimates, in hours.
    pub estimated_hours: f64,
    /// The number of tasks with actual hours.
    pub actuals: u64,
    /// The sum of the actual hours.
    pub actual_hours: f64,
    /// The number of tasks past their due date, with any status.
    pub past_due: u64,
}

/// Counts tasks by status, priority and category: at most 120 groups.
///
/// # Errors
/// Returns [`Error::Database`] if the statement fails, and [`Error::Corrupt`] if a row is not a group.
pub fn groups(
    platform: &mut impl Platform,
    first: Option<i64>,
    now: i64,
) -> Result<Vec<Group>, Error> {
    // Grouping by one number instead of three columns halves the time that SQLite needs to sort.
    let statement = "select (status * 16 + priority) * 16 + category, count(*), \
         count(estimated_hours), sum(estimated_hours), count(actual_hours), sum(actual_hours), \
         count(case when due_at < $1 then 1 end) from tasks where true";
    let rows = query_groups(platform, statement, &[now], first)?;
    Table::new(&rows)?.rows().map(group).collect()
}

fn group(mut row: Row<'_>) -> Result<Group, Error> {
    const NO_CASE: Error = Error::Corrupt("an enum has no such case");
    let cases = row.integer()?;
    Ok(Group {
        status: names::case_at(&names::STATUSES, cases >> 8).ok_or(NO_CASE)?,
        priority: names::case_at(&names::PRIORITIES, cases >> 4 & 15).ok_or(NO_CASE)?,
        category: names::case_at(&names::CATEGORIES, cases & 15).ok_or(NO_CASE)?,
        count: row.count()?,
        estimates: row.count()?,
        estimated_hours: row.optional_real()?.unwrap_or(0.0),
        actuals: row.count()?,
        actual_hours: row.optional_real()?.unwrap_or(0.0),
        past_due: row.count()?,
    })
}

/// The tasks of one assignee.
pub struct AssigneeGroup {
    /// `unassigned` for tasks without an assignee, and for tasks of an assignee with that name.
    pub assignee: String,
    /// The number of tasks.
    pub total: u64,
    /// The number of completed tasks.
    pub completed: u64,
    /// The number of tasks in progress.
    pub in_progress: u64,
    /// The sum of the estimates, in hours.
    pub estimated_hours: f64,
    /// The sum of the actual hours.
    pub actual_hours: f64,
}

/// Counts tasks by assignee, sorted by the bytes of the names. Each name appears once.
///
/// # Errors
/// Returns [`Error::Database`] if the statement fails, and [`Error::Corrupt`] if a row is not a group.
pub fn assignee_groups(
    platform: &mut impl Platform,
    first: Option<i64>,
) -> Result<Vec<AssigneeGroup>, Error> {
    let statement = "select coalesce(assignee, 'unassigned'), count(*), \
         count(case when status = $1 then 1 end), count(case when status = $2 then 1 end), \
         sum(estimated_hours), sum(actual_hours) from tasks where true";
    let cases = [Status::Completed, Status::InProgress].map(|status| status as i64);
    let rows = query_groups(platform, statement, &cases, first)?;
    Table::new(&rows)?.rows().map(assignee_group).collect()
}

fn assignee_group(mut row: Row<'_>) -> Result<AssigneeGroup, Error> {
    Ok(AssigneeGroup {
        assignee: row.text()?.to_owned(),
        total: row.count()?,
        completed: row.count()?,
        in_progress: row.count()?,
        estimated_hours: row.optional_real()?.unwrap_or(0.0),
        actual_hours: row.optional_real()?.unwrap_or(0.0),
    })
}

/// Counts the tasks that were completed on each day in UTC, oldest first.
///
/// # Errors
/// Returns [`Error::Database`] if the statement fails, and [`Error::Corrupt`] if a row is not a day.
pub fn completions_by_day(
    platform: &mut impl Platform,
    first: Option<i64>,
) -> Result<Vec<DayFigures>, Error> {
    let statement = "select completed_at / $1, count(*) from tasks \
         where completed_at is not null";
    let rows = query_groups(platform, statement, &[timestamp::DAY_MICROS], first)?;
    let days = Table::new(&rows)?.rows().map(|mut row| {
        Ok(DayFigures {
            date: timestamp::date(row.integer()?),
            completed: row.count()?,
        })
    });
    days.collect()
}

/// Runs a statement that groups by its first column, over all tasks or over those from `first` on.
/// These are two different statement texts, because PostgreSQL keeps one plan per text and no plan
/// suits both.
fn query_groups(
    platform: &mut impl Platform,
    statement: &str,
    params: &[i64],
    first: Option<i64>,
) -> Result<Rows, Error> {
    let params: Vec<Value> = params
        .iter()
        .copied()
        .chain(first)
        .map(Value::Integer)
        .collect();
    let range = first.map(|_| format!(" and id >= ${}", params.len()));
    let range = range.unwrap_or_default();
    let statement = format!("{statement}{range} group by 1 order by 1");
    Ok(platform.query(&statement, &params)?)
}
