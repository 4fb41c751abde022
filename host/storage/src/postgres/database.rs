//! An open PostgreSQL database: how it begins transactions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::answers;
use super::config::Config;
use super::engine::Engine;
use super::pool::Pool;
use super::recordings::RecordingTable;
use super::transaction::{Mode, PostgresTransaction};
use super::transfer::import::PostgresImport;
use crate::transfer::{Import, Manifest, TransferError};
use crate::{
    Budget, Database, Dialect, Error, Feed, OpenError, RecordingStore, Registry, Replicas, Stats,
    Transaction, Value,
};
use contract::Access;

/// How long a ping waits. Health checks time out after a second or more.
const PING_WAIT: Duration = Duration::from_secs(1);

/// How long a plan may wait for a connection, and how long the server may take to make it.
const EXPLAIN_TIME: Duration = Duration::from_secs(1);

/// An open PostgreSQL database.
pub struct Postgres {
    pub(super) engine: Arc<Engine>,
}

impl Postgres {
    /// Sets the database up, unless it already is, and prepares to connect. Blocks until then.
    ///
    /// # Errors
    /// Returns [`OpenError::NeedsAdministrator`] if the host's login lacks the rights to set it up,
    /// and [`OpenError::Failed`] if anything else fails.
    pub fn open(config: &Config) -> Result<Self, OpenError> {
        Ok(Self {
            engine: Arc::new(Engine::open(config)?),
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
        self.transaction(pool, Mode::Trial, budget).await
    }

    async fn ping(&self) -> Result<(), Error> {
        const PING: &str = "SELECT pg_is_in_recovery()";
        for pool in [
            &self.engine.readers,
            &self.engine.writers,
            &self.engine.host,
        ] {
            pool.close_unused();
        }
        let rows = self
            .engine
            .rows(PING, &[], Instant::now() + PING_WAIT)
            .await?;
        match rows.first().is_some_and(|row| row.get(0)) {
            false => Ok(()),
            true => Err(Error::Unavailable(
                "it is a standby, which cannot be written".into(),
            )),
        }
    }

    async fn explain(&self, statement: &str, params: &[Value]) -> Result<String, Error> {
        let budget = Budget::of_host(EXPLAIN_TIME, EXPLAIN_TIME);
        let (pool, engine) = (&self.engine.readers, self.engine.clone());
        let begun = PostgresTransaction::begin(pool, engine, Mode::Read, budget).await;
        begun?.explain(statement, params).await
    }

    async fn forget_answers(&self, age: Duration) -> Result<u64, Error> {
        answers::forget(&self.engine, age).await
    }

    fn open_recordings(&self) -> Result<Option<Arc<dyn RecordingStore>>, OpenError> {
        Ok(Some(Arc::new(RecordingTable {
            engine: self.engine.clone(),
        })))
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
