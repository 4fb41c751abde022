//! What all transactions of a database share: its connections, and the host's own statements.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::{Duration, Instant};

use rand::Rng as _;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, ToSql};

use super::config::Config;
use super::connection::{HOST_MESSAGE_BYTES, Login};
use super::listener::Listener;
use super::pool::{Pool, Purpose};
use super::setup::{self, Shared};
use super::url::Url;
use super::{failure, socket};
use crate::{Error, OpenError, Stats};

/// Connections for the host's own tables. Their statements are short.
const HOST_CONNECTIONS: usize = 4;

/// Maximum bytes of a row in addition to its texts and blobs.
const ROW_BYTES: u32 = 64 << 10;

/// Each transaction holds it until it has ended.
pub(super) struct Engine {
    pub(super) readers: Arc<Pool>,
    pub(super) writers: Arc<Pool>,
    pub(super) migrations: Arc<Pool>,
    pub(super) host: Arc<Pool>,
    pub(super) shared: Shared,
    pub(super) no_sync: bool,
    /// Statements of the logic that take longer are noted. Zero: none.
    pub(super) slow_statement: Duration,
    pub(super) stats: Arc<Stats>,
    /// The id of this process among the hosts of the database.
    pub(super) id: String,
    /// The epoch that this host serves. Every write transaction carries it.
    pub(super) epoch: AtomicI64,
    /// Is notified of other hosts' changes.
    pub(super) listener: Listener,
}

impl Engine {
    /// Sets the database up, unless it already is, and makes the pools. Blocks, and works on its own
    /// thread, because the caller's thread may belong to a runtime.
    pub(super) fn open(config: &Config) -> Result<Self, OpenError> {
        let failed = |reason: String| OpenError::Failed {
            path: config.url.to_string(),
            reason,
        };
        let login = |url: &Url, message_bytes| {
            Ok(Login {
                url: url.clone(),
                encryption: socket::encryption(url.roots.as_ref()).map_err(failed)?,
                message_bytes,
            })
        };
        let host = login(&config.url, HOST_MESSAGE_BYTES)?;
        let direct = login(
            config.direct.as_ref().unwrap_or(&config.url),
            HOST_MESSAGE_BYTES,
        )?;
        let shared = std::thread::scope(|scope| {
            let set_up = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build();
                let runtime = runtime.map_err(|error| failed(error.to_string()))?;
                runtime.block_on(setup::run(config, &direct))
            });
            set_up
                .join()
                .unwrap_or_else(|_| Err(failed("the thread that set it up panicked".into())))
        })?;

        let bytes = u32::try_from(config.row_bytes).unwrap_or(u32::MAX);
        let logic = |login: &Login| Login {
            url: login.url.with_login(&shared.logic, &shared.password),
            encryption: login.encryption.clone(),
            message_bytes: bytes.saturating_add(ROW_BYTES),
        };
        let stats = Arc::new(Stats::default());
        let pool =
            |login, purpose, size| Pool::new(login, purpose, size, config.idle, stats.clone());
        let half = (config.connections / 2).max(1);
        Ok(Self {
            readers: pool(logic(&host), Purpose::Read, half),
            writers: pool(logic(&host), Purpose::Write, half),
            migrations: pool(logic(&direct), Purpose::Migrate, 1),
            host: pool(host, Purpose::Host, HOST_CONNECTIONS),
            shared,
            no_sync: config.no_sync,
            slow_statement: config.slow_statement,
            stats,
            id: format!("{:032x}", rand::rng().random::<u128>()),
            epoch: AtomicI64::new(i64::MAX),
            listener: Listener::new(direct),
        })
    }

    /// Runs one of the host's own statements as one transaction.
    pub(super) async fn rows(
        &self,
        text: &'static str,
        params: &[&(dyn ToSql + Sync)],
        deadline: Instant,
    ) -> Result<Vec<Row>, Error> {
        let mut lease = self.host.take(deadline, deadline).await?;
        match lease.query(text, params, deadline).await {
            Ok(Ok(rows)) => Ok(rows),
            // It is unknown whether the statement was committed. The caller can look; it must not
            // be told that it was not.
            Ok(Err(error)) if failure::outcome_unknown(&error) => {
                Err(Error::Unavailable(failure::message(&error)))
            }
            Ok(Err(error)) => Err(failure::classify_own(&error)),
            // It was not a request's deadline, so the database is at fault.
            Err(_) => Err(Error::Unavailable("it does not answer in time".into())),
        }
    }

    /// As [`Engine::rows`], for a statement that returns how many rows it changed.
    pub(super) async fn count(
        &self,
        text: &'static str,
        params: &[&(dyn ToSql + Sync)],
        deadline: Instant,
    ) -> Result<u64, Error> {
        let rows = self.rows(text, params, deadline).await?;
        Ok(rows
            .first()
            .map_or(0, |row| row.get::<_, i64>(0).unsigned_abs()))
    }
}

/// Returns a column of a row of the host's own tables.
pub(super) fn column<T>(row: &Row, index: usize) -> Result<T, Error>
where
    T: for<'a> FromSql<'a>,
{
    row.try_get(index)
        .map_err(|error| failure::classify_own(&error))
}
