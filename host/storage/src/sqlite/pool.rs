//! A pool of connections. Each is used by one transaction at a time, in order of arrival.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rusqlite::ErrorCode;
use tokio::sync::OwnedSemaphorePermit;

use super::connection::{Connection, Opener};
use super::heap::HEAP;
use super::{failure, schema};
use crate::queue::Queue;
use crate::{Error, Stats};

/// How long a connection stays open that nobody needs. After a peak of load its memory is given back.
const MAX_IDLE: Duration = Duration::from_secs(60);

/// Up to a fixed number of connections, opened when they are first needed. The writer is a pool
/// with one connection.
pub(super) struct Pool {
    /// Grants a permit for each connection.
    queue: Queue,
    /// The connections that are not in use. The last one returned is used first: its caches are
    /// warm, and connections that the load does not need are never opened. If a transaction with a
    /// permit finds no connection here, it opens one.
    idle: Mutex<Vec<Idle>>,
    /// Counts the calls of [`Pool::renew`].
    generation: AtomicU64,
    opener: Opener,
    stats: Arc<Stats>,
}

/// A connection that is not in use.
struct Idle {
    connection: Connection,
    since: Instant,
}

/// A connection in use. When it is dropped, what was not committed is rolled back and the
/// connection returns to its pool.
pub(super) struct Lease {
    /// `None` only while it is dropped.
    connection: Option<Connection>,
    /// That of the pool when the connection was opened, or earlier.
    generation: u64,
    pool: Arc<Pool>,
    _permit: OwnedSemaphorePermit,
}

impl Pool {
    /// Opens a pool of up to `size` connections, and its first connection.
    pub(super) fn open(opener: Opener, size: usize, stats: Arc<Stats>) -> rusqlite::Result<Self> {
        Ok(Self {
            queue: Queue::new(size, Some(opener.access), stats.clone()),
            idle: Mutex::new(vec![Idle::now(opener.open()?)]),
            generation: AtomicU64::new(0),
            opener,
            stats,
        })
    }

    /// Waits for the caller's turn and takes a connection. Cancel-safe.
    ///
    /// # Errors
    /// Returns [`Error::Busy`] if it is not the caller's turn in time, and [`Error::Unavailable`] if
    /// a new connection is needed and cannot be opened.
    pub(super) async fn take(self: &Arc<Self>, until: Instant) -> Result<Lease, Error> {
        let permit = self.queue.acquire(until).await?;
        let generation = self.generation.load(SeqCst);
        let idle = self.idle.lock().pop();
        let connection = match idle {
            Some(idle) => idle.connection,
            None => self
                .open_one()
                .map_err(|error| failure::classify(&error).into_error())?,
        };
        Stats::count(self.in_use());
        Ok(Lease {
            connection: Some(connection),
            generation,
            pool: self.clone(),
            _permit: permit,
        })
    }

    /// Opens a connection. If there is no memory for it, interrupts the logic's statements first.
    fn open_one(&self) -> rusqlite::Result<Connection> {
        match self.opener.open() {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::OutOfMemory) => {
                Stats::count(&self.stats.memory_retries);
                let _claim = HEAP.claim();
                self.opener.open()
            }
            opened => opened,
        }
    }

    /// Closes the connections that are not in use, to free their memory.
    pub(super) fn close_idle(&self) {
        let idle = std::mem::take(&mut *self.idle.lock());
        drop(idle);
    }

    /// Replaces every connection: those that are not in use now, the others when they are returned. New
    /// ones read the schema and its statistics anew.
    pub(super) fn renew(&self) {
        self.generation.fetch_add(1, SeqCst);
        self.close_idle();
    }

    /// Takes back a connection. Returns one that is no longer needed, to be closed.
    fn put_back(&self, connection: Connection, generation: u64) -> Option<Connection> {
        let cached = HEAP.cached_bytes() as u64;
        self.stats.cached_statement_bytes.store(cached, Relaxed);
        let mut idle = self.idle.lock();
        if generation != self.generation.load(SeqCst) {
            return Some(connection);
        }
        idle.push(Idle::now(connection));
        // The first connection was not needed for the longest time.
        let first = idle
            .first()
            .filter(|first| first.since.elapsed() >= MAX_IDLE);
        (first.is_some() && idle.len() > 1).then(|| idle.remove(0).connection)
    }

    fn in_use(&self) -> &AtomicU64 {
        self.stats.in_use(self.opener.access)
    }
}

impl Idle {
    fn now(connection: Connection) -> Self {
        Self {
            connection,
            since: Instant::now(),
        }
    }
}

impl Lease {
    /// Returns the connection.
    ///
    /// # Panics
    /// Never: it is taken out only when the lease is dropped.
    pub(super) fn connection(&mut self) -> &mut Connection {
        self.connection
            .as_mut()
            .expect("the connection is taken out only by drop")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.pool.in_use().fetch_sub(1, Relaxed);
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        // The deadline may have passed and must not interrupt the rollback.
        connection.guard().set_deadline(None);
        if connection.in_transaction() {
            Stats::count(&self.pool.stats.rollbacks);
            let rolled_back = connection.host(|sqlite| schema::run(sqlite, schema::ROLLBACK));
            if let Err(stop) = rolled_back {
                // Closing the connection rolls its transaction back.
                let error = stop.into_error();
                tracing::warn!(%error, "a rollback failed; the connection is replaced");
                return;
            }
        }
        // Closing takes a while, so the lock is free again.
        drop(self.pool.put_back(connection, self.generation));
        // The permit is returned only now, so that whoever gets it finds the connection.
    }
}
