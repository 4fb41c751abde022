//! An engine that deploys nothing, for the tests of the admin API.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{BoxStream, iter, unfold};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::fake::{self, Fake};
use crate::{Admin, AdminError};
use deployment::Attempt;
use deployment::model::{
    ComponentSummary, Deployment, Event, Order, RevisionStatus, ShadowReport, ShadowSample, Status,
};

pub(super) const DIGEST: &str = fake::DIGEST;

/// The deployment that exists.
pub(super) const ID: i64 = 7;

/// Knows one component and one deployment, and keeps what it was asked.
pub(super) struct FakeAdmin {
    /// What changes something, in words, with who asked.
    pub(super) asked: Mutex<Vec<String>>,
    /// The attempts that were refused, in words.
    pub(super) remembered: Mutex<Vec<String>>,
    /// What was uploaded last.
    pub(super) uploaded: Mutex<Bytes>,
    /// What every call answers, where set.
    pub(super) error: Mutex<Option<AdminError>>,
    /// What happened before anybody followed.
    pub(super) past: Mutex<Vec<Event>>,
    live: Mutex<Option<UnboundedReceiver<Event>>>,
    pub(super) happen: UnboundedSender<Event>,
    /// Told when an order has come; it is then carried out after `release`, where it `waits`.
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
            past: Mutex::new(vec![event(0, "verify", "began")]),
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

    /// The operators' port as the flags set it.
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

pub(super) fn event(number: u64, stage: &str, status: &str) -> Event {
    Event {
        number,
        at: "2025-06-01T12:00:00Z".to_owned(),
        stage: stage.to_owned(),
        status: status.to_owned(),
        detail: Some("two\nlines".to_owned()),
        duration_ms: None,
        breaking: Vec::new(),
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
    let ended = events.iter().any(|event| event.stage == "end");
    Deployment {
        id: ID,
        digest: DIGEST.to_owned(),
        from: None,
        kind: "deploy".to_owned(),
        actor: "alice (token)".to_owned(),
        stage: "verify".to_owned(),
        outcome: if ended { "active" } else { "running" }.to_owned(),
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
        kept: vec![revision],
        warning: None,
        replicas: Vec::new(),
        epoch: 3,
        host_version: "0.1.0".to_owned(),
    }
}

#[async_trait]
impl Admin for FakeAdmin {
    async fn upload(
        &self,
        content: Bytes,
        digest: Option<String>,
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

    async fn component(&self, digest: &str) -> Result<Option<Value>, AdminError> {
        self.read()?;
        let mut summary = serde_json::to_value(component()).unwrap();
        summary["routes"] = json!([]);
        summary["imports"] = json!(["task-host:platform/sql@1.0.0"]);
        Ok((digest == DIGEST).then_some(summary))
    }

    async fn deploy(&self, order: Order, actor: &str) -> Result<i64, AdminError> {
        let order = serde_json::to_string(&order).unwrap();
        self.change(format!("deploy {order}"), actor).await?;
        Ok(ID)
    }

    async fn rollback(&self, digest: Option<String>, actor: &str) -> Result<i64, AdminError> {
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

    async fn remember(&self, attempt: Attempt, actor: &str) -> Result<(), AdminError> {
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

    async fn history(&self, limit: u32) -> Result<Vec<Deployment>, AdminError> {
        self.read()?;
        let count = limit.min(60) as usize;
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
            let more = (event.stage != "end").then_some(live);
            Some((event, more))
        });
        Ok((id == ID).then(|| past.chain(live).boxed()))
    }
}
