//! What HTTP asks of the layer of requests, as a trait, so that the server is tested without a
//! database or a component. What the admin API asks for is [`deployment::Admin`].

use std::sync::Arc;

use async_trait::async_trait;

use contract::RouteIndex;
use request::{Answer, Client, Health, Refusal, Request, Revision, Service};

/// Answers requests with the active revision. The methods are those of [`Service`].
#[async_trait]
pub trait Api: Send + Sync + 'static {
    /// The active revision.
    fn active(&self) -> Arc<Revision>;

    /// The revision that a client's request begins on now.
    fn begin(&self, client: Client<'_>) -> Arc<Revision>;

    /// Answers a request with the route of that index of that revision. Dropping the future
    /// before the commit began rolls everything back.
    ///
    /// # Errors
    /// Every [`Refusal`]; nothing that the request wrote was kept.
    async fn answer(
        &self,
        revision: &Arc<Revision>,
        route: RouteIndex,
        request: Request,
    ) -> Result<Answer, Refusal>;

    /// Asks the logic for its figures.
    ///
    /// # Errors
    /// Every [`Refusal`]: the service is unhealthy.
    async fn health(&self) -> Result<Health, Refusal>;

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] with the reason.
    async fn ready(&self) -> Result<(), Refusal>;

    /// Whether the runtime's ticker has ticked lately.
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
    ) -> Result<Answer, Refusal> {
        Service::answer(self, revision, route, request).await
    }

    async fn health(&self) -> Result<Health, Refusal> {
        Service::health(self).await
    }

    async fn ready(&self) -> Result<(), Refusal> {
        Service::ready(self).await
    }

    fn alive(&self) -> bool {
        Service::alive(self)
    }
}
