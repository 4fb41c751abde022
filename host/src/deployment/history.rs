//! Deployments as they are remembered, turned into what operators see.

use std::time::{Duration, SystemTime};

use super::journal::timestamp;
use super::model::{Deployment, Event};
use crate::storage::registry::DeploymentRow;

/// A remembered deployment for operators.
pub(super) fn deployment(row: DeploymentRow) -> Deployment {
    let at = |micros: i64| {
        timestamp(SystemTime::UNIX_EPOCH + Duration::from_micros(micros.unsigned_abs()))
    };
    let (outcome, code, reason) = match row.end {
        Some(end) => (end.outcome, end.code, end.reason),
        None => ("running".to_owned(), None, None),
    };
    Deployment {
        id: row.id,
        digest: row.new.digest,
        from: row.new.from,
        kind: row.new.kind,
        actor: row.new.actor,
        stage: row.stage,
        outcome,
        code,
        reason,
        // What an older host wrote in another shape is left out rather than fatal.
        events: serde_json::from_str(&row.report).unwrap_or_default(),
        began_at: at(row.began_at),
        ended_at: row.ended_at.map(at),
    }
}

/// Events as they are remembered.
pub(super) fn report(events: &[Event]) -> String {
    serde_json::to_string(events).unwrap_or_else(|_| "[]".to_owned())
}
