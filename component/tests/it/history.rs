//! Tests the list of a task's changes.

use tasks::contract::tasks::{Category, Priority, Status, TaskChange, TaskDraft, TaskUpdate};
use tasks::error::Error;
use tasks::operations;

use crate::database::{Database, START, at, change, dependent, draft};

fn changes(database: &mut Database, id: i64) -> Vec<TaskChange> {
    operations::changes(database, id).unwrap()
}

#[test]
fn a_change_has_the_values_before_and_after_of_every_member_that_it_made_different() {
    let mut database = Database::new();
    let draft = TaskDraft {
        description: Some("By hand, slowly".into()),
        estimated_hours: Some(0.1 + 0.2),
        tags: Some(vec!["api".into(), "3:x,".into()]),
        ..draft("Write the parser")
    };
    let before = database.create(draft);
    database.create(dependent("Needed", &[]));
    let update = TaskUpdate {
        title: Some(Some("Schreibe den Übersetzer".into())),
        description: Some(None),
        status: Some(Some(Status::Completed)),
        priority: Some(Some(Priority::Critical)),
        category: Some(Some(Category::Testing)),
        assignee: Some(Some("Ana".into())),
        estimated_hours: Some(Some(1.0 / 3.0)),
        actual_hours: Some(Some(2.0)),
        tags: Some(None),
        dependencies: Some(Some(vec![2])),
        due_at: Some(Some(at(START + 60))),
    };
    let after = database.update(1, update);
    let [change] = &changes(&mut database, 1)[..] else {
        panic!("one change");
    };
    assert_eq!(Some(change.changed_at), after.updated_at);
    assert_eq!(change.checksum, after.checksum);
    for (values, task) in [(&change.before, &before), (&change.after, &after)] {
        assert_eq!(values.title, Some(Some(task.title.clone())));
        assert_eq!(values.description, Some(task.description.clone()));
        assert_eq!(values.status, Some(Some(task.status)));
        assert_eq!(values.priority, Some(Some(task.priority)));
        assert_eq!(values.category, Some(Some(task.category)));
        assert_eq!(values.assignee, Some(task.assignee.clone()));
        assert_eq!(values.estimated_hours, Some(task.estimated_hours));
        assert_eq!(values.actual_hours, Some(task.actual_hours));
        assert_eq!(values.tags, Some(Some(task.tags.clone())));
        assert_eq!(values.dependencies, Some(Some(task.dependencies.clone())));
        assert_eq!(values.due_at, Some(task.due_at));
    }
}

#[test]
fn the_latest_change_is_first_and_members_that_stay_are_absent() {
    let mut database = Database::new();
    database.create(draft("One"));
    let set = |status| TaskUpdate {
        status: Some(Some(status)),
        ..change()
    };
    database.update(1, set(Status::Blocked));
    // This one changes nothing.
    database.update(1, set(Status::Blocked));
    database.update(1, set(Status::Completed));
    let statuses: Vec<_> = changes(&mut database, 1)
        .into_iter()
        .map(|change| {
            assert_eq!(change.after.title, None);
            (change.before.status.unwrap(), change.after.status.unwrap())
        })
        .collect();
    assert_eq!(
        statuses,
        [
            (Some(Status::Blocked), Some(Status::Completed)),
            (Some(Status::Pending), Some(Status::Blocked)),
        ]
    );
}

#[test]
fn losing_a_dependency_is_a_change_and_a_restored_task_has_its_history() {
    let mut database = Database::new();
    database.create(draft("One"));
    database.create(dependent("Two", &[1]));
    database.seconds += 1;
    operations::delete(&mut database, 1).unwrap();
    let lost = changes(&mut database, 2).remove(0);
    assert_eq!(lost.before.dependencies, Some(Some(vec![1])));
    assert_eq!(lost.after.dependencies, Some(Some(Vec::new())));
    operations::delete(&mut database, 2).unwrap();
    assert_eq!(
        operations::changes(&mut database, 2),
        Err(Error::TaskNotFound("2".into()))
    );
    database.seconds += 1;
    operations::restore(&mut database, 2).unwrap();
    assert_eq!(changes(&mut database, 2), [lost]);
}

#[test]
fn the_last_fifty_changes_are_kept() {
    let mut database = Database::new();
    database.create(draft("One"));
    for number in 0..400 {
        database.nanoseconds = number * 1_234_567;
        let update = TaskUpdate {
            assignee: Some(Some(format!("Person {number}"))),
            ..change()
        };
        database.update(1, update);
    }
    let changes = changes(&mut database, 1);
    assert_eq!(changes.len(), 50);
    assert_eq!(changes[0].after.assignee, Some(Some("Person 399".into())));
    assert_eq!(changes[49].after.assignee, Some(Some("Person 350".into())));
    let kept = database.integer("select count(*) from task_history");
    assert!((50..150).contains(&kept), "{kept}");
}
