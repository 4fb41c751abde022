//! What happens in one deployment, in order: kept, published to whoever follows, and measured.
//!
//! Each stage is written down in the registry as it begins, so that a crash leaves behind where it
//! happened. That is also where tests of crashes stop a deployment: no stage can be forgotten.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use futures_util::Stream;
use tokio::sync::watch;

use super::history;
use super::model::Event;
use storage::Database;

/// The events of one deployment. Followers see all of them, from the first on.
pub(super) struct Journal {
    /// The deployment's id.
    pub(super) id: i64,
    events: Mutex<Vec<Event>>,
    /// The number of events, and whether there will be more.
    published: watch::Sender<(usize, bool)>,
    /// Where the stages are written down.
    database: Arc<dyn Database>,
    /// For tests of crashes: the deployment stops for ever before this stage or point.
    pause_before: Option<String>,
}

/// How an event came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Began,
    Passed,
    Failed,
    Noted,
}

impl Journal {
    pub(super) fn new(id: i64, database: Arc<dyn Database>) -> Self {
        Self::resumed(id, Vec::new(), database)
    }

    /// The journal of a deployment that goes on after a restart.
    pub(super) fn resumed(id: i64, events: Vec<Event>, database: Arc<dyn Database>) -> Self {
        Journal {
            id,
            published: watch::Sender::new((events.len(), true)),
            events: Mutex::new(events),
            database,
            pause_before: None,
        }
    }

    /// Stops the deployment for ever before a stage or point, where one is given.
    pub(super) fn pausing(mut self, before: Option<String>) -> Self {
        self.pause_before = before;
        self
    }

    /// Adds an event to those of a stage.
    pub(super) fn note(&self, stage: &str, status: Status, detail: Option<String>) {
        self.add(stage, status, detail, None, Vec::new());
    }

    /// Runs a stage between its first and last event. The error's text is the last one's.
    pub(super) async fn stage<T, E: std::fmt::Display>(
        &self,
        stage: &str,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.begin(stage).await;
        let began = Instant::now();
        let result = work.await;
        let (status, detail) = match &result {
            Ok(_) => (Status::Passed, None),
            Err(error) => (Status::Failed, Some(error.to_string())),
        };
        self.add(stage, status, detail, Some(began.elapsed()), Vec::new());
        result
    }

    /// Adds a stage's first event and writes down how far the deployment is. Where that fails, the
    /// deployment goes on: what it does next decides, not what is told of it.
    pub(super) async fn begin(&self, stage: &str) {
        self.note(stage, Status::Began, None);
        let report = history::report(&self.events());
        let registry = self.database.registry();
        if let Err(error) = registry.advance_deployment(self.id, stage, &report).await {
            tracing::warn!(
                deployment.id = self.id,
                "cannot write down that deployment {} is at {stage}: {error}",
                self.id
            );
        }
        self.reach(stage).await;
    }

    /// A point at which tests of crashes can stop a deployment.
    pub(super) async fn reach(&self, point: &str) {
        if self.pause_before.as_deref() == Some(point) {
            self.note(point, Status::Noted, Some("paused for a test".into()));
            std::future::pending::<()>().await;
        }
    }

    /// Adds the changes that break clients.
    pub(super) fn breaking(&self, changes: Vec<String>) {
        let detail = match changes.len() {
            1 => "1 change breaks clients".to_owned(),
            count => format!("{count} changes break clients"),
        };
        self.add("compare", Status::Noted, Some(detail), None, changes);
    }

    /// Adds the last event, which nobody sees before [`Journal::close`]: it must be remembered
    /// first.
    pub(super) fn end(&self, outcome: &str, reason: Option<&str>) {
        let detail = match reason {
            Some(reason) => format!("{outcome}: {reason}"),
            None => outcome.to_owned(),
        };
        self.append("end", Status::Noted, Some(detail), None, Vec::new());
    }

    /// Shows the last event: nobody waits for more.
    pub(super) fn close(&self) {
        let count = self.lock().len();
        self.published.send_replace((count, false));
    }

    /// The events so far.
    pub(super) fn events(&self) -> Vec<Event> {
        self.lock().clone()
    }

    /// All events, the past ones at once, until the last.
    pub(super) fn follow(self: Arc<Self>) -> impl Stream<Item = Event> + Send + 'static {
        let published = self.published.subscribe();
        futures_util::stream::unfold((self, 0), move |(journal, next)| {
            let mut published = published.clone();
            async move {
                loop {
                    let (count, more) = *published.borrow_and_update();
                    if next < count {
                        let event = journal.lock().get(next).cloned()?;
                        return Some((event, (journal, next + 1)));
                    }
                    if !more || published.changed().await.is_err() {
                        return None;
                    }
                }
            }
        })
    }

    fn add(
        &self,
        stage: &str,
        status: Status,
        detail: Option<String>,
        took: Option<Duration>,
        breaking: Vec<String>,
    ) {
        let count = self.append(stage, status, detail, took, breaking);
        self.published
            .send_modify(|(published, _)| *published = count);
    }

    fn append(
        &self,
        stage: &str,
        status: Status,
        detail: Option<String>,
        took: Option<Duration>,
        breaking: Vec<String>,
    ) -> usize {
        let status = match status {
            Status::Began => "began",
            Status::Passed => "passed",
            Status::Failed => "failed",
            Status::Noted => "noted",
        };
        tracing::info!(
            deployment.id = self.id,
            deployment.stage = stage,
            deployment.status = status,
            "deployment {}: {stage} {status}{}",
            self.id,
            detail
                .as_ref()
                .map(|text| format!(": {text}"))
                .unwrap_or_default()
        );
        let mut events = self.lock();
        let event = Event {
            number: events.len() as u64,
            at: timestamp(SystemTime::now()),
            stage: stage.to_owned(),
            status: status.to_owned(),
            detail,
            duration_ms: took.map(|took| took.as_secs_f64() * 1e3),
            breaking,
        };
        events.push(event);
        events.len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Event>> {
        // A push leaves a whole vector behind, also where a reader panicked.
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A moment as RFC 3339 in UTC.
pub(super) fn timestamp(at: SystemTime) -> String {
    jiff::Timestamp::try_from(at).map_or_else(|_| String::new(), |at| at.to_string())
}
