//! Runs work that blocks for long without blocking other requests.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Runs blocking work, while the other tasks of this worker thread move to another thread.
///
/// A runtime with one thread cannot move its tasks, so there, and outside of a runtime, the work
/// simply runs.
pub(super) fn run_blocking<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}
