//! The revision with which a host starts: the active one of its database.
//!
//! First it is decided what becomes of an unfinished deployment, unless another host that lives runs
//! it. The bundled component is only for a new database. If the active component does not load any
//! more, the host falls back to an earlier one.

mod bundled;
mod fallback;

use std::sync::Arc;
use std::time::Duration;

pub use self::bundled::Bundled;
use super::cluster::Member;
use super::gate::Gate;
use super::recovery::{self, Unfinished};
use super::rejection::Rejection;
use contract::deployment::Progress;
use request::Revision;

/// How often a host looks whether another host has made a component active.
const POLL: Duration = Duration::from_millis(100);

/// What a host starts with.
pub struct Start {
    /// The active revision.
    pub revision: Arc<Revision>,
    /// This host's membership. `None`: the database belongs to this host alone.
    pub member: Option<Arc<Member>>,
    /// The epoch of the revision.
    pub(crate) epoch: i64,
    /// A deployment that continues.
    pub(crate) unfinished: Option<Unfinished>,
}

/// Why a host cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database is new and no component is bundled.
    #[error("the database has no component yet; name one with --component")]
    NoComponent,
    /// The bundled component was rejected.
    #[error("{}", rejected(.0))]
    Rejected(Rejection),
    /// Neither the active component nor an earlier one loads any more.
    #[error(
        "the active component {digest} does not load ({code}): {rejection}; no earlier component \
         loads either. Start a host of the previous version, and deploy a component that both \
         versions load",
        code = .rejection.code()
    )]
    Active {
        /// Its digest.
        digest: String,
        /// Why it does not load.
        rejection: Rejection,
    },
    /// The active component does not load now, for a reason that may be temporary.
    #[error(
        "the active component {digest} cannot be loaded now ({code}): {rejection}; start again",
        code = .rejection.code()
    )]
    Unready {
        /// Its digest.
        digest: String,
        /// Why it does not load.
        rejection: Rejection,
    },
    /// The database does not answer.
    #[error(transparent)]
    Database(#[from] storage::Error),
}

/// Says why a component is rejected: in one line, or in one for each rejection.
fn rejected(rejection: &Rejection) -> String {
    let lines = rejection
        .all()
        .iter()
        .map(|rejection| format!("({}): {rejection}", rejection.code()));
    format!(
        "the component is rejected {}",
        lines.collect::<Vec<_>>().join("\nand ")
    )
}

impl Start {
    /// A start with a revision that no registry knows, for logic that is not a component.
    pub fn of(revision: Revision) -> Self {
        Start {
            revision: Arc::new(revision),
            member: None,
            epoch: 0,
            unfinished: None,
        }
    }
}

/// Decides what becomes of an unfinished deployment, then loads the active revision. In a new
/// database, puts the bundled component through the gate and makes it the active one.
///
/// # Errors
/// Returns a [`StartError`].
pub async fn start(
    gate: &Gate,
    bundled: Option<Bundled>,
    member: Option<Arc<Member>>,
) -> Result<Start, StartError> {
    let registry = gate.registry();
    let (mut unfinished, active) = loop {
        let (unfinished, elsewhere) = match registry.running_deployment().await? {
            Some(row) if !registry.take_over(row.id).await? => (None, true),
            Some(row) => {
                // It may have progressed before it was taken over, so it is read again.
                let row = registry.deployment(row.id).await?.unwrap_or(row);
                if row.stage == Progress::Paused || recovery::trial(&row).is_some() {
                    (Some(row), false)
                } else {
                    recovery::decide(gate, row).await?;
                    (None, false)
                }
            }
            None => (None, false),
        };
        if let Some(active) = registry.active().await? {
            break (unfinished, active);
        }
        match &bundled {
            Some(bundled) if !elsewhere => {
                if let Some((revision, epoch)) = bundled.deploy(gate).await? {
                    return Ok(Start {
                        member,
                        epoch,
                        ..Start::of(revision)
                    });
                }
            }
            None if !elsewhere => return Err(StartError::NoComponent),
            // Another host makes the first component active.
            _ => tokio::time::sleep(POLL).await,
        }
    };
    let loaded = async { gate.load(&gate.stored(&active.digest).await?).await };
    let revision = match loaded.await {
        Ok(revision) => revision,
        Err(Rejection::Database(error)) => return Err(error.into()),
        Err(rejection) if rejection.is_temporary() => {
            return Err(StartError::Unready {
                digest: active.digest,
                rejection,
            });
        }
        // This host must not replace a component that other hosts serve.
        Err(rejection) if member.as_ref().is_some_and(|member| !member.is_alone()) => {
            return Err(StartError::Active {
                digest: active.digest,
                rejection,
            });
        }
        Err(rejection) => {
            let fallback = fallback::fall_back(gate, &active.digest, unfinished.take(), &rejection);
            match fallback.await? {
                Some(revision) => revision,
                None => {
                    return Err(StartError::Active {
                        digest: active.digest,
                        rejection,
                    });
                }
            }
        }
    };
    let unfinished = match unfinished {
        Some(row) => match recovery::trial(&row) {
            Some(order) => Some(Unfinished::Trial { row, order }),
            None => recovery::previous(gate, row).await?,
        },
        None => None,
    };
    // A fallback has raised the epoch.
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
        unfinished,
    })
}
