//! What others learn about a changed task: an event for clients, and a log line.

use crate::contract::events::Event;
use crate::contract::log::Level;
use crate::contract::tasks::{Status, Task};
use crate::domain::names;
use crate::platform::Platform;

/// Publishes the event `task.{verb}` and logs a line at level debug.
pub fn announce(platform: &mut impl Platform, verb: &str, task: &Task) {
    announce_state(platform, verb, task.id, task.status, &task.checksum);
}

/// The same for a task of which only this is known.
pub fn announce_state(
    platform: &mut impl Platform,
    verb: &str,
    id: i64,
    status: Status,
    checksum: &str,
) {
    let id = id.to_string();
    let status = names::STATUSES[status as usize].1;
    platform.publish(&Event {
        kind: format!("task.{verb}"),
        subject: id.clone(),
        attributes: vec![
            ("status".to_owned(), status.to_owned()),
            ("checksum".to_owned(), checksum.to_owned()),
        ],
    });
    let message = format!("{verb} task {id}");
    platform.log(Level::Debug, &message, &[("task.id".to_owned(), id)]);
}

/// Publishes the event `tasks.updated`: many tasks changed, because they depended on a deleted one. Its
/// subject is the deleted task.
pub fn announce_many(platform: &mut impl Platform, deleted: i64, count: usize) {
    platform.publish(&Event {
        kind: "tasks.updated".to_owned(),
        subject: deleted.to_string(),
        attributes: vec![("affected_tasks".to_owned(), count.to_string())],
    });
}
