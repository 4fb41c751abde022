//! When the active component does not load any more, because its content was damaged or this host
//! does not take it: the latest earlier one that loads becomes the active one.
//!
//! That is a deployment of its own in the history, so that everybody who asks learns of it: the
//! log, `history`, `status`. What may pass by itself is no reason to fall back.

use std::sync::Arc;

use super::{Refused, StartError, load, unfinished};
use crate::gate::Gate;
use crate::history;
use crate::journal::{Journal, Status};
use crate::past::Past;
use crate::rollout::check_signature;
use crate::signature::TrustedKeys;
use request::Revision;
use storage::registry::{DeploymentRow, End, NewDeployment};

/// The kind of such a deployment in the history.
pub(crate) const FALLBACK: &str = "fallback";

/// Makes the latest earlier component that loads the active one. `paused`: a probation of the
/// active one, which it has failed by this.
///
/// # Errors
/// [`StartError::Active`] where no earlier one loads; nothing was changed then.
pub(super) async fn fall_back(
    gate: &Gate,
    keys: &TrustedKeys,
    active: &str,
    paused: Option<DeploymentRow>,
    refused: Refused,
) -> Result<Arc<Revision>, StartError> {
    let registry = gate.database.registry();
    let past = Past::read(registry).await?;
    let mut earlier = past.active();
    earlier.retain(|digest| *digest != active);
    for digest in earlier {
        let revision = match load_signed(gate, keys, digest).await {
            Ok(revision) => revision,
            Err(Refused::Database(error)) => return Err(error.into()),
            Err(refused) => {
                tracing::error!(
                    component.digest = digest,
                    "nor does the component {digest} load, which was active before ({}): {refused}",
                    refused.code()
                );
                continue;
            }
        };
        let reason = format!(
            "the active component {active} does not load ({}): {refused}",
            refused.code()
        );
        if let Some(row) = paused {
            let code = Some("active-unloadable");
            unfinished::end(gate, &row, "rolled-back", code, &reason, None).await?;
        }
        remember(gate, digest, active, &reason).await?;
        tracing::error!(
            component.digest = digest,
            "fell back to the component {digest}, because {reason}; deploy one that loads"
        );
        return Ok(revision);
    }
    Err(StartError::Active {
        digest: active.to_owned(),
        refused,
    })
}

/// Loads a component that was active before, if it may become active again.
async fn load_signed(
    gate: &Gate,
    keys: &TrustedKeys,
    digest: &str,
) -> Result<Arc<Revision>, Refused> {
    if let Some(component) = gate.database.registry().component(digest).await? {
        check_signature(&component, keys)?;
    }
    load(gate, digest).await
}

/// Writes the fallback down, as a deployment that switches at once.
async fn remember(gate: &Gate, digest: &str, active: &str, reason: &str) -> Result<(), StartError> {
    let registry = gate.database.registry();
    let new = NewDeployment {
        digest: digest.to_owned(),
        from: Some(active.to_owned()),
        kind: FALLBACK.to_owned(),
        actor: "host".to_owned(),
        order: "{}".to_owned(),
    };
    let id = match registry.begin_deployment(&new).await? {
        Ok(id) | Err(id) => id,
    };
    let journal = Journal::new(id, gate.database.clone());
    registry.activate(id, digest, "switched").await?;
    journal.note("switch", Status::Passed, Some(reason.to_owned()));
    journal.end("active", Some(reason));
    let end = End {
        outcome: "active".to_owned(),
        code: Some("active-unloadable".to_owned()),
        reason: Some(reason.to_owned()),
        report: history::report(&journal.events()),
    };
    registry.end_deployment(id, &end, None).await?;
    Ok(())
}
