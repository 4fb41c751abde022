//! The operations of contract 2, `/tasks`: each one request in the caller's transaction.
//!
//! An `Err` means that the transaction must be rolled back; what was written before it is not
//! undone here.

mod create;
mod cursor;
mod delete;
mod list;
mod productivity;
mod summary;
mod update;

pub use self::create::{BULK_LIMIT, create, create_bulk};
pub use self::delete::delete;
pub use self::list::list;
pub use self::productivity::{measure_productivity, measure_productivity_from};
pub use self::summary::{summarize, summarize_from};
pub use self::update::update;

pub(crate) use self::create::create_valid;
pub(crate) use self::update::update_valid;

use crate::contract::events::Event;
use crate::contract::log::Level;
use crate::contract::tasks::Task;
use crate::domain::names;
use crate::platform::Platform;
use crate::refusal::Refusal;
use crate::store;

/// Reads one task.
///
/// # Errors
/// [`Refusal::TaskNotFound`].
pub fn get(platform: &mut impl Platform, id: i64) -> Result<Task, Refusal> {
    store::tasks::find(platform, id)
}

/// Tells what happened to a task: whoever follows the events, and the log of one request.
fn announce(platform: &mut impl Platform, verb: &str, task: &Task) {
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

/// A share of the whole in percent; 0 of nothing.
fn percent(part: f64, whole: f64) -> f64 {
    if whole > 0.0 {
        two_digits(part / whole * 100.0)
    } else {
        0.0
    }
}

/// Rounds to two digits behind the point: sums of fractions differ behind them by the order
/// in which an engine adds.
fn two_digits(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
