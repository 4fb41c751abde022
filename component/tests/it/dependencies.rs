//! Tests dependencies: existence, cycles, and the effect of a deletion.

use tasks::contract::tasks::TaskUpdate;
use tasks::error::Error;
use tasks::operations;

use crate::database::{Database, change, dependent, draft, pointers};

fn set_dependencies(dependencies: &[i64]) -> TaskUpdate {
    TaskUpdate {
        dependencies: Some(Some(dependencies.to_vec())),
        ..change()
    }
}

#[test]
fn a_dependency_that_does_not_exist_is_400() {
    let mut database = Database::new();
    database.create(draft("First"));
    let error = operations::create(&mut database, dependent("Second", &[1, 9, 0])).unwrap_err();
    assert_eq!(error.clone().into_problem(&mut database).status, 400);
    assert_eq!(pointers(error), ["#/dependencies/1", "#/dependencies/2"]);
    let error = operations::update(&mut database, 1, set_dependencies(&[-1])).unwrap_err();
    assert_eq!(pointers(error), ["#/dependencies/0"]);
}

#[test]
fn a_task_cannot_depend_on_itself() {
    let mut database = Database::new();
    database.create(draft("First"));
    let error = operations::update(&mut database, 1, set_dependencies(&[1])).unwrap_err();
    let problem = error.into_problem(&mut database);
    assert_eq!(
        (problem.status, problem.code.as_str()),
        (409, "dependency-cycle")
    );
}

#[test]
fn an_indirect_cycle_is_rejected_and_a_diamond_is_not() {
    let mut database = Database::new();
    database.create(draft("Top"));
    database.create(dependent("Left", &[1]));
    database.create(dependent("Right", &[1]));
    database.create(dependent("Bottom", &[2, 3]));
    let error = operations::update(&mut database, 1, set_dependencies(&[4])).unwrap_err();
    assert_eq!(error, Error::DependencyCycle(1));
}

#[test]
fn replacing_dependencies_can_reverse_their_direction() {
    let mut database = Database::new();
    database.create(draft("First"));
    database.create(dependent("Second", &[1]));
    database.update(2, set_dependencies(&[]));
    let task = database.update(1, set_dependencies(&[2]));
    assert_eq!(task.dependencies, [2]);
    assert_eq!(
        database.integer("select count(*) from task_dependencies"),
        1
    );
}

#[test]
fn null_clears_the_dependencies() {
    let mut database = Database::new();
    database.create(draft("First"));
    database.create(dependent("Second", &[1]));
    let task = database.update(
        2,
        TaskUpdate {
            dependencies: Some(None),
            ..change()
        },
    );
    assert_eq!(task.dependencies, [0_i64; 0]);
    assert_eq!(
        database.integer("select count(*) from task_dependencies"),
        0
    );
}

#[test]
fn deleting_a_task_removes_it_from_the_dependencies_of_others() {
    let mut database = Database::new();
    database.create(draft("First"));
    database.create(draft("Second"));
    let before = database.create(dependent("Third", &[1, 2]));
    database.create(dependent("Fourth", &[3]));

    database.seconds += 1;
    let deletion = operations::delete(&mut database, 1).unwrap();
    assert_eq!(deletion.affected_tasks, 1);
    assert_eq!(deletion.message, "Task 1 deleted successfully");

    let after = operations::get(&mut database, 3).unwrap();
    assert_eq!(after.dependencies, [2]);
    assert_eq!(after.updated_at.unwrap().seconds, database.seconds);
    assert_ne!(after.checksum, before.checksum);
    let rewritten = database.update(3, change());
    assert_eq!(rewritten.checksum.len(), 16);
}

#[test]
fn a_task_with_thousands_of_dependents_is_deleted_in_few_statements() {
    let mut database = Database::new();
    database.create(draft("First"));
    for _ in 0..30 {
        let drafts = vec![dependent("Waits", &[1]); 100];
        operations::create_bulk(&mut database, drafts).unwrap();
    }
    database.statements = 0;
    let deletion = operations::delete(&mut database, 1).unwrap();
    assert_eq!(deletion.affected_tasks, 3_000);
    assert!(
        database.statements <= 8,
        "{} statements",
        database.statements
    );
    let dependents = database.integer("select count(*) from tasks where dependencies <> ''");
    assert_eq!(dependents, 0);
}

#[test]
fn deleting_leaves_no_index_rows_behind() {
    let mut database = Database::new();
    database.create(draft("First"));
    database.create(dependent("Second", &[1]));
    operations::delete(&mut database, 2).unwrap();
    operations::delete(&mut database, 1).unwrap();
    assert_eq!(database.terms(), 0);
    assert_eq!(
        database.integer("select count(*) from task_dependencies"),
        0
    );
}
