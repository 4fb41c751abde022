//! What others learn about a changed task: an event for clients, and a log line.

use crate::contract::events::Event;
use crate::contract::log::Level;
use crate::contract::tasks::{Status, Task};
use crate::domain::names;
use crate::error::Error;
use crate::platform::Platform;
use crate::store::dependencies::Dependent;

/// Up to this many dependent tasks have an event of their own.
const SINGLE_EVENTS_MAX: usize = 100;

/// Publishes the event `task.{verb}` and logs a line at level debug.
pub fn announce(platform: &mut impl Platform, verb: &str, task: &Task) {
    publish(
        platform,
        verb,
        attributes(task.status, &task.checksum),
        task.id,
    );
}

/// Publishes that a deleted task was restored: the event `task.created`, because those who follow the tasks
/// have none with this id any more, with the attribute `restored`.
pub fn announce_restored(platform: &mut impl Platform, task: &Task) {
    let mut attributes = attributes(task.status, &task.checksum);
    attributes.push(("restored".to_owned(), "true".to_owned()));
    publish(platform, "created", attributes, task.id);
}

/// Publishes that tasks changed because they depended on a deleted task, or depend on a restored one:
/// `task.updated` for each, or `tasks.updated` for all of them if they are many.
///
/// # Errors
/// Returns [`Error::Corrupt`] if a task has a status that does not exist.
pub fn announce_dependents(
    platform: &mut impl Platform,
    id: i64,
    dependents: &[Dependent],
) -> Result<(), Error> {
    if dependents.len() > SINGLE_EVENTS_MAX {
        announce_many(platform, id, dependents.len());
        return Ok(());
    }
    for dependent in dependents {
        let status = names::case_at(&names::STATUSES, dependent.status)
            .ok_or(Error::Corrupt("an enum has no such case"))?;
        let attributes = attributes(status, &dependent.checksum);
        publish(platform, "updated", attributes, dependent.id);
    }
    Ok(())
}

fn attributes(status: Status, checksum: &str) -> Vec<(String, String)> {
    let status = names::STATUSES[status as usize].1;
    vec![
        ("status".to_owned(), status.to_owned()),
        ("checksum".to_owned(), checksum.to_owned()),
    ]
}

fn publish(platform: &mut impl Platform, verb: &str, attributes: Vec<(String, String)>, id: i64) {
    let id = id.to_string();
    platform.publish(&Event {
        kind: format!("task.{verb}"),
        subject: id.clone(),
        attributes,
    });
    let message = format!("{verb} task {id}");
    platform.log(Level::Debug, &message, &[("task.id".to_owned(), id)]);
}

/// The subject of the event is the task that they depended on, or depend on again.
fn announce_many(platform: &mut impl Platform, dependency: i64, count: usize) {
    platform.publish(&Event {
        kind: "tasks.updated".to_owned(),
        subject: dependency.to_string(),
        attributes: vec![("affected_tasks".to_owned(), count.to_string())],
    });
}
