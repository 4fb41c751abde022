//! What happens in one deployment, in order: kept, published to whoever follows, and measured.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use futures_util::Stream;
use tokio::sync::watch;

use super::model::Event;

/// The events of one deployment. Followers see all of them, from the first on.
pub(super) struct Journal {
    /// The deployment's id.
    pub(super) id: i64,
    events: Mutex<Vec<Event>>,
    /// The number of events, and whether there will be more.
    published: watch::Sender<(usize, bool)>,
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
    pub(super) fn new(id: i64) -> Self {
        Journal {
            id,
            events: Mutex::default(),
            published: watch::Sender::new((0, true)),
        }
    }

    /// The journal of a deployment that goes on after a restart.
    pub(super) fn resumed(id: i64, events: Vec<Event>) -> Self {
        Journal {
            id,
            published: watch::Sender::new((events.len(), true)),
            events: Mutex::new(events),
        }
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
        self.note(stage, Status::Began, None);
        let began = Instant::now();
        let result = work.await;
        let (status, detail) = match &result {
            Ok(_) => (Status::Passed, None),
            Err(error) => (Status::Failed, Some(error.to_string())),
        };
        self.add(stage, status, detail, Some(began.elapsed()), Vec::new());
        result
    }

    /// Adds the changes that break clients.
    pub(super) fn breaking(&self, changes: Vec<String>) {
        let detail = format!("{} changes break clients", changes.len());
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
    pub(super) fn follow(self: std::sync::Arc<Self>) -> impl Stream<Item = Event> + Send + 'static {
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
