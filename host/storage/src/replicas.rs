//! The hosts that share a database, called replicas: which have a lease, what each serves, and what
//! a deployment waits for.
//!
//! Each host regularly sends a *heartbeat*. In it the host reports what it serves, and from the
//! answer it learns what all hosts should serve. A heartbeat grants a *lease*. A host answers
//! requests only while it has one.
//!
//! Every change of the active component raises its *epoch*. A *fence* follows the epoch: it is
//! raised once every host with a lease serves that epoch. A host below the fence gets no lease, and
//! none of its writes commits. So when the fence has passed a component, no host serves it any more.
//!
//! Only the database's clock decides whether a lease has ended. A host counts its own lease from
//! the time before it sent the heartbeat, so it stops no later than the others expect.

use std::time::Duration;

use async_trait::async_trait;

use crate::Error;
use crate::registry::{Active, DeploymentRow};

/// The version of the protocol that hosts speak through the database. A host works together with
/// hosts of [`OLDEST_PROTOCOL`] and newer; of two hosts, the newer one must handle the older one's
/// version. Tables and functions of the protocol only gain columns and parameters with defaults, so
/// an older host keeps working with a newer host's database. If it cannot, `task_host.beat` refuses
/// the older version with an error that says why, and that host gets no lease.
pub const PROTOCOL: i32 = 1;

/// The oldest version that this host works together with.
pub const OLDEST_PROTOCOL: i32 = 1;

/// How the hosts of one database coordinate.
#[async_trait]
pub trait Replicas: Send + Sync {
    /// Returns the id of this process. It is never used again.
    fn id(&self) -> &str;

    /// Reports the state of this host, grants it a lease, raises the fence if every host with a
    /// lease has confirmed the epoch, and returns the state of all. Heartbeats run one after the
    /// other, so no host gets an older state than one before it.
    ///
    /// # Errors
    /// Returns [`Error`] if it is unknown whether a lease was granted. The host must not rely on
    /// having one.
    async fn heartbeat(&self, heartbeat: &Heartbeat) -> Result<View, Error>;

    /// Gives up this host's lease.
    ///
    /// # Errors
    /// Returns [`Error`] if the lease could not be given up. It will expire.
    async fn leave(&self) -> Result<(), Error>;

    /// Returns the hosts with a recent heartbeat, the one that started first first.
    ///
    /// # Errors
    /// Returns [`Error`] if the database cannot be read.
    async fn all(&self) -> Result<Vec<Replica>, Error>;

    /// Sets the epoch that this host's write transactions carry from now on. Until the first call
    /// they carry none, and the fence does not stop them.
    fn set_epoch(&self, epoch: i64);

    /// Sets the percentage of clients that a canary gets on every host.
    ///
    /// # Errors
    /// Returns [`Error::Conflict`] if this host does not run the deployment, and another [`Error`]
    /// if the database failed.
    async fn set_canary_percent(&self, deployment: i64, percent: f64) -> Result<(), Error>;

    /// Sends a command, as JSON, to the host that runs a deployment. It replaces an earlier command
    /// that was not handled yet. Returns false if the deployment is not running.
    ///
    /// # Errors
    /// Returns [`Error`] if nothing was sent.
    async fn send_command(&self, deployment: i64, command: &str) -> Result<bool, Error>;

    /// Returns whether a deployment has no command left: it was handled, or the deployment ended.
    ///
    /// # Errors
    /// Returns [`Error`] if the database cannot be read.
    async fn is_command_handled(&self, deployment: i64) -> Result<bool, Error>;

    /// Removes a deployment's command, once it was handled.
    ///
    /// # Errors
    /// Returns [`Error`] if it was not removed.
    async fn clear_command(&self, deployment: i64) -> Result<(), Error>;

    /// Returns a component's compiled code for an engine, as [`Replicas::store_code`] stored it.
    ///
    /// # Errors
    /// Returns [`Error`] if the database cannot be read.
    async fn code(&self, digest: &str, fingerprint: &str) -> Result<Option<Vec<u8>>, Error>;

    /// Stores a component's compiled code for an engine, so that other hosts do not have to compile
    /// it. It is deleted with the component. The database does not prove that the code is genuine;
    /// the caller must verify the seal.
    ///
    /// # Errors
    /// Returns [`Error::Conflict`] if the component is not stored, and another [`Error`] if the
    /// database failed.
    async fn store_code(&self, digest: &str, fingerprint: &str, sealed: &[u8])
    -> Result<(), Error>;

    /// Waits until another host has changed something. A notification may get lost, and without a
    /// way to be notified this never returns, so the caller must also look from time to time.
    async fn wait_for_change(&self);
}

/// What a host reports about itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Heartbeat {
    /// Its name for people.
    pub name: String,
    /// Its version.
    pub host_version: String,
    /// Whether it serves requests.
    pub state: State,
    /// The epoch that it serves. 0: none yet.
    pub epoch: i64,
    /// The component that it serves.
    pub digest: Option<String>,
    /// Whether it is ready for the running deployment.
    pub staged: Staged,
    /// Requests and failures of the deployed component, since it was staged here.
    pub new: (u64, u64),
    /// Requests and failures of the component before it, in the same period.
    pub old: (u64, u64),
    /// How long the lease should last.
    pub lease: Duration,
}

/// Whether a host serves requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It does not answer requests yet.
    Starting,
    /// It answers requests. A switch waits for it.
    Serving,
    /// It cannot load the active component and answers no requests.
    Failed,
}

/// Whether a host is ready for a deployment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Staged {
    /// The deployment whose component was staged. 0: none.
    pub deployment: i64,
    /// Why this host cannot serve the component. `None`: it can.
    pub problem: Option<String>,
}

/// A host of the database.
#[derive(Debug, Clone, PartialEq)]
pub struct Replica {
    /// The id of the process.
    pub id: String,
    /// The version of the protocol that it speaks.
    pub protocol: i32,
    /// Its last heartbeat.
    pub heartbeat: Heartbeat,
    /// How long ago the heartbeat was.
    pub age: Duration,
    /// Whether it has a lease.
    pub has_lease: bool,
    /// Since when it has been in this state and served this component, in microseconds since the Unix
    /// epoch. `None`: it sent its last heartbeat before the database recorded this.
    pub serving_since: Option<i64>,
}

/// The state of all hosts, as a heartbeat returns it.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// The active component. `None` in a new database.
    pub active: Option<Active>,
    /// The lowest epoch that a host may still serve.
    pub fence: i64,
    /// The running deployment.
    pub running: Option<RunningDeployment>,
    /// The hosts with a recent heartbeat, including this one.
    pub replicas: Vec<Replica>,
}

/// A deployment that one of the hosts runs.
#[derive(Debug, Clone, PartialEq)]
pub struct RunningDeployment {
    /// Its row in the registry.
    pub row: DeploymentRow,
    /// The percentage of clients that its canary gets.
    pub canary_percent: Option<f64>,
    /// A command from another host to the one that runs it.
    pub command: Option<String>,
}

impl State {
    /// Returns its name in the database.
    pub fn name(self) -> &'static str {
        match self {
            State::Starting => "starting",
            State::Serving => "serving",
            State::Failed => "failed",
        }
    }

    /// Reads a name from the database. A name that only a later version knows counts as serving:
    /// waiting for one host too many is safe.
    pub(crate) fn from_name(name: &str) -> Self {
        match name {
            "starting" => State::Starting,
            "failed" => State::Failed,
            _ => State::Serving,
        }
    }
}

impl View {
    /// Returns whether the host with this id has a lease.
    pub fn has_lease(&self, id: &str) -> bool {
        self.replicas
            .iter()
            .any(|replica| replica.id == id && replica.has_lease)
    }

    /// Returns the hosts that a switch waits for, except the one with this id.
    pub fn others<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a Replica> {
        self.replicas.iter().filter(move |replica| {
            let serves = replica.heartbeat.state == State::Serving;
            replica.has_lease && serves && replica.id != id
        })
    }
}
