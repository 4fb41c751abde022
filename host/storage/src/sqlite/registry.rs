//! The registry in SQLite. `components.rs` and `deployments.rs` have the statements; this file has
//! the transactions around them.
//!
//! Each method is one transaction with a budget of the host. Changes wait for the one writer in
//! order of arrival, as requests do. What a method returns is durable by then, even if nothing was
//! changed.
//!
//! Parameters are written `?1`. SQLite would number `$1` by its first occurrence, not by its digits.

mod components;
mod deployments;

use async_trait::async_trait;

use super::blocking::run_blocking;
use super::database::Sqlite;
use crate::Error;
use crate::registry::{Active, DeploymentRow, End, NewDeployment, Registry, StoredComponent};
use contract::deployment::Progress;

#[async_trait]
impl Registry for Sqlite {
    async fn put_component(&self, component: &StoredComponent) -> Result<bool, Error> {
        self.write(|sqlite| run_blocking(|| components::put(sqlite, component)))
            .await
    }

    async fn component(&self, digest: &str) -> Result<Option<StoredComponent>, Error> {
        self.read(|sqlite| run_blocking(|| components::get(sqlite, digest)))
            .await
    }

    async fn components(&self) -> Result<Vec<StoredComponent>, Error> {
        self.read(components::list).await
    }

    async fn forget_components(&self, gone: &[StoredComponent]) -> Result<u64, Error> {
        self.write(|sqlite| run_blocking(|| components::forget(sqlite, gone)))
            .await
    }

    async fn active(&self) -> Result<Option<Active>, Error> {
        self.read(deployments::active).await
    }

    async fn begin_deployment(&self, new: &NewDeployment) -> Result<Result<i64, i64>, Error> {
        self.write(|sqlite| deployments::begin(sqlite, new)).await
    }

    async fn take_over(&self, id: i64) -> Result<bool, Error> {
        // The database belongs to this process, so no other process can run its deployments.
        let row = self.deployment(id).await?;
        Ok(row.is_some_and(|row| row.end.is_none()))
    }

    async fn advance_deployment(
        &self,
        id: i64,
        progress: Progress,
        report: &str,
    ) -> Result<(), Error> {
        self.write_or_conflict(|sqlite| deployments::advance(sqlite, id, progress, report))
            .await
    }

    async fn activate(&self, id: i64, digest: &str, progress: Progress) -> Result<i64, Error> {
        self.write_or_conflict(|sqlite| deployments::activate(sqlite, id, digest, progress))
            .await
    }

    async fn end_deployment(&self, id: i64, end: &End, back_to: Option<&str>) -> Result<(), Error> {
        self.write_or_conflict(|sqlite| deployments::end(sqlite, id, end, back_to))
            .await
    }

    async fn record_attempt(&self, new: &NewDeployment, end: &End) -> Result<i64, Error> {
        self.write(|sqlite| deployments::record(sqlite, new, end))
            .await
    }

    async fn deployment(&self, id: i64) -> Result<Option<DeploymentRow>, Error> {
        self.read(|sqlite| deployments::get(sqlite, id)).await
    }

    async fn running_deployment(&self) -> Result<Option<DeploymentRow>, Error> {
        self.read(deployments::running).await
    }

    async fn deployments(&self, limit: u32) -> Result<Vec<DeploymentRow>, Error> {
        self.read(|sqlite| deployments::latest(sqlite, limit)).await
    }

    async fn was_active(&self, digest: &str) -> Result<bool, Error> {
        self.read(|sqlite| deployments::was_active(sqlite, digest))
            .await
    }

    async fn forget_deployments(&self, keep: u32) -> Result<u64, Error> {
        self.write(|sqlite| deployments::forget(sqlite, keep)).await
    }
}
