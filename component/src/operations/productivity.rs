//! The work estimated against the work done.

use crate::contract::tasks::{AssigneeFigures, CategoryFigures, Productivity, Status};
use crate::domain::{moment, names};
use crate::operations::summary::by;
use crate::operations::{percent, two_digits};
use crate::platform::Platform;
use crate::refusal::Refusal;
use crate::store::figures::{self, Group, Share};

/// Compares the work estimated with the work done.
///
/// # Errors
/// Only what [`crate::operations`] says of every operation.
pub fn measure_productivity(platform: &mut impl Platform) -> Result<Productivity, Refusal> {
    measure_productivity_from(platform, None)
}

/// Compares the work of the tasks from an id on, or all.
///
/// # Errors
/// As [`measure_productivity`].
pub fn measure_productivity_from(
    platform: &mut impl Platform,
    first: Option<i64>,
) -> Result<Productivity, Refusal> {
    let now = moment::micros(platform.now());
    let groups = figures::groups(platform, first, now)?;
    let shares = figures::shares(platform, first)?;
    let completion_trend = figures::days(platform, first)?;

    let estimated: f64 = groups.iter().map(|group| group.estimated_hours).sum();
    let actual: f64 = groups.iter().map(|group| group.actual_hours).sum();
    let categories = names::CATEGORIES.iter().map(|(category, name)| {
        let groups = groups.iter().filter(|group| group.category == *category);
        ((*name).to_owned(), category_figures(groups))
    });
    Ok(Productivity {
        total_estimated_hours: two_digits(estimated),
        total_actual_hours: two_digits(actual),
        efficiency_rate: percent(estimated, actual),
        tasks_by_assignee: shares.into_iter().map(assignee_figures).collect(),
        completion_trend,
        priority_distribution: by(&names::PRIORITIES, &groups, |group| group.priority),
        category_performance: categories.collect(),
    })
}

fn assignee_figures(share: Share) -> (String, AssigneeFigures) {
    let figures = AssigneeFigures {
        total: share.total,
        completed: share.completed,
        in_progress: share.in_progress,
        estimated_hours: two_digits(share.estimated_hours),
        actual_hours: two_digits(share.actual_hours),
    };
    (share.assignee, figures)
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
        estimated_hours: two_digits(estimated),
        actual_hours: two_digits(actual),
    }
}
