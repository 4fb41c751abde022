//! What becomes of a deployment whose host stopped or crashed while it ran.
//!
//! The registry's one row says which component is active. The recorded progress says whether that
//! component still had to prove itself.
//!
//! A trial goes on, also after a crash: the active revision serves the other clients, and nothing says
//! that the component caused the crash. If the host crashes again while a canary has the same share, or
//! during the same shadow, the component may be the cause. Then the trial ends, so that no component can keep
//! a host from running.

use std::sync::Arc;

use super::gate::Gate;
use super::history;
use super::journal::{Ending, Journal};
use super::model::{Event, HostEnd, Order};
use super::rejection::Rejection;
use contract::deployment::{Outcome, Progress, Reason, Stage};
use request::Revision;
use storage::registry::DeploymentRow;

/// A deployment that continues after a stop or a crash of its host.
pub(crate) enum Unfinished {
    /// In probation.
    Probation {
        row: DeploymentRow,
        /// The revision to which it may go back.
        previous: Arc<Revision>,
    },
    /// On trial.
    Trial { row: DeploymentRow, order: Order },
}

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
        Some(Progress::At(stage @ (Stage::Canary | Stage::Shadow))) => Ending::because(
            Outcome::RolledBack,
            Reason::CrashedInTrial,
            format!("the host crashed twice while the component was a {stage}"),
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

/// Returns the order of a deployment whose trial goes on after the end of its host. `None` if it is not
/// on trial, or if the host has crashed too often.
pub(crate) fn trial(row: &DeploymentRow) -> Option<Order> {
    // An order of another version may not be readable. Without it, nobody knows how to go on.
    let order: Order = serde_json::from_str(&row.new.order).ok()?;
    let stage = order
        .trial()
        .filter(|stage| row.stage == Progress::At(*stage))?;
    let events = history::deployment(row.clone()).events;
    let interrupted = |event: &Event, how| event.host_end == Some(how);
    let latest = events.iter().rev().filter(|event| event.stage == stage);
    let mut latest = latest.peekable();
    let has_stopped = latest
        .peek()
        .is_some_and(|event| interrupted(event, HostEnd::Stop));
    let has_crashed_before = latest
        .take_while(|event| event.canary_percent.is_none())
        .any(|event| interrupted(event, HostEnd::Crash));
    (has_stopped || !has_crashed_before).then_some(order)
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
) -> Result<Option<Unfinished>, storage::Error> {
    let Some(from) = row.new.from.clone() else {
        return Ok(None);
    };
    let loaded = async { gate.load(&gate.stored(&from).await?).await };
    match loaded.await {
        Ok(previous) => Ok(Some(Unfinished::Probation { row, previous })),
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
