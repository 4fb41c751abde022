//! Connections, lent to one transaction at a time, in order of arrival.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::connection::{Connection, Opener};
use super::failure::message;
use super::schema;
use crate::{Error, Stats};
use contract::Access;

/// Up to a fixed number of connections, opened when they are first needed. The writer is a pool
/// of one.
pub(super) struct Pool {
    /// A permit for each connection; it serves in order of arrival, and lets nobody pass.
    permits: Arc<Semaphore>,
    /// Those not lent. The one that came back last is lent first: its caches are warm, and
    /// connections beyond what the load needs are never opened. Where a permit finds none, one
    /// is opened.
    idle: Mutex<Vec<Connection>>,
    opener: Opener,
    stats: Arc<Stats>,
}

/// A connection on loan. When it comes back, what was not committed is rolled back.
pub(super) struct Lease {
    /// None only while it is dropped, or when it was discarded.
    connection: Option<Connection>,
    pool: Arc<Pool>,
    _permit: OwnedSemaphorePermit,
}

impl Pool {
    /// A pool of up to `size` connections, with the first of them open.
    pub(super) fn open(opener: Opener, size: usize, stats: Arc<Stats>) -> rusqlite::Result<Self> {
        Ok(Self {
            permits: Arc::new(Semaphore::new(size)),
            idle: Mutex::new(vec![opener.open()?]),
            opener,
            stats,
        })
    }

    /// Takes a connection, when it is this caller's turn. Cancel-safe.
    ///
    /// # Errors
    /// [`Error::Busy`] when it is not until then; [`Error::Unavailable`] where a connection has
    /// to be opened and cannot be.
    pub(super) async fn take(self: &Arc<Self>, until: Instant) -> Result<Lease, Error> {
        let permit = match self.permits.clone().try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => self.wait(until).await?,
        };
        let idle = self.lock().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self
                .opener
                .open()
                .map_err(|error| Error::Unavailable(message(&error)))?,
        };
        Stats::count(self.in_use());
        Ok(Lease {
            connection: Some(connection),
            pool: self.clone(),
            _permit: permit,
        })
    }

    async fn wait(&self, until: Instant) -> Result<OwnedSemaphorePermit, Error> {
        struct Waiting<'a>(&'a AtomicU64);
        impl Drop for Waiting<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Relaxed);
            }
        }
        let gauge = match self.opener.access {
            Access::Write => &self.stats.writer_waiting,
            Access::Read => &self.stats.reader_waiting,
        };
        Stats::count(gauge);
        let _waiting = Waiting(gauge);
        match tokio::time::timeout_at(until.into(), self.permits.clone().acquire_owned()).await {
            // The semaphore is never closed.
            Ok(permit) => permit.map_err(|_| Error::Unavailable("the pool is closed".into())),
            Err(_) => {
                Stats::count(&self.stats.timeouts);
                Err(Error::Busy)
            }
        }
    }

    fn in_use(&self) -> &AtomicU64 {
        match self.opener.access {
            Access::Write => &self.stats.writers_in_use,
            Access::Read => &self.stats.readers_in_use,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        // Pushing and popping leave a whole vector behind, also where something panicked.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// The connection.
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
        // A deadline that has passed must not interrupt the rollback.
        connection.guard().set_deadline(None);
        if connection.in_transaction() {
            Stats::count(&self.pool.stats.rollbacks);
            let rolled_back = connection.host(|sqlite| schema::run(sqlite, schema::ROLLBACK));
            if let Err(stop) = rolled_back {
                // Closing a connection rolls back what is open on it.
                let error = stop.into_error();
                tracing::warn!(%error, "a rollback failed; its connection is replaced");
                return;
            }
        }
        self.pool.lock().push(connection);
        // Only now is the permit given back: who gets it finds the connection.
    }
}
