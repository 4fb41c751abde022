//! A pool of connections. Each is used by one transaction at a time, in order of arrival.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::OwnedSemaphorePermit;

use super::connection::{Connection, Opener};
use super::{failure, schema};
use crate::queue::Queue;
use crate::{Error, Stats};

/// Up to a fixed number of connections, opened when they are first needed. The writer is a pool
/// with one connection.
pub(super) struct Pool {
    /// Grants a permit for each connection.
    queue: Queue,
    /// The connections that are not in use. The last one returned is used first: its caches are
    /// warm, and connections that the load does not need are never opened. If a transaction with a
    /// permit finds no connection here, it opens one.
    idle: Mutex<Vec<Connection>>,
    opener: Opener,
    stats: Arc<Stats>,
}

/// A connection in use. When it is dropped, what was not committed is rolled back and the
/// connection returns to its pool.
pub(super) struct Lease {
    /// `None` only while it is dropped.
    connection: Option<Connection>,
    pool: Arc<Pool>,
    _permit: OwnedSemaphorePermit,
}

impl Pool {
    /// Opens a pool of up to `size` connections, and its first connection.
    pub(super) fn open(opener: Opener, size: usize, stats: Arc<Stats>) -> rusqlite::Result<Self> {
        Ok(Self {
            queue: Queue::new(size, Some(opener.access), stats.clone()),
            idle: Mutex::new(vec![opener.open()?]),
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
        let idle = self.idle.lock().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self
                .opener
                .open()
                .map_err(|error| failure::classify(&error, None).into_error())?,
        };
        Stats::count(self.in_use());
        Ok(Lease {
            connection: Some(connection),
            pool: self.clone(),
            _permit: permit,
        })
    }

    fn in_use(&self) -> &AtomicU64 {
        self.stats.in_use(self.opener.access)
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
        self.pool.idle.lock().push(connection);
        // The permit is returned only now, so that whoever gets it finds the connection.
    }
}
