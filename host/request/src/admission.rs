//! How many requests run at a time, and how many may wait.
//!
//! The pool of instances is larger than the number of slots, so a request that has a slot always
//! finds a free instance. If the queue is full or the wait is too long, the request fails with 503.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::Error;

/// How long a rejected client should wait before it tries again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

pub(super) struct Admission {
    /// One permit for each request that may run.
    slots: Semaphore,
    waiting: AtomicUsize,
    max_waiting: usize,
    timeout: Duration,
}

/// A place in the queue. Dropping it leaves the queue.
pub(super) struct Place<'a>(&'a Admission);

impl Admission {
    pub(super) fn new(slots: usize, max_waiting: usize, timeout: Duration) -> Self {
        Admission {
            slots: Semaphore::new(slots),
            waiting: AtomicUsize::new(0),
            max_waiting,
            timeout,
        }
    }

    /// Takes a place in the queue, for a request that has to wait for the writer, for a slot, or
    /// for both. Returns [`Error::Overloaded`] if the queue is full.
    pub(super) fn enter(&self) -> Result<Place<'_>, Error> {
        let place = Place(self);
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.max_waiting {
            return Err(overloaded());
        }
        Ok(place)
    }

    /// Whether a slot is free now.
    pub(super) fn has_room(&self) -> bool {
        self.slots.available_permits() > 0
    }

    /// Waits for a slot, in order of arrival. Dropping the permit frees the slot.
    pub(super) async fn slot(&self) -> Result<SemaphorePermit<'_>, Error> {
        if let Ok(permit) = self.slots.try_acquire() {
            return Ok(permit);
        }
        match tokio::time::timeout(self.timeout, self.slots.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            // The semaphore is never closed, so this is the time-out.
            _ => Err(overloaded()),
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(super) fn overloaded() -> Error {
    Error::Overloaded {
        retry_after: RETRY_AFTER,
    }
}
