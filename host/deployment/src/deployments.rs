//! The deployments of one host: one at a time, each remembered, followed as it happens.
//!
//! Lifetimes: a running deployment is a task that the process owns until it has ended; its
//! journal lives as long as somebody follows it. The active revision is held by
//! [`Service`], the ones before it here, compiled, so that going back takes no compilation.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinHandle;

use super::gate::{Gate, digest_of};
use super::journal::Journal;
use super::member::Member;
use super::model::{ComponentSummary, Order};
use super::past::Past;
use super::probation::Probation;
use super::retention::Retention;
use super::running::Running;
use super::signature::TrustedKeys;
use super::trial::Promotion;
use request::{Revision, Service};
use storage::registry::{NewDeployment, StoredComponent};
use storage::{self, Database, Registry};

/// How deployments are done.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How a new revision is judged.
    pub probation: Probation,
    /// Revisions before the active one that stay compiled in memory.
    pub keep: usize,
    /// What the database keeps of components and deployments that have ended.
    pub retention: Retention,
    /// For tests of what a crash leaves behind: a deployment stops for ever before this stage
    /// or point.
    pub pause_before: Option<String>,
}

/// The deployments of this host.
pub struct Deployments {
    pub(super) gate: Arc<Gate>,
    pub(super) service: Arc<Service>,
    pub(super) database: Arc<dyn Database>,
    pub(super) settings: Settings,
    pub(super) keys: TrustedKeys,
    /// The latest first.
    kept: Mutex<VecDeque<Arc<Revision>>>,
    pub(super) running: Mutex<Option<Running>>,
    /// What ends a trial well, while one runs.
    pub(super) promotion: Mutex<Option<Promotion>>,
    /// What carries the configuration's declaration out, until it has ended.
    pub(super) declaring: Mutex<Option<JoinHandle<()>>>,
    /// This host among others; none: the database is its own.
    pub(super) member: Option<Arc<Member>>,
    /// What does as the others do, until [`Deployments::stop`].
    pub(super) following: Mutex<Option<JoinHandle<()>>>,
    /// Held while the active revision is replaced: by this host's own deployment, or by another's.
    pub(super) switching: tokio::sync::Mutex<()>,
}

/// Why an order was not taken. Nothing was begun.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// Another deployment runs.
    #[error("deployment {0} runs; wait for its end, or abort it")]
    Busy(i64),
    /// There is no such component or deployment.
    #[error("{0}")]
    NotFound(String),
    /// The order cannot be carried out.
    #[error("{reason}")]
    Rejected {
        /// A stable slug.
        code: &'static str,
        /// For people.
        reason: String,
    },
    /// The database does not answer.
    #[error(transparent)]
    Database(#[from] storage::Error),
}

impl Deployments {
    /// Joins the parts. `service` serves the active revision already. Where hosts share the
    /// database, `member` is this one.
    pub fn new(
        gate: Arc<Gate>,
        service: Arc<Service>,
        database: Arc<dyn Database>,
        keys: TrustedKeys,
        settings: Settings,
        member: Option<Arc<Member>>,
    ) -> Arc<Self> {
        Arc::new(Deployments {
            gate,
            service,
            database,
            settings,
            keys,
            kept: Mutex::default(),
            running: Mutex::default(),
            promotion: Mutex::default(),
            declaring: Mutex::default(),
            member,
            following: Mutex::default(),
            switching: tokio::sync::Mutex::default(),
        })
    }

    /// Begins to do as the other hosts do, having served the component of that epoch so far, and
    /// returns when this host may answer.
    pub async fn join(self: &Arc<Self>, epoch: i64) {
        let Some(member) = self.member.clone() else {
            return;
        };
        member.serves(epoch, &self.service.active().digest);
        let following = tokio::spawn(self.clone().follow_others(member.clone()));
        *self
            .following
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(following);
        member.granted().await;
    }

    /// Keeps a component. Its content is checked when it is deployed; here only the digest.
    ///
    /// # Errors
    /// [`OrderError::Rejected`] where the digest is another one; [`OrderError::Database`].
    pub async fn upload(
        &self,
        content: Vec<u8>,
        expected: Option<&str>,
        signature: Option<Vec<u8>>,
        actor: &str,
    ) -> Result<ComponentSummary, OrderError> {
        let digest = digest_of(&content);
        if let Some(expected) = expected.map(plain_digest)
            && expected != digest
        {
            return Err(OrderError::Rejected {
                code: "digest-mismatch",
                reason: format!("the content's digest is {digest}, not {expected}"),
            });
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
        Ok(self.summary(&stored.unwrap_or(component)))
    }

    /// Begins a deployment and returns its id.
    ///
    /// # Errors
    /// [`OrderError`]; nothing was begun.
    pub async fn deploy(self: &Arc<Self>, order: Order, actor: &str) -> Result<i64, OrderError> {
        let kind = if order.dry_run { "dry-run" } else { "deploy" };
        self.order(order, kind, actor).await
    }

    /// Begins a deployment of a kind.
    pub(super) async fn order(
        self: &Arc<Self>,
        order: Order,
        kind: &str,
        actor: &str,
    ) -> Result<i64, OrderError> {
        if order.canary_percent.is_some() && order.shadow {
            return Err(OrderError::Rejected {
                code: "two-trials",
                reason: "order a canary or a shadow, not both".to_owned(),
            });
        }
        let digest = plain_digest(&order.digest).to_owned();
        let component = self.find(&digest).await?;
        if !order.retry_refused
            && let Some(reason) = Past::read(self.registry()).await?.rolled_back(&digest)
        {
            return Err(OrderError::Rejected {
                code: "refused-before",
                reason: format!(
                    "this component was rolled back before ({reason}); order again with \
                     retry_refused if the cause is gone"
                ),
            });
        }
        let journal = self.begin(&digest, kind, actor, &order).await?;
        let id = journal.id;
        let this = self.clone();
        self.run(journal.clone(), async move {
            this.carry_out(&journal, &order, component).await;
        });
        Ok(id)
    }

    /// Goes back to a revision that was active before: to that of the digest, or to the one
    /// before the active one. Takes milliseconds where the revision is still compiled. While a
    /// new revision is in probation or tried beside the active one, that deployment is ended by
    /// going back, and its id returned.
    ///
    /// # Errors
    /// [`OrderError`]; nothing was begun.
    pub async fn rollback(
        self: &Arc<Self>,
        digest: Option<&str>,
        actor: &str,
    ) -> Result<i64, OrderError> {
        let digest = digest.map(plain_digest);
        if let Some(running) = self.registry().running_deployment().await?
            && matches!(running.stage.as_str(), "probation" | "canary" | "shadow")
            && digest.is_none_or(|digest| running.new.from.as_deref() == Some(digest))
        {
            let reason = format!("rolled back by {actor} at its stage {}", running.stage);
            // Where that is over by now, it is rolled back like any other.
            if self.interrupt_anywhere(running.id, reason).await? {
                return Ok(running.id);
            }
        }
        let digest = match digest {
            Some(digest) => digest.to_owned(),
            None => self.before_active().await?,
        };
        if !self.registry().was_active(&digest).await? {
            return Err(OrderError::Rejected {
                code: "never-active",
                reason: format!("{digest} was never active here; deploy it instead"),
            });
        }
        let component = self.find(&digest).await?;
        let order = Order {
            digest: digest.clone(),
            ..Order::default()
        };
        let journal = self.begin(&digest, "rollback", actor, &order).await?;
        let id = journal.id;
        let this = self.clone();
        self.run(journal.clone(), async move {
            this.go_back(&journal, component).await;
        });
        Ok(id)
    }

    /// Ends a deployment that runs: the revision before it serves.
    ///
    /// # Errors
    /// [`OrderError::Rejected`] where it does not run; [`OrderError::Database`].
    pub async fn abort(self: &Arc<Self>, id: i64, actor: &str) -> Result<(), OrderError> {
        let reason = format!("aborted by {actor}");
        match self.interrupt_anywhere(id, reason).await? {
            true => Ok(()),
            false => Err(OrderError::Rejected {
                code: "not-running",
                reason: format!("deployment {id} does not run"),
            }),
        }
    }

    pub(super) fn registry(&self) -> &dyn Registry {
        self.database.registry()
    }

    /// A revision that is still compiled.
    pub(super) fn kept(&self, digest: &str) -> Option<Arc<Revision>> {
        let kept = self.lock_kept();
        kept.iter()
            .find(|revision| revision.digest == digest)
            .cloned()
    }

    /// Keeps a revision that is active no longer, so that going back to it is quick.
    pub(super) fn keep(&self, revision: Arc<Revision>) {
        let active = self.service.active().digest.clone();
        let mut kept = self.lock_kept();
        kept.retain(|other| other.digest != revision.digest && other.digest != active);
        if revision.digest != active {
            kept.push_front(revision);
        }
        kept.truncate(self.settings.keep);
    }

    async fn begin(
        &self,
        digest: &str,
        kind: &str,
        actor: &str,
        order: &Order,
    ) -> Result<Arc<Journal>, OrderError> {
        self.caught_up().await?;
        let new = NewDeployment {
            digest: digest.to_owned(),
            from: Some(self.service.active().digest.clone()),
            kind: kind.to_owned(),
            actor: actor.to_owned(),
            order: serde_json::to_string(order).unwrap_or_default(),
        };
        let begun = self.registry().begin_deployment(&new).await?;
        let id = begun.map_err(OrderError::Busy)?;
        let journal = Journal::new(id, self.database.clone());
        Ok(Arc::new(
            journal.pausing(self.settings.pause_before.clone()),
        ))
    }

    async fn find(&self, digest: &str) -> Result<StoredComponent, OrderError> {
        let component = self.registry().component(digest).await?;
        component
            .ok_or_else(|| OrderError::NotFound(format!("no component {digest} was uploaded here")))
    }

    /// The digest that was active before the one that is.
    async fn before_active(&self) -> Result<String, OrderError> {
        let active = self.service.active().digest.clone();
        let past = Past::read(self.registry()).await?;
        past.before(&active)
            .map(str::to_owned)
            .ok_or_else(|| OrderError::NotFound("nothing was active before this revision".into()))
    }

    // What it guards is whole also where a holder panicked.
    pub(super) fn lock_kept(&self) -> std::sync::MutexGuard<'_, VecDeque<Arc<Revision>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn plain_digest(digest: &str) -> &str {
    digest.strip_prefix("sha256:").unwrap_or(digest)
}
