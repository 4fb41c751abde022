//! Tests the events that a change publishes.

use tasks::contract::simple_tasks::{SimpleDraft, SimpleUpdate};
use tasks::contract::tasks::{Status, TaskUpdate};
use tasks::{operations, simple};

use crate::database::{Database, change, dependent, draft};

/// Returns the events since the last call, as kind and subject.
fn published(database: &mut Database) -> Vec<String> {
    let events = std::mem::take(&mut database.events);
    events
        .into_iter()
        .map(|event| format!("{} {}", event.kind, event.subject))
        .collect()
}

#[test]
fn an_event_names_the_task_its_status_and_its_checksum() {
    let mut database = Database::new();
    let id = database.create(draft("One")).id;
    let completed = TaskUpdate {
        status: Some(Some(Status::InProgress)),
        ..change()
    };
    let task = database.update(id, completed);
    let event = database.events.pop().unwrap();
    assert_eq!((&*event.kind, &*event.subject), ("task.updated", "1"));
    let facts = [("status", "in_progress"), ("checksum", &*task.checksum)];
    let facts = facts.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(event.attributes, facts);
}

#[test]
fn a_bulk_creation_publishes_an_event_for_every_task() {
    let mut database = Database::new();
    let drafts = vec![draft("One"), draft("Two")];
    operations::create_bulk(&mut database, drafts).unwrap();
    assert_eq!(
        published(&mut database),
        ["task.created 1", "task.created 2"]
    );
}

#[test]
fn a_deletion_publishes_events_for_dependent_tasks() {
    let mut database = Database::new();
    database.create(draft("One"));
    database.create(dependent("Two", &[1]));
    database.create(draft("Three"));
    database.create(dependent("Four", &[1, 3]));
    published(&mut database);
    operations::delete(&mut database, 1).unwrap();
    let changed = operations::get(&mut database, 4).unwrap();
    let last = database.events.last().unwrap();
    assert_eq!(last.attributes[1].1, changed.checksum);
    assert_eq!(
        published(&mut database),
        ["task.deleted 1", "task.updated 2", "task.updated 4"]
    );
}

#[test]
fn both_contracts_publish_the_same_events() {
    let mut database = Database::new();
    let one = SimpleDraft {
        title: Some("One".to_owned()),
        description: None,
        priority: None,
    };
    simple::create(&mut database, one).unwrap();
    let done = SimpleUpdate {
        title: None,
        description: None,
        priority: None,
        completed: Some(true),
    };
    simple::update(&mut database, "1", done).unwrap();
    simple::delete(&mut database, "1").unwrap();
    assert_eq!(
        published(&mut database),
        ["task.created 1", "task.updated 1", "task.deleted 1"]
    );
}

#[test]
fn failures_and_reads_publish_nothing() {
    let mut database = Database::new();
    database.create(draft("One"));
    published(&mut database);
    operations::get(&mut database, 1).unwrap();
    operations::update(&mut database, 7, change()).unwrap_err();
    operations::delete(&mut database, 7).unwrap_err();
    assert!(published(&mut database).is_empty());
}
