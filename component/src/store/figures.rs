//! Figures over all tasks, or over the tasks whose id is at least `first`. Each is one pass in the
//! database. With and without `first`, the texts of the statements differ, because PostgreSQL keeps one
//! plan per text and no plan suits both.

use crate::contract::sql::Value;
use crate::contract::tasks::{Category, DayFigures, Priority, Status};
use crate::domain::{names, timestamp};
use crate::error::Error;
use crate::platform::Platform;
use task_host_sdk::rows::{Reader, Table};

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
    /// The number of tasks past their due date, with any status. 0 without a time.
    pub past_due: u64,
}

/// Counts tasks by status, priority and category: at most 120 groups. Pass the time only if the tasks past
/// their due date are wanted: without it, the host can keep the answer.
///
/// # Errors
/// Returns [`Error::Database`] if the statement fails, and [`Error::Corrupt`] if a row is not a group.
pub fn groups(
    platform: &mut impl Platform,
    first: Option<i64>,
    now: Option<i64>,
) -> Result<Vec<Group>, Error> {
    // Grouping by one number instead of three columns halves the time that SQLite needs to sort.
    let past_due = now.map_or("0", |_| "count(case when due_at < $1 then 1 end)");
    let range = match (first, now) {
        (None, _) => "",
        (Some(_), Some(_)) => " where id >= $2",
        (Some(_), None) => " where id >= $1",
    };
    let statement = format!(
        "select (status * 16 + priority) * 16 + category, count(*), \
         count(estimated_hours), sum(estimated_hours), count(actual_hours), sum(actual_hours), \
         {past_due} from tasks{range} group by 1 order by 1"
    );
    let params: Vec<Value> = now.into_iter().chain(first).map(Value::Integer).collect();
    let rows = platform.query(&statement, &params)?;
    Table::new(&rows)?.rows().map(group).collect()
}

fn group(mut row: Reader<'_>) -> Result<Group, Error> {
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

/// Maximum number of assignees that figures list one by one.
pub const ASSIGNEES_MAX: usize = 1_000;

/// The tasks of one assignee, or of several together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Work {
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

/// The tasks by assignee.
pub struct Assignees {
    /// The [`ASSIGNEES_MAX`] assignees with the most tasks, sorted by the bytes of their names. Each
    /// name appears once. It is `unassigned` for tasks without an assignee, and for tasks of an
    /// assignee with that name.
    pub listed: Vec<(String, Work)>,
    /// The tasks of all others.
    pub others: Work,
}

/// Counts tasks by assignee.
///
/// # Errors
/// Returns [`Error::Database`] if the statement fails, and [`Error::Corrupt`] if a row is not a group.
pub fn by_assignee(platform: &mut impl Platform, first: Option<i64>) -> Result<Assignees, Error> {
    // One pass over the tasks. A number takes the place of the name of each assignee who is not listed.
    let range = first.map_or("", |_| " where id >= $4");
    let statement = format!(
        "with work (name, total, completed, in_progress, estimated, actual) as (\
         select coalesce(assignee, 'unassigned'), count(*), \
         count(case when status = $1 then 1 end), count(case when status = $2 then 1 end), \
         sum(estimated_hours), sum(actual_hours) from tasks{range} group by 1), \
         ranked as (select work.*, row_number() over (order by total desc, name) as place from work) \
         select case when place <= $3 then name end, sum(total), sum(completed), \
         sum(in_progress), sum(estimated), sum(actual) from ranked group by 1 order by 1"
    );
    let params: Vec<Value> = [
        Status::Completed as i64,
        Status::InProgress as i64,
        ASSIGNEES_MAX as i64,
    ]
    .into_iter()
    .chain(first)
    .map(Value::Integer)
    .collect();
    let rows = platform.query(&statement, &params)?;
    let rows = Table::new(&rows)?.rows();
    let mut assignees = Assignees {
        listed: Vec::with_capacity(rows.len()),
        others: Work::default(),
    };
    for mut row in rows {
        let name = row.optional_text()?.map(str::to_owned);
        let work = Work {
            total: row.count()?,
            completed: row.count()?,
            in_progress: row.count()?,
            estimated_hours: row.optional_real()?.unwrap_or(0.0),
            actual_hours: row.optional_real()?.unwrap_or(0.0),
        };
        match name {
            Some(name) => assignees.listed.push((name, work)),
            None => assignees.others = work,
        }
    }
    Ok(assignees)
}

/// Maximum number of days that figures list.
pub const DAYS_MAX: usize = 10_000;

/// Counts the tasks that were completed on each day in UTC, oldest first: the latest [`DAYS_MAX`] days
/// on which there are any.
///
/// # Errors
/// Returns [`Error::Database`] if the statement fails, and [`Error::Corrupt`] if a row is not a day.
pub fn completions_by_day(
    platform: &mut impl Platform,
    first: Option<i64>,
) -> Result<Vec<DayFigures>, Error> {
    let range = first.map_or("", |_| " and id >= $3");
    let statement = format!(
        "select completed_at / $1, count(*) from tasks where completed_at is not null{range} \
         group by 1 order by 1 desc limit $2"
    );
    let params: Vec<Value> = [timestamp::DAY_MICROS, DAYS_MAX as i64]
        .into_iter()
        .chain(first)
        .map(Value::Integer)
        .collect();
    let rows = platform.query(&statement, &params)?;
    let days = Table::new(&rows)?.rows().map(|mut row| {
        Ok(DayFigures {
            date: timestamp::date(row.integer()?),
            completed: row.count()?,
        })
    });
    let mut days: Vec<DayFigures> = days.collect::<Result<_, Error>>()?;
    days.reverse();
    Ok(days)
}
