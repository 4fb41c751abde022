//! An [`Admin`] that deploys nothing, for the tests of the admin API.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use futures_util::StreamExt;
use futures_util::stream::{BoxStream, iter, unfold};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::fake::{self, Fake};
use contract::deployment::{EventStatus, Kind, Outcome, Progress, Stage};
use deployment::model::{
    CanaryStep, ComponentDetails, ComponentInterface, ComponentSummary, Deployment, Event, Order,
    RevisionStatus, ShadowReport, ShadowSample, Status, StepStatus, VerdictStatus,
};
use deployment::{Admin, AdminError, Attempt, Filter};

pub(super) const DIGEST: &str = fake::DIGEST;

/// The deployment that exists.
pub(super) const ID: i64 = 7;

/// Knows one component and one deployment, and remembers what was ordered.
pub(super) struct FakeAdmin {
    /// The orders, in words, with who ordered.
    pub(super) asked: Mutex<Vec<String>>,
    /// The rejected attempts, in words.
    pub(super) remembered: Mutex<Vec<String>>,
    /// The content that was uploaded last.
    pub(super) uploaded: Mutex<Vec<u8>>,
    /// The error of every call, if set.
    pub(super) error: Mutex<Option<AdminError>>,
    /// The events before anybody followed.
    pub(super) past: Mutex<Vec<Event>>,
    live: Mutex<Option<UnboundedReceiver<Event>>>,
    pub(super) happen: UnboundedSender<Event>,
    /// Notified when an order arrives. If the fake `waits`, it carries the order out after `release`.
    pub(super) come: Notify,
    pub(super) release: Notify,
    pub(super) waits: Mutex<bool>,
}

impl FakeAdmin {
    pub(super) fn new() -> Arc<FakeAdmin> {
        let (happen, live) = unbounded_channel();
        Arc::new(FakeAdmin {
            asked: Mutex::default(),
            remembered: Mutex::default(),
            uploaded: Mutex::default(),
            error: Mutex::default(),
            past: Mutex::new(vec![event(0, Stage::Verify, EventStatus::Began)]),
            live: Mutex::new(Some(live)),
            happen,
            come: Notify::new(),
            release: Notify::new(),
            waits: Mutex::default(),
        })
    }

    pub(super) fn fails(error: AdminError) -> Arc<FakeAdmin> {
        let fake = FakeAdmin::new();
        *fake.error.lock().unwrap() = Some(error);
        fake
    }

    /// The admin port as the flags set it.
    pub(super) fn router(self: &Arc<FakeAdmin>, flags: &[&str]) -> Router {
        let config = fake::config(flags);
        let access = config.admin.access(config.admin_addr).unwrap();
        let server = Fake::new().server(flags);
        server.with_admin(self.clone(), access).operators()
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    async fn change(&self, what: String, actor: &str) -> Result<(), AdminError> {
        self.come.notify_one();
        let waits = *self.waits.lock().unwrap();
        if waits {
            self.release.notified().await;
        }
        self.read()?;
        self.asked
            .lock()
            .unwrap()
            .push(format!("{what} by {actor}"));
        Ok(())
    }

    fn read(&self) -> Result<(), AdminError> {
        match &*self.error.lock().unwrap() {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }
}

pub(super) fn event(number: u64, stage: Stage, status: EventStatus) -> Event {
    Event {
        number,
        at: "2025-06-01T12:00:00Z".to_owned(),
        stage: stage.into(),
        status: status.into(),
        detail: Some("two\nlines".to_owned()),
        duration_ms: None,
        canary_percent: None,
        host_end: None,
        breaking: Vec::new(),
        log: Vec::new(),
        rejections: Vec::new(),
        rehearsal: None,
    }
}

pub(super) fn component() -> ComponentSummary {
    ComponentSummary {
        digest: DIGEST.to_owned(),
        size_bytes: 8,
        actor: "alice (token)".to_owned(),
        uploaded_at: "2025-06-01T12:00:00Z".to_owned(),
        signed: false,
        active: true,
    }
}

pub(super) fn deployment(events: Vec<Event>) -> Deployment {
    let ended = events.iter().any(|event| event.stage == Stage::End);
    Deployment {
        id: ID,
        digest: DIGEST.to_owned(),
        from: None,
        kind: Kind::Deploy.into(),
        actor: "alice (token)".to_owned(),
        message: Some("Sort by urgency".to_owned()),
        git_revision: Some("3f2a1b".to_owned()),
        canary_percent: Some(10.0),
        canary_reached_percent: None,
        canary_steps: vec![CanaryStep {
            percent: 10.0,
            state: "ahead".to_owned(),
            began_at: None,
        }],
        canary_step_ms: Some(60_000),
        shadow: false,
        stage: Progress::At(Stage::Verify).into(),
        outcome: match ended {
            true => Outcome::Active.into(),
            false => Outcome::Running.into(),
        },
        code: None,
        reason: None,
        events,
        began_at: "2025-06-01T12:00:00Z".to_owned(),
        ended_at: ended.then(|| "2025-06-01T12:00:01Z".to_owned()),
    }
}

pub(super) fn status() -> Status {
    let revision = RevisionStatus {
        digest: DIGEST.to_owned(),
        name: "things".to_owned(),
        version: "1.4.0".to_owned(),
        requests: 12,
        failures: 1,
        in_flight: 2,
    };
    Status {
        active: revision.clone(),
        candidate: Some(revision.clone()),
        candidate_percent: Some(0.0),
        shadow: Some(ShadowReport {
            compared: 5,
            different: 1,
            skipped: 2,
            samples: vec![ShadowSample {
                route: "GET /things".to_owned(),
                pointer: "/0/title".to_owned(),
                detail: "is another string".to_owned(),
                count: 1,
                request_id: "a1".to_owned(),
            }],
        }),
        deployment: Some(deployment(Vec::new())),
        verdict: Some(VerdictStatus {
            stage: Stage::Canary.into(),
            elapsed_ms: 23_000,
            window_ms: None,
            requests: 412,
            failures: 0,
            other_requests: 3_700,
            other_failures: 4,
            limit_percent: 5.1,
            minimum_requests: 20,
            step: Some(StepStatus {
                percent: 10.0,
                elapsed_ms: 23_000,
                least_ms: 60_000,
                requests: 412,
                next_percent: Some(100.0),
                waits_for: None,
            }),
        }),
        kept: vec![revision],
        warning: None,
        replicas: Vec::new(),
        epoch: 3,
        host_version: "0.1.0".to_owned(),
        memory_clearing: None,
    }
}

#[async_trait]
impl Admin for FakeAdmin {
    async fn upload(
        &self,
        content: Vec<u8>,
        digest: Option<&str>,
        signature: Option<Vec<u8>>,
        actor: &str,
    ) -> Result<ComponentSummary, AdminError> {
        let size = content.len();
        *self.uploaded.lock().unwrap() = content;
        let what = format!("upload {size} bytes {digest:?} {signature:?}");
        self.change(what, actor).await?;
        Ok(component())
    }

    async fn components(&self) -> Result<Vec<ComponentSummary>, AdminError> {
        self.read()?;
        Ok(vec![component()])
    }

    async fn component(&self, digest: &str) -> Result<Option<ComponentDetails>, AdminError> {
        self.read()?;
        Ok((digest == DIGEST).then(|| ComponentDetails {
            summary: component(),
            interface: ComponentInterface::Readable {
                imports: vec!["task-host:platform/sql@1.0.0".to_owned()],
                exports: Vec::new(),
            },
        }))
    }

    async fn content(&self, digest: &str) -> Result<Option<Vec<u8>>, AdminError> {
        self.read()?;
        Ok((digest == DIGEST).then(|| b"\0asm".to_vec()))
    }

    async fn deploy(&self, order: Order, actor: &str) -> Result<i64, AdminError> {
        let order = serde_json::to_string(&order).unwrap();
        self.change(format!("deploy {order}"), actor).await?;
        Ok(ID)
    }

    async fn rollback(&self, digest: Option<&str>, actor: &str) -> Result<i64, AdminError> {
        self.change(format!("rollback {digest:?}"), actor).await?;
        Ok(ID)
    }

    async fn promote(
        &self,
        id: i64,
        canary_percent: Option<f64>,
        actor: &str,
    ) -> Result<(), AdminError> {
        let to = canary_percent.map_or(String::new(), |percent| format!(" to {percent} %"));
        self.change(format!("promote {id}{to}"), actor).await
    }

    async fn abort(&self, id: i64, actor: &str) -> Result<(), AdminError> {
        self.change(format!("abort {id}"), actor).await
    }

    async fn record(&self, attempt: Attempt, actor: &str) -> Result<(), AdminError> {
        let Attempt {
            kind,
            digest,
            code,
            reason,
        } = attempt;
        let row = format!("{kind} of {digest:?} by {actor}: {code}: {reason}");
        self.remembered.lock().unwrap().push(row);
        Ok(())
    }

    async fn deployment(&self, id: i64) -> Result<Option<Deployment>, AdminError> {
        self.read()?;
        let events = self.past.lock().unwrap().clone();
        Ok((id == ID).then(|| deployment(events)))
    }

    async fn history(&self, filter: &Filter) -> Result<Vec<Deployment>, AdminError> {
        self.read()?;
        if *filter != Filter::latest(filter.limit) {
            self.asked.lock().unwrap().push(format!("{filter:?}"));
        }
        let count = filter.limit.min(60) as usize;
        Ok(vec![deployment(Vec::new()); count])
    }

    async fn status(&self) -> Result<Status, AdminError> {
        self.read()?;
        Ok(status())
    }

    async fn follow(&self, id: i64) -> Result<Option<BoxStream<'static, Event>>, AdminError> {
        self.read()?;
        let past = iter(self.past.lock().unwrap().clone());
        let live = self.live.lock().unwrap().take();
        let live = unfold(live, |live| async {
            let mut live = live?;
            let event = live.recv().await?;
            // The last event ends the stream.
            let more = (event.stage != Stage::End).then_some(live);
            Some((event, more))
        });
        Ok((id == ID).then(|| past.chain(live).boxed()))
    }
}
