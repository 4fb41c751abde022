//! Tests the figures of the summary and of productivity.

use tasks::contract::tasks::{
    AssigneeFigures, Category, CategoryFigures, Priority, Status, TaskDraft, TaskUpdate,
};
use tasks::operations;

use crate::database::{Database, START, at, change, draft};

fn team() -> Database {
    let mut database = Database::new();
    let due = Some(at(START - 60));
    for (assignee, category, priority, estimate, due_at) in [
        (
            Some("ada"),
            Category::Bugfix,
            Priority::High,
            Some(1.0),
            None,
        ),
        (
            Some("ada"),
            Category::Bugfix,
            Priority::High,
            Some(2.0),
            due,
        ),
        (
            Some("unassigned"),
            Category::Feature,
            Priority::Low,
            None,
            due,
        ),
        (None, Category::Feature, Priority::Low, Some(0.1), due),
    ] {
        database.create(TaskDraft {
            assignee: assignee.map(str::to_owned),
            category,
            priority: Some(priority),
            estimated_hours: estimate,
            due_at,
            ..draft("Task")
        });
    }
    let to = |status, hours| TaskUpdate {
        status: Some(Some(status)),
        actual_hours: Some(hours),
        ..change()
    };
    database.update(1, to(Status::Completed, Some(4.0)));
    database.update(2, to(Status::InProgress, Some(0.2)));
    database.seconds += 86_400;
    database.update(3, to(Status::Completed, None));
    database.update(4, to(Status::Blocked, None));
    database
}

fn named(figures: &[(&str, u64)]) -> Vec<(String, u64)> {
    figures
        .iter()
        .map(|(name, count)| (name.to_string(), *count))
        .collect()
}

#[test]
fn a_summary_counts_every_case_and_groups_unassigned_tasks() {
    let summary = operations::summarize(&mut team()).unwrap();
    assert_eq!(summary.total, 4);
    let by_status = [
        ("pending", 0),
        ("in_progress", 1),
        ("completed", 2),
        ("blocked", 1),
        ("cancelled", 0),
    ];
    assert_eq!(summary.by_status, named(&by_status));
    let by_priority = [("low", 2), ("medium", 0), ("high", 2), ("critical", 0)];
    assert_eq!(summary.by_priority, named(&by_priority));
    assert_eq!(
        summary.by_category[4..],
        named(&[("bugfix", 2), ("feature", 2)])
    );
    assert_eq!(summary.by_assignee, named(&[("ada", 2), ("unassigned", 2)]));
    assert_eq!(summary.completion_rate, 50.0);
    assert_eq!(summary.average_estimated_hours, 1.03);
    assert_eq!(summary.average_actual_hours, 2.1);
    // Three tasks are past due, and one of them is completed.
    assert_eq!(summary.overdue_tasks, 2);
    assert_eq!(summary.blocked_tasks, 1);
}

#[test]
fn productivity_compares_estimates_with_actual_work() {
    let figures = operations::measure_productivity(&mut team()).unwrap();
    assert_eq!(figures.total_estimated_hours, 3.1);
    assert_eq!(figures.total_actual_hours, 4.2);
    assert_eq!(figures.efficiency_rate, 73.81);
    let ada = AssigneeFigures {
        total: 2,
        completed: 1,
        in_progress: 1,
        estimated_hours: 3.0,
        actual_hours: 4.2,
    };
    assert_eq!(figures.tasks_by_assignee[0], ("ada".to_owned(), ada));
    assert_eq!(figures.tasks_by_assignee.len(), 2);
    let trend: Vec<(&str, u64)> = figures
        .completion_trend
        .iter()
        .map(|day| (day.date.as_str(), day.completed))
        .collect();
    assert_eq!(trend, [("2026-03-01", 1), ("2026-03-02", 1)]);
    let low_to_critical = [("low", 2), ("medium", 0), ("high", 2), ("critical", 0)];
    assert_eq!(figures.priority_distribution, named(&low_to_critical));
    let bugfix = CategoryFigures {
        total: 2,
        completed: 1,
        completion_rate: 50.0,
        estimated_hours: 3.0,
        actual_hours: 4.2,
    };
    assert_eq!(
        figures.category_performance[4],
        ("bugfix".to_owned(), bugfix)
    );
}

#[test]
fn figures_without_tasks_are_zero() {
    let mut database = Database::new();
    let summary = operations::summarize(&mut database).unwrap();
    assert_eq!((summary.total, summary.completion_rate), (0, 0.0));
    assert_eq!(summary.average_estimated_hours, 0.0);
    assert_eq!(summary.by_status.len(), 5);
    let figures = operations::measure_productivity(&mut database).unwrap();
    assert_eq!(figures.efficiency_rate, 0.0);
    assert!(figures.completion_trend.is_empty() && figures.tasks_by_assignee.is_empty());
}
