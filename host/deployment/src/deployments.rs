//! The deployments of one host, as the server uses them: orders in, views out.
//!
//! This file decides whether an order is accepted, and hands it on. Three owners do the work, each
//! with its own lock: [`Revisions`] holds the active, the candidate and the earlier revisions;
//! [`Rollouts`] runs one deployment at a time; [`Cluster`] is this host among the others that share
//! its database. Background tasks live until [`Deployments::stop`].

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use parking_lot::Mutex;
use tokio::task::JoinSet;

use super::admin::{Admin, AdminError, Attempt};
use super::cluster::{self, Cluster, Member, Remote};
use super::follower::Follower;
use super::gate::Gate;
use super::history::{self, Filter, Past};
use super::host::Host;
use super::model::{ComponentDetails, ComponentSummary, Deployment, Event, Order, Status};
use super::recovery::Unfinished;
use super::revisions::Revisions;
use super::rollouts::Rollouts;
use super::settings::Settings;
use super::start::Start;
use super::views;
use contract::deployment::{Kind, Outcome, Progress, Reason, Stage};
use contract::digest;
use request::Service;
use storage::Registry;
use storage::registry::{End, NewDeployment, StoredComponent};

/// The deployments of one host.
pub struct Deployments {
    pub(crate) host: Arc<Host>,
    rollouts: Arc<Rollouts>,
    /// Tasks that run until [`Deployments::stop`].
    background: Mutex<JoinSet<()>>,
}

impl Deployments {
    /// Creates the deployments of a host. `service` serves the active revision already. `member` is
    /// this host's membership, if hosts share the database.
    pub fn new(
        gate: Arc<Gate>,
        service: Arc<Service>,
        settings: Settings,
        member: Option<Arc<Member>>,
    ) -> Arc<Self> {
        let host = Arc::new(Host {
            gate,
            revisions: Revisions::new(service, settings.keep),
            cluster: Cluster::new(member),
            settings,
            verdict: Mutex::default(),
        });
        Arc::new(Deployments {
            rollouts: Arc::new(Rollouts::new(host.clone())),
            host,
            background: Mutex::default(),
        })
    }

    /// Continues what the start found: a probation or a trial that the end of a host interrupted. Then
    /// follows the other hosts of the database. Returns when this host has a lease.
    pub async fn resume(&self, start: Start) {
        let rollouts = &self.rollouts;
        match start.unfinished {
            Some(Unfinished::Probation { row, previous }) => {
                rollouts
                    .resume_probation(row, start.revision, previous)
                    .await;
            }
            Some(Unfinished::Trial { row, order }) => rollouts.resume_trial(row, order, None),
            None => {}
        }
        if let Some(member) = self.host.cluster.member() {
            member.serves(start.epoch, &self.host.revisions.active().digest);
            let (host, rollouts) = (self.host.clone(), self.rollouts.clone());
            self.spawn(Follower::new(host, rollouts, member.clone()).run());
            member.granted().await;
        }
    }

    /// Stops everything, before the process ends. A probation or a trial continues when the host starts
    /// again, or on another host at once.
    pub async fn stop(&self) {
        let mut background = std::mem::take(&mut *self.background.lock());
        background.shutdown().await;
        self.rollouts.stop().await;
        self.host.cluster.leave().await;
    }

    /// Runs a task until [`Deployments::stop`].
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.background.lock().spawn(task);
    }

    /// Begins a deployment of any kind, and returns its id.
    pub(crate) async fn order(
        &self,
        order: Order,
        kind: Kind,
        actor: &str,
    ) -> Result<i64, AdminError> {
        if order.canary_percent.is_some() && order.shadow {
            return Err(AdminError::rejected(
                Reason::TwoTrials,
                "order a canary or a shadow, not both",
            ));
        }
        check_words(&order)?;
        let component = self.stored(&order.digest).await?;
        if !order.retry_refused
            && let Some(reason) = Past::read(self.registry())
                .await?
                .rolled_back(&order.digest)
        {
            return Err(AdminError::rejected(
                Reason::RefusedBefore,
                format!(
                    "this component was rolled back before ({reason}); order again with \
                     retry_refused if the cause is gone"
                ),
            ));
        }
        self.rollouts.deploy(order, kind, component, actor).await
    }

    /// Ends a deployment as aborted, on whichever host it runs. Returns false if it does not run.
    async fn interrupt(&self, id: i64, reason: String) -> Result<bool, AdminError> {
        if self.rollouts.interrupt(id, reason.clone()).await {
            return Ok(true);
        }
        match self.remote(id).await? {
            Some(remote) => remote.interrupt(reason).await,
            None => Ok(false),
        }
    }

    fn registry(&self) -> &dyn Registry {
        self.host.registry()
    }

    /// Finds a deployment that another host runs.
    async fn remote(&self, id: i64) -> Result<Option<Remote<'_>>, AdminError> {
        let database = &*self.host.gate.database;
        Ok(Remote::find(self.host.cluster.member(), database, id).await?)
    }

    async fn stored(&self, digest: &str) -> Result<StoredComponent, AdminError> {
        let component = self.registry().component(digest).await?;
        component
            .ok_or_else(|| AdminError::NotFound(format!("no component {digest} was uploaded here")))
    }

    /// Returns the digest that was active before the active one.
    async fn before_active(&self) -> Result<String, AdminError> {
        let active = self.host.revisions.active().digest.clone();
        let past = Past::read(self.registry()).await?;
        past.before(&active)
            .map(str::to_owned)
            .ok_or_else(|| AdminError::NotFound("nothing was active before this revision".into()))
    }
}

/// Checks what an order says for people. It is shown in terminals and written to the log.
fn check_words(order: &Order) -> Result<(), AdminError> {
    for (name, words, most) in [
        ("message", &order.message, 300),
        ("Git revision", &order.git_revision, 100),
    ] {
        let Some(words) = words else { continue };
        let length = words.chars().count();
        if length == 0 || length > most || words.chars().any(contract::text::is_deceptive) {
            return Err(AdminError::rejected(
                Reason::TextUnfit,
                format!(
                    "the {name} must be one line of 1 to {most} characters, without control characters"
                ),
            ));
        }
    }
    Ok(())
}

#[async_trait]
impl Admin for Deployments {
    async fn upload(
        &self,
        content: Vec<u8>,
        expected: Option<&str>,
        signature: Option<Vec<u8>>,
        actor: &str,
    ) -> Result<ComponentSummary, AdminError> {
        let digest = digest::sha256(&content);
        if let Some(expected) = expected
            && expected != digest
        {
            return Err(AdminError::rejected(
                Reason::DigestMismatch,
                format!("the content's digest is {digest}, not {expected}"),
            ));
        }
        let component = StoredComponent {
            size_bytes: content.len() as u64,
            content,
            signature,
            actor: actor.to_owned(),
            uploaded_at: 0,
            digest,
        };
        self.registry().put_component(&component).await?;
        let stored = self.registry().component(&component.digest).await?;
        Ok(views::component(&self.host, &stored.unwrap_or(component)))
    }

    async fn components(&self) -> Result<Vec<ComponentSummary>, AdminError> {
        let components = self.registry().components().await?;
        let shown = components.iter();
        Ok(shown
            .map(|component| views::component(&self.host, component))
            .collect())
    }

    async fn component(&self, digest: &str) -> Result<Option<ComponentDetails>, AdminError> {
        let stored = self.registry().component(digest).await?;
        Ok(stored.map(|component| views::details(&self.host, &component)))
    }

    async fn content(&self, digest: &str) -> Result<Option<Vec<u8>>, AdminError> {
        let stored = self.registry().component(digest).await?;
        Ok(stored.map(|component| component.content))
    }

    async fn deploy(&self, order: Order, actor: &str) -> Result<i64, AdminError> {
        let kind = match order.dry_run {
            true => Kind::DryRun,
            false => Kind::Deploy,
        };
        self.order(order, kind, actor).await
    }

    async fn rollback(&self, digest: Option<&str>, actor: &str) -> Result<i64, AdminError> {
        if let Some(running) = self.registry().running_deployment().await?
            && let Some(Progress::At(stage)) = running.stage.known()
            && matches!(stage, Stage::Probation | Stage::Canary | Stage::Shadow)
            && digest.is_none_or(|digest| running.new.from.as_deref() == Some(digest))
        {
            let reason = format!("rolled back by {actor} at its stage {stage}");
            // If it has ended by now, the new revision is rolled back like any other.
            if self.interrupt(running.id, reason).await? {
                return Ok(running.id);
            }
        }
        let digest = match digest {
            Some(digest) => digest.to_owned(),
            None => self.before_active().await?,
        };
        let active = self.registry().active().await?;
        if active.is_some_and(|active| active.digest == digest) {
            return Err(AdminError::rejected(
                Reason::AlreadyActive,
                format!("{digest} is the active component already"),
            ));
        }
        if !self.registry().was_active(&digest).await? {
            return Err(AdminError::rejected(
                Reason::NeverActive,
                format!("{digest} was never active here; deploy it instead"),
            ));
        }
        let component = self.stored(&digest).await?;
        self.rollouts.roll_back(component, actor).await
    }

    async fn promote(
        &self,
        id: i64,
        canary_percent: Option<f64>,
        actor: &str,
    ) -> Result<(), AdminError> {
        if self.registry().deployment(id).await?.is_none() {
            return Err(AdminError::NotFound(format!("there is no deployment {id}")));
        }
        if let Some(remote) = self.remote(id).await?
            && remote.promote(canary_percent, actor).await?
        {
            return Ok(());
        }
        self.rollouts.promote(id, canary_percent, actor).await
    }

    async fn abort(&self, id: i64, actor: &str) -> Result<(), AdminError> {
        match self.interrupt(id, format!("aborted by {actor}")).await? {
            true => Ok(()),
            false => Err(AdminError::rejected(
                Reason::NotRunning,
                format!("deployment {id} does not run"),
            )),
        }
    }

    async fn record(&self, attempt: Attempt, actor: &str) -> Result<(), AdminError> {
        let new = NewDeployment {
            digest: attempt.digest,
            from: Some(self.host.revisions.active().digest.clone()),
            kind: attempt.kind.into(),
            actor: actor.to_owned(),
            order: "{}".to_owned(),
        };
        let end = End {
            outcome: Outcome::Rejected.into(),
            code: Some(attempt.code),
            reason: Some(attempt.reason),
            report: "[]".to_owned(),
        };
        self.registry().record_attempt(&new, &end).await?;
        Ok(())
    }

    async fn deployment(&self, id: i64) -> Result<Option<Deployment>, AdminError> {
        let row = self.registry().deployment(id).await?;
        Ok(row.map(|row| match self.rollouts.journal(id) {
            // The registry has the events up to the latest stage.
            Some(journal) => history::with_events(row, journal.events()),
            None => history::deployment(row),
        }))
    }

    async fn history(&self, filter: &Filter) -> Result<Vec<Deployment>, AdminError> {
        Ok(history::list(self.registry(), filter).await?)
    }

    async fn status(&self) -> Result<Status, AdminError> {
        views::status(&self.host).await
    }

    async fn follow(&self, id: i64) -> Result<Option<BoxStream<'static, Event>>, AdminError> {
        if let Some(journal) = self.rollouts.journal(id) {
            return Ok(Some(journal.follow().boxed()));
        }
        let deployment = self.deployment(id).await?;
        Ok(deployment.map(|deployment| {
            if deployment.outcome == Outcome::Running {
                return cluster::follow(self.host.gate.database.clone(), id);
            }
            stream::iter(deployment.events).boxed()
        }))
    }
}
