//! What becomes of a deployment whose host stopped or crashed while it ran.
//!
//! The registry's one row says which component is active. The recorded progress says whether that
//! component still had to prove itself.

use std::sync::Arc;

use super::gate::Gate;
use super::history;
use super::journal::{Ending, Journal};
use super::rejection::Rejection;
use contract::deployment::{Outcome, Progress, Reason, Stage};
use request::Revision;
use storage::registry::DeploymentRow;

/// Ends a deployment whose host has crashed.
///
/// # Errors
/// Returns the registry's error; the deployment has not ended then.
pub(crate) async fn decide(gate: &Gate, row: DeploymentRow) -> Result<(), storage::Error> {
    let ending = match row.stage.known() {
        Some(Progress::At(Stage::Probation)) => Ending::because(
            Outcome::RolledBack,
            Reason::CrashedInProbation,
            "the host crashed while the component was in probation",
        )
        .back_to(row.new.from.clone()),
        Some(Progress::At(Stage::Canary)) => Ending::because(
            Outcome::RolledBack,
            Reason::CrashedInTrial,
            "the host crashed while the component was a canary",
        ),
        Some(Progress::At(Stage::Shadow)) => Ending::because(
            Outcome::RolledBack,
            Reason::CrashedInTrial,
            "the host crashed while the component was a shadow",
        ),
        Some(Progress::Switched) => {
            Ending::because(Outcome::Active, None, "the host stopped after the switch")
        }
        Some(Progress::Begun) => Ending::because(
            Outcome::Rejected,
            Reason::HostStopped,
            "the host stopped before the first stage",
        ),
        Some(Progress::At(_) | Progress::Paused) | None => Ending::because(
            Outcome::Rejected,
            Reason::HostStopped,
            format!(
                "the host stopped at the stage {}, before requests were switched",
                row.stage
            ),
        ),
    };
    end(gate, &row, &ending).await
}

/// Loads the revision to which a paused probation may go back. If it does not load any more there is
/// nothing to go back to: then this ends the deployment, whose component stays active, and returns
/// `None`.
///
/// # Errors
/// Returns the database's error.
pub(crate) async fn previous(
    gate: &Gate,
    row: DeploymentRow,
) -> Result<Option<(DeploymentRow, Arc<Revision>)>, storage::Error> {
    let Some(from) = row.new.from.clone() else {
        return Ok(None);
    };
    let loaded = async { gate.load(&gate.stored(&from).await?).await };
    match loaded.await {
        Ok(revision) => Ok(Some((row, revision))),
        Err(Rejection::Database(error)) => Err(error),
        Err(rejection) => {
            let reason = format!(
                "its probation is over, because the previous component {from} does not load: \
                 {rejection}"
            );
            let ending = Ending::because(Outcome::Active, None, reason);
            end(gate, &row, &ending).await?;
            Ok(None)
        }
    }
}

/// Ends a deployment of an earlier process or of another host, and logs it.
///
/// # Errors
/// Returns the registry's error; the deployment has not ended then.
pub(crate) async fn end(
    gate: &Gate,
    row: &DeploymentRow,
    ending: &Ending,
) -> Result<(), storage::Error> {
    let events = history::deployment(row.clone()).events;
    let journal = Journal::resumed(row.id, events, gate.database.clone());
    journal.record_end(ending).await?;
    let active = gate.registry().active().await?.map(|active| active.digest);
    let active = active.as_deref().unwrap_or("no component");
    let outcome = ending.outcome;
    let reason = ending.reason.as_ref().map_or("", |(_, reason)| reason);
    tracing::warn!(
        deployment.id = row.id,
        deployment.outcome = outcome.as_str(),
        component.digest = active,
        "deployment {} of {} was unfinished and is now {outcome}, because {reason}; {active} is \
         active",
        row.id,
        row.new.digest
    );
    Ok(())
}
