//! Compares the estimated work with the work done.

use crate::contract::tasks::{AssigneeFigures, CategoryFigures, Productivity, Status};
use crate::domain::names;
use crate::error::Error;
use crate::operations::rounding::{hours, percent};
use crate::operations::summary::count_by;
use crate::platform::Platform;
use crate::store::figures::{Group, Source, Work};

/// Compares the estimated work with the work done, over all tasks.
///
/// # Errors
/// Only those that every operation can return; see [`crate::operations`].
pub fn measure_productivity(platform: &mut impl Platform) -> Result<Productivity, Error> {
    let source = Source::of_all(platform)?;
    measure_productivity_from(platform, source)
}

/// Compares the work of the tasks of a source.
///
/// # Errors
/// The same as [`measure_productivity`].
pub(crate) fn measure_productivity_from(
    platform: &mut impl Platform,
    source: Source,
) -> Result<Productivity, Error> {
    let groups = source.groups(platform)?;
    let assignees = source.assignees(platform, &groups)?;
    let completion_trend = source.completions(platform)?;

    let estimated: i64 = groups.iter().map(|group| group.estimated).sum();
    let actual: i64 = groups.iter().map(|group| group.actual).sum();
    let categories = names::CATEGORIES.iter().map(|(category, name)| {
        let groups = groups.iter().filter(|group| group.category == *category);
        ((*name).to_owned(), category_figures(groups))
    });
    Ok(Productivity {
        total_estimated_hours: hours(estimated),
        total_actual_hours: hours(actual),
        efficiency_rate: percent(estimated as f64, actual as f64),
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
        total: work.total.unsigned_abs(),
        completed: work.completed.unsigned_abs(),
        in_progress: work.in_progress.unsigned_abs(),
        estimated_hours: hours(work.estimated),
        actual_hours: hours(work.actual),
    }
}

fn category_figures<'a>(groups: impl Iterator<Item = &'a Group>) -> CategoryFigures {
    let (mut total, mut completed, mut estimated, mut actual) = (0, 0, 0, 0);
    for group in groups {
        total += group.count;
        estimated += group.estimated;
        actual += group.actual;
        if group.status == Status::Completed {
            completed += group.count;
        }
    }
    CategoryFigures {
        total,
        completed,
        completion_rate: percent(completed as f64, total as f64),
        estimated_hours: hours(estimated),
        actual_hours: hours(actual),
    }
}
