//! The registry in SQLite: [`components`] and [`deployments`] hold the statements, this file
//! the tables and the transactions around them.
//!
//! Each method is one transaction under a budget of the host's own: changes take the one writer
//! in order of arrival, as requests do, and the rest reads beside it. What a method returns is
//! durable by then, also when it returns that nothing was changed.
//!
//! Parameters are written `?1`, which SQLite goes by the number of; `$1` it would number by where
//! it first stands.

mod components;
mod deployments;

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use rusqlite::Connection;

use super::Sqlite;
use super::aside::aside;
use super::transaction::SqliteTransaction;
use crate::registry::{Active, DeploymentRow, End, NewDeployment, Registry, StoredComponent};
use crate::{Budget, Error, Transaction, stats};
use contract::Access;
use contract::deployment::Progress;

/// How long a method waits for the writer or a reader.
const WAIT: Duration = Duration::from_secs(5);

/// How long a method may work then. The largest component takes a tenth of it.
const HOLD: Duration = Duration::from_secs(10);

/// Creates what is missing. Times are microseconds since 1970, UTC.
///
/// A component's bytes lie in parts: the limit on lengths stays that of the logic's values, and
/// SQLite needs memory for one part at a time. No number is AUTOINCREMENT: migrations may write
/// to `sqlite_sequence`, and so could keep the host from counting on.
pub(super) const TABLES: &str = "
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS task_host_components (
        number INTEGER PRIMARY KEY,
        digest TEXT NOT NULL UNIQUE,
        size_bytes INTEGER NOT NULL,
        signature BLOB,
        actor TEXT NOT NULL,
        uploaded_at INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS task_host_component_parts (
        component INTEGER NOT NULL REFERENCES task_host_components (number) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        bytes BLOB NOT NULL,
        PRIMARY KEY (component, position)
    ) STRICT;
    CREATE TABLE IF NOT EXISTS task_host_deployments (
        id INTEGER PRIMARY KEY,
        digest TEXT NOT NULL,
        from_digest TEXT,
        kind TEXT NOT NULL,
        actor TEXT NOT NULL,
        order_json TEXT NOT NULL,
        stage TEXT NOT NULL DEFAULT '',
        report_json TEXT NOT NULL DEFAULT '[]',
        outcome TEXT,
        code TEXT,
        reason TEXT,
        began_at INTEGER NOT NULL,
        activated_at INTEGER,
        ended_at INTEGER,
        CHECK ((outcome IS NULL) = (ended_at IS NULL))
    ) STRICT;
    CREATE UNIQUE INDEX IF NOT EXISTS task_host_deployments_running
        ON task_host_deployments (outcome IS NULL) WHERE outcome IS NULL;
    CREATE INDEX IF NOT EXISTS task_host_deployments_by_digest
        ON task_host_deployments (digest);
    CREATE TABLE IF NOT EXISTS task_host_active (
        only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
        digest TEXT NOT NULL REFERENCES task_host_components (digest),
        epoch INTEGER NOT NULL,
        deployment INTEGER NOT NULL REFERENCES task_host_deployments (id),
        since INTEGER NOT NULL
    ) STRICT;
    COMMIT;";

#[async_trait]
impl Registry for Sqlite {
    async fn put_component(&self, component: &StoredComponent) -> Result<bool, Error> {
        self.change(|sqlite| aside(|| components::put(sqlite, component)))
            .await
    }

    async fn component(&self, digest: &str) -> Result<Option<StoredComponent>, Error> {
        self.look(|sqlite| aside(|| components::get(sqlite, digest)))
            .await
    }

    async fn components(&self) -> Result<Vec<StoredComponent>, Error> {
        self.look(components::list).await
    }

    async fn forget_components(&self, gone: &[StoredComponent]) -> Result<u64, Error> {
        self.change(|sqlite| aside(|| components::forget(sqlite, gone)))
            .await
    }

    async fn active(&self) -> Result<Option<Active>, Error> {
        self.look(deployments::active).await
    }

    async fn begin_deployment(&self, new: &NewDeployment) -> Result<Result<i64, i64>, Error> {
        self.change(|sqlite| deployments::begin(sqlite, new)).await
    }

    async fn take_over(&self, id: i64) -> Result<bool, Error> {
        // The database belongs to this process: no other one can run a deployment of it.
        let row = self.deployment(id).await?;
        Ok(row.is_some_and(|row| row.end.is_none()))
    }

    async fn advance_deployment(
        &self,
        id: i64,
        progress: Progress,
        report: &str,
    ) -> Result<(), Error> {
        self.change_running(|sqlite| deployments::advance(sqlite, id, progress, report))
            .await
    }

    async fn activate(&self, id: i64, digest: &str, progress: Progress) -> Result<i64, Error> {
        self.change_running(|sqlite| deployments::activate(sqlite, id, digest, progress))
            .await
    }

    async fn end_deployment(&self, id: i64, end: &End, back_to: Option<&str>) -> Result<(), Error> {
        self.change_running(|sqlite| deployments::end(sqlite, id, end, back_to))
            .await
    }

    async fn record_attempt(&self, new: &NewDeployment, end: &End) -> Result<i64, Error> {
        self.change(|sqlite| deployments::record(sqlite, new, end))
            .await
    }

    async fn deployment(&self, id: i64) -> Result<Option<DeploymentRow>, Error> {
        self.look(|sqlite| deployments::get(sqlite, id)).await
    }

    async fn running_deployment(&self) -> Result<Option<DeploymentRow>, Error> {
        self.look(deployments::running).await
    }

    async fn deployments(&self, limit: u32) -> Result<Vec<DeploymentRow>, Error> {
        self.look(|sqlite| deployments::latest(sqlite, limit)).await
    }

    async fn was_active(&self, digest: &str) -> Result<bool, Error> {
        self.look(|sqlite| deployments::was_active(sqlite, digest))
            .await
    }

    async fn forget_deployments(&self, keep: u32) -> Result<u64, Error> {
        self.change(|sqlite| deployments::forget(sqlite, keep))
            .await
    }
}

impl Sqlite {
    /// Reads, and waits until what was read is durable.
    pub(super) async fn look<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let (transaction, found) = self.work(Access::Read, work).await?;
        transaction.commit().await?;
        Ok(found)
    }

    /// Changes something, for good.
    async fn change<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let (transaction, done) = self.work(Access::Write, work).await?;
        transaction.commit().await?;
        Ok(done)
    }

    /// Changes a deployment that runs; undoes what `work` did where that returns none, because
    /// it does not run.
    async fn change_running<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<Option<T>>,
    ) -> Result<T, Error> {
        let (transaction, done) = self.work(Access::Write, work).await?;
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

    /// Does the host's own work in a transaction that is still open afterwards.
    async fn work<T>(
        &self,
        access: Access,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<(Box<SqliteTransaction>, T), Error> {
        let budget = Budget::of_host(WAIT, HOLD);
        let mut transaction = self.transaction(access, false, budget).await?;
        let done = transaction.host(work).map_err(|error| match error {
            // No request's deadline: the database is at fault.
            Error::Deadline => Error::Unavailable("the host's own tables are too slow".into()),
            error => error,
        })?;
        Ok((Box::new(transaction), done))
    }
}

/// Microseconds since 1970, UTC.
fn now() -> i64 {
    let since_1970 = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(stats::nanos(since_1970) / 1000).unwrap_or(i64::MAX)
}
