//! A canary: the revision on trial answers a share of the clients, is compared with the active one, and
//! may go on to larger shares by itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::super::probation::{POLL, Shown, since, sum};
use super::super::verdict::{Judge, KNOWN_GOOD_CANARY};
use super::steps::{Look, Next, Steps};
use super::{Trial, promoted};
use crate::history;
use crate::host::Host;
use crate::journal::Journal;
use crate::model::{Event, Order};
use contract::deployment::{EventStatus, Stage};
use request::{Counts, Revision, Share};

/// The pause after a share that the database did not store.
const RETRY: Duration = Duration::from_secs(1);

impl Trial {
    /// Lets the revision answer a share of the clients, until it is promoted. Returns a note on its
    /// promotion, or why it failed.
    pub(super) async fn canary(
        &self,
        journal: &Journal,
        position: Position,
        revision: &Arc<Revision>,
        promotion: oneshot::Receiver<String>,
    ) -> Result<String, String> {
        let Position {
            percent,
            steps,
            resumed,
        } = position;
        let revisions = &self.host.revisions;
        let active = revisions.active();
        let comparison = Comparison::new(&self.host, revision, &active);
        revisions.start_canary(revision.clone(), Share::of_percent(percent));
        if resumed {
            let at = steps.as_ref().map(Steps::position).unwrap_or_default();
            let detail = format!(
                "it goes on with {percent} % of the clients{at}, and counts requests from now on"
            );
            journal.note(Stage::Canary, EventStatus::Noted, Some(detail));
        } else {
            let until = match &steps {
                Some(steps) => steps.in_words(),
                None => ", until it is promoted".to_owned(),
            };
            let detail = format!("{percent} % of the clients{until}");
            journal.note_share(EventStatus::Began, percent, detail);
        }
        journal.record(Stage::Canary).await;
        journal.reach(Stage::Canary).await;
        tokio::select! {
            actor = promoted(promotion) => Ok(format!("promoted by {actor}")),
            ended = self.watch(journal, comparison, steps) => ended,
        }
    }

    /// Compares a canary until it fails or is promoted by itself, and gives it the shares of its steps.
    /// Returns a note on the promotion, or why the canary failed.
    async fn watch(
        &self,
        journal: &Journal,
        mut comparison: Comparison<'_>,
        mut steps: Option<Steps>,
    ) -> Result<String, String> {
        loop {
            tokio::time::sleep(POLL).await;
            let [seen, other] = comparison.counts(self.host.cluster.counts(journal.id));
            let now = Instant::now();
            steps = steps.filter(|_| self.goes_on_by_itself(journal.id));
            let minimum = self.host.settings.probation.requests.max(1);
            let is_within_limit = comparison.judge.is_within_limit(seen, other);
            let look = steps
                .as_ref()
                .map(|steps| steps.look(now, seen, minimum, is_within_limit));
            let shown = steps.as_ref().zip(look);
            let shown = shown.map(|(steps, look)| steps.status(now, seen, look));
            comparison.shown.update(seen, other, shown);
            // A step that is due must not hide that the canary fails.
            if let Some(reason) = comparison.judge.look(seen, other) {
                return Err(reason);
            }
            let (Some(Look::Due(next)), Some(steps)) = (look, &mut steps) else {
                continue;
            };
            match next {
                Next::Promotion => {
                    if self.promote_by_itself(journal.id) {
                        return Ok(format!("promoted by itself {}", steps.after(seen)));
                    }
                }
                Next::Share(percent) => match self.go_on(journal.id, percent).await {
                    Ok(true) => {
                        let after = steps.after(seen);
                        steps.advance(Instant::now(), seen);
                        let detail =
                            format!("{percent} % of the clients{}, {after}", steps.position());
                        journal.note_share(EventStatus::Noted, percent, detail);
                        journal.record(Stage::Canary).await;
                    }
                    // An operator was faster.
                    Ok(false) => {}
                    Err(error) => {
                        tracing::warn!(
                            deployment.id = journal.id,
                            "cannot give the canary {percent} % of the clients yet: {error}"
                        );
                        tokio::time::sleep(RETRY).await;
                    }
                },
            }
        }
    }

    fn goes_on_by_itself(&self, id: i64) -> bool {
        let promotion = self.promotion.lock();
        promotion
            .as_ref()
            .is_some_and(|current| current.id == id && current.by_itself)
    }

    /// Gives the canary the share of its next step, on every host. Returns false if it does not go on
    /// by itself any more.
    async fn go_on(&self, id: i64, percent: f64) -> Result<bool, storage::Error> {
        let _sharing = self.sharing.lock().await;
        if !self.goes_on_by_itself(id) {
            return Ok(false);
        }
        self.host.cluster.set_share(id, percent).await?;
        Ok(self.give_share(id, percent, |_| ()).is_some())
    }

    /// Takes the right to promote the canary. Returns false if it does not go on by itself any more.
    fn promote_by_itself(&self, id: i64) -> bool {
        let mut promotion = self.promotion.lock();
        let ours = promotion.take_if(|current| current.id == id && current.by_itself);
        ours.is_some()
    }
}

/// Where a canary begins, or goes on after a restart.
pub(super) struct Position {
    /// Its share of the clients, in percent.
    pub(super) percent: f64,
    /// Its steps, at the current one. `None`: it does not go on by itself.
    steps: Option<Steps>,
    /// Whether it has begun before, according to its events.
    pub(super) resumed: bool,
}

impl Position {
    /// Returns where the ordered canary is, according to its events. `elsewhere`: its requests on other
    /// hosts so far. `None`: no canary was ordered.
    pub(super) fn of(order: &Order, events: &[Event], elsewhere: Counts) -> Option<Self> {
        let first = order.canary_percent?;
        let ordered = Steps::of(order, Instant::now());
        let Some(percent) = history::steps::reached(order, events) else {
            return Some(Position {
                percent: first,
                steps: ordered,
                resumed: false,
            });
        };
        let current = history::steps::current(order, events);
        Some(Position {
            percent,
            steps: ordered.zip(current).map(|(steps, (at, began))| {
                let taken = since_time(began).unwrap_or_default();
                steps.resume(at, taken, elsewhere)
            }),
            resumed: true,
        })
    }

    /// Returns whether the canary goes on by itself.
    pub(super) fn has_steps(&self) -> bool {
        self.steps.is_some()
    }
}

/// Returns how long ago a time in RFC 3339 was. `None` if the clock was set back since.
fn since_time(time: &str) -> Option<Duration> {
    let time: jiff::Timestamp = time.parse().ok()?;
    Duration::try_from(jiff::Timestamp::now().duration_since(time)).ok()
}

/// The comparison of a canary with the active revision, by their requests from its start on.
struct Comparison<'a> {
    candidate: &'a Revision,
    active: &'a Revision,
    start: [Counts; 2],
    judge: Judge,
    shown: Shown<'a>,
}

impl<'a> Comparison<'a> {
    fn new(host: &'a Host, candidate: &'a Revision, active: &'a Revision) -> Self {
        let probation = &host.settings.probation;
        Comparison {
            candidate,
            active,
            start: [candidate.stats.counts(), active.stats.counts()],
            judge: Judge::new(probation.allowed, probation.requests, KNOWN_GOOD_CANARY),
            shown: Shown::new(host, Stage::Canary, None),
        }
    }

    /// Returns the requests of the candidate and of the active revision since the start. `elsewhere`:
    /// those on other hosts.
    fn counts(&self, elsewhere: [Counts; 2]) -> [Counts; 2] {
        let here = [self.candidate, self.active].map(|revision| revision.stats.counts());
        let [new, old] = elsewhere;
        [
            sum(since(self.start[0], here[0]), new),
            sum(since(self.start[1], here[1]), old),
        ]
    }
}
