//! Tests creating and reading one task.

use tasks::contract::Datetime;
use tasks::contract::tasks::{Category, Priority, Status, TaskDraft};
use tasks::error::Error;
use tasks::operations;

use crate::database::{Database, START, at, draft, pointers};

#[test]
fn a_task_with_defaults_is_pending_and_unchanged() {
    let mut database = Database::new();
    let task = database.create(draft("Write the parser"));
    assert_eq!(task.id, 1);
    assert_eq!(
        (task.status, task.priority),
        (Status::Pending, Priority::Medium)
    );
    let created_at = Datetime {
        seconds: START + 1,
        nanoseconds: 123_456_000,
    };
    assert_eq!(task.created_at, created_at);
    assert_eq!(
        (task.updated_at, task.completed_at, task.actual_hours),
        (None, None, None)
    );
    assert_eq!(task.checksum.len(), 16);
    assert_eq!(operations::get(&mut database, 1), Ok(task));
}

#[test]
fn every_field_of_a_draft_is_stored() {
    let mut database = Database::new();
    let other = database.create(draft("Other"));
    let task = database.create(TaskDraft {
        title: " Grüße, „Welt“ ".into(),
        description: Some("first\nsecond 😀".into()),
        priority: Some(Priority::Critical),
        category: Category::Bugfix,
        assignee: Some("Zoë".into()),
        estimated_hours: Some(0.1),
        tags: Some(vec!["b,c".into(), "3:a,".into(), "b,c".into()]),
        dependencies: Some(vec![other.id, other.id]),
        due_at: Some(Datetime {
            seconds: START,
            nanoseconds: 1_999,
        }),
    });
    assert_eq!(task.title, " Grüße, „Welt“ ");
    assert_eq!(task.description.as_deref(), Some("first\nsecond 😀"));
    assert_eq!(task.assignee.as_deref(), Some("Zoë"));
    assert_eq!(task.estimated_hours, Some(0.1));
    assert_eq!(task.tags, ["b,c", "3:a,"]);
    assert_eq!(task.dependencies, [1]);
    assert_eq!(
        task.due_at,
        Some(Datetime {
            seconds: START,
            nanoseconds: 1_000
        })
    );
    assert_eq!(operations::get(&mut database, task.id), Ok(task));
}

#[test]
fn every_error_in_a_draft_is_reported() {
    let error = operations::create(
        &mut Database::new(),
        TaskDraft {
            title: "  ab ".into(),
            description: Some("x".repeat(2_001)),
            priority: None,
            category: Category::Testing,
            assignee: Some("x".repeat(101)),
            estimated_hours: Some(-1.0),
            tags: Some(vec!["ok".into(), String::new()]),
            dependencies: Some(vec![1; 1_001]),
            due_at: Some(at(253_402_300_800)),
        },
    )
    .unwrap_err();
    let problem = error.clone().into_problem(&mut Database::new());
    assert_eq!(
        (problem.status, problem.code.as_str()),
        (422, "validation-failed")
    );
    let locations = [
        "#/title",
        "#/description",
        "#/assignee",
        "#/estimated_hours",
        "#/tags/1",
        "#/dependencies",
        "#/due_at",
    ];
    assert_eq!(pointers(error), locations);
}

#[test]
fn an_id_is_never_reused() {
    let mut database = Database::new();
    let first = database.create(draft("First"));
    operations::delete(&mut database, first.id).unwrap();
    assert_eq!(database.create(draft("Second")).id, 2);
}

#[test]
fn reading_or_deleting_a_missing_task_is_404() {
    let mut database = Database::new();
    let error = operations::get(&mut database, 7).unwrap_err();
    assert_eq!(error, Error::TaskNotFound("7".into()));
    assert_eq!(operations::delete(&mut database, 7), Err(error.clone()));
    let problem = error.into_problem(&mut database);
    assert_eq!(
        (problem.status, problem.code.as_str()),
        (404, "task-not-found")
    );
    assert_eq!(problem.detail.as_deref(), Some("There is no task 7."));
}

#[test]
fn reading_takes_one_statement_and_creating_two() {
    let mut database = Database::new();
    database.create(draft("Write the parser"));
    assert_eq!(database.statements, 2);
    operations::get(&mut database, 1).unwrap();
    assert_eq!(database.statements, 3);
}

#[test]
fn the_log_has_the_id_of_the_task_and_no_text_from_users() {
    let mut database = Database::new();
    database.create(draft("Secret"));
    assert_eq!(
        database.lines,
        [r#"Level::Debug created task 1 [("task.id", "1")]"#]
    );
}

#[test]
fn a_defect_is_logged_and_hidden_from_the_client() {
    let mut database = Database::new();
    database.run("drop table task_terms_new");
    let error = operations::create(&mut database, draft("Write the parser")).unwrap_err();
    database.lines.clear();
    let problem = error.into_problem(&mut database);
    assert_eq!(
        (problem.status, problem.code.as_str()),
        (500, "service-failed")
    );
    assert_eq!(problem.detail, None);
    assert!(
        database.lines[0].contains("no such table: task_terms_new"),
        "{:?}",
        database.lines
    );
}
