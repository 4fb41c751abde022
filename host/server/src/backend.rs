//! The traits through which HTTP uses the layers below. Tests implement them without a database or
//! a component.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use serde_json::Value;

use contract::RouteIndex;
use deployment::Attempt;
use deployment::model::{ComponentSummary, Deployment, Event, Order, Status};
use request::{Answer, Client, Error, Health, Request, Revision, Service};

/// Answers requests. The methods are those of [`Service`].
#[async_trait]
pub trait Api: Send + Sync + 'static {
    /// Returns the active revision.
    fn active(&self) -> Arc<Revision>;

    /// Returns the revision that a client's request begins on now.
    fn begin(&self, client: Client<'_>) -> Arc<Revision>;

    /// Answers a request with a route of a revision. Dropping the future before the commit began
    /// rolls everything back.
    ///
    /// # Errors
    /// Returns any [`Error`]. Nothing that the request wrote was kept, except perhaps after
    /// [`Error::OutcomeUnknown`].
    async fn answer(
        &self,
        revision: &Arc<Revision>,
        route: RouteIndex,
        request: Request,
    ) -> Result<Answer, Error>;

    /// Asks the logic for its figures.
    ///
    /// # Errors
    /// Returns any [`Error`]. The service is unhealthy then.
    async fn health(&self) -> Result<Health, Error>;

    /// Checks that the database answers and that this host may answer.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] with the reason.
    async fn ready(&self) -> Result<(), Error>;

    /// Whether the engine can still end a call at its deadline.
    fn alive(&self) -> bool;
}

#[async_trait]
impl Api for Service {
    fn active(&self) -> Arc<Revision> {
        Service::active(self)
    }

    fn begin(&self, client: Client<'_>) -> Arc<Revision> {
        Service::begin(self, client)
    }

    async fn answer(
        &self,
        revision: &Arc<Revision>,
        route: RouteIndex,
        request: Request,
    ) -> Result<Answer, Error> {
        Service::answer(self, revision, route, request).await
    }

    async fn health(&self) -> Result<Health, Error> {
        Service::health(self).await
    }

    async fn ready(&self) -> Result<(), Error> {
        Service::ready(self).await
    }

    fn alive(&self) -> bool {
        Service::alive(self)
    }
}

/// Replaces the logic. Every method is called on the runtime that serves the public port and
/// runs to its end also where the client leaves; `actor` is for the history.
#[async_trait]
pub trait Admin: Send + Sync + 'static {
    /// Keeps a component, so that it can be deployed. `digest` is what its SHA-256 should be, in
    /// lower-case hex; `signature` is detached. One that is there already is no error.
    ///
    /// # Errors
    /// [`AdminError::Rejected`] where the content has another digest; [`AdminError::TooLarge`];
    /// [`AdminError::Unavailable`].
    async fn upload(
        &self,
        content: Bytes,
        digest: Option<String>,
        signature: Option<Vec<u8>>,
        actor: &str,
    ) -> Result<ComponentSummary, AdminError>;

    /// The components that were uploaded, the latest first.
    ///
    /// # Errors
    /// [`AdminError::Unavailable`].
    async fn components(&self) -> Result<Vec<ComponentSummary>, AdminError>;

    /// A component's [`ComponentSummary`] with `routes`, `imports` and whatever else is known.
    ///
    /// # Errors
    /// [`AdminError::Unavailable`].
    async fn component(&self, digest: &str) -> Result<Option<Value>, AdminError>;

    /// Begins a deployment and returns its id. `order.digest` is lower-case hex.
    ///
    /// # Errors
    /// Every [`AdminError`]; nothing was begun.
    async fn deploy(&self, order: Order, actor: &str) -> Result<i64, AdminError>;

    /// Begins the way back to a component that was active before, or to the one before the
    /// active one, and returns the deployment's id. Where a deployment is in probation, a
    /// canary or a shadow, it is ended by going back, and its id returned.
    ///
    /// # Errors
    /// As [`Admin::deploy`].
    async fn rollback(&self, digest: Option<String>, actor: &str) -> Result<i64, AdminError>;

    /// Gives a canary or a shadow all requests, or a canary another share, in percent.
    ///
    /// # Errors
    /// [`AdminError::NotFound`]; [`AdminError::Rejected`] where it does not wait for that.
    async fn promote(
        &self,
        id: i64,
        canary_percent: Option<f64>,
        actor: &str,
    ) -> Result<(), AdminError>;

    /// Ends a deployment that runs; the previous revision serves.
    ///
    /// # Errors
    /// [`AdminError::NotFound`]; [`AdminError::Rejected`] where it has ended.
    async fn abort(&self, id: i64, actor: &str) -> Result<(), AdminError>;

    /// Remembers an attempt that was refused before it became a deployment.
    ///
    /// # Errors
    /// [`AdminError::Unavailable`]; nothing was remembered.
    async fn remember(&self, attempt: Attempt, actor: &str) -> Result<(), AdminError>;

    /// One deployment, with its events so far.
    ///
    /// # Errors
    /// [`AdminError::Unavailable`].
    async fn deployment(&self, id: i64) -> Result<Option<Deployment>, AdminError>;

    /// The latest deployments, at most `limit`, the latest first.
    ///
    /// # Errors
    /// [`AdminError::Unavailable`].
    async fn history(&self, limit: u32) -> Result<Vec<Deployment>, AdminError>;

    /// What is true now.
    ///
    /// # Errors
    /// [`AdminError::Unavailable`].
    async fn status(&self) -> Result<Status, AdminError>;

    /// The events of a deployment: the past ones first, from number 0, then each as it happens.
    /// The stream ends after the event of stage `end`. It is polled on the operators' runtime.
    ///
    /// # Errors
    /// [`AdminError::Unavailable`].
    async fn follow(&self, id: i64) -> Result<Option<BoxStream<'static, Event>>, AdminError>;
}

/// Why what an operator asked for was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdminError {
    /// Another deployment runs: that of the id.
    #[error("deployment {0} runs; wait for its end, or abort it")]
    Busy(i64),
    /// There is no such component or deployment. The sentence names it.
    #[error("{0}")]
    NotFound(String),
    /// It was understood and may not be.
    #[error("{reason}")]
    Rejected {
        /// The reason's stable slug.
        code: String,
        /// The reason for people.
        reason: String,
    },
    /// The component is larger than what can be kept.
    #[error("the component is too large")]
    TooLarge,
    /// The database or the engine does not answer. The text is for the log.
    #[error("{0}")]
    Unavailable(String),
    /// What was asked makes no sense. The sentence says why.
    #[error("{0}")]
    Invalid(String),
}
