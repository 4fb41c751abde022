//! Counts tasks by status, priority, category and assignee.

use crate::contract::tasks::{Status, Summary};
use crate::domain::{names, timestamp};
use crate::error::Error;
use crate::operations::rounding::{average_hours, percent};
use crate::platform::Platform;
use crate::store::figures::{Group, Source};

/// Counts all tasks.
///
/// # Errors
/// Only those that every operation can return; see [`crate::operations`].
pub fn summarize(platform: &mut impl Platform) -> Result<Summary, Error> {
    let source = Source::of_all(platform)?;
    summarize_from(platform, source)
}

/// Counts the tasks of a source.
///
/// # Errors
/// The same as [`summarize`].
pub(crate) fn summarize_from(
    platform: &mut impl Platform,
    source: Source,
) -> Result<Summary, Error> {
    let groups = source.groups(platform)?;
    let assignees = source.assignees(platform, &groups)?;
    let overdue = source.overdue(platform, timestamp::micros(platform.now()))?;

    let total = count(&groups, |_| true);
    let completed = count(&groups, |group| group.status == Status::Completed);
    Ok(Summary {
        total,
        by_status: count_by(&names::STATUSES, &groups, |group| group.status),
        by_priority: count_by(&names::PRIORITIES, &groups, |group| group.priority),
        by_category: count_by(&names::CATEGORIES, &groups, |group| group.category),
        by_assignee: assignees
            .listed
            .into_iter()
            .map(|(name, work)| (name, work.total.unsigned_abs()))
            .collect(),
        other_assignees: assignees.others.total.unsigned_abs(),
        completion_rate: percent(completed as f64, total as f64),
        average_estimated_hours: average_hours(
            groups
                .iter()
                .map(|group| (group.estimated, group.estimates)),
        ),
        average_actual_hours: average_hours(
            groups.iter().map(|group| (group.actual, group.actuals)),
        ),
        overdue_tasks: overdue,
        blocked_tasks: count(&groups, |group| group.status == Status::Blocked),
    })
}

/// Returns the number of tasks with each case, including cases without tasks.
pub(super) fn count_by<T: Copy + PartialEq>(
    cases: &[(T, &str)],
    groups: &[Group],
    case_of: impl Fn(&Group) -> T,
) -> Vec<(String, u64)> {
    let counted = cases.iter().map(|(case, name)| {
        (
            (*name).to_owned(),
            count(groups, |group| case_of(group) == *case),
        )
    });
    counted.collect()
}

/// Returns the number of tasks in the groups that match.
fn count(groups: &[Group], matches: impl Fn(&Group) -> bool) -> u64 {
    groups
        .iter()
        .filter(|group| matches(group))
        .map(|group| group.count)
        .sum()
}
