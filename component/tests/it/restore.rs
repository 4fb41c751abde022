//! Tests restoring deleted tasks.

use tasks::contract::tasks::{Status, Task, TaskDraft, TaskFilter, TaskUpdate};
use tasks::error::Error;
use tasks::operations;

use crate::database::{Database, START, all, at, change, dependent, draft};

const DAY: u64 = 86_400;

fn dependencies(database: &mut Database, id: i64) -> Vec<i64> {
    operations::get(database, id).unwrap().dependencies
}

fn needs(ids: &[i64]) -> TaskUpdate {
    TaskUpdate {
        dependencies: Some(Some(ids.to_vec())),
        ..change()
    }
}

fn restore(database: &mut Database, id: i64) -> Task {
    database.seconds += 1;
    operations::restore(database, id).unwrap()
}

#[test]
fn a_restored_task_is_the_same_task_with_the_same_id() {
    let mut database = Database::new();
    database.create(draft("Needed"));
    database.create(TaskDraft {
        description: Some("By hand".into()),
        assignee: Some("ada".into()),
        estimated_hours: Some(3.5),
        tags: Some(vec!["api".into(), "db".into()]),
        due_at: Some(at(START + 60)),
        ..dependent("Write the parser", &[1])
    });
    let before = database.update(
        2,
        TaskUpdate {
            status: Some(Some(Status::Completed)),
            actual_hours: Some(Some(4.0)),
            ..change()
        },
    );
    let summary = operations::summarize(&mut database).unwrap();
    operations::delete(&mut database, 2).unwrap();
    assert_eq!(
        operations::get(&mut database, 2),
        Err(Error::TaskNotFound("2".into()))
    );
    assert_eq!(database.titles(all()), ["Needed"]);

    let after = restore(&mut database, 2);
    assert_eq!(after.updated_at.unwrap().seconds, database.seconds);
    assert_ne!(after.checksum, before.checksum);
    let expected = Task {
        updated_at: after.updated_at,
        checksum: after.checksum.clone(),
        ..before
    };
    assert_eq!(after, expected);
    assert_eq!(operations::get(&mut database, 2), Ok(expected));
    for q in ["parser", "#api", "hand"] {
        let filter = TaskFilter {
            q: Some(q.to_owned()),
            ..all()
        };
        assert_eq!(database.titles(filter), ["Write the parser"], "{q}");
    }
    let needed = TaskFilter {
        depends_on: Some(1),
        ..all()
    };
    assert_eq!(operations::count(&mut database, needed).unwrap().total, 1);
    assert_eq!(operations::summarize(&mut database), Ok(summary));
    // The next task gets a new id.
    assert_eq!(database.create(draft("Next")).id, 3);
}

#[test]
fn tasks_that_depended_on_a_restored_task_depend_on_it_again() {
    let mut database = Database::new();
    for title in ["One", "Two", "Three"] {
        database.create(draft(title));
    }
    database.update(2, needs(&[1, 3]));
    database.create(dependent("Four", &[1]));
    operations::delete(&mut database, 1).unwrap();
    operations::delete(&mut database, 4).unwrap();
    let before = operations::get(&mut database, 2).unwrap();
    assert_eq!(before.dependencies, [3]);
    restore(&mut database, 1);
    let after = operations::get(&mut database, 2).unwrap();
    assert_eq!(after.dependencies, [3, 1]);
    assert_eq!(after.updated_at.unwrap().seconds, database.seconds);
    assert_ne!(after.checksum, before.checksum);
    // The index agrees: a cycle is found.
    assert_eq!(
        operations::update(&mut database, 1, needs(&[2])),
        Err(Error::DependencyCycle(1))
    );
    // Task 4 was deleted after task 1, and comes back after it.
    restore(&mut database, 4);
    assert_eq!(dependencies(&mut database, 4), [1]);
}

#[test]
fn a_dependency_between_deleted_tasks_is_back_when_both_are_in_any_order() {
    for deleted in [[1, 3], [3, 1]] {
        for restored in [[1, 3], [3, 1]] {
            let mut database = Database::new();
            database.create(draft("One"));
            database.create(draft("Two"));
            database.create(dependent("Three", &[1, 2]));
            for id in deleted {
                operations::delete(&mut database, id).unwrap();
            }
            for id in restored {
                restore(&mut database, id);
                if id == 3 && restored[0] == 3 {
                    assert_eq!(dependencies(&mut database, 3), [2]);
                }
            }
            let mut needed = dependencies(&mut database, 3);
            needed.sort_unstable();
            assert_eq!(needed, [1, 2], "{deleted:?} {restored:?}");
            let index = database.integer("select count(*) from task_dependencies");
            assert_eq!(index, 2);
        }
    }
}

#[test]
fn restoring_makes_no_cycle() {
    let mut database = Database::new();
    database.create(draft("One"));
    database.create(dependent("Two", &[1]));
    database.create(draft("Three"));
    database.update(1, needs(&[3]));
    operations::delete(&mut database, 1).unwrap();
    database.update(3, needs(&[2]));
    restore(&mut database, 1);
    assert_eq!(dependencies(&mut database, 1), [3]);
    assert_eq!(dependencies(&mut database, 2), [0; 0]);
}

#[test]
fn a_task_with_as_many_dependencies_as_possible_gets_no_more() {
    let mut database = Database::new();
    for _ in 0..10 {
        let drafts = vec![draft("Needed"); 100];
        operations::create_bulk(&mut database, drafts).unwrap();
    }
    database.create(draft("One more"));
    database.create(dependent("Waits", &[1001]));
    operations::delete(&mut database, 1001).unwrap();
    let full: Vec<i64> = (1..=1000).collect();
    database.update(1002, needs(&full));
    restore(&mut database, 1001);
    assert_eq!(dependencies(&mut database, 1002), full);
}

#[test]
fn a_task_that_exists_is_not_changed_and_an_unknown_one_is_not_found() {
    let mut database = Database::new();
    let task = database.create(draft("One"));
    assert_eq!(operations::restore(&mut database, 1), Ok(task));
    operations::delete(&mut database, 1).unwrap();
    let task = restore(&mut database, 1);
    assert_eq!(restore(&mut database, 1), task);

    let error = operations::restore(&mut database, 2).unwrap_err();
    assert_eq!(error, Error::NotRestorable(2));
    let problem = error.into_problem(&mut database);
    assert_eq!((problem.status, &*problem.code), (404, "task-not-found"));
}

#[test]
fn a_task_can_be_restored_for_thirty_days() {
    let mut database = Database::new();
    database.create(draft("One"));
    operations::delete(&mut database, 1).unwrap();
    database.seconds += 30 * DAY + 1;
    assert_eq!(
        operations::restore(&mut database, 1),
        Err(Error::NotRestorable(1))
    );
    database.seconds -= 1;
    assert!(operations::restore(&mut database, 1).is_ok());
}

#[test]
fn old_deletions_are_removed_for_good_with_their_history() {
    let mut database = Database::new();
    for title in ["One", "Two"] {
        let id = database.create(draft(title)).id;
        database.update(
            id,
            TaskUpdate {
                title: Some(Some("Other".into())),
                ..change()
            },
        );
    }
    operations::delete(&mut database, 1).unwrap();
    database.seconds += 31 * DAY;
    operations::delete(&mut database, 2).unwrap();
    // A time at which a write removes what is too old.
    let past = database.seconds * 1_000_000 % 65_536;
    database.nanoseconds = ((65_536 - past) % 65_536) as u32 * 1_000;
    operations::create(&mut database, draft("Three")).unwrap();
    for (table, expected) in [("deleted_tasks", 1), ("task_history", 1)] {
        let count = format!("select count(*) from {table}");
        assert_eq!(database.integer(&count), expected, "{table}");
    }
    assert_eq!(restore(&mut database, 2).title, "Other");
}

#[test]
fn restoring_publishes_that_the_task_is_there_again() {
    let mut database = Database::new();
    database.create(draft("One"));
    database.create(dependent("Two", &[1]));
    operations::delete(&mut database, 1).unwrap();
    database.events.clear();
    let task = restore(&mut database, 1);
    let [created, updated] = &database.events[..] else {
        panic!("{:?}", database.events);
    };
    assert_eq!((&*created.kind, &*created.subject), ("task.created", "1"));
    let attributes = [
        ("status", "pending"),
        ("checksum", &task.checksum),
        ("restored", "true"),
    ];
    let attributes = attributes.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(created.attributes, attributes);
    assert_eq!((&*updated.kind, &*updated.subject), ("task.updated", "2"));
}

#[test]
fn a_task_with_thousands_of_dependents_is_restored_in_few_statements() {
    let mut database = Database::new();
    database.create(draft("First"));
    for _ in 0..30 {
        let drafts = vec![dependent("Waits", &[1]); 100];
        operations::create_bulk(&mut database, drafts).unwrap();
    }
    operations::delete(&mut database, 1).unwrap();
    database.statements = 0;
    database.events.clear();
    restore(&mut database, 1);
    assert!(
        database.statements <= 16,
        "{} statements",
        database.statements
    );
    let dependents = database.integer("select count(*) from tasks where dependencies = '1'");
    assert_eq!(dependents, 3_000);
    assert_eq!(database.events.len(), 2);
    assert_eq!(database.events[1].kind, "tasks.updated");
}
