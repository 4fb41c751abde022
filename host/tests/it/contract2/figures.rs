//! Statistics, productivity and `/health`. The expected figures were counted by hand.

use serde_json::{Value, json};

use super::{create, draft, draft_with};
use crate::harness::{Host, Setup, eventually};

/// Five tasks: two completed (Ada, Bob), one in progress (Ada), one blocked, one cancelled.
fn host_with_tasks() -> Host {
    let host = Setup::tasks().start();
    for (members, change) in [
        (
            json!({"assignee": "Ada", "estimated_hours": 4, "priority": "high",
                   "due_at": "2020-01-01T00:00:00Z"}),
            json!({"status": "completed", "actual_hours": 2}),
        ),
        (
            json!({"assignee": "Ada", "estimated_hours": 1.5, "category": "testing",
                   "due_at": "2020-01-01T00:00:00Z"}),
            json!({"status": "in_progress", "actual_hours": 2.5}),
        ),
        (
            json!({"assignee": "Bob", "estimated_hours": 4.5, "category": "testing",
                   "due_at": "2999-01-01T00:00:00Z"}),
            json!({"status": "completed", "actual_hours": 3.5}),
        ),
        (
            json!({"priority": "critical", "due_at": "2020-01-01T00:00:00Z"}),
            json!({"status": "blocked"}),
        ),
        (
            json!({"due_at": "2020-01-01T00:00:00Z"}),
            json!({"status": "cancelled"}),
        ),
    ] {
        let id = create(&host, &draft_with("Counted", members))["id"].clone();
        host.put(&format!("/tasks/{id}"), &change).expect(200);
    }
    host
}

/// Compares numbers by value: 60 equals 60.0.
#[track_caller]
fn assert_figures(found: &Value, expected: &[(&str, f64)]) {
    for (name, value) in expected {
        assert_eq!(found[*name].as_f64(), Some(*value), "{name} in {found}");
    }
}

#[test]
fn the_summary_counts_everything() {
    let host = host_with_tasks();
    let summary = host.get("/tasks/stats/summary").expect(200).json();
    assert_figures(
        &summary,
        &[
            ("total", 5.0),
            ("completion_rate", 40.0),
            ("average_estimated_hours", 3.33),
            ("average_actual_hours", 2.67),
            ("overdue_tasks", 2.0),
            ("blocked_tasks", 1.0),
        ],
    );
    assert_eq!(
        summary["by_status"],
        json!({"pending": 0, "in_progress": 1, "completed": 2, "blocked": 1, "cancelled": 1})
    );
    assert_eq!(
        summary["by_priority"],
        json!({"low": 0, "medium": 3, "high": 1, "critical": 1})
    );
    assert_eq!(
        summary["by_category"],
        json!({"development": 0, "testing": 2, "documentation": 0, "deployment": 0,
               "bugfix": 0, "feature": 3})
    );
    assert_eq!(
        summary["by_assignee"],
        json!({"Ada": 2, "Bob": 1, "unassigned": 2})
    );
}

#[test]
fn figures_without_tasks_are_zero() {
    let host = Setup::tasks().start();
    let summary = host.get("/tasks/stats/summary").expect(200).json();
    assert_figures(
        &summary,
        &[
            ("total", 0.0),
            ("completion_rate", 0.0),
            ("average_estimated_hours", 0.0),
            ("average_actual_hours", 0.0),
            ("overdue_tasks", 0.0),
            ("blocked_tasks", 0.0),
        ],
    );
    assert_eq!(summary["by_assignee"], json!({}));
    let productivity = host.get("/tasks/analytics/productivity").expect(200).json();
    assert_figures(
        &productivity,
        &[
            ("total_estimated_hours", 0.0),
            ("total_actual_hours", 0.0),
            ("efficiency_rate", 0.0),
        ],
    );
    assert_eq!(productivity["completion_trend"], json!([]));
}

#[test]
fn productivity_compares_estimated_with_actual_hours() {
    let host = host_with_tasks();
    let figures = host.get("/tasks/analytics/productivity").expect(200).json();
    assert_figures(
        &figures,
        &[
            ("total_estimated_hours", 10.0),
            ("total_actual_hours", 8.0),
            ("efficiency_rate", 125.0),
        ],
    );
    let assignees = &figures["tasks_by_assignee"];
    assert_figures(
        &assignees["Ada"],
        &[
            ("total", 2.0),
            ("completed", 1.0),
            ("in_progress", 1.0),
            ("estimated_hours", 5.5),
            ("actual_hours", 4.5),
        ],
    );
    assert_figures(
        &assignees["unassigned"],
        &[
            ("total", 2.0),
            ("completed", 0.0),
            ("in_progress", 0.0),
            ("estimated_hours", 0.0),
            ("actual_hours", 0.0),
        ],
    );
    assert_figures(
        &figures["priority_distribution"],
        &[
            ("low", 0.0),
            ("medium", 3.0),
            ("high", 1.0),
            ("critical", 1.0),
        ],
    );
    assert_figures(
        &figures["category_performance"]["testing"],
        &[
            ("total", 2.0),
            ("completed", 1.0),
            ("completion_rate", 50.0),
            ("estimated_hours", 6.0),
            ("actual_hours", 6.0),
        ],
    );
    // Both were completed just now. Around midnight this may be on two days.
    let mut days: Vec<(String, u64)> = Vec::new();
    for id in [1, 3] {
        let task = host.get(&format!("/tasks/{id}")).json();
        let day = task["completed_at"].as_str().expect("a time")[..10].to_owned();
        match days.iter_mut().find(|(date, _)| *date == day) {
            Some((_, completed)) => *completed += 1,
            None => days.push((day, 1)),
        }
    }
    let expected: Vec<_> = days
        .into_iter()
        .map(|(date, completed)| json!({"date": date, "completed": completed}))
        .collect();
    assert_eq!(figures["completion_trend"], json!(expected));
}

#[test]
fn an_assignee_may_have_any_name() {
    let host = Setup::tasks().start();
    for name in ["__proto__", "a\"b\\c", "Zoë 🦀"] {
        create(&host, &draft_with("Named", json!({"assignee": name})));
    }
    let summary = host.get("/tasks/stats/summary").expect(200).json();
    assert_eq!(
        summary["by_assignee"],
        json!({"__proto__": 1, "a\"b\\c": 1, "Zoë 🦀": 1})
    );
}

#[test]
fn a_person_called_unassigned_does_not_break_the_figures() {
    let host = Setup::tasks().start();
    create(
        &host,
        &draft_with("Named", json!({"assignee": "unassigned"})),
    );
    create(&host, &draft("Nobody's"));
    let summary = host.get("/tasks/stats/summary").expect(200).json();
    assert_eq!(summary["by_assignee"], json!({"unassigned": 2}));
    let figures = host.get("/tasks/analytics/productivity").expect(200).json();
    assert_figures(
        &figures["tasks_by_assignee"]["unassigned"],
        &[("total", 2.0)],
    );
}

#[test]
fn health_reports_the_actual_state() {
    let host = Setup::tasks().start();
    let health = host.get("/health").expect(200).json();
    assert_eq!(health["status"], "healthy");
    assert_eq!(health["total_tasks"], 0);
    assert!(
        health["version"].as_str().is_some_and(|v| !v.is_empty()),
        "{health}"
    );
    assert!(
        health["timestamp"]
            .as_str()
            .is_some_and(|t| t.ends_with('Z')),
        "{health}"
    );
    assert!(
        health["memory_usage_mb"]
            .as_f64()
            .is_some_and(|mb| mb > 1.0),
        "{health}"
    );
    assert!(!health["database"].is_null(), "{health}");
    let uptime = health["uptime_seconds"].as_f64().expect("a number");
    assert!((0.0..60.0).contains(&uptime), "{health}");
    create(&host, &draft("First"));
    create(&host, &draft("Second"));
    assert_eq!(host.get("/health").json()["total_tasks"], 2);
    eventually("the uptime grows", || {
        let later = host.get("/health").json()["uptime_seconds"].as_f64()?;
        (later > uptime).then_some(())
    });
}
