//! The fallback: if the active component does not load any more, because its content was damaged or
//! this host does not accept it, the latest earlier component that loads becomes the active one.
//!
//! It is a deployment in the history, so that everybody learns of it: from the log, `history` and
//! `status`. A reason that may be temporary is no reason to fall back.

use std::sync::Arc;

use super::StartError;
use crate::gate::Gate;
use crate::history::Past;
use crate::journal::{Ending, Journal};
use crate::recovery;
use crate::rejection::Rejection;
use contract::deployment::{EventStatus, Kind, Outcome, Progress, Reason, Stage};
use request::Revision;
use storage::registry::{DeploymentRow, NewDeployment};

/// The actor of the deployment.
const ACTOR: &str = "host";

/// Makes the latest earlier component that loads the active one. `unfinished`: a probation of the
/// active component, which it has now failed, or a trial beside it, which is aborted. Returns `None` if no earlier component loads; nothing was
/// changed then.
///
/// # Errors
/// Returns [`StartError::Database`].
pub(super) async fn fall_back(
    gate: &Gate,
    active: &str,
    unfinished: Option<DeploymentRow>,
    rejection: &Rejection,
) -> Result<Option<Arc<Revision>>, StartError> {
    let past = Past::read(gate.registry()).await?;
    let mut earlier = past.active();
    earlier.retain(|digest| *digest != active);
    for digest in earlier {
        let revision = match load(gate, digest).await {
            Ok(revision) => revision,
            Err(Rejection::Database(error)) => return Err(error.into()),
            Err(rejection) => {
                tracing::error!(
                    component.digest = digest,
                    "the earlier component {digest} does not load either ({}): {rejection}",
                    rejection.code()
                );
                continue;
            }
        };
        let reason = format!(
            "the active component {active} does not load ({}): {rejection}",
            rejection.code()
        );
        if let Some(row) = unfinished {
            let outcome = match row.new.digest == active {
                true => Outcome::RolledBack,
                false => Outcome::Aborted,
            };
            let ending = Ending::because(outcome, Reason::ActiveUnloadable, &*reason);
            recovery::end(gate, &row, &ending).await?;
        }
        record(gate, digest, active, &reason).await?;
        tracing::error!(
            component.digest = digest,
            "fell back to the component {digest}, because {reason}; deploy one that loads"
        );
        return Ok(Some(revision));
    }
    Ok(None)
}

/// Loads a component that was active before, if its signature still allows it.
async fn load(gate: &Gate, digest: &str) -> Result<Arc<Revision>, Rejection> {
    let component = gate.stored(digest).await?;
    gate.check_signature(&component)?;
    gate.load(&component).await
}

/// Records the fallback as a deployment that switches at once.
async fn record(gate: &Gate, digest: &str, active: &str, reason: &str) -> Result<(), StartError> {
    let registry = gate.registry();
    let new = NewDeployment {
        digest: digest.to_owned(),
        from: Some(active.to_owned()),
        kind: Kind::Fallback.into(),
        actor: ACTOR.to_owned(),
        order: "{}".to_owned(),
    };
    let id = match registry.begin_deployment(&new).await? {
        Ok(id) | Err(id) => id,
    };
    let journal = Journal::new(id, gate.database.clone());
    registry.activate(id, digest, Progress::Switched).await?;
    journal.note(Stage::Switch, EventStatus::Passed, Some(reason.to_owned()));
    let ending = Ending::because(Outcome::Active, Reason::ActiveUnloadable, reason);
    journal.record_end(&ending).await?;
    Ok(())
}
