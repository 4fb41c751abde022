//! Counts of tasks by status, priority, category and assignee.

use crate::contract::tasks::{Status, Summary};
use crate::domain::{moment, names};
use crate::operations::{percent, two_digits};
use crate::platform::Platform;
use crate::refusal::Refusal;
use crate::store::figures::{self, Group};

/// Counts all tasks.
///
/// # Errors
/// Only what [`crate::operations`] says of every operation.
pub fn summarize(platform: &mut impl Platform) -> Result<Summary, Refusal> {
    summarize_from(platform, None)
}

/// Counts the tasks from an id on, or all.
///
/// # Errors
/// As [`summarize`].
pub fn summarize_from(
    platform: &mut impl Platform,
    first: Option<i64>,
) -> Result<Summary, Refusal> {
    let now = moment::micros(platform.now());
    let groups = figures::groups(platform, first, now)?;
    let shares = figures::shares(platform, first)?;

    let total = count(&groups, |_| true);
    let completed = count(&groups, |group| group.status == Status::Completed);
    let open = |group: &&Group| !matches!(group.status, Status::Completed | Status::Cancelled);
    Ok(Summary {
        total,
        by_status: by(&names::STATUSES, &groups, |group| group.status),
        by_priority: by(&names::PRIORITIES, &groups, |group| group.priority),
        by_category: by(&names::CATEGORIES, &groups, |group| group.category),
        by_assignee: shares
            .into_iter()
            .map(|share| (share.assignee, share.total))
            .collect(),
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

/// The number of tasks of each case, also of those without any.
pub(super) fn by<T: Copy + PartialEq>(
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

/// The number of tasks in the groups that match.
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
        two_digits(sum / count as f64)
    } else {
        0.0
    }
}
