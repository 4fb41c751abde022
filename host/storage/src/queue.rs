//! The queue in which a transaction waits for a connection.
//!
//! Every pool of connections has one. It serves strictly in order of arrival. SQLite's writer is a
//! pool with a single connection, so this is where a write waits for the writer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{Error, Stats};
use contract::Access;

/// Grants a fixed number of permits, one for each connection of a pool.
pub(crate) struct Queue {
    permits: Arc<Semaphore>,
    /// As what a waiting transaction is counted. `None`: it is not counted.
    counted_as: Option<Access>,
    stats: Arc<Stats>,
}

impl Queue {
    pub(crate) fn new(permits: usize, counted_as: Option<Access>, stats: Arc<Stats>) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(permits)),
            counted_as,
            stats,
        }
    }

    /// Waits for a permit, at most until `until`. Cancel-safe.
    ///
    /// # Errors
    /// Returns [`Error::Busy`] if no permit became free in time.
    pub(crate) async fn acquire(&self, until: Instant) -> Result<OwnedSemaphorePermit, Error> {
        if let Ok(permit) = self.permits.clone().try_acquire_owned() {
            return Ok(permit);
        }
        let _waiting = self
            .counted_as
            .map(|access| Waiting::count(self.stats.waiting(access)));
        match tokio::time::timeout_at(until.into(), self.permits.clone().acquire_owned()).await {
            // The semaphore is never closed.
            Ok(permit) => permit.map_err(|_| Error::Unavailable("the pool is closed".into())),
            Err(_) => {
                Stats::count(&self.stats.timeouts);
                Err(Error::Busy)
            }
        }
    }
}

/// Counts one waiting transaction in a gauge until it is dropped.
struct Waiting<'a>(&'a AtomicU64);

impl<'a> Waiting<'a> {
    fn count(gauge: &'a AtomicU64) -> Self {
        Stats::count(gauge);
        Self(gauge)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
