//! PostgreSQL, the engine for many replicas.
//!
//! The host logs in as itself for its own tables (schema `task_host`), and as another, restricted
//! login for everything that the logic says (schema `logic`). What has to commit with a request
//! goes through functions that run as the host and demand its secret. Reads are snapshots, writes
//! are serializable, and nothing is set for longer than a transaction, so a pooler may stand in
//! between; setting up and migrations go past it, by the direct URL.
//!
//! Reads and writes have connections of their own. A read takes its slot first and a write its
//! connection, so with one pool each could wait for what the other holds.

mod answers;
mod commit;
mod connection;
mod failure;
mod feed;
mod lexer;
mod migrate;
mod plain;
mod policy;
mod pool;
mod registry;
mod replicas;
mod setup;
mod socket;
mod statements;
mod transaction;
mod transfer;
mod url;
mod value;

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rand::Rng as _;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use self::connection::Login;
use self::pool::{Pool, Purpose};
use self::replicas::Listener;
use self::setup::Shared;
use self::transaction::{Mode, PostgresTransaction};
pub(super) use self::transfer::export::export;
use self::transfer::import::PostgresImport;
pub use self::url::{Url, UrlError};
use super::transfer::{Import, Manifest, TransferError};
use super::{
    Budget, Database, Dialect, Error, Feed, OpenError, Registry, Replicas, Stats, Transaction,
};
use contract::Access;

/// How long a ping waits. Who asks has a time-out of a second or more.
const PING_WAIT: Duration = Duration::from_secs(1);

/// Connections for the host's own tables. They are short questions.
const HOST_CONNECTIONS: usize = 4;

/// The longest message that the host's own tables send: a component of 64 MiB.
const HOST_MESSAGE_BYTES: u32 = 72 << 20;

/// What a row takes beside the texts and blobs in it.
const ROW_BYTES: u32 = 64 << 10;

/// How a PostgreSQL database is opened.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it is, and as whom the host logs in.
    pub url: Url,
    /// The same database past a pooler; none: `url` leads to it without one.
    pub direct: Option<Url>,
    /// Connections for requests: one half for reads, the other for writes.
    pub connections: usize,
    /// How long a connection stays open that nobody needs.
    pub idle: Duration,
    /// How long a server that does not answer yet is waited for.
    pub wait: Duration,
    /// The most bytes of text and blobs that a result may hold. A single row above it ends the
    /// connection before the host has read it.
    pub result_bytes: u64,
    /// Acknowledge commits that are not durable yet.
    pub no_sync: bool,
}

/// An open PostgreSQL database.
pub struct Postgres {
    engine: Arc<Engine>,
}

/// What the transactions share; each holds it until it is over.
struct Engine {
    readers: Arc<Pool>,
    writers: Arc<Pool>,
    migrations: Arc<Pool>,
    host: Arc<Pool>,
    shared: Shared,
    no_sync: bool,
    stats: Arc<Stats>,
    /// What this process is known by among the hosts of the database.
    id: String,
    /// What write transactions carry: the epoch that this host serves.
    epoch: AtomicI64,
    /// How other hosts' changes are heard of.
    listener: Listener,
}

impl Postgres {
    /// Sets the database up where that was not done before, and prepares to connect. Blocks while
    /// it works, on a thread of its own: the caller's may belong to a runtime.
    ///
    /// # Errors
    /// [`OpenError::NeedsAdministrator`] and [`OpenError::Failed`].
    pub fn open(config: &Config) -> Result<Self, OpenError> {
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
                .unwrap_or_else(|_| Err(failed("setting it up ended early".into())))
        })?;

        let bytes = u32::try_from(config.result_bytes).unwrap_or(u32::MAX);
        let logic = |login: &Login| Login {
            url: login.url.login(&shared.logic, &shared.password),
            encryption: login.encryption.clone(),
            message_bytes: bytes.saturating_add(ROW_BYTES),
        };
        let stats = Arc::new(Stats::default());
        let pool =
            |login, purpose, size| Pool::new(login, purpose, size, config.idle, stats.clone());
        let half = (config.connections / 2).max(1);
        let engine = Engine {
            readers: pool(logic(&host), Purpose::Read, half),
            writers: pool(logic(&host), Purpose::Write, half),
            migrations: pool(logic(&direct), Purpose::Migrate, 1),
            host: pool(host, Purpose::Host, HOST_CONNECTIONS),
            shared,
            no_sync: config.no_sync,
            stats,
            id: format!("{:032x}", rand::rng().random::<u128>()),
            epoch: AtomicI64::new(i64::MAX),
            listener: Listener::new(direct),
        };
        Ok(Self {
            engine: Arc::new(engine),
        })
    }

    async fn transaction(
        &self,
        pool: &Arc<Pool>,
        mode: Mode,
        budget: Budget,
    ) -> Result<Box<dyn Transaction>, Error> {
        let engine = self.engine.clone();
        let begun = PostgresTransaction::begin(pool, engine, mode, budget).await?;
        Ok(Box::new(begun))
    }
}

impl Engine {
    /// Runs one of the host's own statements as a transaction of its own.
    async fn own(
        &self,
        text: &'static str,
        params: &[&(dyn ToSql + Sync)],
        deadline: Instant,
    ) -> Result<Vec<Row>, Error> {
        let mut lease = self.host.take(deadline).await?;
        match lease.ask(text, params, deadline).await {
            Ok(Ok(rows)) => Ok(rows),
            // Whether it was done is unknown: the caller may ask, and does not hear "conflict".
            Ok(Err(error)) if failure::outcome_unknown(&error) => {
                Err(Error::Unavailable(failure::message(&error)))
            }
            Ok(Err(error)) => Err(failure::sort_own(&error)),
            // No request's deadline: the database is at fault.
            Err(_) => Err(Error::Unavailable("it does not answer in time".into())),
        }
    }

    /// As `own`, for a statement of which only the number of changed rows matters.
    async fn own_count(
        &self,
        text: &'static str,
        params: &[&(dyn ToSql + Sync)],
        deadline: Instant,
    ) -> Result<u64, Error> {
        let rows = self.own(text, params, deadline).await?;
        Ok(rows
            .first()
            .map_or(0, |row| row.get::<_, i64>(0).unsigned_abs()))
    }
}

#[async_trait]
impl Database for Postgres {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    async fn begin(&self, access: Access, budget: Budget) -> Result<Box<dyn Transaction>, Error> {
        let (pool, mode) = match access {
            Access::Read => (&self.engine.readers, Mode::Read),
            Access::Write => (&self.engine.writers, Mode::Write),
        };
        self.transaction(pool, mode, budget).await
    }

    async fn begin_migration(&self, budget: Budget) -> Result<Box<dyn Transaction>, Error> {
        let pool = &self.engine.migrations;
        self.transaction(pool, Mode::Migrate, budget).await
    }

    async fn begin_trial(&self, budget: Budget) -> Result<Box<dyn Transaction>, Error> {
        let pool = &self.engine.migrations;
        self.transaction(pool, Mode::Try, budget).await
    }

    async fn ping(&self) -> Result<(), Error> {
        const PING: &str = "SELECT pg_is_in_recovery()";
        for pool in [
            &self.engine.readers,
            &self.engine.writers,
            &self.engine.host,
        ] {
            pool.trim();
        }
        let rows = self
            .engine
            .own(PING, &[], Instant::now() + PING_WAIT)
            .await?;
        match rows.first().is_some_and(|row| row.get(0)) {
            false => Ok(()),
            true => Err(Error::Unavailable(
                "it is a standby, which cannot be written".into(),
            )),
        }
    }

    async fn forget_answers(&self, age: Duration) -> Result<u64, Error> {
        answers::forget(&self.engine, age).await
    }

    fn registry(&self) -> &dyn Registry {
        self
    }

    fn replicas(&self) -> Option<&dyn Replicas> {
        Some(self)
    }

    fn feed(&self) -> &dyn Feed {
        self
    }

    async fn import(&self, manifest: &Manifest) -> Result<Box<dyn Import>, TransferError> {
        let begun = PostgresImport::begin(&self.engine, manifest).await?;
        Ok(Box::new(begun))
    }

    fn stats(&self) -> &Stats {
        &self.engine.stats
    }
}
