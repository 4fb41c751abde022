//! Tests changing tasks.

use tasks::contract::tasks::{Category, Priority, Status, TaskDraft, TaskFilter, TaskUpdate};
use tasks::operations;

use crate::database::{Database, START, all, at, change, draft, pointers};

fn rich(database: &mut Database) -> i64 {
    let draft = TaskDraft {
        description: Some("By hand".into()),
        assignee: Some("ada".into()),
        estimated_hours: Some(3.5),
        tags: Some(vec!["api".into()]),
        due_at: Some(at(START + 60)),
        ..draft("Write the parser")
    };
    database.create(draft).id
}

#[test]
fn absent_fields_keep_their_values() {
    let mut database = Database::new();
    let id = rich(&mut database);
    let before = operations::get(&mut database, id).unwrap();
    let after = database.update(
        id,
        TaskUpdate {
            actual_hours: Some(Some(2.0)),
            ..change()
        },
    );
    assert_eq!(after.actual_hours, Some(2.0));
    assert_eq!(after.title, before.title);
    assert_eq!(after.description, before.description);
    assert_eq!(after.tags, before.tags);
    assert_eq!(after.due_at, before.due_at);
    assert_eq!(operations::get(&mut database, id), Ok(after));
}

#[test]
fn null_clears_optional_fields() {
    let mut database = Database::new();
    let id = rich(&mut database);
    let cleared = TaskUpdate {
        description: Some(None),
        assignee: Some(None),
        estimated_hours: Some(None),
        actual_hours: Some(None),
        tags: Some(None),
        due_at: Some(None),
        ..change()
    };
    let after = database.update(id, cleared);
    assert_eq!((&after.description, &after.assignee), (&None, &None));
    assert_eq!((after.estimated_hours, after.due_at), (None, None));
    assert!(after.tags.is_empty());
    assert_eq!(operations::get(&mut database, id), Ok(after));
    assert_eq!(database.terms(), 3);
}

#[test]
fn null_is_rejected_for_required_fields() {
    let mut database = Database::new();
    let id = rich(&mut database);
    let nulls = TaskUpdate {
        title: Some(None),
        status: Some(None),
        priority: Some(None),
        category: Some(None),
        ..change()
    };
    let error = operations::update(&mut database, id, nulls).unwrap_err();
    assert_eq!(
        pointers(error),
        ["#/title", "#/status", "#/priority", "#/category"]
    );
}

#[test]
fn every_error_in_a_change_is_reported() {
    let invalid = TaskUpdate {
        title: Some(Some("   ".into())),
        actual_hours: Some(Some(1_000.5)),
        tags: Some(Some(vec!["x".into(); 11])),
        ..change()
    };
    let error = operations::update(&mut Database::new(), 1, invalid).unwrap_err();
    assert_eq!(pointers(error), ["#/title", "#/actual_hours", "#/tags"]);
}

#[test]
fn completed_at_keeps_the_first_completion() {
    let mut database = Database::new();
    let id = rich(&mut database);
    let to = |status| TaskUpdate {
        status: Some(Some(status)),
        ..change()
    };
    let completed = database.update(id, to(Status::Completed));
    assert_eq!(completed.completed_at, completed.updated_at);
    assert_eq!(completed.completed_at.unwrap().seconds, START + 2);

    let reopened = database.update(id, to(Status::InProgress));
    assert_eq!(reopened.completed_at, completed.completed_at);
    let again = database.update(id, to(Status::Completed));
    assert_eq!(again.completed_at, completed.completed_at);
    assert_eq!(again.updated_at.unwrap().seconds, START + 4);
}

#[test]
fn a_change_without_fields_is_still_a_change() {
    let mut database = Database::new();
    let id = rich(&mut database);
    let before = operations::get(&mut database, id).unwrap();
    let after = database.update(id, change());
    assert_eq!(after.updated_at.unwrap().seconds, START + 2);
    assert_ne!(after.checksum, before.checksum);
}

#[test]
fn search_and_filters_follow_a_change() {
    let mut database = Database::new();
    let id = rich(&mut database);
    let everything = TaskUpdate {
        title: Some(Some("Test the lexer".into())),
        description: Some(Some("Slowly".into())),
        status: Some(Some(Status::Blocked)),
        priority: Some(Some(Priority::Low)),
        category: Some(Some(Category::Testing)),
        assignee: Some(Some("bob".into())),
        tags: Some(Some(vec!["db".into()])),
        ..change()
    };
    database.update(id, everything);
    let gone = TaskFilter {
        q: Some("parser".into()),
        ..all()
    };
    assert!(database.titles(gone).is_empty());
    let gone = TaskFilter {
        tags: Some(vec!["api".into()]),
        ..all()
    };
    assert!(database.titles(gone).is_empty());
    let found = TaskFilter {
        q: Some("the lex slow".into()),
        tags: Some(vec!["db".into()]),
        status: Some(vec![Status::Blocked]),
        priority: Some(Priority::Low),
        category: Some(Category::Testing),
        assignee: Some("bob".into()),
        ..all()
    };
    assert_eq!(database.titles(found), ["Test the lexer"]);
    assert_eq!(database.terms(), 5);
}
