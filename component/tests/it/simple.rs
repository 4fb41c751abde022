//! Tests contract 1, which uses the same tasks as contract 2.

use tasks::contract::simple_tasks::{SimpleDraft, SimplePriority, SimpleUpdate};
use tasks::contract::tasks::{Category, Priority, Status, TaskDraft, TaskUpdate};
use tasks::error::Error;
use tasks::{operations, simple};

use crate::database::{Database, change, draft};

fn titled(title: &str) -> SimpleDraft {
    SimpleDraft {
        title: Some(title.to_owned()),
        description: None,
        priority: None,
    }
}

fn unchanged() -> SimpleUpdate {
    SimpleUpdate {
        title: None,
        description: None,
        priority: None,
        completed: None,
    }
}

/// Returns the status and the member `error` of the problem.
fn answer(error: Error) -> (u16, String) {
    let problem = error.into_simple_problem(&mut Database::new());
    let [(name, error)] = problem.extensions.as_slice() else {
        panic!("expected one extension: {:?}", problem.extensions)
    };
    assert_eq!(name, "error");
    (problem.status, error.clone())
}

#[test]
fn a_task_created_here_is_a_feature_with_defaults() {
    let mut database = Database::new();
    let task = simple::create(&mut database, titled("A")).unwrap();
    assert_eq!((task.id.as_str(), task.title.as_str()), ("1", "A"));
    assert_eq!((task.description.as_str(), task.completed), ("", false));
    assert_eq!(task.priority, SimplePriority::Medium);
    assert_eq!(task.created_at, "2026-03-01 00:00");
    assert_eq!(task.updated_at, task.created_at);
    let stored = operations::get(&mut database, 1).unwrap();
    assert_eq!(
        (stored.category, stored.description),
        (Category::Feature, None)
    );
}

#[test]
fn a_missing_or_blank_title_is_400() {
    let mut database = Database::new();
    let required = (400, "Title is required".to_owned());
    let missing = SimpleDraft {
        title: None,
        ..titled("")
    };
    assert_eq!(
        answer(simple::create(&mut database, missing).unwrap_err()),
        required
    );
    assert_eq!(
        answer(simple::create(&mut database, titled(" \t")).unwrap_err()),
        required
    );
    simple::create(&mut database, titled("A")).unwrap();
    let blank = SimpleUpdate {
        title: Some(" ".into()),
        ..unchanged()
    };
    assert_eq!(
        answer(simple::update(&mut database, "1", blank).unwrap_err()),
        required
    );
    let long = simple::create(&mut database, titled(&"x".repeat(201))).unwrap_err();
    assert_eq!(
        answer(long),
        (400, "Title has more than 200 characters".to_owned())
    );
}

#[test]
fn an_id_that_does_not_exist_or_is_not_a_number_is_404() {
    let mut database = Database::new();
    simple::create(&mut database, titled("A")).unwrap();
    for id in ["2", "x", "", "01", "+1", "1.0", "99999999999999999999"] {
        let error = simple::get(&mut database, id).unwrap_err();
        assert_eq!(answer(error), (404, "Task not found".to_owned()), "{id}");
        let error = simple::delete(&mut database, id).unwrap_err();
        assert_eq!(answer(error).0, 404);
        let error = simple::update(&mut database, id, unchanged()).unwrap_err();
        assert_eq!(answer(error).0, 404);
    }
}

#[test]
fn completed_sets_and_clears_the_status_completed() {
    let mut database = Database::new();
    let id = database.create(draft("Write the parser")).id.to_string();
    let completed = |completed| SimpleUpdate {
        completed: Some(completed),
        ..unchanged()
    };
    let status = |database: &mut Database| operations::get(database, 1).unwrap().status;

    let task = simple::update(&mut database, &id, completed(true)).unwrap();
    assert!(task.completed);
    assert_eq!(status(&mut database), Status::Completed);
    assert!(
        operations::get(&mut database, 1)
            .unwrap()
            .completed_at
            .is_some()
    );
    simple::update(&mut database, &id, completed(false)).unwrap();
    assert_eq!(status(&mut database), Status::Pending);

    database.update(
        1,
        TaskUpdate {
            status: Some(Some(Status::Blocked)),
            ..change()
        },
    );
    simple::update(&mut database, &id, completed(false)).unwrap();
    assert_eq!(status(&mut database), Status::Blocked);
}

#[test]
fn a_critical_task_stays_critical_until_its_priority_changes() {
    let mut database = Database::new();
    let priority = Some(Priority::Critical);
    database.create(TaskDraft {
        priority,
        ..draft("Write the parser")
    });
    let to = |priority| SimpleUpdate {
        priority: Some(priority),
        ..unchanged()
    };
    let task = simple::update(&mut database, "1", to(SimplePriority::High)).unwrap();
    assert_eq!(task.priority, SimplePriority::High);
    assert_eq!(
        operations::get(&mut database, 1).unwrap().priority,
        Priority::Critical
    );
    simple::update(&mut database, "1", to(SimplePriority::Low)).unwrap();
    assert_eq!(
        operations::get(&mut database, 1).unwrap().priority,
        Priority::Low
    );
}

#[test]
fn a_task_with_a_short_title_can_be_changed_through_contract_2() {
    let mut database = Database::new();
    simple::create(&mut database, titled("A")).unwrap();
    let task = database.update(
        1,
        TaskUpdate {
            assignee: Some(Some("ada".into())),
            ..change()
        },
    );
    assert_eq!(task.title, "A");
}

#[test]
fn the_newest_tasks_come_first_and_a_deletion_has_a_message() {
    let mut database = Database::new();
    assert!(simple::list(&mut database, None).unwrap().tasks.is_empty());
    for title in ["A", "B"] {
        database.seconds += 60;
        simple::create(&mut database, titled(title)).unwrap();
    }
    let titles: Vec<String> = simple::list(&mut database, None)
        .unwrap()
        .tasks
        .into_iter()
        .map(|task| task.title)
        .collect();
    assert_eq!(titles, ["B", "A"]);
    database.seconds += 60;
    let text = SimpleUpdate {
        description: Some("x".into()),
        ..unchanged()
    };
    let task = simple::update(&mut database, "1", text).unwrap();
    assert_eq!(
        (task.description.as_str(), task.updated_at.as_str()),
        ("x", "2026-03-01 00:03")
    );
    let deletion = simple::delete(&mut database, "1").unwrap();
    assert_eq!(deletion.message, "Task deleted successfully");
}
