//! SQLite, the embedded engine.
//!
//! One connection writes, in order of arrival; several read beside it, each from the snapshot
//! that its first statement takes. The write-ahead log is written by COMMIT, under
//! `synchronous=NORMAL` without a sync, and synced by the flusher's thread for all commits
//! that wait; a checkpoint's thread moves it into the database file. Both threads end when the
//! database is dropped, which is when the last transaction is over.
//!
//! The logic's SQL is kept in bounds by a policy that SQLite asks while it compiles, by limits
//! on lengths and depths, and by a guard that looks at the clock while it runs.

mod aside;
mod checkpoint;
mod config;
mod connection;
mod failure;
mod feed;
mod file;
mod flusher;
mod functions;
mod guard;
mod policy;
mod pool;
mod registry;
mod schema;
mod statement;
mod transaction;
mod transfer;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rusqlite::ErrorCode;
use tokio::sync::watch;

use self::aside::aside;
use self::checkpoint::Checkpointer;
pub use self::config::{Config, DiskSync, Durability, LogSync};
use self::connection::{Opener, open_plain};
use self::file::DatabaseFile;
use self::flusher::Flusher;
use self::pool::Pool;
use self::transaction::SqliteTransaction;
use self::transfer::import::SqliteImport;
pub(super) use self::transfer::{backup::backup, export::export};
use super::transfer::{Import, Manifest, TransferError};
use super::{
    Budget, Database, Dialect, Error, Feed, OpenError, Registry, Replicas, Stats, Transaction,
};
use contract::Access;

/// How long a ping waits for a connection. Who asks has a time-out of a second or more.
const PING_WAIT: Duration = Duration::from_secs(1);

/// How long deleting old answers and events waits for the writer, each time it takes it.
const FORGET_WAIT: Duration = Duration::from_secs(5);

/// An open SQLite database.
pub struct Sqlite {
    engine: Arc<Engine>,
}

/// What the transactions share; each holds it until it is over. The order of the fields is that
/// in which they are dropped: connections before the threads that wait for their end, all of
/// them before the lock on the file.
struct Engine {
    readers: Arc<Pool>,
    writer: Arc<Pool>,
    flusher: Flusher,
    checkpointer: Checkpointer,
    /// The id of the last event that was committed: wakes who waits for one.
    last_event: watch::Sender<i64>,
    stats: Arc<Stats>,
    file: DatabaseFile,
}

impl Sqlite {
    /// Opens a database, and creates it where it is missing. Blocks while it works. What a
    /// process before this one left in the write-ahead log is made durable first.
    ///
    /// # Errors
    /// Every [`OpenError`].
    pub fn open(config: Config) -> Result<Self, OpenError> {
        let file = DatabaseFile::claim(config.path.as_deref())?;
        Engine::open(file, &config).map(|engine| Self {
            engine: Arc::new(engine),
        })
    }

    async fn transaction(
        &self,
        access: Access,
        migrates: bool,
        budget: Budget,
    ) -> Result<SqliteTransaction, Error> {
        let pool = match access {
            Access::Read => &self.engine.readers,
            Access::Write => {
                self.engine.flusher.check()?;
                &self.engine.writer
            }
        };
        let until = Instant::now()
            .checked_add(budget.wait)
            .map_or(budget.deadline, |until| until.min(budget.deadline));
        let lease = pool.take(until).await?;
        SqliteTransaction::begin(lease, self.engine.clone(), access, migrates, budget)
    }

    /// Deletes what is too old, [`schema::FORGET_AT_ONCE`] rows at a time, and returns how many.
    async fn forget(
        &self,
        part: impl Fn(&rusqlite::Connection) -> rusqlite::Result<u64>,
    ) -> Result<u64, Error> {
        let mut forgotten = 0;
        loop {
            // A transaction for each part: requests get the writer in between.
            let budget = Budget::of_host(FORGET_WAIT, FORGET_WAIT);
            let mut transaction = self.transaction(Access::Write, false, budget).await?;
            let part = transaction.host(&part)?;
            Box::new(transaction).commit().await?;
            forgotten += part;
            if part < schema::FORGET_AT_ONCE {
                return Ok(forgotten);
            }
        }
    }
}

impl Engine {
    fn open(file: DatabaseFile, config: &Config) -> Result<Self, OpenError> {
        let refused = |error: rusqlite::Error| refused(&file, &error);
        let stats = Arc::new(Stats::default());
        let (wake, woken) = checkpoint::channel();
        let opener = |access, wake| Opener {
            path: file.path().to_owned(),
            config: config.clone(),
            access,
            wake,
        };

        let checkpoints = open_plain(file.path(), Access::Write, config).map_err(refused)?;
        for tables in [schema::TABLES, registry::TABLES, feed::TABLES] {
            checkpoints.execute_batch(tables).map_err(refused)?;
        }
        let last_event = feed::last(&checkpoints).map_err(refused)?;
        file.sync_directory()?;

        let log = match &config.durability {
            Durability::None => None,
            Durability::Disk => Some(Arc::new(DiskSync) as Arc<dyn LogSync>),
            Durability::With(sync) => Some(sync.clone()),
        };
        let log = match log {
            None => None,
            Some(sync) => {
                let log = file.open_log()?;
                sync.sync(&log).map_err(|error| OpenError::Failed {
                    path: file.path().display().to_string(),
                    reason: format!("syncing the write-ahead log failed: {error}"),
                })?;
                Some((log, sync))
            }
        };
        let no_thread = |error: std::io::Error| OpenError::Failed {
            path: file.path().display().to_string(),
            reason: format!("a thread cannot be started: {error}"),
        };
        let writer = Pool::open(opener(Access::Write, Some(wake)), 1, stats.clone());
        let readers = Pool::open(
            opener(Access::Read, None),
            config.readers.max(1),
            stats.clone(),
        );
        Ok(Self {
            readers: Arc::new(readers.map_err(refused)?),
            writer: Arc::new(writer.map_err(refused)?),
            flusher: Flusher::start(log, stats.clone()).map_err(no_thread)?,
            checkpointer: Checkpointer::start(checkpoints, woken, stats.clone())
                .map_err(no_thread)?,
            last_event: watch::Sender::new(last_event),
            stats,
            file,
        })
    }
}

fn refused(file: &DatabaseFile, error: &rusqlite::Error) -> OpenError {
    let path = file.path().display().to_string();
    let reason = failure::message(error);
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            OpenError::NotADatabase { path }
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            OpenError::ReadOnly { path, reason }
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenError::InUse { path },
        _ => OpenError::Failed { path, reason },
    }
}

#[async_trait]
impl Database for Sqlite {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    async fn begin(&self, access: Access, budget: Budget) -> Result<Box<dyn Transaction>, Error> {
        Ok(Box::new(self.transaction(access, false, budget).await?))
    }

    async fn begin_migration(&self, budget: Budget) -> Result<Box<dyn Transaction>, Error> {
        Ok(Box::new(
            self.transaction(Access::Write, true, budget).await?,
        ))
    }

    async fn begin_trial(&self, budget: Budget) -> Result<Box<dyn Transaction>, Error> {
        // There is one writer: nobody commits meanwhile.
        self.begin_migration(budget).await
    }

    async fn ping(&self) -> Result<(), Error> {
        self.engine.flusher.check()?;
        let taken = self.engine.readers.take(Instant::now() + PING_WAIT).await;
        let mut lease = taken.map_err(|error| match error {
            Error::Busy => Error::Unavailable("all readers are taken".into()),
            error => error,
        })?;
        lease
            .connection()
            .host(schema::probe)
            .map_err(failure::Stop::into_error)
    }

    async fn forget_answers(&self, age: Duration) -> Result<u64, Error> {
        self.forget(|sqlite| schema::forget(sqlite, age)).await
    }

    async fn import(&self, manifest: &Manifest) -> Result<Box<dyn Import>, TransferError> {
        let import = aside(|| SqliteImport::begin(self.engine.file.path(), manifest));
        Ok(Box::new(import?))
    }

    fn registry(&self) -> &dyn Registry {
        self
    }

    fn replicas(&self) -> Option<&dyn Replicas> {
        None
    }

    fn feed(&self) -> &dyn Feed {
        self
    }

    fn stats(&self) -> &Stats {
        &self.engine.stats
    }
}
