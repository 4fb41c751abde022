//! Deployments as they are remembered, turned into what operators see; and attempts that are
//! remembered although they never became one.

use std::time::{Duration, SystemTime};

use super::deployments::{Deployments, OrderError};
use super::journal::timestamp;
use super::model::{Deployment, Event};
use storage::registry::{DeploymentRow, End, NewDeployment};

/// An attempt that never became a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// `upload`, `deploy`, `rollback`.
    pub kind: String,
    /// What it was about; empty where that is not known.
    pub digest: String,
    /// The reason's slug.
    pub code: String,
    /// The reason for people.
    pub reason: String,
}

impl Deployments {
    /// Remembers an attempt that was refused before it became a deployment.
    ///
    /// # Errors
    /// [`OrderError::Database`].
    pub async fn remember(&self, attempt: Attempt, actor: &str) -> Result<(), OrderError> {
        let new = NewDeployment {
            digest: attempt.digest,
            from: Some(self.service.active().digest.clone()),
            kind: attempt.kind,
            actor: actor.to_owned(),
            order: "{}".to_owned(),
        };
        let end = End {
            outcome: "rejected".to_owned(),
            code: Some(attempt.code),
            reason: Some(attempt.reason),
            report: report(&[]),
        };
        self.registry().record_attempt(&new, &end).await?;
        Ok(())
    }
}

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
