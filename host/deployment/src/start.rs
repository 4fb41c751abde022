//! Which revision a host starts on: the active one of its database. What a deployment left
//! unfinished is decided first, unless another host that lives runs it; the bundled component is
//! only for a new database; and where the active one does not load any more, the host falls back
//! to the one before.

mod bundled;
mod fallback;
pub(super) mod unfinished;

use std::sync::Arc;
use std::time::Duration;

pub use self::bundled::Bundled;
pub(super) use self::fallback::FALLBACK;
use super::deployments::Deployments;
use super::gate::Gate;
use super::journal::Journal;
use super::member::Member;
use super::signature::TrustedKeys;
use super::{Refused, history};
use request::Revision;
use storage::registry::DeploymentRow;

/// The pause before it is looked again whether another host has made a component active.
const LOOK: Duration = Duration::from_millis(100);

/// What a host starts with.
pub struct Start {
    /// The active revision.
    pub revision: Arc<Revision>,
    /// This host among others; none: the database is its own.
    pub member: Option<Arc<Member>>,
    /// The epoch of the revision.
    epoch: i64,
    /// A deployment in probation that goes on, and the revision before it.
    paused: Option<(DeploymentRow, Arc<Revision>)>,
}

/// Why a host cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database is new and nothing was bundled.
    #[error("the database has no component yet; name one with --component")]
    NoComponent,
    /// The bundled component is refused.
    #[error("the component is refused ({code}): {0}", code = .0.code())]
    Refused(Refused),
    /// Neither the active component nor an earlier one loads any more.
    #[error(
        "the active component {digest} does not load ({code}): {refused}; nor does one that was \
         active before. Start a host of the version before, and deploy a component that both load",
        code = .refused.code()
    )]
    Active {
        /// Its digest.
        digest: String,
        /// Why not.
        refused: Refused,
    },
    /// The active component cannot be loaded now, for a reason that may pass.
    #[error(
        "the active component {digest} cannot be loaded now ({code}): {refused}; start again",
        code = .refused.code()
    )]
    Unready {
        /// Its digest.
        digest: String,
        /// Why not.
        refused: Refused,
    },
    /// A host that shares the database is too old for this one.
    #[error(
        "the host {name} shares this database and its version {version} is too old for this one; \
         end it, or update it first"
    )]
    TooOld {
        /// What people call it.
        name: String,
        /// Its version.
        version: String,
    },
    /// The database does not answer.
    #[error(transparent)]
    Database(#[from] storage::Error),
}

/// Decides what an earlier process left unfinished, then loads the active revision; in a new
/// database, puts the bundled component through the gate and makes it the active one.
///
/// # Errors
/// [`StartError`].
pub async fn start(
    gate: &Gate,
    bundled: Option<Bundled>,
    keys: &TrustedKeys,
    member: Option<Arc<Member>>,
) -> Result<Start, StartError> {
    let registry = gate.database.registry();
    let (mut paused, active) = loop {
        let (paused, elsewhere) = match registry.running_deployment().await? {
            Some(row) if !registry.take_over(row.id).await? => (None, true),
            Some(row) if row.stage == "paused" => (Some(row), false),
            Some(row) => {
                // It may have gone further before it was taken over.
                let row = registry.deployment(row.id).await?.unwrap_or(row);
                unfinished::decide(gate, row).await?;
                (None, false)
            }
            None => (None, false),
        };
        if let Some(active) = registry.active().await? {
            break (paused, active);
        }
        match &bundled {
            Some(bundled) if !elsewhere => {
                if let Some((revision, epoch)) = bundled.deploy(gate, keys).await? {
                    return Ok(Start {
                        member,
                        epoch,
                        ..Start::of(revision)
                    });
                }
            }
            None if !elsewhere => return Err(StartError::NoComponent),
            // Another host makes the first one active.
            _ => tokio::time::sleep(LOOK).await,
        }
    };
    if let Some(digest) = bundled.map(|bundled| bundled.digest())
        && digest != active.digest
    {
        tracing::info!(
            component.digest = active.digest,
            bundled.digest = digest,
            "the database's active component is served, not the bundled one; deploy that with \
             `task-host deploy`"
        );
    }
    let revision = match load(gate, &active.digest).await {
        Ok(revision) => revision,
        Err(Refused::Database(error)) => return Err(error.into()),
        Err(refused) if refused.may_pass() => {
            return Err(StartError::Unready {
                digest: active.digest,
                refused,
            });
        }
        // What other hosts serve is not this one's to replace.
        Err(refused) if member.as_ref().is_some_and(|member| !member.is_alone()) => {
            return Err(StartError::Active {
                digest: active.digest,
                refused,
            });
        }
        Err(refused) => {
            fallback::fall_back(gate, keys, &active.digest, paused.take(), refused).await?
        }
    };
    let paused = match paused {
        Some(row) => unfinished::previous(gate, row).await?,
        None => None,
    };
    // A fallback made another one active.
    let epoch = registry.active().await?.map_or(active.epoch, |now| {
        if now.digest == revision.digest {
            now.epoch
        } else {
            active.epoch
        }
    });
    Ok(Start {
        revision,
        member,
        epoch,
        paused,
    })
}

impl Start {
    /// A start on a revision that no registry knows: for logic that is no component.
    pub fn of(revision: Revision) -> Self {
        Start {
            revision: Arc::new(revision),
            member: None,
            epoch: 0,
            paused: None,
        }
    }

    /// Goes on with a probation that a stop of the host interrupted, and does as the other hosts of
    /// the database do. Returns when this host may answer.
    pub async fn resume(self, deployments: &Arc<Deployments>) {
        if let Some((row, previous)) = self.paused {
            deployments.resume(row, self.revision, previous).await;
        }
        deployments.join(self.epoch).await;
    }
}

impl Deployments {
    /// Goes on with a probation that a stop of a host interrupted.
    pub(super) async fn resume(
        self: &Arc<Self>,
        row: DeploymentRow,
        new: Arc<Revision>,
        previous: Arc<Revision>,
    ) {
        let database = self.database.clone();
        let events = history::deployment(row.clone()).events;
        let journal = Journal::resumed(row.id, events, database);
        let journal = Arc::new(journal.pausing(self.settings.pause_before.clone()));
        let report = history::report(&journal.events());
        let resumed = self.registry();
        if let Err(error) = resumed
            .advance_deployment(journal.id, "probation", &report)
            .await
        {
            tracing::error!(
                "the probation of deployment {} does not go on: {error}",
                journal.id
            );
            return;
        }
        self.keep(previous.clone());
        let this = self.clone();
        self.run(journal.clone(), async move {
            this.watch(&journal, new, previous).await;
        });
    }
}

/// An active component's revision, from the registry.
async fn load(gate: &Gate, digest: &str) -> Result<Arc<Revision>, Refused> {
    let component = gate.database.registry().component(digest).await?;
    let component = component.ok_or_else(|| Refused::Gone(digest.to_owned()))?;
    gate.load(&component).await.map(Arc::new)
}
