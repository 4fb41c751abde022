//! Tests creating many tasks in one request.

use tasks::contract::tasks::{TaskDraft, TaskFilter};
use tasks::operations;

use crate::database::{Database, all, dependent, draft, pointers};

#[test]
fn ids_are_in_the_order_of_the_drafts() {
    let mut database = Database::new();
    let outcome = operations::create_bulk(
        &mut database,
        vec![draft("One"), draft("Two"), draft("Three")],
    )
    .unwrap();
    assert_eq!(outcome.message, "Created 3 tasks successfully");
    assert_eq!(outcome.task_ids, [1, 2, 3]);
    assert_eq!(operations::get(&mut database, 2).unwrap().title, "Two");
}

#[test]
fn tasks_created_at_the_same_time_are_listed_by_id() {
    let mut database = Database::new();
    operations::create_bulk(
        &mut database,
        vec![draft("One"), draft("Two"), draft("Three")],
    )
    .unwrap();
    assert_eq!(database.titles(all()), ["Three", "Two", "One"]);
}

#[test]
fn an_empty_list_creates_nothing() {
    let outcome = operations::create_bulk(&mut Database::new(), Vec::new()).unwrap();
    assert_eq!(outcome.task_ids, [0_i64; 0]);
}

#[test]
fn more_than_a_hundred_tasks_are_rejected() {
    let mut database = Database::new();
    let drafts = vec![draft("Write the parser"); 101];
    let problem = operations::create_bulk(&mut database, drafts).unwrap_err();
    let problem = problem.into_problem(&mut database);
    assert_eq!(
        (problem.status, problem.code.as_str()),
        (400, "too-many-tasks")
    );
    assert_eq!(database.statements, 0);
}

#[test]
fn errors_and_missing_dependencies_are_reported_by_draft() {
    let mut database = Database::new();
    let drafts = vec![
        draft("Good"),
        draft("x"),
        TaskDraft {
            title: String::new(),
            ..draft("")
        },
    ];
    let error = operations::create_bulk(&mut database, drafts).unwrap_err();
    assert_eq!(pointers(error), ["#/1/title", "#/2/title"]);

    let known = database.create(draft("Known")).id;
    let drafts = vec![
        dependent("Good", &[known]),
        dependent("Bad", &[known, 3, 2]),
    ];
    let error = operations::create_bulk(&mut database, drafts).unwrap_err();
    let problem = error.clone().into_problem(&mut database);
    assert_eq!(
        (problem.status, problem.code.as_str()),
        (400, "dependency-not-found")
    );
    assert_eq!(
        pointers(error),
        ["#/1/dependencies/1", "#/1/dependencies/2"]
    );
    assert_eq!(database.integer("select count(*) from tasks"), 1);
}

#[test]
fn a_hundred_of_the_largest_tasks_stay_below_the_statement_limit() {
    let mut database = Database::new();
    let words: Vec<String> = (0..1_000_u32)
        .filter_map(|n| char::from_u32(0x4e00 + n))
        .map(String::from)
        .collect();
    let largest = TaskDraft {
        description: Some(words.join(" ")),
        tags: Some((0..10).map(|n| format!("tag {n}")).collect()),
        ..draft("Write the parser")
    };
    operations::create_bulk(&mut database, vec![largest; 100]).unwrap();
    assert_eq!(
        database.integer("select count(*) from task_terms"),
        100 * 1_013
    );
    assert!(
        database.statements < 50,
        "{} statements",
        database.statements
    );
    let filter = TaskFilter {
        q: Some("一 丁".into()),
        limit: Some(1_000),
        ..all()
    };
    assert_eq!(database.titles(filter).len(), 100);
}

#[test]
fn a_bulk_request_writes_all_tasks_with_a_few_statements() {
    let mut database = Database::new();
    database.create(draft("Needed"));
    database.statements = 0;
    let drafts = (0..45).map(|number| TaskDraft {
        tags: Some(vec![format!("tag {number}")]),
        ..dependent(&format!("Straße w{number}x"), &[1])
    });
    let outcome = operations::create_bulk(&mut database, drafts.collect()).unwrap();
    assert!(
        database.statements <= 18,
        "{} statements",
        database.statements
    );
    assert!(outcome.task_ids.iter().copied().eq(2..47));
    for (number, id) in outcome.task_ids.into_iter().enumerate() {
        let task = operations::get(&mut database, id).unwrap();
        assert_eq!(task.title, format!("Straße w{number}x"));
        assert_eq!(task.dependencies, [1]);
        let found = database.titles(TaskFilter {
            q: Some(format!("STRASSE w{number}x")),
            tags: Some(vec![format!("tag {number}")]),
            ..all()
        });
        assert_eq!(found, [task.title]);
    }
    let deletion = operations::delete(&mut database, 1).unwrap();
    assert_eq!(deletion.affected_tasks, 45);
    assert_eq!(database.terms(), 45 * 3);
}
