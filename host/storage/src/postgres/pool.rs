//! Connections, lent to one transaction at a time, in order of arrival.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::connection::{Connection, Login};
use crate::{Error, Stats};

/// How long a connection that was idle may say nothing. Where the way to the server was lost
/// without a word, nothing ever comes.
pub(super) const SILENCE: Duration = Duration::from_millis(500);

/// What a pool's connections are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Read transactions of the logic.
    Read,
    /// Write transactions of the logic.
    Write,
    /// Migrations. Each has a connection of its own, which is closed after it: what a migration
    /// may have left in its session ends with it.
    Migrate,
    /// The host's own tables.
    Host,
}

/// Up to a fixed number of connections, opened when they are first needed.
pub(super) struct Pool {
    /// A permit for each connection; it serves in order of arrival, and lets nobody pass.
    permits: Arc<Semaphore>,
    /// Those not lent. The one that came back last is lent first: what it has prepared is warm,
    /// and those that the load does not need are closed after a while.
    idle: Mutex<Vec<Connection>>,
    login: Login,
    purpose: Purpose,
    /// How long a connection stays open that nobody needs.
    keep: Duration,
    stats: Arc<Stats>,
}

/// A connection on loan. When it comes back, what was not committed is rolled back.
pub(super) struct Lease {
    /// None only while it is dropped.
    connection: Option<Connection>,
    /// Whether it was opened for this loan.
    pub(super) fresh: bool,
    pool: Arc<Pool>,
    _permit: OwnedSemaphorePermit,
}

impl Pool {
    pub(super) fn new(
        login: Login,
        purpose: Purpose,
        size: usize,
        keep: Duration,
        stats: Arc<Stats>,
    ) -> Arc<Self> {
        Arc::new(Self {
            permits: Arc::new(Semaphore::new(size)),
            idle: Mutex::default(),
            login,
            purpose,
            keep,
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
        let idle = loop {
            match self.lock().pop() {
                Some(connection) if !connection.is_usable() => {}
                other => break other,
            }
        };
        let fresh = idle.is_none();
        let connection = match idle {
            Some(connection) => connection,
            None => self.open(until).await?,
        };
        if let Some(gauge) = self.in_use() {
            Stats::count(gauge);
        }
        Ok(Lease {
            connection: Some(connection),
            fresh,
            pool: self.clone(),
            _permit: permit,
        })
    }

    /// Closes connections that nobody needed for a while.
    pub(super) fn trim(&self) {
        let keep = self.keep;
        self.lock()
            .retain(|connection| connection.is_usable() && connection.idle_since.elapsed() < keep);
    }

    /// Closes the connections that are not lent: nothing came on another one, and a way to the
    /// server that was lost without a word is lost for all.
    pub(super) fn distrust(&self) {
        self.lock().clear();
    }

    async fn open(&self, until: Instant) -> Result<Connection, Error> {
        match tokio::time::timeout_at(until.into(), self.login.open()).await {
            Ok(opened) => opened.map_err(|error| Error::Unavailable(error.to_string())),
            Err(_) => Err(Error::Unavailable("it does not answer in time".into())),
        }
    }

    async fn wait(&self, until: Instant) -> Result<OwnedSemaphorePermit, Error> {
        struct Waiting<'a>(&'a AtomicU64);
        impl Drop for Waiting<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Relaxed);
            }
        }
        let gauge = match self.purpose {
            Purpose::Read => Some(&self.stats.reader_waiting),
            Purpose::Write => Some(&self.stats.writer_waiting),
            Purpose::Migrate | Purpose::Host => None,
        };
        let _waiting = gauge.map(|gauge| {
            Stats::count(gauge);
            Waiting(gauge)
        });
        match tokio::time::timeout_at(until.into(), self.permits.clone().acquire_owned()).await {
            // The semaphore is never closed.
            Ok(permit) => permit.map_err(|_| Error::Unavailable("the pool is closed".into())),
            Err(_) => {
                Stats::count(&self.stats.timeouts);
                Err(Error::Busy)
            }
        }
    }

    fn in_use(&self) -> Option<&AtomicU64> {
        match self.purpose {
            Purpose::Read => Some(&self.stats.readers_in_use),
            Purpose::Write => Some(&self.stats.writers_in_use),
            Purpose::Migrate | Purpose::Host => None,
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

    /// Runs one of the host's own statements outside a transaction. Where no answer comes, the
    /// connections that were idle meanwhile are not trusted either.
    pub(super) async fn ask(
        &mut self,
        text: &'static str,
        params: &[&(dyn ToSql + Sync)],
        deadline: Instant,
    ) -> Result<Result<Vec<Row>, tokio_postgres::Error>, Error> {
        let begun = Instant::now();
        let asked = self.connection().host(text, params, deadline).await;
        if asked.is_err() && begun.elapsed() >= SILENCE {
            self.pool.distrust();
        }
        asked
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(gauge) = self.pool.in_use() {
            gauge.fetch_sub(1, Relaxed);
        }
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        if connection.in_transaction() {
            Stats::count(&self.pool.stats.rollbacks);
        }
        if !connection.is_usable() || self.pool.purpose == Purpose::Migrate {
            // Closing a connection rolls back what is open on it.
            return;
        }
        connection.end();
        connection.idle_since = Instant::now();
        self.pool.lock().push(connection);
        self.pool.trim();
        // Only now is the permit given back: who gets it finds the connection.
    }
}
