//! Figures over all tasks, or those from some id on, counted by the database in one pass each.

use crate::contract::sql::{Rows, Value};
use crate::contract::tasks::{Category, DayFigures, Priority, Status};
use crate::domain::{moment, names};
use crate::platform::Platform;
use crate::refusal::Refusal;
use crate::store::rows::{Row, Table};

/// The tasks of one status, priority and category.
pub struct Group {
    /// The status of all of them.
    pub status: Status,
    /// The priority of all of them.
    pub priority: Priority,
    /// The category of all of them.
    pub category: Category,
    /// How many they are.
    pub count: u64,
    /// How many have an estimate.
    pub estimates: u64,
    /// The sum of the estimates, in hours.
    pub estimated_hours: f64,
    /// How many have actual hours.
    pub actuals: u64,
    /// The sum of the actual hours.
    pub actual_hours: f64,
    /// How many are past their due date, whatever their status.
    pub past_due: u64,
}

/// Counts the tasks from an id on by status, priority and category: at most 120 groups.
///
/// # Errors
/// [`Refusal::Database`], [`Refusal::Corrupt`].
pub fn groups(
    platform: &mut impl Platform,
    first: Option<i64>,
    now: i64,
) -> Result<Vec<Group>, Refusal> {
    // One number for the three: SQLite sorts all tasks by it, in half the time.
    let statement = "select (status * 16 + priority) * 16 + category, count(*), \
         count(estimated_hours), sum(estimated_hours), count(actual_hours), sum(actual_hours), \
         count(case when due_at < $1 then 1 end) from tasks where true";
    let rows = grouped(platform, statement, &[now], first)?;
    Table::new(&rows)?.rows().map(group).collect()
}

fn group(mut row: Row<'_>) -> Result<Group, Refusal> {
    const NO_CASE: Refusal = Refusal::Corrupt("an enum has no such case");
    let cases = row.integer()?;
    Ok(Group {
        status: names::at(&names::STATUSES, cases >> 8).ok_or(NO_CASE)?,
        priority: names::at(&names::PRIORITIES, cases >> 4 & 15).ok_or(NO_CASE)?,
        category: names::at(&names::CATEGORIES, cases & 15).ok_or(NO_CASE)?,
        count: row.count()?,
        estimates: row.count()?,
        estimated_hours: row.optional_real()?.unwrap_or(0.0),
        actuals: row.count()?,
        actual_hours: row.optional_real()?.unwrap_or(0.0),
        past_due: row.count()?,
    })
}

/// The tasks of one assignee.
pub struct Share {
    /// `unassigned` for tasks without, and for those of somebody of that name.
    pub assignee: String,
    /// How many they are.
    pub total: u64,
    /// How many are completed.
    pub completed: u64,
    /// How many are in progress.
    pub in_progress: u64,
    /// The sum of the estimates, in hours.
    pub estimated_hours: f64,
    /// The sum of the actual hours.
    pub actual_hours: f64,
}

/// Counts the tasks from an id on by assignee, in the order of the names' bytes. No name comes twice.
///
/// # Errors
/// [`Refusal::Database`], [`Refusal::Corrupt`].
pub fn shares(platform: &mut impl Platform, first: Option<i64>) -> Result<Vec<Share>, Refusal> {
    let statement = "select coalesce(assignee, 'unassigned'), count(*), \
         count(case when status = $1 then 1 end), count(case when status = $2 then 1 end), \
         sum(estimated_hours), sum(actual_hours) from tasks where true";
    let cases = [Status::Completed, Status::InProgress].map(|status| status as i64);
    let rows = grouped(platform, statement, &cases, first)?;
    Table::new(&rows)?.rows().map(share).collect()
}

fn share(mut row: Row<'_>) -> Result<Share, Refusal> {
    Ok(Share {
        assignee: row.text()?.to_owned(),
        total: row.count()?,
        completed: row.count()?,
        in_progress: row.count()?,
        estimated_hours: row.optional_real()?.unwrap_or(0.0),
        actual_hours: row.optional_real()?.unwrap_or(0.0),
    })
}

/// Counts the tasks from an id on that were completed on each UTC day, the oldest first.
///
/// # Errors
/// [`Refusal::Database`], [`Refusal::Corrupt`].
pub fn days(platform: &mut impl Platform, first: Option<i64>) -> Result<Vec<DayFigures>, Refusal> {
    let statement = "select completed_at / $1, count(*) from tasks \
         where completed_at is not null";
    let rows = grouped(platform, statement, &[moment::DAY], first)?;
    let days = Table::new(&rows)?.rows().map(|mut row| {
        Ok(DayFigures {
            date: moment::date(row.integer()?),
            completed: row.count()?,
        })
    });
    days.collect()
}

/// Completes a statement whose first column is what it groups by: all tasks, or those from an id on.
/// Two texts, because the plan that PostgreSQL keeps for one would not suit both.
fn grouped(
    platform: &mut impl Platform,
    statement: &str,
    params: &[i64],
    first: Option<i64>,
) -> Result<Rows, Refusal> {
    let params: Vec<Value> = params
        .iter()
        .copied()
        .chain(first)
        .map(Value::Integer)
        .collect();
    let own = first.map(|_| format!(" and id >= ${}", params.len()));
    let own = own.unwrap_or_default();
    let statement = format!("{statement}{own} group by 1 order by 1");
    Ok(platform.query(&statement, &params)?)
}
