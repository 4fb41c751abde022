//! What operators can order and ask: the interface between the admin API and this layer.

use async_trait::async_trait;
use futures_util::stream::BoxStream;

use super::history::Filter;
use super::model::{ComponentDetails, ComponentSummary, Deployment, Event, Order, Status};
use contract::Word;
use contract::deployment::{Kind, Reason};

/// Replaces the logic, and reports on it. `actor` says who asks, for the history.
///
/// Digests are 64 digits of lower-case hex. An order that was accepted is carried out even if its
/// caller goes away.
#[async_trait]
pub trait Admin: Send + Sync + 'static {
    /// Stores a component, so that it can be deployed. Only the digest is checked; a deployment
    /// checks the rest. Uploading a component again makes it the latest upload, and adds the
    /// signature if it had none. `digest` is the expected digest; `signature` is a detached
    /// signature of the digest.
    ///
    /// # Errors
    /// Returns [`AdminError::Rejected`] if the content has another digest, or
    /// [`AdminError::Unavailable`].
    async fn upload(
        &self,
        content: Vec<u8>,
        digest: Option<&str>,
        signature: Option<Vec<u8>>,
        actor: &str,
    ) -> Result<ComponentSummary, AdminError>;

    /// Returns the components that were uploaded, the latest first.
    ///
    /// # Errors
    /// Returns [`AdminError::Unavailable`].
    async fn components(&self) -> Result<Vec<ComponentSummary>, AdminError>;

    /// Returns one component, or `None` if it was not uploaded here.
    ///
    /// # Errors
    /// Returns [`AdminError::Unavailable`].
    async fn component(&self, digest: &str) -> Result<Option<ComponentDetails>, AdminError>;

    /// Returns a component's bytes, or `None` if it was not uploaded here.
    ///
    /// # Errors
    /// Returns [`AdminError::Unavailable`].
    async fn content(&self, digest: &str) -> Result<Option<Vec<u8>>, AdminError>;

    /// Begins a deployment and returns its id.
    ///
    /// # Errors
    /// Returns any [`AdminError`]; nothing was begun then.
    async fn deploy(&self, order: Order, actor: &str) -> Result<i64, AdminError>;

    /// Begins to go back to a component that was active before, and returns the deployment's id.
    /// Without a digest, goes back to the component before the active one. This takes milliseconds
    /// if the revision is still compiled. If a new revision is in probation or on trial, goes back
    /// by ending that deployment, and returns its id.
    ///
    /// # Errors
    /// Returns any [`AdminError`]; nothing was begun then.
    async fn rollback(&self, digest: Option<&str>, actor: &str) -> Result<i64, AdminError>;

    /// Gives a canary or a shadow all requests. With a percentage, gives a canary another share.
    ///
    /// # Errors
    /// Returns [`AdminError::NotFound`], [`AdminError::Rejected`] if the deployment is not on trial
    /// or not a canary, or [`AdminError::Unavailable`].
    async fn promote(
        &self,
        id: i64,
        canary_percent: Option<f64>,
        actor: &str,
    ) -> Result<(), AdminError>;

    /// Ends a running deployment. The previous revision serves.
    ///
    /// # Errors
    /// Returns [`AdminError::Rejected`] if the deployment does not run, or
    /// [`AdminError::Unavailable`].
    async fn abort(&self, id: i64, actor: &str) -> Result<(), AdminError>;

    /// Records an attempt that was rejected before it became a deployment.
    ///
    /// # Errors
    /// Returns [`AdminError::Unavailable`]; nothing was recorded then.
    async fn record(&self, attempt: Attempt, actor: &str) -> Result<(), AdminError>;

    /// Returns one deployment, with its events so far.
    ///
    /// # Errors
    /// Returns [`AdminError::Unavailable`].
    async fn deployment(&self, id: i64) -> Result<Option<Deployment>, AdminError>;

    /// Returns the deployments that a filter asks for, the latest first.
    ///
    /// # Errors
    /// Returns [`AdminError::Unavailable`].
    async fn history(&self, filter: &Filter) -> Result<Vec<Deployment>, AdminError>;

    /// Returns the current state.
    ///
    /// # Errors
    /// Returns [`AdminError::Unavailable`].
    async fn status(&self) -> Result<Status, AdminError>;

    /// Follows a deployment: the stream yields the past events, from number 0, and then each as it
    /// happens. It ends after the event of the stage `end`.
    ///
    /// # Errors
    /// Returns [`AdminError::Unavailable`].
    async fn follow(&self, id: i64) -> Result<Option<BoxStream<'static, Event>>, AdminError>;
}

/// An attempt that was rejected before it became a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// What was asked for.
    pub kind: Kind,
    /// The component's digest. Empty if it is not known.
    pub digest: String,
    /// The reason's code: a [`Reason`], or the code of a problem.
    pub code: Word<Reason>,
    /// The reason for people.
    pub reason: String,
}

/// Why an operator's order was not carried out, or a question not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdminError {
    /// Another deployment runs.
    #[error("deployment {id} runs: {advice}")]
    Busy {
        /// Its id.
        id: i64,
        /// How far it is and how to go on, in sentences for people.
        advice: String,
    },
    /// The component or deployment does not exist. The sentence names it.
    #[error("{0}")]
    NotFound(String),
    /// The order is not allowed.
    #[error("{reason}")]
    Rejected {
        /// The reason's code.
        code: Reason,
        /// The reason for people.
        reason: String,
    },
    /// The database does not answer. The text is for the log.
    #[error("{0}")]
    Unavailable(String),
}

impl AdminError {
    pub(crate) fn rejected(code: Reason, reason: impl Into<String>) -> Self {
        AdminError::Rejected {
            code,
            reason: reason.into(),
        }
    }
}

impl From<storage::Error> for AdminError {
    fn from(error: storage::Error) -> Self {
        AdminError::Unavailable(error.to_string())
    }
}
