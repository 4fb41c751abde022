//! Compares the estimated work with the work done.

use crate::contract::tasks::{AssigneeFigures, CategoryFigures, Productivity, Status};
use crate::domain::names;
use crate::error::Error;
use crate::operations::rounding::{percent, two_decimals};
use crate::operations::summary::count_by;
use crate::platform::Platform;
use crate::store::figures::{self, Group, Work};

/// Compares the estimated work with the work done, over all tasks.
///
/// # Errors
/// Only those that every operation can return; see [`crate::operations`].
pub fn measure_productivity(platform: &mut impl Platform) -> Result<Productivity, Error> {
    measure_productivity_from(platform, None)
}

/// Compares the work of the tasks whose id is at least `first`, or of all tasks.
///
/// # Errors
/// The same as [`measure_productivity`].
pub fn measure_productivity_from(
    platform: &mut impl Platform,
    first: Option<i64>,
) -> Result<Productivity, Error> {
    let groups = figures::groups(platform, first, None)?;
    let assignees = figures::by_assignee(platform, first)?;
    let completion_trend = figures::completions_by_day(platform, first)?;

    let estimated: f64 = groups.iter().map(|group| group.estimated_hours).sum();
    let actual: f64 = groups.iter().map(|group| group.actual_hours).sum();
    let categories = names::CATEGORIES.iter().map(|(category, name)| {
        let groups = groups.iter().filter(|group| group.category == *category);
        ((*name).to_owned(), category_figures(groups))
    });
    Ok(Productivity {
        total_estimated_hours: two_decimals(estimated),
        total_actual_hours: two_decimals(actual),
        efficiency_rate: percent(estimated, actual),
        tasks_by_assignee: assignees
            .listed
            .into_iter()
            .map(|(name, work)| (name, assignee_figures(work)))
            .collect(),
        other_assignees: assignee_figures(assignees.others),
        completion_trend,
        priority_distribution: count_by(&names::PRIORITIES, &groups, |group| group.priority),
        category_performance: categories.collect(),
    })
}

fn assignee_figures(work: Work) -> AssigneeFigures {
    AssigneeFigures {
        total: work.total,
        completed: work.completed,
        in_progress: work.in_progress,
        estimated_hours: two_decimals(work.estimated_hours),
        actual_hours: two_decimals(work.actual_hours),
    }
}

fn category_figures<'a>(groups: impl Iterator<Item = &'a Group>) -> CategoryFigures {
    let (mut total, mut completed, mut estimated, mut actual) = (0, 0, 0.0, 0.0);
    for group in groups {
        total += group.count;
        estimated += group.estimated_hours;
        actual += group.actual_hours;
        if group.status == Status::Completed {
            completed += group.count;
        }
    }
    CategoryFigures {
        total,
        completed,
        completion_rate: percent(completed as f64, total as f64),
        estimated_hours: two_decimals(estimated),
        actual_hours: two_decimals(actual),
    }
}
