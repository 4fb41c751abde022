//! Deployments that another host runs: followed from here, and commanded from here.
//!
//! A command is stored in the deployment's row. The host that runs the deployment reads it with its
//! next heartbeat, and clears it when it is done.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use serde::{Deserialize, Serialize};

use super::{Member, POLL};
use crate::admin::AdminError;
use crate::history;
use crate::model::Event;
use contract::deployment::{Progress, Reason, Stage};
use storage::registry::DeploymentRow;
use storage::{self, Database};

/// A command for the host that runs a deployment.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Command {
    /// End it and go back.
    Interrupt { reason: String },
    /// Give it all clients, or give a canary another share, in percent.
    Promote { percent: Option<f64>, actor: String },
}

/// A deployment that another host runs.
pub(crate) struct Remote<'a> {
    member: &'a Member,
    row: DeploymentRow,
}

impl<'a> Remote<'a> {
    /// Finds a deployment that another host runs now.
    ///
    /// # Errors
    /// Returns the database's error.
    pub(crate) async fn find(
        member: Option<&'a Arc<Member>>,
        database: &dyn Database,
        id: i64,
    ) -> Result<Option<Self>, storage::Error> {
        let Some(member) = member else {
            return Ok(None);
        };
        let row = database.registry().deployment(id).await?;
        let row = row.filter(|row| row.end.is_none() && coordinator(row) != member.id());
        Ok(row.map(|row| Remote { member, row }))
    }

    /// Ends the deployment as aborted. Returns false if it does not run any more.
    ///
    /// # Errors
    /// Returns [`AdminError::Unavailable`] if its host does not answer.
    pub(crate) async fn interrupt(&self, reason: String) -> Result<bool, AdminError> {
        self.send(&Command::Interrupt { reason }).await
    }

    /// Promotes the deployment, or gives a canary another share. Returns false if it is not on
    /// trial.
    ///
    /// # Errors
    /// Returns [`AdminError::Rejected`] if a shadow should get a share, and
    /// [`AdminError::Unavailable`] if the deployment's host does not answer.
    pub(crate) async fn promote(
        &self,
        percent: Option<f64>,
        actor: &str,
    ) -> Result<bool, AdminError> {
        match (self.row.stage.known(), percent) {
            (Some(Progress::At(Stage::Canary)), _) => {}
            (Some(Progress::At(Stage::Shadow)), None) => {}
            (Some(Progress::At(Stage::Shadow)), Some(_)) => {
                return Err(no_canary(self.row.id));
            }
            // The caller reports it like a deployment of this host that is not on trial.
            _ => return Ok(false),
        }
        let actor = actor.to_owned();
        self.send(&Command::Promote { percent, actor }).await
    }

    /// Sends a command and waits until it was carried out. Returns false if the deployment does not
    /// run any more.
    async fn send(&self, command: &Command) -> Result<bool, AdminError> {
        let (id, replicas) = (self.row.id, self.member.replicas());
        let text = serde_json::to_string(command).unwrap_or_default();
        if !replicas.send_command(id, &text).await? {
            return Ok(false);
        }
        // If the deployment's host is gone, another host takes the deployment over after a lease.
        let until = Instant::now() + 2 * self.member.lease_time();
        while !replicas.is_command_handled(id).await? {
            if Instant::now() >= until {
                return Err(AdminError::Unavailable(format!(
                    "the host that runs deployment {id} has not answered"
                )));
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(true)
    }
}

/// A deployment has no share to change, because it is not a canary.
pub(crate) fn no_canary(id: i64) -> AdminError {
    AdminError::rejected(
        Reason::NoCanary,
        format!("deployment {id} is not a canary, so it has no share to change"),
    )
}

/// Returns the id of the host that runs a deployment. Empty if the row names none.
pub(crate) fn coordinator(row: &DeploymentRow) -> &str {
    row.coordinator.as_deref().unwrap_or_default()
}

/// Follows a deployment that another host runs: yields its events as the registry records them, to
/// the last.
pub(crate) fn follow(database: Arc<dyn Database>, id: i64) -> BoxStream<'static, Event> {
    let recorded = Recorded {
        database,
        id,
        count: 0,
        events: VecDeque::new(),
        ended: false,
    };
    stream::unfold(recorded, |mut recorded| async move {
        let event = recorded.next().await?;
        Some((event, recorded))
    })
    .boxed()
}

/// The recorded events of a deployment that another host runs.
struct Recorded {
    database: Arc<dyn Database>,
    id: i64,
    /// How many events were read from the registry.
    count: usize,
    /// Those of them that were not yielded yet.
    events: VecDeque<Event>,
    ended: bool,
}

impl Recorded {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            if self.ended {
                return None;
            }
            match self.database.registry().deployment(self.id).await {
                Ok(Some(row)) => {
                    self.ended = row.end.is_some();
                    let events = history::deployment(row).events;
                    let new = events.get(self.count..).unwrap_or_default();
                    self.events.extend(new.iter().cloned());
                    self.count = self.count.max(events.len());
                }
                Ok(None) => return None,
                // The stream stays silent until the database answers again.
                Err(error) => tracing::debug!("cannot follow deployment {}: {error}", self.id),
            }
            if self.events.is_empty() && !self.ended {
                tokio::time::sleep(POLL).await;
            }
        }
    }
}
