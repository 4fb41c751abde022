//! Deployments that another host of the database runs: seen from here, and ended or promoted by a
//! wish that the other one hears.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use serde::{Deserialize, Serialize};

use super::deployments::{Deployments, OrderError};
use super::following::coordinator;
use super::history;
use super::member::Member;
use super::model::Event;
use storage::registry::DeploymentRow;
use storage::replicas::RunningDeployment;
use storage::{self, Database};

/// How often is looked for what another host has done.
const LOOK: Duration = Duration::from_millis(100);

/// What is wished of the host that runs a deployment.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Wish {
    /// End it and go back.
    Interrupt { reason: String },
    /// Give it all clients, or a canary another share, in percent.
    Promote { percent: Option<f64>, actor: String },
}

impl Deployments {
    /// Ends a deployment as aborted, on whichever host it runs; false: it does not run.
    pub(super) async fn interrupt_anywhere(
        &self,
        id: i64,
        reason: String,
    ) -> Result<bool, OrderError> {
        if self.interrupt(id, reason.clone()).await {
            return Ok(true);
        }
        match self.runs_elsewhere(id).await? {
            Some(_) => self.wish(id, &Wish::Interrupt { reason }).await,
            None => Ok(false),
        }
    }

    /// Promotes a trial that another host runs; false: none does.
    pub(super) async fn promote_elsewhere(
        &self,
        id: i64,
        percent: Option<f64>,
        actor: &str,
    ) -> Result<bool, OrderError> {
        let Some(row) = self.runs_elsewhere(id).await? else {
            return Ok(false);
        };
        match (row.stage.as_str(), percent) {
            ("canary", _) | ("shadow", None) => {}
            ("shadow", Some(_)) => {
                return Err(OrderError::Rejected {
                    code: "no-canary",
                    reason: format!("deployment {id} is no canary, so it has no share to change"),
                });
            }
            // That it is no trial is told as it is of one that runs here.
            _ => return Ok(false),
        }
        let actor = actor.to_owned();
        self.wish(id, &Wish::Promote { percent, actor }).await
    }

    /// Does what another host wishes of a deployment that runs here.
    pub(super) async fn hear_wish(self: &Arc<Self>, member: &Member, running: &RunningDeployment) {
        let Some(wish) = &running.command else { return };
        let id = running.row.id;
        match serde_json::from_str(wish) {
            Ok(Wish::Interrupt { reason }) => {
                self.interrupt(id, reason).await;
            }
            Ok(Wish::Promote { percent, actor }) => {
                if let Err(error) = self.promote(id, percent, &actor).await {
                    tracing::warn!("cannot promote deployment {id}, as {actor} wished: {error}");
                }
            }
            Err(error) => {
                tracing::warn!("another host's wish for deployment {id} is not known: {error}");
            }
        }
        if let Err(error) = member.replicas().clear_command(id).await {
            tracing::warn!("cannot say that a wish for deployment {id} was heard: {error}");
        }
    }

    /// The events of a deployment that another host runs, as they are written down, to its end.
    pub(super) fn follow_elsewhere(&self, id: i64) -> BoxStream<'static, Event> {
        let seen = Seen {
            database: self.database.clone(),
            id,
            count: 0,
            events: VecDeque::new(),
            ended: false,
        };
        stream::unfold(seen, |mut seen| async move {
            let event = seen.next().await?;
            Some((event, seen))
        })
        .boxed()
    }

    /// Waits until this host serves what is active: a deployment is compared with that.
    pub(super) async fn caught_up(&self) -> Result<(), OrderError> {
        let Some(member) = &self.member else {
            return Ok(());
        };
        let until = Instant::now() + member.lease_time();
        loop {
            let active = self.registry().active().await?;
            if active.is_none_or(|active| active.epoch <= member.epoch()) {
                return Ok(());
            }
            if Instant::now() >= until {
                return Err(OrderError::Rejected {
                    code: "replica-late",
                    reason: "this host does not serve the active component yet; ask again, or \
                             another host"
                        .to_owned(),
                });
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// A deployment that another host runs now.
    async fn runs_elsewhere(&self, id: i64) -> Result<Option<DeploymentRow>, OrderError> {
        let Some(member) = &self.member else {
            return Ok(None);
        };
        let row = self.registry().deployment(id).await?;
        Ok(row.filter(|row| row.end.is_none() && coordinator(row) != member.id()))
    }

    /// Leaves a wish and waits until it was heard; false: the deployment does not run any more.
    async fn wish(&self, id: i64, wish: &Wish) -> Result<bool, OrderError> {
        let Some(member) = &self.member else {
            return Ok(false);
        };
        let replicas = member.replicas();
        let text = serde_json::to_string(wish).unwrap_or_default();
        if !replicas.send_command(id, &text).await? {
            return Ok(false);
        }
        // Where its host is gone, another one takes it over after a lease.
        let until = Instant::now() + 2 * member.lease_time();
        while !replicas.is_command_handled(id).await? {
            if Instant::now() >= until {
                return Err(OrderError::Database(storage::Error::Unavailable(format!(
                    "the host that runs deployment {id} has not answered"
                ))));
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(true)
    }
}

/// What was seen so far of a deployment that another host runs.
struct Seen {
    database: Arc<dyn Database>,
    id: i64,
    /// Events that were taken from the registry.
    count: usize,
    events: VecDeque<Event>,
    ended: bool,
}

impl Seen {
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
                // Whoever follows sees that nothing comes, until it answers again.
                Err(error) => tracing::debug!("cannot follow deployment {}: {error}", self.id),
            }
            if self.events.is_empty() && !self.ended {
                tokio::time::sleep(LOOK).await;
            }
        }
    }
}
