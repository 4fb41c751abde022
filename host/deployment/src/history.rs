//! The history: deployments as the registry remembers them, and what they say of components.

mod filter;
pub(crate) mod steps;

use std::time::{Duration, SystemTime};

pub use self::filter::Filter;
use super::model::{Deployment, Event, Order, timestamp};
use contract::Word;
use contract::deployment::Outcome;
use storage::registry::DeploymentRow;
use storage::{self, Registry};

/// Converts a row to what operators see.
pub(crate) fn deployment(row: DeploymentRow) -> Deployment {
    // Events that an older host wrote in another shape are left out; they are not an error.
    let events = serde_json::from_str(&row.report).unwrap_or_default();
    with_events(row, events)
}

/// Converts a row to what operators see, with events that may be newer than those of the row.
pub(crate) fn with_events(row: DeploymentRow, events: Vec<Event>) -> Deployment {
    let at = |micros: i64| {
        timestamp(SystemTime::UNIX_EPOCH + Duration::from_micros(micros.unsigned_abs()))
    };
    let (outcome, code, reason) = match row.end {
        Some(end) => (end.outcome, end.code, end.reason),
        None => (Outcome::Running.into(), None, None),
    };
    // An order of another host's version may not be readable; its words are then missing.
    let order: Order = serde_json::from_str(&row.new.order).unwrap_or_default();
    let canary_reached_percent = steps::reached(&order, &events);
    let canary_steps = steps::steps(&order, &events, outcome.known());
    Deployment {
        id: row.id,
        digest: row.new.digest,
        from: row.new.from,
        kind: row.new.kind,
        actor: row.new.actor,
        message: order.message,
        git_revision: order.git_revision,
        canary_percent: order.canary_percent,
        canary_reached_percent,
        canary_steps,
        canary_step_ms: order.canary_step_ms,
        shadow: order.shadow,
        stage: row.stage,
        outcome,
        code,
        reason,
        events,
        began_at: at(row.began_at),
        ended_at: row.ended_at.map(at),
    }
}

/// Returns the deployments that a filter asks for, the latest first.
///
/// # Errors
/// Returns the registry's error.
pub(crate) async fn list(
    registry: &dyn Registry,
    filter: &Filter,
) -> Result<Vec<Deployment>, storage::Error> {
    let rows = registry.deployments(filter.rows()).await?;
    let deployments = rows.into_iter().map(deployment);
    let found = deployments.filter(|deployment| filter.has(deployment));
    Ok(found.take(filter.limit as usize).collect())
}

/// What the history says of components: which were active, and which were rolled back. The latest
/// deployment first.
pub(crate) struct Past(Vec<DeploymentRow>);

impl Past {
    /// Reads the whole history.
    ///
    /// # Errors
    /// Returns the registry's error.
    pub(crate) async fn read(registry: &dyn Registry) -> Result<Self, storage::Error> {
        registry.deployments(u32::MAX).await.map(Past)
    }

    /// Returns the components that became active and stayed so, the latest first, each once.
    /// Components that were rolled back since are left out.
    pub(crate) fn active(&self) -> Vec<&str> {
        let mut digests: Vec<&str> = Vec::new();
        for row in &self.0 {
            let digest = row.new.digest.as_str();
            if outcome(row) == Some(Outcome::Active)
                && !digests.contains(&digest)
                && self.rolled_back(digest).is_none()
            {
                digests.push(digest);
            }
        }
        digests
    }

    /// Returns the component that was active before `active`.
    pub(crate) fn before(&self, active: &str) -> Option<&str> {
        self.0
            .iter()
            .filter(|row| row.new.digest == active && outcome(row) == Some(Outcome::Active))
            .filter_map(|row| row.new.from.as_deref())
            // An order to deploy the component that was active already changed nothing.
            .find(|from| *from != active)
    }

    /// Returns why a component was rolled back, if the latest deployment that decided on it did so.
    pub(crate) fn rolled_back(&self, digest: &str) -> Option<&str> {
        let decided = |row: &&DeploymentRow| {
            row.new.digest == digest
                && matches!(outcome(row), Some(Outcome::Active | Outcome::RolledBack))
        };
        let end = self.0.iter().find(decided)?.end.as_ref()?;
        (end.outcome == Outcome::RolledBack).then(|| end.reason.as_deref().unwrap_or_default())
    }
}

fn outcome(row: &DeploymentRow) -> Option<Outcome> {
    row.end
        .as_ref()
        .map(|end| &end.outcome)
        .and_then(Word::known)
}
