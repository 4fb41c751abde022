//! The stage `switch`: a revision becomes the active one.
//!
//! The registry switches first, durably: that decides for every restart and every other host. Then
//! requests switch. A crash between the two counts as a crash after the switch.

use std::sync::Arc;
use std::time::Instant;

use crate::host::Host;
use crate::journal::Journal;
use crate::rejection::Rejection;
use contract::deployment::{EventStatus, Progress, Stage};
use request::Revision;

/// The point between the registry's switch and that of the requests, for crash tests.
const ACTIVATED: &str = "activated";

/// Makes `revision` the active one, and records `progress` with it. Returns the previous revision.
///
/// # Errors
/// Returns [`Rejection::Database`]; the previous revision is active then.
pub(super) async fn switch(
    host: &Host,
    journal: &Journal,
    revision: Arc<Revision>,
    progress: Progress,
) -> Result<Arc<Revision>, Rejection> {
    let switching = host.revisions.begin_switch().await;
    let registry = host.registry();
    let activated = registry.activate(journal.id, &revision.digest, progress);
    let epoch = match activated.await {
        Ok(epoch) => epoch,
        // The commit may have happened nevertheless: the registry says whether it did.
        Err(error) => match registry.active().await? {
            Some(active) if active.deployment == journal.id => active.epoch,
            _ => return Err(error.into()),
        },
    };
    journal.reach(ACTIVATED).await;
    let digest = revision.digest.clone();
    let previous = switching.switch_to(revision);
    host.cluster.serves(epoch, &digest);
    Ok(previous)
}

/// Waits until no host serves the previous revision, and notes it.
pub(super) async fn settle(host: &Host, journal: &Journal) {
    if host.cluster.member().is_none() {
        return;
    }
    let began = Instant::now();
    let detail = match host.cluster.settled().await {
        Some(1) => return,
        Some(count) => format!(
            "all {count} hosts serve it after {} ms",
            began.elapsed().as_millis()
        ),
        None => "it is unknown whether all hosts serve it: the database did not answer".to_owned(),
    };
    journal.note(Stage::Switch, EventStatus::Noted, Some(detail));
}
