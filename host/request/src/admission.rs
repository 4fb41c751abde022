//! Who may run: a fixed number of requests at a time, a bounded number waiting.
//!
//! The pool of instances is larger than the number of slots, so a request that has a slot never
//! fails for want of an instance. What finds the queue full or waits too long gets 503.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::Refusal;

/// What a client that was turned away is told to wait.
const RETRY_AFTER: Duration = Duration::from_secs(1);

pub(super) struct Admission {
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

    /// Takes a place in the queue, for who has to wait: for the writer, for a slot, or for both.
    pub(super) fn enter(&self) -> Result<Place<'_>, Refusal> {
        let place = Place(self);
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.max_waiting {
            return Err(overloaded());
        }
        Ok(place)
    }

    /// Whether one more could run at once.
    pub(super) fn has_room(&self) -> bool {
        self.slots.available_permits() > 0
    }

    /// Waits for a slot, in order of arrival; it is free again when the permit is dropped.
    pub(super) async fn slot(&self) -> Result<SemaphorePermit<'_>, Refusal> {
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

pub(super) fn overloaded() -> Refusal {
    Refusal::Overloaded {
        retry_after: RETRY_AFTER,
    }
}
