//! How many requests run at a time, and how many may wait.
//!
//! The pool of instances is larger than the number of slots, so a request that has a slot always
//! finds a free instance. If the queue is full, or all waits of a request together take too long
//! ([`Patience`]), it fails with 503.
//!
//! # Long routes
//! A route is *long* if its runs compute for [`Limits::long_run`] or more on average, by default a millisecond. An
//! answer that is proven without a run counts as a run, so a route whose answers nearly always hold is not long.
//! Until its first run has ended, a route counts as long. Only the CPU time of the thread counts, in the logic and
//! in SQLite. Requests to long routes *give way* to the others, which then need not wait until a long run has
//! ended:
//!
//! - All requests that give way share three quarters of the slots. The others find a free slot at once.
//! - On SQLite, reads that give way run on threads of low priority: see [`Background`](crate::Background).
//! - On SQLite, only one of the writes that give way has the writer or waits for it, besides those that are the
//!   only one to their route. So another write need not wait behind all of them. A write keeps its priority,
//!   because what delays it delays every write behind it.
//!
//! A third of the slots for long routes is for requests that are the only one to their route. So each long route
//! makes progress beside a flood of requests to others, and can show that it is not long. With fewer than four
//! slots there is no such reserve.
//!
//! Any route can take three quarters of the slots, so that one route whose requests all wait leaves some to the
//! others.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use cpu_time::ThreadTime;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{Error, Limits, Revision};
use contract::{Access, RouteIndex};

/// How long a rejected client should wait before it tries again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// If less time has passed, the thread has hardly waited for a processor.
const SHORT: Duration = Duration::from_millis(1);
/// What one run counts for in the average at most, as a multiple of what makes a route long. A run has a weight
/// of an eighth, so a single run that ends makes no route long.
const MOST: u32 = 7;
/// The average of a route before its first run has ended. It counts as long.
const UNKNOWN: u64 = u64::MAX;

pub(super) struct Admission {
    /// One permit for each request that may run.
    slots: Semaphore,
    /// One permit for each request that may run and gives way to others.
    long: Semaphore,
    /// More of these permits, for requests that are the only one to their route. `None`: there are too few
    /// slots for that.
    only: Option<Semaphore>,
    /// What a write that gives way needs in addition, if the database has only one writer.
    long_writes: Option<Semaphore>,
    /// The slots that one route may take.
    of_route: usize,
    /// A route whose runs compute for this long on average is long.
    long_run: Duration,
    waiting: AtomicUsize,
    max_waiting: usize,
}

/// How long a request may still wait for its turn. All its waits share it, also those after a conflict. What
/// the request does between them does not count.
pub(super) struct Patience {
    left: Duration,
    /// When the request has to be over.
    deadline: Instant,
}

/// What admission knows about each route of a revision: made with the first request.
#[derive(Debug, Default)]
pub struct Bulkheads(OnceLock<Box<[OfRoute]>>);

/// What admission knows about one route.
#[derive(Debug)]
struct OfRoute {
    /// Bounds the requests to the route, so that it cannot take every slot.
    bulkhead: Semaphore,
    /// A moving average of the last runs, in nanoseconds, or [`UNKNOWN`].
    average: AtomicU64,
    /// As [`Admission::long_run`].
    long_run: Duration,
}

/// What a request needs before it may wait for a slot.
pub(super) struct Bulkhead<'a> {
    _of_route: SemaphorePermit<'a>,
    /// `None`: the request does not give way.
    _of_long: Option<OfLong<'a>>,
}

/// What a request that gives way needs in addition.
struct OfLong<'a> {
    _writes: Option<SemaphorePermit<'a>>,
    _long: SemaphorePermit<'a>,
}

/// Measures how long the current thread computes.
pub(super) struct Stopwatch {
    time: Instant,
    cpu: ThreadTime,
}

/// A slot of a request that may run. Dropping it frees the slot.
pub(super) struct Slot<'a> {
    _of_all: SemaphorePermit<'a>,
    _bulkhead: Bulkhead<'a>,
}

/// A place in the queue. Dropping it leaves the queue.
pub(super) struct Place<'a>(&'a Admission);

impl Admission {
    pub(super) fn new(limits: &Limits, one_writer: bool) -> Self {
        let slots = limits.running;
        let quarter = slots / 4;
        Admission {
            slots: Semaphore::new(slots),
            long: Semaphore::new(slots - 2 * quarter),
            only: (quarter > 0).then(|| Semaphore::new(quarter)),
            of_route: slots - quarter,
            long_writes: one_writer.then(|| Semaphore::new(1)),
            long_run: limits.long_run,
            waiting: AtomicUsize::new(0),
            max_waiting: limits.waiting,
        }
    }

    /// Takes a place in the queue, for a request that has to wait for the writer, for a slot, or
    /// for both. Returns [`Error::Overloaded`] if the queue is full.
    pub(super) fn enter(&self) -> Result<Place<'_>, Error> {
        let place = Place(self);
        if self.waiting.fetch_add(1, Relaxed) >= self.max_waiting {
            return Err(overloaded());
        }
        Ok(place)
    }

    /// Whether a slot is free now.
    pub(super) fn has_room(&self) -> bool {
        self.slots.available_permits() > 0
    }

    /// Whether a request to the route gives way to others.
    pub(super) fn gives_way(&self, revision: &Revision, route: RouteIndex) -> bool {
        self.of(revision, route).is_long()
    }

    /// Notes how long a run of a route has computed so far. So the host learns that the route is long before
    /// the run ends.
    pub(super) fn runs(&self, revision: &Revision, route: RouteIndex, so_far: Duration) {
        self.of(revision, route).runs(so_far);
    }

    /// Notes how long a run of a route has computed.
    pub(super) fn ran(&self, revision: &Revision, route: RouteIndex, took: Duration) {
        self.of(revision, route).ran(took);
    }

    fn of<'a>(&self, revision: &'a Revision, route: RouteIndex) -> &'a OfRoute {
        let routes = revision.bulkheads.0.get_or_init(|| {
            let routes = revision.description.routes.iter();
            let new = || OfRoute::new(self.of_route, self.long_run);
            routes.map(|_| new()).collect()
        });
        &routes[route.get()]
    }

    /// Waits until the route may take another slot, in order of arrival, and then until the requests that give
    /// way may, if this is one of them. A write takes this before it takes the writer, which it must not hold
    /// while it waits for its own route.
    ///
    /// # Errors
    /// Returns [`Error::Overloaded`] if it may not until `until`.
    pub(super) async fn bulkhead<'a>(
        &'a self,
        revision: &'a Revision,
        route: RouteIndex,
        gives_way: bool,
        until: Instant,
    ) -> Result<Bulkhead<'a>, Error> {
        let bulkhead = &self.of(revision, route).bulkhead;
        let of_route = acquire(bulkhead, until).await?;
        let of_long = match gives_way {
            true => Some(self.give_way(revision, route, until).await?),
            false => None,
        };
        Ok(Bulkhead {
            _of_route: of_route,
            _of_long: of_long,
        })
    }

    /// Waits until the requests that give way may take another slot, in order of arrival.
    async fn give_way<'a>(
        &'a self,
        revision: &Revision,
        route: RouteIndex,
        until: Instant,
    ) -> Result<OfLong<'a>, Error> {
        // This request has a permit already.
        let is_only = self.of(revision, route).bulkhead.available_permits() + 1 >= self.of_route;
        let writes = match (&self.long_writes, revision.description.route(route).access) {
            (Some(writes), Access::Write) => match writes.try_acquire() {
                Ok(permit) => Some(permit),
                Err(_) if is_only => None,
                Err(_) => Some(acquire(writes, until).await?),
            },
            _ => None,
        };
        let long = match (self.long.try_acquire(), &self.only) {
            (Ok(permit), _) => permit,
            (Err(_), Some(only)) if is_only => acquire(only, until).await?,
            (Err(_), _) => acquire(&self.long, until).await?,
        };
        Ok(OfLong {
            _writes: writes,
            _long: long,
        })
    }

    /// Waits for a slot, in order of arrival.
    ///
    /// # Errors
    /// As [`Admission::bulkhead`].
    pub(super) async fn slot<'a>(
        &'a self,
        bulkhead: Bulkhead<'a>,
        until: Instant,
    ) -> Result<Slot<'a>, Error> {
        Ok(Slot {
            _of_all: acquire(&self.slots, until).await?,
            _bulkhead: bulkhead,
        })
    }
}

async fn acquire(semaphore: &Semaphore, until: Instant) -> Result<SemaphorePermit<'_>, Error> {
    if let Ok(permit) = semaphore.try_acquire() {
        return Ok(permit);
    }
    match tokio::time::timeout_at(until.into(), semaphore.acquire()).await {
        Ok(Ok(permit)) => Ok(permit),
        // The semaphores are never closed, so this is the time-out.
        _ => Err(overloaded()),
    }
}

impl Patience {
    /// A request that has to be over at `deadline` may wait for `left`.
    pub(super) fn new(left: Duration, deadline: Instant) -> Self {
        Patience { left, deadline }
    }

    /// Until when a wait may last that begins at `begun`.
    pub(super) fn until(&self, begun: Instant) -> Instant {
        let until = begun.checked_add(self.left);
        until.map_or(self.deadline, |until| until.min(self.deadline))
    }

    /// Counts a wait that began at `begun` and ends now.
    pub(super) fn spend(&mut self, begun: Instant) {
        self.left = self.left.saturating_sub(begun.elapsed());
    }
}

impl OfRoute {
    fn new(slots: usize, long_run: Duration) -> Self {
        OfRoute {
            bulkhead: Semaphore::new(slots),
            average: AtomicU64::new(UNKNOWN),
            long_run,
        }
    }

    fn is_long(&self) -> bool {
        self.average.load(Relaxed) >= nanos(self.long_run)
    }

    fn runs(&self, so_far: Duration) {
        // Until the first run has ended, the route counts as long anyway.
        if so_far >= self.long_run && self.average.load(Relaxed) != UNKNOWN {
            self.ran(so_far);
        }
    }

    fn ran(&self, took: Duration) {
        let most = self.long_run.saturating_mul(MOST);
        let average = match self.average.load(Relaxed) {
            // The first run prepares what the later ones find prepared, so it counts for an eighth, too.
            UNKNOWN => nanos(took / 8).min(nanos(most)),
            average => average - average / 8 + nanos(took.min(most)) / 8,
        };
        // Concurrent runs may overwrite each other's values. The average need not be exact.
        self.average.store(average, Relaxed);
    }
}

/// A short time in nanoseconds.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl Stopwatch {
    /// Starts to measure.
    pub(super) fn start() -> Self {
        Stopwatch {
            time: Instant::now(),
            cpu: ThreadTime::now(),
        }
    }

    /// Returns how long this thread has computed, or a little more. It must be the thread that has started
    /// it.
    pub(super) fn used(&self) -> Duration {
        match self.time.elapsed() {
            // The thread may have waited for a processor meanwhile.
            elapsed if elapsed >= SHORT => self.cpu.elapsed(),
            elapsed => elapsed,
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Relaxed);
    }
}

pub(super) fn overloaded() -> Error {
    Error::Overloaded {
        retry_after: RETRY_AFTER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_long_by_the_average_of_its_runs() {
        let route = OfRoute::new(1, Duration::from_millis(1));
        assert!(route.is_long(), "nothing is known");
        route.runs(Duration::from_millis(2));
        assert!(route.is_long(), "the first run has not ended");
        route.ran(Duration::from_millis(5));
        assert!(!route.is_long(), "the first run prepares the later ones");
        for _ in 0..16 {
            route.ran(Duration::from_micros(10));
        }
        for long in [false, true] {
            route.ran(Duration::from_secs(1));
            assert_eq!(route.is_long(), long, "a single run does not decide");
        }
        for _ in 0..64 {
            route.ran(Duration::from_micros(10));
        }
        assert!(!route.is_long());
    }

    #[test]
    fn all_waits_of_a_request_share_its_patience() {
        let second = Duration::from_secs(1);
        let (now, earlier) = (Instant::now(), Instant::now() - second * 6 / 10);
        let mut patience = Patience::new(second, now + second * 60);
        assert_eq!(patience.until(now), now + second);
        patience.spend(earlier);
        assert!(patience.until(now) <= now + second * 4 / 10);
        patience.spend(earlier);
        assert_eq!(patience.until(now), now, "nothing is left");
    }

    #[test]
    fn a_request_waits_until_its_deadline_at_most() {
        let now = Instant::now();
        let deadline = now + Duration::from_secs(5);
        for left in [Duration::from_secs(60), Duration::MAX] {
            assert_eq!(Patience::new(left, deadline).until(now), deadline);
        }
    }

    #[test]
    fn a_first_run_that_computes_for_very_long_makes_its_route_long() {
        let route = OfRoute::new(1, Duration::from_millis(1));
        route.ran(Duration::from_millis(8));
        assert!(route.is_long());
    }
}
