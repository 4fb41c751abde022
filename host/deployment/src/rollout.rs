//! One deployment from its first check to its end: staged, switched, watched, and undone by
//! itself if the new logic misbehaves.
//!
//! What survives a crash is decided by the registry alone: before `activate` the old component is
//! active, after it the new one, and a deployment that was in probation when the host died is
//! rolled back when it starts again (`start`).

use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::{Either, select};

use super::Refused;
use super::deployments::Deployments;
use super::gate::{Gate, bind, digest_of};
use super::history;
use super::journal::{Journal, Status};
use super::model::Order;
use super::probation::{self, Verdict};
use super::signature::{SignatureError, TrustedKeys};
use request::Revision;
use storage::registry::{End, StoredComponent};
use transcode::{Interface, breaking_changes};

/// How often the end of a deployment is written before it is given up.
const ATTEMPTS: u32 = 20;

impl Gate {
    /// Puts a component through every check, short of changing anything.
    ///
    /// `active`: what its API is compared with. `was_active`: the database may have migrations
    /// beyond the component's.
    pub(super) async fn admit(
        &self,
        journal: &Journal,
        order: &Order,
        component: &StoredComponent,
        keys: &TrustedKeys,
        active: Option<&Revision>,
        was_active: bool,
    ) -> Result<Revision, Refused> {
        let digest = component.digest.as_str();
        journal
            .stage("verify", async { verify(component, keys) })
            .await?;
        // The compiler goes first: it says best what is wrong with bytes that are no component.
        let program = journal
            .stage("compile", self.compile(&component.content, digest))
            .await?;
        let description = journal.stage("describe", self.describe(&program)).await?;
        let (bound, assets) = journal
            .stage("bind", async {
                let interface = Interface::decode(&component.content)?;
                let assets = self.assets(&program).await?;
                let bound = bind(&interface, &description, &assets)?;
                Ok::<_, Refused>((bound, assets))
            })
            .await?;
        if let Some(active) = active {
            let compared = async {
                let changes = breaking_changes(&active.operations, &bound.operations);
                let changes: Vec<String> = changes.iter().map(ToString::to_string).collect();
                if changes.is_empty() {
                    return Ok(());
                }
                journal.breaking(changes.clone());
                match order.allow_breaking {
                    true => Ok(()),
                    false => Err(Refused::Breaking(changes)),
                }
            };
            journal.stage("compare", compared).await?;
        }
        journal
            .stage("check", self.try_schema(&program, &description, was_active))
            .await?;
        self.assemble(digest.to_owned(), program, description, assets, bound)
    }
}

fn verify(component: &StoredComponent, keys: &TrustedKeys) -> Result<(), Refused> {
    let digest = digest_of(&component.content);
    if digest != component.digest {
        return Err(Refused::Damaged(digest));
    }
    check_signature(component, keys)
}

/// Checks that a trusted key signed a component, where any is trusted.
pub(super) fn check_signature(
    component: &StoredComponent,
    keys: &TrustedKeys,
) -> Result<(), Refused> {
    if keys.is_empty() {
        return Ok(());
    }
    let signature = component.signature.as_deref();
    keys.verify(&component.digest, signature.ok_or(SignatureError::Missing)?)?;
    Ok(())
}

impl Deployments {
    /// Carries a deployment out, to its end.
    pub(super) async fn carry_out(
        &self,
        journal: &Journal,
        order: &Order,
        component: StoredComponent,
    ) {
        match self.try_out(journal, order, component).await {
            Ok(Some((new, previous))) => self.watch(journal, new, previous).await,
            Ok(None) => {
                let outcome = if order.dry_run { "checked" } else { "active" };
                self.end(journal, outcome, None, None).await;
            }
            // It is not tried again by accident, as one that fails in probation.
            Err(Refused::Canary(reason)) => {
                let reason = ("canary-failed", reason);
                self.end(journal, "rolled-back", Some(reason), None).await;
            }
            Err(refused) => self.reject(journal, &refused).await,
        }
    }

    /// Checks, tries beside the active revision where that was ordered, and switches. Returns the
    /// new revision and the one before; none where nothing was to be switched.
    async fn try_out(
        &self,
        journal: &Journal,
        order: &Order,
        component: StoredComponent,
    ) -> Result<Option<(Arc<Revision>, Arc<Revision>)>, Refused> {
        let active = self.service.active();
        let was_active = self.registry().was_active(&component.digest).await?;
        let admitted = self.gate.admit(
            journal,
            order,
            &component,
            &self.keys,
            Some(&active),
            was_active,
        );
        let revision = admitted.await?;
        self.stage(journal).await?;
        if order.dry_run {
            return Ok(None);
        }
        if component.digest == active.digest {
            let detail = "it is the active one already".to_owned();
            journal.note("switch", Status::Noted, Some(detail));
            return Ok(None);
        }
        let migrated = self.gate.migrate(&revision.description, was_active);
        journal.stage("migrate", migrated).await?;
        let revision = Arc::new(revision);
        self.try_beside(journal, order, &revision).await?;
        let previous = journal
            .stage(
                "switch",
                self.switch(journal, revision.clone(), "probation"),
            )
            .await?;
        Ok(Some((revision, previous)))
    }

    /// Waits until every host of the database has the component ready.
    async fn stage(&self, journal: &Journal) -> Result<(), Refused> {
        if self.member.is_none() {
            return Ok(());
        }
        let others = journal
            .stage("stage", self.stage_elsewhere(journal))
            .await?;
        if others > 0 {
            let detail = format!("ready on {others} other hosts");
            journal.note("stage", Status::Noted, Some(detail));
        }
        Ok(())
    }

    /// Makes a revision the active one: for every restart and every other host first, then for
    /// every request.
    async fn switch(
        &self,
        journal: &Journal,
        revision: Arc<Revision>,
        stage: &str,
    ) -> Result<Arc<Revision>, Refused> {
        let _switching = self.switching.lock().await;
        let activated = self
            .registry()
            .activate(journal.id, &revision.digest, stage)
            .await;
        let epoch = match activated {
            Ok(epoch) => epoch,
            // The commit may have happened all the same: what the registry says now counts.
            Err(error) => match self.registry().active().await? {
                Some(active) if active.deployment == journal.id => active.epoch,
                _ => return Err(error.into()),
            },
        };
        journal.reach("activated").await;
        let digest = revision.digest.clone();
        let previous = self.service.switch(revision);
        if let Some(member) = &self.member {
            member.serves(epoch, &digest);
        }
        self.keep(previous.clone());
        Ok(previous)
    }

    /// Waits until no host serves what was active before, and notes it.
    async fn settle(&self, journal: &Journal) {
        if self.member.is_none() {
            return;
        }
        let began = Instant::now();
        let detail = match self.settled().await {
            Some(1) => return,
            Some(count) => format!(
                "all {count} hosts serve it after {} ms",
                began.elapsed().as_millis()
            ),
            None => "whether all hosts serve it is not known: the database did not answer".into(),
        };
        journal.note("switch", Status::Noted, Some(detail));
    }

    /// Watches the new revision, and goes back to the previous one if it fails.
    pub(super) async fn watch(
        &self,
        journal: &Journal,
        new: Arc<Revision>,
        previous: Arc<Revision>,
    ) {
        let before = previous.stats.counts();
        journal.begin("probation").await;
        let elsewhere = || self.counts_elsewhere(journal.id)[0];
        let watched = probation::watch(&self.settings.probation, &new, before, elsewhere);
        let settled = self.settle(journal);
        let verdict = match select(pin!(watched), pin!(settled)).await {
            // It goes back without waiting for hosts that are slow to take it.
            Either::Left((failed @ Verdict::Failed(_), _)) => failed,
            Either::Left((passed, settled)) => {
                settled.await;
                passed
            }
            Either::Right(((), watched)) => watched.await,
        };
        match verdict {
            Verdict::Passed(seen) => {
                let detail = format!("{} of {} requests failed", seen.failures, seen.requests);
                journal.note("probation", Status::Passed, Some(detail));
                self.end(journal, "active", None, None).await;
            }
            Verdict::Failed(reason) => {
                // Requests first: every moment counts. A crash between the two is decided the
                // same way when the host starts.
                self.service.switch(previous.clone());
                journal.note("probation", Status::Failed, Some(reason.clone()));
                let reason = ("probation-failed", reason);
                self.end(journal, "rolled-back", Some(reason), Some(&previous.digest))
                    .await;
            }
        }
    }

    /// Goes back to a revision that was active before.
    pub(super) async fn go_back(&self, journal: &Journal, component: StoredComponent) {
        let switched = async {
            let verified = async { check_signature(&component, &self.keys) };
            journal.stage("verify", verified).await?;
            self.stage(journal).await?;
            let revision = match self.kept(&component.digest) {
                Some(kept) => kept,
                None => {
                    let loaded = self.gate.load(&component);
                    Arc::new(journal.stage("compile", loaded).await?)
                }
            };
            let switched = self.switch(journal, revision, "switched");
            journal.stage("switch", switched).await
        };
        match switched.await {
            Ok(_) => {
                self.settle(journal).await;
                self.end(journal, "active", None, None).await;
            }
            Err(refused) => self.reject(journal, &refused).await,
        }
    }

    /// Ends a deployment whose task is gone: goes back, where it had switched already.
    pub(super) async fn undo(&self, journal: &Journal, outcome: &str, reason: (&str, String)) {
        if let Some(report) = self.end_trial() {
            journal.note("shadow", Status::Noted, Some(report));
        }
        let row = self.registry().deployment(journal.id).await;
        let from = match row {
            Ok(Some(row)) if row.stage == "probation" => row.new.from,
            _ => None,
        };
        // Between the registry's switch and that of the requests the old revision still serves.
        if let Some(from) = &from
            && *from != self.service.active().digest
        {
            match self.loaded(from).await {
                Ok(previous) => drop(self.service.switch(previous)),
                Err(refused) => {
                    let reason = (refused.code(), refused.to_string());
                    return self.end(journal, "active", Some(reason), None).await;
                }
            }
        }
        self.end(journal, outcome, Some(reason), from.as_deref())
            .await;
    }

    /// A revision that was active: kept, or loaded again.
    pub(super) async fn loaded(&self, digest: &str) -> Result<Arc<Revision>, Refused> {
        if let Some(kept) = self.kept(digest) {
            return Ok(kept);
        }
        let component = self.registry().component(digest).await?;
        let component = component.ok_or_else(|| Refused::Gone(digest.to_owned()))?;
        self.gate.load(&component).await.map(Arc::new)
    }

    async fn reject(&self, journal: &Journal, refused: &Refused) {
        let reason = (refused.code(), refused.to_string());
        self.end(journal, "rejected", Some(reason), None).await;
    }

    /// Writes the end down, then shows it. Without the database the outcome stands all the same:
    /// it is tried for some seconds, and a restart would decide the same way.
    async fn end(
        &self,
        journal: &Journal,
        outcome: &str,
        reason: Option<(&str, String)>,
        back_to: Option<&str>,
    ) {
        // Whatever ended it: nothing is tried any more.
        self.end_trial();
        let (code, reason) = reason.unzip();
        journal.end(outcome, reason.as_deref());
        journal.reach("end").await;
        let events = journal.events();
        let end = End {
            outcome: outcome.to_owned(),
            code: code.map(str::to_owned),
            reason,
            report: history::report(&events),
        };
        self.service
            .metrics()
            .deployed(outcome, code.unwrap_or_default(), &events_of(&events));
        // Other hosts go on waiting for it, and decide when they take it over.
        let attempts = self.member.as_ref().map_or(ATTEMPTS, |_| u32::MAX);
        for attempt in 1..=attempts {
            match self
                .registry()
                .end_deployment(journal.id, &end, back_to)
                .await
            {
                Ok(()) => break,
                Err(error) if attempt == attempts || error == storage::Error::Conflict => {
                    tracing::error!(
                        deployment.id = journal.id,
                        "the end of deployment {} cannot be written down: {error}",
                        journal.id
                    );
                }
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(250)).await,
            }
        }
        journal.close();
        self.forget().await;
    }
}

/// The stages that ended, and how long each took.
fn events_of(events: &[super::model::Event]) -> Vec<(&str, f64)> {
    let stages = events.iter();
    stages
        .filter_map(|event| Some((event.stage.as_str(), event.duration_ms? / 1e3)))
        .collect()
}
