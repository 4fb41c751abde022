//! The registry: the host's tables of components and deployments, in the service's database. The
//! logic cannot read or write them.
//!
//! At most one deployment runs at a time, over all hosts of a database. A unique index guarantees
//! this, not a lock. Only the host that began a deployment, or took it over, may continue it. The
//! active component is one row, with an epoch that every change raises.

use async_trait::async_trait;

use crate::Error;
use contract::Word;
use contract::deployment::{Kind, Outcome, Progress, Reason};

/// Stores components and deployments.
///
/// Every method is one transaction, and what it did and saw is durable when it returns. If the
/// caller drops the future, the transaction was either completed or not begun. A method waits some
/// seconds for the database and then returns [`Error::Busy`]. Times are microseconds since the Unix
/// epoch by the engine's clock.
#[async_trait]
pub trait Registry: Send + Sync {
    /// Stores a component of up to 64 MiB. The registry sets its size and time. If the component
    /// is already stored, only two things change: its time, which makes it the latest upload, and
    /// its signature, if it had none. Returns whether the component is new.
    ///
    /// # Errors
    /// Returns [`Error`] if it was not stored.
    async fn put_component(&self, component: &StoredComponent) -> Result<bool, Error>;

    /// Returns a component with its content.
    ///
    /// # Errors
    /// Returns [`Error`] if the database cannot be read.
    async fn component(&self, digest: &str) -> Result<Option<StoredComponent>, Error>;

    /// Returns all components without their content, the latest upload first.
    ///
    /// # Errors
    /// Returns [`Error`] if the database cannot be read.
    async fn components(&self) -> Result<Vec<StoredComponent>, Error>;

    /// Deletes components, given as they were listed, and returns how many. A component stays if
    /// it was uploaded again since, if it is active, or if a running deployment deploys it or
    /// replaces it.
    ///
    /// # Errors
    /// Returns [`Error`] if nothing was deleted.
    async fn forget_components(&self, gone: &[StoredComponent]) -> Result<u64, Error>;

    /// Returns the active component. `None` in a new database.
    ///
    /// # Errors
    /// Returns [`Error`] if the database cannot be read.
    async fn active(&self) -> Result<Option<Active>, Error>;

    /// Begins a deployment, with an empty stage and the report `[]`, and returns its id. If another
    /// deployment is running, the inner error is the id of that one.
    ///
    /// # Errors
    /// Returns [`Error`] if nothing was begun.
    async fn begin_deployment(&self, new: &NewDeployment) -> Result<Result<i64, i64>, Error>;

    /// Makes this host the one that runs a deployment, if it already is, or if the host that ran
    /// it has no lease any more. Returns false if the deployment is not running, or another host
    /// with a lease runs it.
    ///
    /// # Errors
    /// Returns [`Error`] if it is unknown whether this host runs it.
    async fn take_over(&self, id: i64) -> Result<bool, Error>;

    /// Records the stage and the report of a running deployment.
    ///
    /// # Errors
    /// Returns [`Error::Conflict`] if this host does not run the deployment any more, and another
    /// [`Error`] if the database failed.
    async fn advance_deployment(
        &self,
        id: i64,
        progress: Progress,
        report: &str,
    ) -> Result<(), Error>;

    /// In one transaction, makes the deployment's component the active one, raises the epoch and
    /// records the stage. Returns the new epoch.
    ///
    /// # Errors
    /// Returns [`Error::Conflict`] if this host does not run the deployment any more, if the
    /// deployment is for another component, or if the component is not stored, and another
    /// [`Error`] if the database failed. The active component stays the same.
    async fn activate(&self, id: i64, digest: &str, progress: Progress) -> Result<i64, Error>;

    /// In one transaction, ends a running deployment. If `back_to` is given, also makes that
    /// component the active one again and raises the epoch, both by this deployment.
    ///
    /// # Errors
    /// Returns [`Error::Conflict`] if this host does not run the deployment any more, or if the
    /// component to go back to is not stored, and another [`Error`] if the database failed. The
    /// deployment was not ended.
    async fn end_deployment(&self, id: i64, end: &End, back_to: Option<&str>) -> Result<(), Error>;

    /// Records a deployment that never ran, such as a rejected upload, and returns its id.
    ///
    /// # Errors
    /// Returns [`Error`] if nothing was recorded.
    async fn record_attempt(&self, new: &NewDeployment, end: &End) -> Result<i64, Error>;

    /// Returns one deployment.
    ///
    /// # Errors
    /// Returns [`Error`] if the database cannot be read.
    async fn deployment(&self, id: i64) -> Result<Option<DeploymentRow>, Error>;

    /// Returns the deployment that is running.
    ///
    /// # Errors
    /// Returns [`Error`] if the database cannot be read.
    async fn running_deployment(&self) -> Result<Option<DeploymentRow>, Error>;

    /// Returns the newest deployments, the newest first.
    ///
    /// # Errors
    /// Returns [`Error`] if the database cannot be read.
    async fn deployments(&self, limit: u32) -> Result<Vec<DeploymentRow>, Error>;

    /// Returns whether a component was ever active in this database, no matter when and how its
    /// deployment ended.
    ///
    /// # Errors
    /// Returns [`Error`] if the database cannot be read.
    async fn was_active(&self, digest: &str) -> Result<bool, Error>;

    /// Deletes ended deployments beyond the newest `keep` and returns how many. These stay, because
    /// they are still needed: for each component the newest deployment that made it active and the
    /// newest that was rolled back, and the newest deployment of all, because the next id is
    /// counted from it.
    ///
    /// # Errors
    /// Returns [`Error`] if nothing was deleted.
    async fn forget_deployments(&self, keep: u32) -> Result<u64, Error>;
}

/// A component as it was uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredComponent {
    /// SHA-256, lower-case hex.
    pub digest: String,
    /// The bytes. Empty in lists.
    pub content: Vec<u8>,
    /// The number of bytes. Set by the registry.
    pub size_bytes: u64,
    /// A detached signature over the digest, if one was given.
    pub signature: Option<Vec<u8>>,
    /// Who uploaded it.
    pub actor: String,
    /// When it was last uploaded. Set by the registry; every upload gets a later time.
    pub uploaded_at: i64,
}

/// The active component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Active {
    /// Its digest.
    pub digest: String,
    /// Raised by every change of the active component.
    pub epoch: i64,
    /// The deployment that made it active, when it switched or when it ended.
    pub deployment: i64,
    /// When it became active.
    pub since: i64,
}

/// A deployment that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDeployment {
    /// The component to deploy. Empty for an upload that had no readable bytes.
    pub digest: String,
    /// The component that was active before.
    pub from: Option<String>,
    /// What was asked for.
    pub kind: Word<Kind>,
    /// Who ordered it.
    pub actor: String,
    /// What was ordered, as JSON.
    pub order: String,
}

/// How a deployment ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Never [`Outcome::Running`].
    pub outcome: Word<Outcome>,
    /// The reason's code, if it did not succeed.
    pub code: Option<Word<Reason>>,
    /// The reason for people.
    pub reason: Option<String>,
    /// The events of the deployment, as JSON.
    pub report: String,
}

/// A deployment as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentRow {
    /// Rises with every deployment.
    pub id: i64,
    /// What was ordered.
    pub new: NewDeployment,
    /// How far it is, or was when it ended.
    pub stage: Word<Progress>,
    /// How it ended. `None`: it is running.
    pub end: Option<End>,
    /// The events so far, as JSON. `[]` before the first.
    pub report: String,
    /// When it began.
    pub began_at: i64,
    /// When it ended.
    pub ended_at: Option<i64>,
    /// The id of the host that runs it or ended it. `None` if the database belongs to one host.
    pub coordinator: Option<String>,
}
