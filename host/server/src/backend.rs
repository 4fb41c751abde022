//! The trait through which HTTP uses the layer of requests. Tests implement it without a database or
//! a component. The admin API uses [`deployment::Admin`].

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use contract::RouteIndex;
use request::recordings::Recordings;
use request::rehearsal::Examples;
use request::{
    Answered, Client, Error, Health, Limits, Request, Revision, Service, SlowEntry, StorageFault,
};

/// Answers requests. The methods are those of [`Service`].
#[async_trait]
pub trait Api: Send + Sync + 'static {
    /// Returns the active revision.
    fn active(&self) -> Arc<Revision>;

    /// Returns the revision that a client's request begins on now.
    fn begin(&self, client: Client<'_>) -> Arc<Revision>;

    /// Changes whenever [`Api::begin`] may return another revision for a client than before.
    fn switches(&self) -> watch::Receiver<()>;

    /// Answers a request with a route of a revision. Dropping the future before the commit began
    /// rolls everything back.
    async fn answer(
        self: Arc<Self>,
        revision: &Arc<Revision>,
        route: RouteIndex,
        request: Request,
    ) -> Answered;

    /// Asks the logic for its figures.
    ///
    /// # Errors
    /// Returns any [`Error`]. The service is unhealthy then.
    async fn health(&self) -> Result<Health, Error>;

    /// Checks that the database answers and that this host may answer.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] or [`Error::Storage`] with the reason.
    async fn ready(&self) -> Result<(), Error>;

    /// Returns what is known to be wrong with the files of the database.
    fn storage_fault(&self) -> Option<StorageFault>;

    /// Whether the engine can still end a call at its deadline.
    fn alive(&self) -> bool;

    /// Returns the statements of the logic that were slow, the longest first.
    fn slow_statements(&self) -> Vec<SlowEntry>;

    /// Returns the recordings of requests. `None`: no requests are recorded.
    fn recordings(&self) -> Option<&Recordings>;

    /// Returns the examples of the latest rehearsal.
    fn rehearsed(&self) -> Option<Arc<Examples>>;

    /// Returns the limits of each request and of all requests together.
    fn limits(&self) -> &Limits;
}

#[async_trait]
impl Api for Service {
    fn active(&self) -> Arc<Revision> {
        Service::active(self)
    }

    fn begin(&self, client: Client<'_>) -> Arc<Revision> {
        Service::begin(self, client)
    }

    fn switches(&self) -> watch::Receiver<()> {
        Service::switches(self)
    }

    async fn answer(
        self: Arc<Self>,
        revision: &Arc<Revision>,
        route: RouteIndex,
        request: Request,
    ) -> Answered {
        Service::answer(&self, revision, route, request).await
    }

    async fn health(&self) -> Result<Health, Error> {
        Service::health(self).await
    }

    async fn ready(&self) -> Result<(), Error> {
        Service::ready(self).await
    }

    fn storage_fault(&self) -> Option<StorageFault> {
        Service::storage_fault(self)
    }

    fn alive(&self) -> bool {
        Service::alive(self)
    }

    fn slow_statements(&self) -> Vec<SlowEntry> {
        Service::slow_statements(self)
    }

    fn recordings(&self) -> Option<&Recordings> {
        Service::recordings(self)
    }

    fn rehearsed(&self) -> Option<Arc<Examples>> {
        Service::rehearsed(self)
    }

    fn limits(&self) -> &Limits {
        Service::limits(self)
    }
}
