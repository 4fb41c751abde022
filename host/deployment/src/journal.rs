//! The events of one deployment, in order: recorded, logged, and published to followers.
//!
//! The registry records each stage when it begins, so that a crash leaves behind where it happened.
//! Crash tests stop a deployment at the same place, so that no stage can be forgotten.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures_util::Stream;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::model::{Event, HostEnd, Rehearsal, StageRejection, timestamp};
use super::rejection::Rejection;
use contract::Word;
use contract::deployment::{EventStatus, Outcome, Reason, Stage};
use storage::Database;
use storage::registry::End;

/// The events of one deployment. Followers get all of them, from the first.
pub(crate) struct Journal {
    /// The deployment's id.
    pub(crate) id: i64,
    events: Mutex<Vec<Event>>,
    /// The number of published events, and whether more will follow.
    published: watch::Sender<(usize, bool)>,
    /// The registry in it records the stages.
    database: Arc<dyn Database>,
    /// For crash tests: the deployment stops forever before this stage or point.
    pause_before: Option<Word<Stage>>,
}

/// What an event says beside its stage and status.
#[derive(Default)]
struct More {
    detail: Option<String>,
    took: Option<Duration>,
    canary_percent: Option<f64>,
    host_end: Option<HostEnd>,
    breaking: Vec<String>,
    log: Vec<String>,
    rejections: Vec<StageRejection>,
    rehearsal: Option<Rehearsal>,
}

impl More {
    /// What the event of a failed stage says.
    fn of(rejection: &Rejection) -> Self {
        let all = rejection.all().iter().map(|rejection| StageRejection {
            code: rejection.code().into(),
            reason: rejection.to_string(),
        });
        More {
            detail: Some(rejection.to_string()),
            // The detail says as much as a single rejection.
            rejections: all.filter(|_| rejection.all().len() > 1).collect(),
            ..More::default()
        }
    }
}

/// How a deployment ends.
#[derive(Debug, Clone)]
pub(crate) struct Ending {
    pub(crate) outcome: Outcome,
    /// The reason's code and sentence, if the outcome needs a reason.
    pub(crate) reason: Option<(Option<Reason>, String)>,
    /// The component that the registry makes the active one again.
    pub(crate) back_to: Option<String>,
}

impl Ending {
    /// An ending that needs no reason.
    pub(crate) fn of(outcome: Outcome) -> Self {
        Ending {
            outcome,
            reason: None,
            back_to: None,
        }
    }

    /// An ending with a reason.
    pub(crate) fn because(
        outcome: Outcome,
        code: impl Into<Option<Reason>>,
        reason: impl Into<String>,
    ) -> Self {
        Ending {
            reason: Some((code.into(), reason.into())),
            ..Ending::of(outcome)
        }
    }

    /// The ending of a deployment that was rejected.
    pub(crate) fn rejected(rejection: &Rejection) -> Self {
        Ending::because(Outcome::Rejected, rejection.code(), rejection.to_string())
    }

    /// The same ending, which also makes a component the active one again.
    pub(crate) fn back_to(self, digest: Option<String>) -> Self {
        Ending {
            back_to: digest,
            ..self
        }
    }

    /// The code of the reason.
    pub(crate) fn code(&self) -> Option<Reason> {
        self.reason.as_ref().and_then(|(code, _)| *code)
    }
}

impl Journal {
    /// Creates the journal of a new deployment.
    pub(crate) fn new(id: i64, database: Arc<dyn Database>) -> Self {
        Self::resumed(id, Vec::new(), database)
    }

    /// Creates the journal of a deployment that continues after a restart.
    pub(crate) fn resumed(id: i64, events: Vec<Event>, database: Arc<dyn Database>) -> Self {
        Journal {
            id,
            published: watch::Sender::new((events.len(), true)),
            events: Mutex::new(events),
            database,
            pause_before: None,
        }
    }

    /// Stops the deployment forever before a stage or point, for crash tests.
    pub(crate) fn pausing(mut self, before: Option<&str>) -> Self {
        self.pause_before = before.map(Word::from);
        self
    }

    /// Runs a stage: adds an event when it begins and one when it ends. A failed stage's last event
    /// has the rejection's text, and lists all of them if there are several.
    pub(crate) async fn stage<T>(
        &self,
        stage: Stage,
        work: impl Future<Output = Result<T, Rejection>>,
    ) -> Result<T, Rejection> {
        self.begin(stage).await;
        let began = Instant::now();
        let result = work.await;
        let took = Some(began.elapsed());
        let (status, more) = match &result {
            Ok(_) => (EventStatus::Passed, More::default()),
            Err(rejection) => (EventStatus::Failed, More::of(rejection)),
        };
        self.add(stage, status, More { took, ..more });
        result
    }

    /// Adds a stage's first event and records in the registry how far the deployment is. If the
    /// registry fails, the deployment continues: its next change decides, not the record.
    pub(crate) async fn begin(&self, stage: Stage) {
        self.note(stage, EventStatus::Began, None);
        self.record(stage).await;
        self.reach(stage).await;
    }

    /// Records in the registry how far the deployment is, with the events so far. A failure is only
    /// logged.
    pub(crate) async fn record(&self, stage: Stage) {
        let registry = self.database.registry();
        let report = self.report();
        let advanced = registry.advance_deployment(self.id, stage.into(), &report);
        if let Err(error) = advanced.await {
            tracing::warn!(
                deployment.id = self.id,
                "cannot record that deployment {} is at stage {stage}: {error}",
                self.id
            );
        }
    }

    /// Marks a point at which crash tests can stop the deployment: a stage, or the text of another
    /// point.
    pub(crate) async fn reach(&self, point: impl Into<Word<Stage>>) {
        let point = point.into();
        if self.pause_before.as_ref() == Some(&point) {
            self.note(point, EventStatus::Noted, Some("paused for a test".into()));
            std::future::pending::<()>().await;
        }
    }

    /// Adds an event to a stage.
    pub(crate) fn note(
        &self,
        stage: impl Into<Word<Stage>>,
        status: EventStatus,
        detail: Option<String>,
    ) {
        let more = More {
            detail,
            ..More::default()
        };
        self.add(stage, status, more);
    }

    /// Adds an event from which on the canary gets this share of the clients.
    pub(crate) fn note_share(&self, status: EventStatus, percent: f64, detail: String) {
        let more = More {
            detail: Some(detail),
            canary_percent: Some(percent),
            ..More::default()
        };
        self.add(Stage::Canary, status, more);
    }

    /// Returns whether a stage has begun.
    pub(crate) fn has_begun(&self, stage: Stage) -> bool {
        let began = |event: &Event| event.stage == stage && event.status == EventStatus::Began;
        self.events.lock().iter().any(began)
    }

    /// Adds an event of a trial that goes on although its host ended.
    pub(crate) fn note_host_end(&self, stage: Stage, how: HostEnd, detail: String) {
        let more = More {
            detail: Some(detail),
            host_end: Some(how),
            ..More::default()
        };
        self.add(stage, EventStatus::Noted, more);
    }

    /// Adds the lines that the component logged in a stage, if any.
    pub(crate) fn note_log(&self, stage: Stage, log: Vec<String>) {
        if log.is_empty() {
            return;
        }
        let detail = match log.len() {
            1 => "the component logged 1 line".to_owned(),
            count => format!("the component logged {count} lines"),
        };
        let more = More {
            detail: Some(detail),
            log,
            ..More::default()
        };
        self.add(stage, EventStatus::Noted, more);
    }

    /// Adds the changes that break clients.
    pub(crate) fn note_breaking(&self, changes: Vec<String>) {
        let detail = match changes.len() {
            1 => "1 change breaks clients".to_owned(),
            count => format!("{count} changes break clients"),
        };
        let more = More {
            detail: Some(detail),
            breaking: changes,
            ..More::default()
        };
        self.add(Stage::Compare, EventStatus::Noted, more);
    }

    /// Adds the result of a rehearsal, with a sentence on it.
    pub(crate) fn note_rehearsal(&self, detail: String, rehearsal: Rehearsal) {
        let more = More {
            detail: Some(detail),
            rehearsal: Some(rehearsal),
            ..More::default()
        };
        self.add(Stage::Rehearse, EventStatus::Noted, more);
    }

    /// Adds the last event and returns what the registry is to record. Followers get the event
    /// after [`Journal::close`], because the registry must record the end first.
    pub(crate) fn end(&self, ending: &Ending) -> End {
        let outcome = ending.outcome;
        let (code, reason) = match &ending.reason {
            Some((code, reason)) => (*code, Some(reason.clone())),
            None => (None, None),
        };
        let detail = match &reason {
            Some(reason) => format!("{outcome}: {reason}"),
            None => outcome.to_string(),
        };
        let more = More {
            detail: Some(detail),
            ..More::default()
        };
        self.append(Stage::End, EventStatus::Noted, more);
        End {
            outcome: outcome.into(),
            code: code.map(Word::from),
            reason,
            report: self.report(),
        }
    }

    /// Ends the deployment in the registry, without retrying.
    ///
    /// # Errors
    /// Returns the registry's error; the deployment has not ended then.
    pub(crate) async fn record_end(&self, ending: &Ending) -> Result<(), storage::Error> {
        let end = self.end(ending);
        let registry = self.database.registry();
        let back_to = ending.back_to.as_deref();
        registry.end_deployment(self.id, &end, back_to).await
    }

    /// Publishes the last event: followers wait for no more.
    pub(crate) fn close(&self) {
        let count = self.events.lock().len();
        self.published.send_replace((count, false));
    }

    /// Returns the events so far.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.events.lock().clone()
    }

    /// Returns the events so far as the registry stores them.
    pub(crate) fn report(&self) -> String {
        serde_json::to_string(&*self.events.lock()).unwrap_or_else(|_| "[]".to_owned())
    }

    /// Follows the deployment: yields the past events at once, then each new one, to the last.
    pub(crate) fn follow(self: Arc<Self>) -> impl Stream<Item = Event> + Send + 'static {
        let published = self.published.subscribe();
        futures_util::stream::unfold((self, 0), move |(journal, next)| {
            let mut published = published.clone();
            async move {
                loop {
                    let (count, more) = *published.borrow_and_update();
                    if next < count {
                        let event = journal.events.lock().get(next).cloned()?;
                        return Some((event, (journal, next + 1)));
                    }
                    if !more || published.changed().await.is_err() {
                        return None;
                    }
                }
            }
        })
    }

    fn add(&self, stage: impl Into<Word<Stage>>, status: EventStatus, more: More) {
        let count = self.append(stage, status, more);
        self.published
            .send_modify(|(published, _)| *published = count);
    }

    fn append(&self, stage: impl Into<Word<Stage>>, status: EventStatus, more: More) -> usize {
        let stage = stage.into();
        let More {
            detail,
            took,
            canary_percent,
            host_end,
            breaking,
            log,
            rejections,
            rehearsal,
        } = more;
        tracing::info!(
            deployment.id = self.id,
            deployment.stage = stage.as_str(),
            deployment.status = status.as_str(),
            "deployment {}: {stage} {status}{}",
            self.id,
            detail
                .as_ref()
                .map(|text| format!(": {text}"))
                .unwrap_or_default()
        );
        let mut events = self.events.lock();
        let at = timestamp(SystemTime::now());
        let ends = matches!(status, EventStatus::Passed | EventStatus::Failed);
        // Trials and probations outlive the code that could measure them, and even the process.
        let took = took.or_else(|| match ends {
            true => since_began(&events, &stage, &at),
            false => None,
        });
        let event = Event {
            number: events.len() as u64,
            at,
            stage,
            status: status.into(),
            detail,
            duration_ms: took.map(|took| took.as_secs_f64() * 1e3),
            canary_percent,
            host_end,
            breaking,
            log,
            rejections,
            rehearsal,
        };
        events.push(event);
        events.len()
    }
}

/// Returns how long ago a stage began, according to its event. `None` if it has none.
fn since_began(events: &[Event], stage: &Word<Stage>, now: &str) -> Option<Duration> {
    let began = |event: &&Event| event.stage == *stage && event.status == EventStatus::Began;
    let began: jiff::Timestamp = events.iter().rev().find(began)?.at.parse().ok()?;
    let now: jiff::Timestamp = now.parse().ok()?;
    Duration::try_from(now.duration_since(began)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn began(stage: Stage, at: &str) -> Event {
        Event {
            number: 0,
            at: at.to_owned(),
            stage: stage.into(),
            status: EventStatus::Began.into(),
            detail: None,
            duration_ms: None,
            canary_percent: None,
            host_end: None,
            breaking: Vec::new(),
            log: Vec::new(),
            rejections: Vec::new(),
            rehearsal: None,
        }
    }

    #[test]
    fn a_stage_took_the_time_since_it_began_last() {
        let events = [
            began(Stage::Canary, "2026-01-02T03:04:05Z"),
            began(Stage::Probation, "2026-01-02T03:05:05Z"),
            // It continues after a restart.
            began(Stage::Probation, "2026-01-02T03:06:05Z"),
        ];
        let took = |stage: Stage| since_began(&events, &stage.into(), "2026-01-02T03:06:06.5Z");
        assert_eq!(took(Stage::Probation), Some(Duration::from_millis(1_500)));
        assert_eq!(took(Stage::Canary), Some(Duration::from_millis(121_500)));
        assert_eq!(took(Stage::Shadow), None);
    }

    #[test]
    fn a_clock_that_was_set_back_gives_no_time() {
        let events = [began(Stage::Canary, "2026-01-02T03:04:05Z")];
        let took = since_began(&events, &Stage::Canary.into(), "2026-01-02T03:04:04Z");
        assert_eq!(took, None);
    }
}
