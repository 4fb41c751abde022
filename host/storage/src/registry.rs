//! What the host remembers of components and deployments, in its own tables of the service's
//! database. The logic cannot reach them.
//!
//! At most one deployment runs at a time, over all hosts of a database: a unique index says so,
//! not a lock. Only the host that began it, or took it over, carries it on. The active component is one row, with an epoch that every change of it raises.

use async_trait::async_trait;

use super::Error;
use contract::Word;
use contract::deployment::{Kind, Outcome, Progress, Reason};

/// The memory of components and deployments.
///
/// Every method is a transaction of its own, and what it did and saw is durable when it returns.
/// A caller that goes away finds it done or not begun. Each waits some seconds for the database,
/// and then ends in [`Error::Busy`]. Times are microseconds since the Unix epoch; the engine's
/// clock sets them.
#[async_trait]
pub trait Registry: Send + Sync {
    /// Keeps a component of up to 64 MiB; its size and time are the registry's. One that is there
    /// already stays as it is, but for its time, which makes it the latest upload, and for its
    /// signature, which is added where it had none. Returns whether it was new.
    ///
    /// # Errors
    /// [`Error`]; nothing was kept.
    async fn put_component(&self, component: &StoredComponent) -> Result<bool, Error>;

    /// A component with its content.
    ///
    /// # Errors
    /// [`Error`].
    async fn component(&self, digest: &str) -> Result<Option<StoredComponent>, Error>;

    /// All components without their content, the latest upload first.
    ///
    /// # Errors
    /// [`Error`].
    async fn components(&self) -> Result<Vec<StoredComponent>, Error>;

    /// Deletes components, given as they were listed, and returns their number. Those stay that
    /// were uploaded again since, that are active, or that a deployment names which runs: as what
    /// it deploys, or as what was active before.
    ///
    /// # Errors
    /// [`Error`]; nothing was deleted.
    async fn forget_components(&self, gone: &[StoredComponent]) -> Result<u64, Error>;

    /// The active component; none in a new database.
    ///
    /// # Errors
    /// [`Error`].
    async fn active(&self) -> Result<Option<Active>, Error>;

    /// Begins a deployment, with an empty stage and the report `[]`. The inner error is the id of
    /// the one that runs.
    ///
    /// # Errors
    /// [`Error`]; nothing was begun.
    async fn begin_deployment(&self, new: &NewDeployment) -> Result<Result<i64, i64>, Error>;

    /// Makes this host the one that runs a deployment, where it is that already or the one that was
    /// has no lease any more. False: it does not run, or another host that lives runs it.
    ///
    /// # Errors
    /// [`Error`]; it is unknown then.
    async fn take_over(&self, id: i64) -> Result<bool, Error>;

    /// Records how far a running deployment is.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Conflict`] when it does not run here any more.
    async fn advance_deployment(
        &self,
        id: i64,
        progress: Progress,
        report: &str,
    ) -> Result<(), Error>;

    /// In one transaction: makes the deployment's component the active one, raises the epoch and
    /// records its progress. Returns the new epoch.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Conflict`] when the deployment does not run here any more, is one of
    /// another component, or the component is not kept. What is active is then the same as before.
    async fn activate(&self, id: i64, digest: &str, progress: Progress) -> Result<i64, Error>;

    /// In one transaction: ends a running deployment and, where `back_to` is given, makes that
    /// component the active one again, by this deployment, and raises the epoch.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Conflict`] when the deployment does not run here any more, or the
    /// component to go back to is not kept. Nothing was ended then.
    async fn end_deployment(&self, id: i64, end: &End, back_to: Option<&str>) -> Result<(), Error>;

    /// Records an attempt that never ran, such as a refused upload, and returns its id.
    ///
    /// # Errors
    /// [`Error`].
    async fn record_attempt(&self, new: &NewDeployment, end: &End) -> Result<i64, Error>;

    /// One deployment.
    ///
    /// # Errors
    /// [`Error`].
    async fn deployment(&self, id: i64) -> Result<Option<DeploymentRow>, Error>;

    /// The deployment that runs.
    ///
    /// # Errors
    /// [`Error`].
    async fn running_deployment(&self) -> Result<Option<DeploymentRow>, Error>;

    /// The latest deployments, the latest first.
    ///
    /// # Errors
    /// [`Error`].
    async fn deployments(&self, limit: u32) -> Result<Vec<DeploymentRow>, Error>;

    /// Whether a component was ever active in this database, however long ago and however its
    /// deployment ended.
    ///
    /// # Errors
    /// [`Error`].
    async fn was_active(&self, digest: &str) -> Result<bool, Error>;

    /// Deletes ended deployments beyond the latest `keep`, but not the latest of each component
    /// that made it active, nor the latest of each that was rolled back: what is remembered of
    /// those is needed. The latest of all stays too, as ids are counted from it. Returns their
    /// number.
    ///
    /// # Errors
    /// [`Error`]; nothing was deleted.
    async fn forget_deployments(&self, keep: u32) -> Result<u64, Error>;
}

/// A component as it was uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredComponent {
    /// SHA-256, lower-case hex.
    pub digest: String,
    /// The bytes; empty in lists.
    pub content: Vec<u8>,
    /// The bytes' number; set by the registry.
    pub size_bytes: u64,
    /// A detached signature over the digest, if one was given.
    pub signature: Option<Vec<u8>>,
    /// Who uploaded it.
    pub actor: String,
    /// When it was uploaded last; set by the registry, later with every upload.
    pub uploaded_at: i64,
}

/// The active component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Active {
    /// Its digest.
    pub digest: String,
    /// Raised by every change of the active component.
    pub epoch: i64,
    /// The deployment that made it so, by its switch or by its end.
    pub deployment: i64,
    /// When.
    pub since: i64,
}

/// A deployment that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDeployment {
    /// What is to become active; empty for an upload that had no readable bytes.
    pub digest: String,
    /// What was active.
    pub from: Option<String>,
    /// What was asked for.
    pub kind: Word<Kind>,
    /// Who asked.
    pub actor: String,
    /// What was asked, as JSON.
    pub order: String,
}

/// How a deployment ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Never [`Outcome::Running`].
    pub outcome: Word<Outcome>,
    /// The reason's code, for other outcomes than success.
    pub code: Option<Word<Reason>>,
    /// The reason for people.
    pub reason: Option<String>,
    /// The events of the deployment, as JSON.
    pub report: String,
}

/// A deployment as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentRow {
    /// Rises with every deployment.
    pub id: i64,
    /// What was asked.
    pub new: NewDeployment,
    /// How far it is, or was when it ended.
    pub stage: Word<Progress>,
    /// How it ended; none: it runs.
    pub end: Option<End>,
    /// The events so far, as JSON; `[]` before the first.
    pub report: String,
    /// When it began.
    pub began_at: i64,
    /// When it ended.
    pub ended_at: Option<i64>,
    /// The host that runs it or ended it, by its id; none where a database belongs to one.
    pub coordinator: Option<String>,
}
