//! Counts tasks by status, priority, category and assignee.

use crate::contract::tasks::{Status, Summary};
use crate::domain::{names, timestamp};
use crate::error::Error;
use crate::operations::rounding::{percent, two_decimals};
use crate::platform::Platform;
use crate::store::figures::{self, Group};

/// Counts all tasks.
///
/// # Errors
/// Only those that every operation can return; see [`crate::operations`].
pub fn summarize(platform: &mut impl Platform) -> Result<Summary, Error> {
    summarize_from(platform, None)
}

/// Counts the tasks whose id is at least `first`, or all tasks.
///
/// # Errors
/// The same as [`summarize`].
pub fn summarize_from(platform: &mut impl Platform, first: Option<i64>) -> Result<Summary, Error> {
    let now = timestamp::micros(platform.now());
    let groups = figures::groups(platform, first, Some(now))?;
    let assignees = figures::by_assignee(platform, first)?;

    let total = count(&groups, |_| true);
    let completed = count(&groups, |group| group.status == Status::Completed);
    let open = |group: &&Group| !matches!(group.status, Status::Completed | Status::Cancelled);
    Ok(Summary {
        total,
        by_status: count_by(&names::STATUSES, &groups, |group| group.status),
        by_priority: count_by(&names::PRIORITIES, &groups, |group| group.priority),
        by_category: count_by(&names::CATEGORIES, &groups, |group| group.category),
        by_assignee: assignees
            .listed
            .into_iter()
            .map(|(name, work)| (name, work.total))
            .collect(),
        other_assignees: assignees.others.total,
        completion_rate: percent(completed as f64, total as f64),
        average_estimated_hours: average(
            groups
                .iter()
                .map(|group| (group.estimated_hours, group.estimates)),
        ),
        average_actual_hours: average(
            groups
                .iter()
                .map(|group| (group.actual_hours, group.actuals)),
        ),
        overdue_tasks: groups.iter().filter(open).map(|group| group.past_due).sum(),
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

fn average(sums: impl Iterator<Item = (f64, u64)>) -> f64 {
    let (sum, count) = sums.fold((0.0, 0), |(sum, count), (more, counted)| {
        (sum + more, count + counted)
    });
    if count > 0 {
        two_decimals(sum / count as f64)
    } else {
        0.0
    }
}
