//! The stage `stage`: every other host of the database prepares the component.

use crate::host::Host;
use crate::journal::Journal;
use crate::rejection::Rejection;
use contract::deployment::{EventStatus, Stage};

/// Waits until every other host of the database has prepared the component. A host that is alone
/// skips the stage.
///
/// # Errors
/// Returns [`Rejection::Replica`] or [`Rejection::Unstaged`].
pub(super) async fn stage(host: &Host, journal: &Journal) -> Result<(), Rejection> {
    if host.cluster.member().is_none() {
        return Ok(());
    }
    let patience = host.gate.compiler.timeout;
    let staged = host.cluster.staged(journal.id, patience);
    let others = journal.stage(Stage::Staging, staged).await?;
    if others > 0 {
        let detail = format!("ready on {others} other hosts");
        journal.note(Stage::Staging, EventStatus::Noted, Some(detail));
    }
    Ok(())
}
