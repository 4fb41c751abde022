//! Work for all tasks that few of many writes do: chance decides.

use crate::domain::timestamp;
use crate::error::Error;
use crate::platform::Platform;
use crate::store;

/// Of many writes, one in this many removes deleted tasks for good.
const PURGE_AFTER: i64 = 256;

/// Does the work that is due after a write that added this many shares to the sums.
///
/// # Errors
/// Returns [`Error::Database`] if a statement fails, and [`Error::Corrupt`] if a result has other cells.
pub fn sometimes(platform: &mut impl Platform, shares: usize) -> Result<(), Error> {
    store::figures::sums::fold_sometimes(platform, shares)?;
    let now = timestamp::micros(platform.now());
    // Other bits of the time than those that decide about the sums.
    if (now >> 8) % PURGE_AFTER == 0 {
        store::deleted::purge(platform, now)?;
    }
    Ok(())
}
