//! Figures over all tasks: from sums that are kept up to date ([`sums`]), or counted from the tasks
//! themselves ([`counted`]). Both return the same figures.

pub mod counted;
pub mod sums;

use crate::contract::tasks::{Category, DayFigures, Priority, Status};
use crate::domain::names;
use crate::error::Error;
use crate::platform::Platform;
use task_host_sdk::rows::Reader;

/// The tasks with one status, priority and category. Hours are in millionths of an hour.
#[derive(Debug, Clone, PartialEq)]
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
    /// The sum of the estimates.
    pub estimated: i64,
    /// The number of tasks with actual hours.
    pub actuals: u64,
    /// The sum of the actual hours.
    pub actual: i64,
}

/// Maximum number of assignees that figures list one by one.
pub const ASSIGNEES_MAX: usize = 1_000;

/// The tasks of one assignee, or of several together. Hours are in millionths of an hour.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Work {
    /// The number of tasks.
    pub total: i64,
    /// The number of completed tasks.
    pub completed: i64,
    /// The number of tasks in progress.
    pub in_progress: i64,
    /// The sum of the estimates.
    pub estimated: i64,
    /// The sum of the actual hours.
    pub actual: i64,
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

/// Maximum number of days that figures list.
pub const DAYS_MAX: usize = 10_000;

/// Where figures come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The sums.
    Sums,
    /// All tasks, or the tasks whose id is at least this.
    Tasks(Option<i64>),
}

impl Source {
    /// Returns where figures over all tasks come from: the sums, unless they are being counted.
    ///
    /// # Errors
    /// Returns [`Error::Database`] if the statement fails, and [`Error::Corrupt`] if the result is not
    /// a state.
    pub fn of_all(platform: &mut impl Platform) -> Result<Self, Error> {
        Ok(match sums::state(platform)? {
            Some(state) if !state.is_complete() => Source::Tasks(None),
            _ => Source::Sums,
        })
    }

    /// Counts tasks by status, priority and category: at most 120 groups.
    ///
    /// # Errors
    /// Returns [`Error::Database`] if the statement fails, and [`Error::Corrupt`] if a row is not a
    /// group.
    pub fn groups(self, platform: &mut impl Platform) -> Result<Vec<Group>, Error> {
        match self {
            Source::Sums => sums::groups(platform),
            Source::Tasks(first) => counted::groups(platform, first),
        }
    }

    /// Counts tasks by assignee. `groups` are the groups from the same source.
    ///
    /// # Errors
    /// Returns [`Error::Database`] if a statement fails, and [`Error::Corrupt`] if a row is not an
    /// assignee.
    pub fn assignees(
        self,
        platform: &mut impl Platform,
        groups: &[Group],
    ) -> Result<Assignees, Error> {
        match self {
            Source::Sums => sums::assignees(platform, groups),
            Source::Tasks(first) => counted::assignees(platform, first),
        }
    }

    /// Counts the tasks that were completed on each day in UTC, oldest first: the latest [`DAYS_MAX`]
    /// days on which there are any.
    ///
    /// # Errors
    /// Returns [`Error::Database`] if a statement fails, and [`Error::Corrupt`] if a row is not a day.
    pub fn completions(self, platform: &mut impl Platform) -> Result<Vec<DayFigures>, Error> {
        match self {
            Source::Sums => sums::completions(platform),
            Source::Tasks(first) => counted::completions(platform, first),
        }
    }

    /// Counts the open tasks that are past their due date at this time, in microseconds.
    ///
    /// # Errors
    /// Returns [`Error::Database`] if the statement fails, and [`Error::Corrupt`] if the result is not
    /// a number.
    pub fn overdue(self, platform: &mut impl Platform, now: i64) -> Result<u64, Error> {
        match self {
            Source::Sums => sums::overdue(platform, now),
            Source::Tasks(first) => counted::overdue(platform, first, now),
        }
    }
}

/// Reads a group from a row. Its first column is [`CASES`].
fn group(mut row: Reader<'_>) -> Result<Group, Error> {
    const NO_CASE: Error = Error::Corrupt("an enum has no such case");
    let cases = row.integer()?;
    Ok(Group {
        status: names::case_at(&names::STATUSES, cases >> 8).ok_or(NO_CASE)?,
        priority: names::case_at(&names::PRIORITIES, cases >> 4 & 15).ok_or(NO_CASE)?,
        category: names::case_at(&names::CATEGORIES, cases & 15).ok_or(NO_CASE)?,
        count: row.count()?,
        estimates: row.count()?,
        estimated: row.integer()?,
        actuals: row.count()?,
        actual: row.integer()?,
    })
}

/// The number of a group. Grouping by one number instead of three columns halves the time that SQLite
/// needs to sort.
const CASES: &str = "(status * 16 + priority) * 16 + category";

fn work(row: &mut Reader<'_>) -> Result<Work, Error> {
    Ok(Work {
        total: row.integer()?,
        completed: row.integer()?,
        in_progress: row.integer()?,
        estimated: row.integer()?,
        actual: row.integer()?,
    })
}
