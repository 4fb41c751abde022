//! Work that takes long, moved aside so that other requests run meanwhile.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Does slow work without holding up the tasks that wait for this worker thread.
///
/// A runtime of one thread has nobody to hand its tasks to: the work runs in place there, and
/// so it does outside of a runtime.
pub(super) fn aside<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}
