//! The operations of contract 2, `/tasks`. Each handles one request in the caller's transaction.
//!
//! If an operation returns an `Err`, the caller must roll the transaction back: the operation does
//! not undo what it has already written. Every operation can return [`Error::Database`] and
//! [`Error::Corrupt`]; the `# Errors` sections list only the others.

mod announce;
mod changes;
mod create;
mod cursor;
mod delete;
mod list;
mod page;
mod productivity;
mod recount;
mod reindex;
mod restore;
mod rounding;
mod summary;
mod update;
mod upkeep;

pub use self::changes::changes;
pub use self::create::{BULK_LIMIT, create, create_bulk};
pub use self::delete::{DEPENDENTS_BYTES_MAX, DEPENDENTS_MAX, delete};
pub use self::list::{MAX_LIMIT, count, list};
pub use self::page::PAGE_BYTES;
pub use self::productivity::measure_productivity;
pub use self::recount::{RECOUNT_IDS, recount};
pub use self::reindex::{REINDEX_IDS, reindex};
pub use self::restore::restore;
pub use self::summary::summarize;
pub use self::update::{NEEDED_MAX, update};

pub(crate) use self::create::create_valid;
pub(crate) use self::cursor::{read as read_cursor, write as write_cursor};
pub(crate) use self::page::{Bounds, Page, TextSize, read as read_page};
pub(crate) use self::productivity::measure_productivity_from;
pub(crate) use self::summary::summarize_from;
pub(crate) use self::update::update_valid;

use crate::contract::tasks::Task;
use crate::error::Error;
use crate::platform::Platform;
use crate::store;

/// Returns the number of tasks.
///
/// # Errors
/// Only those that every operation can return.
pub(crate) fn total(platform: &mut impl Platform) -> Result<i64, Error> {
    match store::figures::sums::total(platform)? {
        Some(total) => Ok(total),
        None => store::tasks::count(platform),
    }
}

/// Returns one task.
///
/// # Errors
/// Returns [`Error::TaskNotFound`] if no task has this id.
pub fn get(platform: &mut impl Platform, id: i64) -> Result<Task, Error> {
    store::tasks::find(platform, id)
}
