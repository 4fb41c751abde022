//! An open SQLite database: how it begins transactions, for requests and for the host itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rusqlite::Connection;

use super::blocking::run_blocking;
use super::config::Config;
use super::engine::Engine;
use super::recordings::RecordingFile;
use super::schema;
use super::transaction::SqliteTransaction;
use super::transfer::import::SqliteImport;
use crate::transfer::{Import, Manifest, TransferError};
use crate::{
    Budget, Database, Dialect, Error, Feed, OpenError, RecordingStore, Registry, Replicas, Seen,
    Stats, StorageFault, Transaction, Value,
};
use contract::Access;

/// How long a ping waits for a connection. Health checks time out after a second or more.
const PING_WAIT: Duration = Duration::from_secs(1);

/// How long the deletion of old answers and events waits for the writer, for each batch.
const FORGET_WAIT: Duration = Duration::from_secs(5);

/// How long a plan may wait for a reader, and how long SQLite may take to make it.
const EXPLAIN_TIME: Duration = Duration::from_secs(1);

/// How long one of the host's own transactions waits for the writer or a reader.
const HOST_WAIT: Duration = Duration::from_secs(5);

/// How long it may work then. Storing the largest component takes a tenth of it.
const HOST_HOLD: Duration = Duration::from_secs(10);

/// An open SQLite database.
pub struct Sqlite {
    pub(super) engine: Arc<Engine>,
}

impl Sqlite {
    /// Opens a database, and creates it if it is missing. Blocks until it is open. What an earlier
    /// process left in the write-ahead log is made durable first.
    ///
    /// # Errors
    /// Returns [`OpenError`], any variant except `NeedsAdministrator`.
    pub fn open(config: Config) -> Result<Self, OpenError> {
        Engine::open(&config).map(|engine| Self {
            engine: Arc::new(engine),
        })
    }

    pub(super) async fn transaction(
        &self,
        access: Access,
        migrates: bool,
        budget: Budget,
    ) -> Result<SqliteTransaction, Error> {
        self.engine.condition.allow(access)?;
        let pool = match access {
            Access::Read => &self.engine.readers,
            Access::Write => {
                self.engine.flusher.check()?;
                &self.engine.writer
            }
        };
        let taken = pool.take(budget.wait_until()).await;
        let lease = taken.inspect_err(|error| self.engine.condition.observe(error))?;
        SqliteTransaction::begin(lease, self.engine.clone(), access, migrates, budget)
    }

    /// Reads the host's own tables, and waits until what was read is durable.
    pub(super) async fn read<T>(
        &self,
        work: impl FnMut(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let (transaction, found) = self.begin_own(Access::Read, work).await?;
        transaction.commit().await?;
        Ok(found)
    }

    /// Changes the host's own tables. The change is durable when this returns.
    pub(super) async fn write<T>(
        &self,
        work: impl FnMut(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let (transaction, done) = self.begin_own(Access::Write, work).await?;
        transaction.commit().await?;
        Ok(done)
    }

    /// As `write`, but rolls back if `work` returns `None`.
    ///
    /// # Errors
    /// Returns [`Error::Conflict`] if it was rolled back.
    pub(super) async fn write_or_conflict<T>(
        &self,
        work: impl FnMut(&Connection) -> rusqlite::Result<Option<T>>,
    ) -> Result<T, Error> {
        let (transaction, done) = self.begin_own(Access::Write, work).await?;
        match done {
            Some(done) => {
                transaction.commit().await?;
                Ok(done)
            }
            None => {
                transaction.rollback().await?;
                Err(Error::Conflict)
            }
        }
    }

    /// Does work on the host's own tables in a transaction that is still open afterwards.
    async fn begin_own<T>(
        &self,
        access: Access,
        work: impl FnMut(&Connection) -> rusqlite::Result<T>,
    ) -> Result<(Box<SqliteTransaction>, T), Error> {
        let budget = Budget::of_host(HOST_WAIT, HOST_HOLD);
        let mut transaction = self.transaction(access, false, budget).await?;
        let done = transaction.host(work).map_err(|error| match error {
            // It was not a request's deadline, so the database is at fault.
            Error::Deadline => Error::Unavailable("the host's own tables are too slow".into()),
            error => error,
        })?;
        Ok((Box::new(transaction), done))
    }

    /// Deletes old rows in batches of [`schema::FORGET_BATCH`] and returns how many it deleted.
    pub(super) async fn forget(
        &self,
        batch: impl Fn(&Connection) -> rusqlite::Result<u64>,
    ) -> Result<u64, Error> {
        let mut forgotten = 0;
        loop {
            // One transaction for each batch, so that requests get the writer in between.
            let budget = Budget::of_host(FORGET_WAIT, FORGET_WAIT);
            let mut transaction = self.transaction(Access::Write, false, budget).await?;
            let deleted = transaction.host(&batch)?;
            Box::new(transaction).commit().await?;
            forgotten += deleted;
            if deleted < schema::FORGET_BATCH {
                return Ok(forgotten);
            }
        }
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
        // There is only one writer, so nobody else commits meanwhile.
        self.begin_migration(budget).await
    }

    async fn ping(&self) -> Result<(), Error> {
        let condition = &self.engine.condition;
        condition.check_names()?;
        // A host that refuses all writes is not ready.
        condition.allow(Access::Write)?;
        self.engine.flusher.check()?;
        let taken = self.engine.readers.take(Instant::now() + PING_WAIT).await;
        let mut lease = taken.map_err(|error| match error {
            Error::Busy => Error::Unavailable("all readers are in use".into()),
            error => error,
        })?;
        // The probe takes the locks that a transaction takes.
        lease.end_snapshot()?;
        let probed = lease.connection().host_with_memory(schema::probe);
        probed.map_err(|stop| {
            let error = stop.into_error();
            condition.observe(&error);
            error
        })
    }

    async fn watch(&self) {
        self.engine.readers.end_unused_snapshots();
        // Faults are noted and logged where they are found.
        let _ = self.ping().await;
        if let Some(StorageFault::Full(_)) = self.fault() {
            let _ = self.write(schema::probe_write).await;
        }
    }

    fn fault(&self) -> Option<StorageFault> {
        self.engine.condition.fault()
    }

    async fn forget_answers(&self, age: Duration) -> Result<u64, Error> {
        self.forget(|sqlite| schema::forget_answers(sqlite, age))
            .await
    }

    async fn analyze(&self) -> Result<u64, Error> {
        self.gather_statistics().await
    }

    async fn explain(&self, statement: &str, _: &[Value]) -> Result<String, Error> {
        let budget = Budget::of_host(EXPLAIN_TIME, EXPLAIN_TIME);
        let mut transaction = self.transaction(Access::Read, false, budget).await?;
        transaction.explain(statement)
    }

    fn open_recordings(&self) -> Result<Option<Arc<dyn RecordingStore>>, OpenError> {
        let file = &self.engine.file;
        if file.is_temporary() {
            return Ok(None);
        }
        Ok(Some(Arc::new(RecordingFile::open(file.path())?)))
    }

    async fn import(&self, manifest: &Manifest) -> Result<Box<dyn Import>, TransferError> {
        let engine = self.engine.clone();
        let import = run_blocking(|| SqliteImport::begin(engine, manifest));
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

    fn unchanged(&self, seen: &Seen) -> bool {
        // Every commit that the answer shows was durable when the answer was first given. A commit
        // that is not durable yet has changed none of the tables.
        self.engine.condition.allow(Access::Read).is_ok() && seen.is_current()
    }

    fn stats(&self) -> &Stats {
        &self.engine.stats
    }
}
