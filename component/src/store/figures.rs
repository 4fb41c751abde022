//! Figures over all tasks, counted by the database in one pass each.

use crate::contract::sql::Value;
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

/// Counts all tasks by status, priority and category: at most 120 groups.
///
/// # Errors
/// [`Refusal::Database`], [`Refusal::Corrupt`].
pub fn groups(platform: &mut impl Platform, now: i64) -> Result<Vec<Group>, Refusal> {
    let statement = "select status, priority, category, count(*), count(estimated_hours), \
         sum(estimated_hours), count(actual_hours), sum(actual_hours), \
         count(case when due_at < $1 then 1 end) \
         from tasks group by status, priority, category";
    let rows = platform.query(statement, &[Value::Integer(now)])?;
    Table::new(&rows)?.rows().map(group).collect()
}

fn group(mut row: Row<'_>) -> Result<Group, Refusal> {
    const NO_CASE: Refusal = Refusal::Corrupt("an enum has no such case");
    Ok(Group {
        status: names::at(&names::STATUSES, row.integer()?).ok_or(NO_CASE)?,
        priority: names::at(&names::PRIORITIES, row.integer()?).ok_or(NO_CASE)?,
        category: names::at(&names::CATEGORIES, row.integer()?).ok_or(NO_CASE)?,
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

/// Counts all tasks by assignee, in the order of the names' bytes. No name comes twice.
///
/// # Errors
/// [`Refusal::Database`], [`Refusal::Corrupt`].
pub fn shares(platform: &mut impl Platform) -> Result<Vec<Share>, Refusal> {
    let statement = "select coalesce(assignee, 'unassigned'), count(*), \
         count(case when status = $1 then 1 end), count(case when status = $2 then 1 end), \
         sum(estimated_hours), sum(actual_hours) from tasks group by 1 order by 1";
    let params =
        [Status::Completed, Status::InProgress].map(|status| Value::Integer(status as i64));
    let rows = platform.query(statement, &params)?;
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

/// Counts the tasks that were completed on each UTC day, the oldest first.
///
/// # Errors
/// [`Refusal::Database`], [`Refusal::Corrupt`].
pub fn days(platform: &mut impl Platform) -> Result<Vec<DayFigures>, Refusal> {
    let statement = "select completed_at / $1, count(*) from tasks \
         where completed_at is not null group by 1 order by 1";
    let rows = platform.query(statement, &[Value::Integer(moment::DAY)])?;
    let days = Table::new(&rows)?.rows().map(|mut row| {
        Ok(DayFigures {
            date: moment::date(row.integer()?),
            completed: row.count()?,
        })
    });
    days.collect()
}
