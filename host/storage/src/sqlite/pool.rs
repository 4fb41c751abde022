//! A pool of connections. Each is used by one transaction at a time, in order of arrival.
//!
//! # Kept snapshots
//! A read transaction need not end with its request. While nothing is committed, the next one would
//! see the same data. So it goes on in the *kept snapshot* of the last one, without BEGIN, COMMIT and
//! the file locks of both. A kept snapshot has the number of the last commit that it shows, and is
//! used only while no commit has taken a later number. So no read sees an older state than it would
//! in a transaction of its own.
//!
//! An open snapshot keeps SQLite from starting the write-ahead log over. So kept snapshots end as soon
//! as a later commit is visible, after each checkpoint, and when nobody has used their connection for
//! [`MAX_KEPT`]. While the log is made to start over, none is kept.

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

/// How long a snapshot is kept that nobody uses. The background check ends it a few seconds later at
/// the latest.
const MAX_KEPT: Duration = Duration::from_secs(1);

/// Up to a fixed number of connections, opened when they are first needed. The writer is a pool
/// with one connection.
pub(super) struct Pool {
    /// Grants a permit for each connection.
    queue: Queue,
    idle: Mutex<IdleConnections>,
    /// Counts the calls of [`Pool::renew`].
    generation: AtomicU64,
    opener: Opener,
    stats: Arc<Stats>,
}

/// The connections that are not in use.
struct IdleConnections {
    /// The last one returned is used first: its caches are warm, and connections that the load does
    /// not need are never opened. If a transaction with a permit finds no connection here, it opens
    /// one.
    list: Vec<Idle>,
    /// The last commit that is known to be visible. A snapshot that does not show it is not kept.
    visible: u64,
    /// How many [`NoSnapshots`] there are.
    refusing: u32,
}

/// A connection that is not in use.
struct Idle {
    connection: Connection,
    since: Instant,
    /// The last commit that its snapshot shows. `None`: it has no snapshot.
    snapshot: Option<u64>,
}

/// A connection in use. When it is dropped, what was not committed is rolled back and the
/// connection returns to its pool.
pub(super) struct Lease {
    /// `None` only while it is dropped.
    connection: Option<Connection>,
    /// The last commit that the connection's snapshot shows, if it was kept or is to be kept. `None`:
    /// a transaction that is open belongs to the user of the lease.
    snapshot: Option<u64>,
    /// That of the pool when the connection was opened, or earlier.
    generation: u64,
    pool: Arc<Pool>,
    _permit: OwnedSemaphorePermit,
}

/// As long as it exists, no snapshots are kept.
pub(super) struct NoSnapshots<'a>(&'a Pool);

impl Pool {
    /// Opens a pool of up to `size` connections, and its first connection.
    pub(super) fn open(opener: Opener, size: usize, stats: Arc<Stats>) -> rusqlite::Result<Self> {
        Ok(Self {
            queue: Queue::new(size, Some(opener.access), stats.clone()),
            idle: Mutex::new(IdleConnections {
                list: vec![Idle::now(opener.open()?, None)],
                visible: 0,
                refusing: 0,
            }),
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
        let idle = self.idle.lock().list.pop();
        let (connection, snapshot) = match idle {
            Some(idle) => (idle.connection, idle.snapshot),
            None => {
                let opened = self.open_one();
                let connection = opened.map_err(|error| failure::classify(&error).into_error())?;
                (connection, None)
            }
        };
        Stats::count(self.in_use());
        Ok(Lease {
            connection: Some(connection),
            snapshot,
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
        let idle = std::mem::take(&mut self.idle.lock().list);
        drop(idle);
    }

    /// Replaces every connection: those that are not in use now, the others when they are returned. New
    /// ones read the schema and its statistics anew.
    pub(super) fn renew(&self) {
        self.generation.fetch_add(1, SeqCst);
        self.close_idle();
    }

    /// Ends the kept snapshots that do not show a commit, which has become visible. From now on none
    /// of them is kept.
    pub(super) fn committed(&self, number: u64) {
        let mut idle = self.idle.lock();
        idle.visible = idle.visible.max(number);
        let visible = idle.visible;
        idle.end_snapshots(|_, shown| shown < visible);
    }

    /// Ends all kept snapshots.
    pub(super) fn end_snapshots(&self) {
        self.idle.lock().end_snapshots(|_, _| true);
    }

    /// Ends the kept snapshots that nobody has used for [`MAX_KEPT`].
    pub(super) fn end_unused_snapshots(&self) {
        let unused = |since: Instant, _| since.elapsed() >= MAX_KEPT;
        self.idle.lock().end_snapshots(unused);
    }

    /// Ends all kept snapshots, and keeps none until the guard is dropped.
    pub(super) fn refuse_snapshots(&self) -> NoSnapshots<'_> {
        let mut idle = self.idle.lock();
        idle.refusing += 1;
        idle.end_snapshots(|_, _| true);
        NoSnapshots(self)
    }

    /// Takes back a connection. Returns one that is no longer needed, to be closed.
    fn put_back(&self, idle: Idle, generation: u64) -> Option<Connection> {
        let cached = HEAP.cached_bytes() as u64;
        self.stats.cached_statement_bytes.store(cached, Relaxed);
        let mut pool = self.idle.lock();
        if generation != self.generation.load(SeqCst) {
            return Some(idle.connection);
        }
        let (visible, refuses) = (pool.visible, pool.refusing > 0);
        pool.list.push(idle);
        if let Some(last) = pool.list.last_mut()
            && last
                .snapshot
                .is_some_and(|shown| refuses || shown < visible)
            && last.end_snapshot().is_err()
        {
            return pool.list.pop().map(|idle| idle.connection);
        }
        // The first connection was not needed for the longest time.
        let first = pool
            .list
            .first()
            .filter(|first| first.since.elapsed() >= MAX_IDLE);
        (first.is_some() && pool.list.len() > 1).then(|| pool.list.remove(0).connection)
    }

    fn in_use(&self) -> &AtomicU64 {
        self.stats.in_use(self.opener.access)
    }
}

impl IdleConnections {
    /// Ends those kept snapshots that `which` chooses by the time since when their connection was not
    /// used, and the last commit that they show. Takes microseconds for each.
    fn end_snapshots(&mut self, which: impl Fn(Instant, u64) -> bool) {
        self.list.retain_mut(|idle| {
            let ends = idle.snapshot.is_some_and(|shown| which(idle.since, shown));
            // Closing a connection ends its snapshot, too.
            !ends || idle.end_snapshot().is_ok()
        });
    }
}

impl Idle {
    fn now(connection: Connection, snapshot: Option<u64>) -> Self {
        Self {
            connection,
            since: Instant::now(),
            snapshot,
        }
    }

    /// Ends the connection's snapshot. After an error the connection must be closed.
    fn end_snapshot(&mut self) -> Result<(), Error> {
        self.snapshot = None;
        roll_back(&mut self.connection)
    }
}

/// Rolls back, and logs why this failed, if it did. Then closing the connection rolls back.
fn roll_back(connection: &mut Connection) -> Result<(), Error> {
    let rolled_back = connection.host(|sqlite| schema::run(sqlite, schema::ROLLBACK));
    rolled_back.map_err(|stop| {
        let error = stop.into_error();
        tracing::warn!(%error, "a rollback failed; the connection is replaced");
        error
    })
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

    /// Returns whether the connection has a kept snapshot that shows the commit with this number, which
    /// is the last one that was issued. An older snapshot is ended. Afterwards the transaction that is
    /// open, if one is, belongs to the caller.
    ///
    /// # Errors
    /// The older snapshot cannot be ended. The connection is closed when the lease is dropped.
    pub(super) fn take_snapshot(&mut self, last: u64) -> Result<bool, Error> {
        let is_current = self.snapshot == Some(last);
        match is_current {
            true => self.snapshot = None,
            false => self.end_snapshot()?,
        }
        Ok(is_current)
    }

    /// Ends the kept snapshot of the connection, if it has one.
    ///
    /// # Errors
    /// As [`Lease::take_snapshot`].
    pub(super) fn end_snapshot(&mut self) -> Result<(), Error> {
        match self.snapshot.take() {
            Some(_) => roll_back(self.connection()),
            None => Ok(()),
        }
    }

    /// Keeps the snapshot of the open read transaction when the lease is dropped. It shows every commit
    /// up to this one, and no later one.
    pub(super) fn keep_snapshot(&mut self, shown: u64) {
        self.snapshot = Some(shown);
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
        if self.snapshot.is_none() && connection.in_transaction() {
            Stats::count(&self.pool.stats.rollbacks);
            if roll_back(&mut connection).is_err() {
                return;
            }
        }
        // Closing takes a while, so the lock is free again.
        let idle = Idle::now(connection, self.snapshot);
        drop(self.pool.put_back(idle, self.generation));
        // The permit is returned only now, so that whoever gets it finds the connection.
    }
}

impl Drop for NoSnapshots<'_> {
    fn drop(&mut self) {
        self.0.idle.lock().refusing -= 1;
    }
}
