//! The admin API over the deployments of this host.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use serde_json::{Value, json};

use crate::{Admin, AdminError};
use deployment::model::{ComponentSummary, Deployment, Event, Order, Status};
use deployment::{Attempt, Deployments, OrderError};
use transcode::Interface;

#[async_trait]
impl Admin for Arc<Deployments> {
    async fn upload(
        &self,
        content: Bytes,
        digest: Option<String>,
        signature: Option<Vec<u8>>,
        actor: &str,
    ) -> Result<ComponentSummary, AdminError> {
        let content = content.to_vec();
        Ok(Deployments::upload(self, content, digest.as_deref(), signature, actor).await?)
    }

    async fn components(&self) -> Result<Vec<ComponentSummary>, AdminError> {
        Ok(Deployments::components(self).await?)
    }

    async fn component(&self, digest: &str) -> Result<Option<Value>, AdminError> {
        let Some((summary, content)) = Deployments::component(self, digest).await? else {
            return Ok(None);
        };
        let mut shown = json!(summary);
        match Interface::decode(&content) {
            Ok(interface) => {
                shown["imports"] = json!(interface.imports());
                shown["exports"] = json!(interface.exports());
            }
            Err(error) => shown["unreadable"] = json!(error.to_string()),
        }
        Ok(Some(shown))
    }

    async fn deploy(&self, order: Order, actor: &str) -> Result<i64, AdminError> {
        Ok(Deployments::deploy(self, order, actor).await?)
    }

    async fn rollback(&self, digest: Option<String>, actor: &str) -> Result<i64, AdminError> {
        Ok(Deployments::rollback(self, digest.as_deref(), actor).await?)
    }

    async fn promote(
        &self,
        id: i64,
        canary_percent: Option<f64>,
        actor: &str,
    ) -> Result<(), AdminError> {
        Ok(Deployments::promote(self, id, canary_percent, actor).await?)
    }

    async fn abort(&self, id: i64, actor: &str) -> Result<(), AdminError> {
        Ok(Deployments::abort(self, id, actor).await?)
    }

    async fn remember(&self, attempt: Attempt, actor: &str) -> Result<(), AdminError> {
        Ok(Deployments::remember(self, attempt, actor).await?)
    }

    async fn deployment(&self, id: i64) -> Result<Option<Deployment>, AdminError> {
        Ok(Deployments::deployment(self, id).await?)
    }

    async fn history(&self, limit: u32) -> Result<Vec<Deployment>, AdminError> {
        Ok(Deployments::history(self, limit).await?)
    }

    async fn status(&self) -> Result<Status, AdminError> {
        Ok(Deployments::status(self).await?)
    }

    async fn follow(&self, id: i64) -> Result<Option<BoxStream<'static, Event>>, AdminError> {
        Ok(Deployments::follow(self, id).await?)
    }
}

impl From<OrderError> for AdminError {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::Busy(id) => AdminError::Busy(id),
            OrderError::NotFound(what) => AdminError::NotFound(what),
            OrderError::Rejected { code, reason } => AdminError::Rejected {
                code: code.to_owned(),
                reason,
            },
            OrderError::Database(error) => AdminError::Unavailable(error.to_string()),
        }
    }
}
