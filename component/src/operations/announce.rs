//! What others learn about a changed task: an event for clients, and a log line.

use crate::contract::events::Event;
use crate::contract::log::Level;
use crate::contract::tasks::Task;
use crate::domain::names;
use crate::platform::Platform;

/// Publishes the event `task.{verb}` and logs a line at level debug.
pub fn announce(platform: &mut impl Platform, verb: &str, task: &Task) {
    let id = task.id.to_string();
    let status = names::STATUSES[task.status as usize].1;
    platform.publish(&Event {
        kind: format!("task.{verb}"),
        subject: id.clone(),
        attributes: vec![
            ("status".to_owned(), status.to_owned()),
            ("checksum".to_owned(), task.checksum.clone()),
        ],
    });
    let message = format!("{verb} task {id}");
    platform.log(Level::Debug, &message, &[("task.id".to_owned(), id)]);
}
