//! What becomes of a deployment that ran when the process before this one ended.

use std::sync::Arc;

use super::{Refused, StartError, load};
use crate::gate::Gate;
use crate::history;
use crate::journal::Journal;
use request::Revision;
use storage::registry::{DeploymentRow, End};

/// Ends a deployment in which the process died. The registry's one row says which component is
/// active; the stage says whether that one was still to prove itself.
pub(crate) async fn decide(gate: &Gate, row: DeploymentRow) -> Result<(), storage::Error> {
    let (outcome, code, reason, back_to) = match row.stage.as_str() {
        "probation" => (
            "rolled-back",
            Some("crashed-in-probation"),
            "the host crashed while the component was in probation".to_owned(),
            row.new.from.clone(),
        ),
        "canary" => (
            "rolled-back",
            Some("crashed-in-trial"),
            "the host crashed while the component was a canary".to_owned(),
            None,
        ),
        "shadow" => (
            "rolled-back",
            Some("crashed-in-trial"),
            "the host crashed while the component was in the shadow".to_owned(),
            None,
        ),
        "switched" => (
            "active",
            None,
            "the host stopped after the switch".to_owned(),
            None,
        ),
        "" => (
            "rejected",
            Some("host-stopped"),
            "the host stopped before the first stage".to_owned(),
            None,
        ),
        stage => (
            "rejected",
            Some("host-stopped"),
            format!("the host stopped at the stage {stage}, before requests were switched"),
            None,
        ),
    };
    end(gate, &row, outcome, code, &reason, back_to.as_deref()).await
}

/// The revision that a probation which goes on may go back to. Where that one does not load any
/// more there is nothing to go back to, and the probation is over; then none.
pub(super) async fn previous(
    gate: &Gate,
    row: DeploymentRow,
) -> Result<Option<(DeploymentRow, Arc<Revision>)>, StartError> {
    let Some(from) = row.new.from.clone() else {
        return Ok(None);
    };
    match load(gate, &from).await {
        Ok(revision) => Ok(Some((row, revision))),
        Err(Refused::Database(error)) => Err(error.into()),
        Err(refused) => {
            let reason =
                format!("its probation is over: {from} before it does not load: {refused}");
            end(gate, &row, "active", None, &reason, None).await?;
            Ok(None)
        }
    }
}

/// Ends a deployment and says so.
pub(super) async fn end(
    gate: &Gate,
    row: &DeploymentRow,
    outcome: &str,
    code: Option<&str>,
    reason: &str,
    back_to: Option<&str>,
) -> Result<(), storage::Error> {
    let events = history::deployment(row.clone()).events;
    let journal = Journal::resumed(row.id, events, gate.database.clone());
    journal.end(outcome, Some(reason));
    let end = End {
        outcome: outcome.to_owned(),
        code: code.map(str::to_owned),
        reason: Some(reason.to_owned()),
        report: history::report(&journal.events()),
    };
    let registry = gate.database.registry();
    registry.end_deployment(row.id, &end, back_to).await?;
    let active = registry.active().await?.map(|active| active.digest);
    let active = active.as_deref().unwrap_or("no component");
    tracing::warn!(
        deployment.id = row.id,
        deployment.outcome = outcome,
        component.digest = active,
        "deployment {} of {} was unfinished and is now {outcome}, because {reason}; {active} is \
         active",
        row.id,
        row.new.digest
    );
    Ok(())
}
