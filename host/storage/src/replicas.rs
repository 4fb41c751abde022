//! The hosts that share a database: who lives, what each serves, what a deployment waits for.
//!
//! Each host *beats*: it says what it serves and hears what all should serve. A beat grants a
//! *lease*, and a host answers requests only while it holds one. The active component has an
//! *epoch*, which every change raises, and a *fence* behind it, which follows once every host with
//! a lease has confirmed the epoch or has let its lease run out. A host below the fence gets no
//! lease, and none of its writes commits: what was switched away from is gone for good.
//!
//! Only the database's clock decides over leases. A host counts its own from before it asked, so
//! for it a lease is over no later than for the others.

use std::time::Duration;

use async_trait::async_trait;

use super::Error;
use super::registry::{Active, DeploymentRow};

/// The version of what hosts say to each other through the database. A host speaks with those
/// whose version is [`OLDEST_PROTOCOL`] or newer; the newer one of two takes care of the older. The
/// tables and functions that they meet in only gain members and parameters with defaults, so that an
/// older host goes on with a newer one's; where one cannot, `task_host.beat` refuses its version by
/// an error that says why, and it gets no lease.
pub const PROTOCOL: i32 = 1;

/// The oldest version that this host speaks with.
pub const OLDEST_PROTOCOL: i32 = 1;

/// What hosts of one database know of each other.
#[async_trait]
pub trait Replicas: Send + Sync {
    /// What this process is known by; no other one ever was.
    fn id(&self) -> &str;

    /// Says what this host does, grants it a lease, raises the fence where every lease holder has
    /// confirmed the epoch, and returns what is true then. One host after the other: what one
    /// hears is not older than what another was told.
    ///
    /// # Errors
    /// [`Error`]; whether a lease was granted is unknown then, and the host must not count on it.
    async fn beat(&self, beat: &Beat) -> Result<View, Error>;

    /// Gives this host's lease back.
    ///
    /// # Errors
    /// [`Error`]; the lease runs out by itself.
    async fn leave(&self) -> Result<(), Error>;

    /// The hosts that beat lately, the longest-lived first.
    ///
    /// # Errors
    /// [`Error`].
    async fn all(&self) -> Result<Vec<Replica>, Error>;

    /// From now on, write transactions of this host carry this epoch. Before the first call they
    /// carry none, and no fence stops them.
    fn serve(&self, epoch: i64);

    /// Sets the share of clients that a canary gets on every host, in percent.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Conflict`] where this host does not run the deployment.
    async fn share(&self, deployment: i64, percent: f64) -> Result<(), Error>;

    /// Leaves a wish, as JSON, for the host that runs a deployment, in place of one before. False:
    /// it does not run.
    ///
    /// # Errors
    /// [`Error`]; nothing was left.
    async fn wish(&self, deployment: i64, wish: &str) -> Result<bool, Error>;

    /// Whether nothing is wished of a deployment any more: it was heard, or the deployment is over.
    ///
    /// # Errors
    /// [`Error`].
    async fn is_fulfilled(&self, deployment: i64) -> Result<bool, Error>;

    /// Forgets the wish for a deployment, once it was heard.
    ///
    /// # Errors
    /// [`Error`].
    async fn fulfil(&self, deployment: i64) -> Result<(), Error>;

    /// The code of a component for an engine, as [`Replicas::keep_code`] was given it.
    ///
    /// # Errors
    /// [`Error`].
    async fn code(&self, digest: &str, fingerprint: &str) -> Result<Option<Vec<u8>>, Error>;

    /// Keeps the code of a component for an engine, so that other hosts need not compile it. It goes
    /// with the component. The database proves nothing of it: that is the seal's matter.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Conflict`] where there is no such component.
    async fn keep_code(&self, digest: &str, fingerprint: &str, sealed: &[u8]) -> Result<(), Error>;

    /// Waits until another host has changed something, as far as that is heard of. Never
    /// returning is right, too: who waits also looks now and then.
    async fn awaken(&self);
}

/// What a host says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Beat {
    /// What people call it.
    pub name: String,
    /// Its version.
    pub host_version: String,
    /// What it is about to do.
    pub state: State,
    /// The epoch of what it serves; 0: nothing yet.
    pub epoch: i64,
    /// The component that it serves.
    pub digest: Option<String>,
    /// How it stands to the deployment that runs.
    pub staged: Staged,
    /// Requests and failures of the component that is deployed, since it was staged here.
    pub new: (u64, u64),
    /// Requests and failures of the component before, in the same time.
    pub old: (u64, u64),
    /// How long the lease is to last.
    pub lease: Duration,
}

/// Whether a host takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It does not answer requests yet.
    Starting,
    /// It answers requests: a switch waits for it.
    Serving,
    /// It cannot load the active component, and answers nothing.
    Failed,
}

/// How a host stands to a deployment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Staged {
    /// Which one; 0: none.
    pub deployment: i64,
    /// Why the component cannot be served here; none: it can.
    pub problem: Option<String>,
}

/// A host of the database.
#[derive(Debug, Clone, PartialEq)]
pub struct Replica {
    /// The process' id.
    pub id: String,
    /// The version of what it says.
    pub protocol: i32,
    /// What it said last.
    pub beat: Beat,
    /// How long ago that was.
    pub age: Duration,
    /// Whether its lease has not run out.
    pub lives: bool,
}

/// What is true at a beat.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// The active component; none in a new database.
    pub active: Option<Active>,
    /// The epoch below which nobody serves any more.
    pub fence: i64,
    /// The deployment that runs.
    pub running: Option<Running>,
    /// The hosts that beat lately, this one among them.
    pub replicas: Vec<Replica>,
}

/// A deployment that runs on one of the hosts.
#[derive(Debug, Clone, PartialEq)]
pub struct Running {
    /// What is remembered of it.
    pub row: DeploymentRow,
    /// The share of clients that its canary gets, in percent.
    pub canary_percent: Option<f64>,
    /// What another host wishes of the one that runs it.
    pub wish: Option<String>,
}

impl State {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            State::Starting => "starting",
            State::Serving => "serving",
            State::Failed => "failed",
        }
    }

    /// Reads what [`State::name`] wrote. What a later host says that is not known here counts as
    /// serving: waiting for one too many is safe.
    pub(super) fn named(name: &str) -> Self {
        match name {
            "starting" => State::Starting,
            "failed" => State::Failed,
            _ => State::Serving,
        }
    }
}

impl View {
    /// Whether the host of that id has a lease.
    pub fn lives(&self, id: &str) -> bool {
        self.replicas
            .iter()
            .any(|replica| replica.id == id && replica.lives)
    }

    /// The hosts that a switch waits for, but for that of an id.
    pub fn others<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a Replica> {
        self.replicas.iter().filter(move |replica| {
            replica.lives && replica.beat.state == State::Serving && replica.id != id
        })
    }
}
