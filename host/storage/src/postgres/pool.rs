//! A pool of connections. Each is used by one transaction at a time, in order of arrival.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::OwnedSemaphorePermit;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::connection::{Connection, Login};
use crate::queue::Queue;
use crate::{Error, Stats};
use contract::Access;

/// How long to wait for the first answer on a connection that was idle. If the network to the server
/// was lost without a notice, an answer never comes. If only the machine is slow, this costs a new
/// connection, and the request has until its deadline for it.
pub(super) const SILENCE: Duration = Duration::from_secs(1);

/// What a pool's connections are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Read transactions of the logic.
    Read,
    /// Write transactions of the logic.
    Write,
    /// Migrations. Each gets a new connection, which is closed afterwards, so that nothing remains
    /// of what a migration may have changed in its session.
    Migrate,
    /// The host's own tables.
    Host,
}

impl Purpose {
    /// As what the pool's connections are counted. `None`: they are not counted.
    fn counted_as(self) -> Option<Access> {
        match self {
            Purpose::Read => Some(Access::Read),
            Purpose::Write => Some(Access::Write),
            Purpose::Migrate | Purpose::Host => None,
        }
    }
}

/// Up to a fixed number of connections, opened when they are first needed.
pub(super) struct Pool {
    /// Grants a permit for each connection.
    queue: Queue,
    /// The connections that are not in use. The last one returned is used first, because it has
    /// prepared statements. Connections that the load does not need are closed after a while.
    idle: Mutex<Vec<Connection>>,
    login: Login,
    purpose: Purpose,
    /// How long an unused connection stays open.
    max_idle: Duration,
    stats: Arc<Stats>,
}

/// A connection in use. When it is dropped, what was not committed is rolled back and the
/// connection returns to its pool.
pub(super) struct Lease {
    /// `None` only while it is dropped.
    connection: Option<Connection>,
    /// Whether it was opened for this use.
    pub(super) is_new: bool,
    pool: Arc<Pool>,
    _permit: OwnedSemaphorePermit,
}

impl Pool {
    pub(super) fn new(
        login: Login,
        purpose: Purpose,
        size: usize,
        max_idle: Duration,
        stats: Arc<Stats>,
    ) -> Arc<Self> {
        Arc::new(Self {
            queue: Queue::new(size, purpose.counted_as(), stats.clone()),
            idle: Mutex::default(),
            login,
            purpose,
            max_idle,
            stats,
        })
    }

    /// Waits for the caller's turn, at most until `until`, and takes a connection. If it has to be opened,
    /// this may take [`SILENCE`] even if the whole wait was used up, but no longer than until the
    /// deadline. Cancel-safe.
    ///
    /// # Errors
    /// Returns [`Error::Busy`] if it is not the caller's turn in time, and [`Error::Unavailable`] if
    /// a new connection is needed and cannot be opened.
    pub(super) async fn take(
        self: &Arc<Self>,
        until: Instant,
        deadline: Instant,
    ) -> Result<Lease, Error> {
        let permit = self.queue.acquire(until).await?;
        let idle = loop {
            match self.idle.lock().pop() {
                Some(connection) if !connection.is_usable() => {}
                other => break other,
            }
        };
        let is_new = idle.is_none();
        let connection = match idle {
            Some(connection) => connection,
            None => {
                let opened = until.max(Instant::now() + SILENCE).min(deadline);
                self.open(opened).await?
            }
        };
        if let Some(access) = self.purpose.counted_as() {
            Stats::count(self.stats.in_use(access));
        }
        Ok(Lease {
            connection: Some(connection),
            is_new,
            pool: self.clone(),
            _permit: permit,
        })
    }

    /// Closes connections that were not used for a while.
    pub(super) fn close_unused(&self) {
        self.idle.lock().retain(|connection| {
            connection.is_usable() && connection.idle_since.elapsed() < self.max_idle
        });
    }

    /// Closes all idle connections. Call this if a connection gave no answer: if the network to the
    /// server was lost, it was lost for all of them.
    pub(super) fn close_idle(&self) {
        self.idle.lock().clear();
    }

    async fn open(&self, until: Instant) -> Result<Connection, Error> {
        match tokio::time::timeout_at(until.into(), self.login.open()).await {
            Ok(opened) => opened.map_err(|error| Error::Unavailable(error.to_string())),
            Err(_) => Err(Error::Unavailable("it does not answer in time".into())),
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

    /// Replaces the connection by a new one and keeps the turn.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] if it cannot be opened until then.
    pub(super) async fn reconnect(&mut self, until: Instant) -> Result<(), Error> {
        let opened = self.pool.open(until).await?;
        self.connection = Some(opened);
        self.is_new = true;
        Ok(())
    }

    /// Runs one of the host's own statements outside of a transaction. If no answer comes, also
    /// closes the idle connections.
    pub(super) async fn query(
        &mut self,
        text: &'static str,
        params: &[&(dyn ToSql + Sync)],
        deadline: Instant,
    ) -> Result<Result<Vec<Row>, tokio_postgres::Error>, Error> {
        let begun = Instant::now();
        let outcome = self.connection().host(text, params, deadline).await;
        if outcome.is_err() && begun.elapsed() >= SILENCE {
            self.pool.close_idle();
        }
        outcome
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(access) = self.pool.purpose.counted_as() {
            self.pool.stats.in_use(access).fetch_sub(1, Relaxed);
        }
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        if connection.in_transaction() {
            Stats::count(&self.pool.stats.rollbacks);
        }
        if !connection.is_usable() || self.pool.purpose == Purpose::Migrate {
            // Closing the connection rolls its transaction back.
            return;
        }
        connection.roll_back();
        connection.idle_since = Instant::now();
        self.pool.idle.lock().push(connection);
        self.pool.close_unused();
        // The permit is returned only now, so that whoever gets it finds the connection.
    }
}
