//! The registry in PostgreSQL. Each method is one statement, and so one transaction without
//! additional round trips. If the caller drops the future, it is either completed or not begun.

mod components;
pub(super) mod deployments;

use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, ToSql};

use super::database::Postgres;
use super::engine::column;
use crate::Error;
use crate::registry::{Active, DeploymentRow, End, NewDeployment, Registry, StoredComponent};
use contract::Word;
use contract::deployment::Progress;

/// How long a method may take, including the wait for a connection.
const TIMEOUT: Duration = Duration::from_secs(15);

impl Postgres {
    async fn rows(
        &self,
        text: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Error> {
        self.engine
            .rows(text, params, Instant::now() + TIMEOUT)
            .await
    }

    /// Returns the first row, if there is one.
    async fn first(
        &self,
        text: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, Error> {
        Ok(self.rows(text, params).await?.into_iter().next())
    }

    /// Returns the first column of the first row.
    ///
    /// # Errors
    /// Returns [`Error::Conflict`] if there is no row: this host does not run the deployment.
    async fn value<T>(&self, text: &'static str, params: &[&(dyn ToSql + Sync)]) -> Result<T, Error>
    where
        T: for<'a> FromSql<'a>,
    {
        let row = self.first(text, params).await?.ok_or(Error::Conflict)?;
        column(&row, 0)
    }
}

#[async_trait]
impl Registry for Postgres {
    async fn put_component(&self, component: &StoredComponent) -> Result<bool, Error> {
        let StoredComponent {
            digest,
            content,
            signature,
            actor,
            ..
        } = component;
        let params: [&(dyn ToSql + Sync); 4] = [digest, content, signature, actor];
        let kept = self.first(components::PUT, &params).await?;
        kept.map_or(Ok(false), |row| column(&row, 0))
    }

    async fn component(&self, digest: &str) -> Result<Option<StoredComponent>, Error> {
        let found = self.first(components::GET, &[&digest]).await?;
        found.map(|row| components::read(&row)).transpose()
    }

    async fn components(&self) -> Result<Vec<StoredComponent>, Error> {
        let rows = self.rows(components::LIST, &[]).await?;
        rows.iter().map(components::read).collect()
    }

    async fn forget_components(&self, gone: &[StoredComponent]) -> Result<u64, Error> {
        let digests: Vec<&str> = gone.iter().map(|one| one.digest.as_str()).collect();
        let times: Vec<i64> = gone.iter().map(|one| one.uploaded_at).collect();
        let params: [&(dyn ToSql + Sync); 2] = [&digests, &times];
        let gone: i64 = self.value(components::FORGET, &params).await?;
        Ok(gone.unsigned_abs())
    }

    async fn active(&self) -> Result<Option<Active>, Error> {
        let found = self.first(deployments::ACTIVE, &[]).await?;
        found.map(|row| deployments::read_active(&row)).transpose()
    }

    async fn begin_deployment(&self, new: &NewDeployment) -> Result<Result<i64, i64>, Error> {
        let params: [&(dyn ToSql + Sync); 6] = [
            &new.digest,
            &new.from,
            &new.kind.as_str(),
            &new.actor,
            &new.order,
            &self.engine.id,
        ];
        loop {
            if let Some(row) = self.first(deployments::BEGIN, &params).await? {
                return Ok(Ok(column(&row, 0)?));
            }
            if let Some(row) = self.first(deployments::RUNNING, &[]).await? {
                return Ok(Err(column(&row, 0)?));
            }
            // Another host took the id for a deployment that has ended. The next id is free.
        }
    }

    async fn take_over(&self, id: i64) -> Result<bool, Error> {
        let params: [&(dyn ToSql + Sync); 2] = [&id, &self.engine.id];
        let taken = self.first(deployments::TAKE_OVER, &params).await?;
        Ok(taken.is_some())
    }

    async fn advance_deployment(
        &self,
        id: i64,
        progress: Progress,
        report: &str,
    ) -> Result<(), Error> {
        let stage = progress.as_str();
        let params: [&(dyn ToSql + Sync); 4] = [&id, &stage, &report, &self.engine.id];
        let _: i64 = self.value(deployments::ADVANCE, &params).await?;
        Ok(())
    }

    async fn activate(&self, id: i64, digest: &str, progress: Progress) -> Result<i64, Error> {
        let stage = progress.as_str();
        let params: [&(dyn ToSql + Sync); 4] = [&id, &digest, &stage, &self.engine.id];
        self.value(deployments::ACTIVATE, &params).await
    }

    async fn end_deployment(&self, id: i64, end: &End, back_to: Option<&str>) -> Result<(), Error> {
        let params: [&(dyn ToSql + Sync); 7] = [
            &id,
            &end.outcome.as_str(),
            &end.code.as_ref().map(Word::as_str),
            &end.reason,
            &end.report,
            &back_to,
            &self.engine.id,
        ];
        let _: i64 = self.value(deployments::END, &params).await?;
        Ok(())
    }

    async fn record_attempt(&self, new: &NewDeployment, end: &End) -> Result<i64, Error> {
        let params: [&(dyn ToSql + Sync); 9] = [
            &new.digest,
            &new.from,
            &new.kind.as_str(),
            &new.actor,
            &new.order,
            &end.report,
            &end.outcome.as_str(),
            &end.code.as_ref().map(Word::as_str),
            &end.reason,
        ];
        loop {
            // If there is no row, another host took the id. The next id is free.
            if let Some(row) = self.first(deployments::RECORD, &params).await? {
                return column(&row, 0);
            }
        }
    }

    async fn deployment(&self, id: i64) -> Result<Option<DeploymentRow>, Error> {
        let found = self.first(deployments::GET, &[&id]).await?;
        found.map(|row| deployments::read(&row)).transpose()
    }

    async fn running_deployment(&self) -> Result<Option<DeploymentRow>, Error> {
        let found = self.first(deployments::RUNNING, &[]).await?;
        found.map(|row| deployments::read(&row)).transpose()
    }

    async fn deployments(&self, limit: u32) -> Result<Vec<DeploymentRow>, Error> {
        let rows = self.rows(deployments::LATEST, &[&i64::from(limit)]).await?;
        rows.iter().map(deployments::read).collect()
    }

    async fn was_active(&self, digest: &str) -> Result<bool, Error> {
        self.value(deployments::WAS_ACTIVE, &[&digest]).await
    }

    async fn forget_deployments(&self, keep: u32) -> Result<u64, Error> {
        let gone: i64 = self.value(deployments::FORGET, &[&i64::from(keep)]).await?;
        Ok(gone.unsigned_abs())
    }
}
