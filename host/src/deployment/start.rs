//! Which revision a host starts on: the active one of its database. What a deployment left
//! unfinished is decided first; the bundled component is only for a new database; and where the
//! active one does not load any more, the host falls back to the one before.

mod bundled;
mod fallback;
mod unfinished;

use std::sync::Arc;

pub use self::bundled::Bundled;
pub(super) use self::fallback::FALLBACK;
use super::deployments::Deployments;
use super::gate::Gate;
use super::journal::Journal;
use super::signature::TrustedKeys;
use super::{Refused, history};
use crate::request::Revision;
use crate::storage::registry::DeploymentRow;

/// What a host starts with.
pub struct Start {
    /// The active revision.
    pub revision: Arc<Revision>,
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
    /// The database does not answer.
    #[error(transparent)]
    Database(#[from] crate::storage::Error),
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
) -> Result<Start, StartError> {
    let registry = gate.database.registry();
    let mut paused = match registry.running_deployment().await? {
        Some(row) if row.stage == "paused" => Some(row),
        Some(row) => {
            unfinished::decide(gate, row).await?;
            None
        }
        None => None,
    };
    let Some(active) = registry.active().await? else {
        let bundled = bundled.ok_or(StartError::NoComponent)?;
        let revision = bundled.deploy(gate, keys).await?;
        return Ok(Start::of(revision));
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
        Err(refused) => {
            fallback::fall_back(gate, keys, &active.digest, paused.take(), refused).await?
        }
    };
    let paused = match paused {
        Some(row) => unfinished::previous(gate, row).await?,
        None => None,
    };
    Ok(Start { revision, paused })
}

impl Start {
    /// A start on a revision that no registry knows: for logic that is no component.
    pub fn of(revision: Revision) -> Self {
        Start {
            revision: Arc::new(revision),
            paused: None,
        }
    }

    /// Goes on with a probation that a stop of the host interrupted.
    pub async fn resume(self, deployments: &Arc<Deployments>) {
        let Some((row, previous)) = self.paused else {
            return;
        };
        let database = deployments.database.clone();
        let events = history::deployment(row.clone()).events;
        let journal = Journal::resumed(row.id, events, database);
        let journal = Arc::new(journal.pausing(deployments.settings.pause_before.clone()));
        let report = history::report(&journal.events());
        let resumed = deployments.registry();
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
        deployments.keep(previous.clone());
        let (this, new) = (deployments.clone(), self.revision);
        deployments.run(journal.clone(), async move {
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
