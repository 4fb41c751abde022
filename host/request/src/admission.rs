//! How many requests run at a time, and how many may wait.
//!
//! The pool of instances is larger than the number of slots, so a request that has a slot always
//! finds a free instance. If the queue is full or the wait is too long, the request fails with 503.
//!
//! A route can take three quarters of the slots, so that one route whose requests all take as long as they
//! may leaves slots to the others.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::{Error, Revision};
use contract::RouteIndex;

/// How long a rejected client should wait before it tries again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

pub(super) struct Admission {
    /// One permit for each request that may run.
    slots: Semaphore,
    /// The slots that one route may take.
    of_route: usize,
    waiting: AtomicUsize,
    max_waiting: usize,
    timeout: Duration,
}

/// Bounds the requests to each route of a revision, so that one route cannot take every slot. One semaphore
/// for each route, made with the first request.
#[derive(Debug, Default)]
pub struct Bulkheads(OnceLock<Box<[Semaphore]>>);

/// A slot of a request that may run. Dropping it frees the slot.
pub(super) struct Slot<'a> {
    _of_all: SemaphorePermit<'a>,
    _of_route: SemaphorePermit<'a>,
}

/// A place in the queue. Dropping it leaves the queue.
pub(super) struct Place<'a>(&'a Admission);

impl Admission {
    pub(super) fn new(slots: usize, max_waiting: usize, timeout: Duration) -> Self {
        Admission {
            slots: Semaphore::new(slots),
            of_route: slots - slots / 4,
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

    /// Waits until the route may take another slot, in order of arrival. A write takes this before it
    /// takes the writer, which it must not hold while it waits for its own route.
    pub(super) async fn bulkhead<'a>(
        &self,
        revision: &'a Revision,
        route: RouteIndex,
    ) -> Result<SemaphorePermit<'a>, Error> {
        let bulkheads = revision.bulkheads.0.get_or_init(|| {
            let routes = revision.description.routes.iter();
            routes.map(|_| Semaphore::new(self.of_route)).collect()
        });
        self.acquire(&bulkheads[route.get()]).await
    }

    /// Waits for a slot, in order of arrival.
    pub(super) async fn slot<'a>(
        &'a self,
        of_route: SemaphorePermit<'a>,
    ) -> Result<Slot<'a>, Error> {
        Ok(Slot {
            _of_all: self.acquire(&self.slots).await?,
            _of_route: of_route,
        })
    }

    async fn acquire<'a>(&self, semaphore: &'a Semaphore) -> Result<SemaphorePermit<'a>, Error> {
        if let Ok(permit) = semaphore.try_acquire() {
            return Ok(permit);
        }
        match tokio::time::timeout(self.timeout, semaphore.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            // The semaphores are never closed, so this is the time-out.
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
