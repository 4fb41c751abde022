//! Statements of the logic that were slow: a bounded list for operators, and a line in the log for each,
//! with the plan. Neither has a value.
//!
//! A request only hands over what it noted. The plan is fetched afterwards by one task,
//! [`Slow::explain`], one plan at a time, at most once in [`PLAN_AGE`] for each statement. If its queue is
//! full, a statement is counted and listed all the same.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use tokio::sync::mpsc;

use contract::Route;
use contract::text::escaped;
use storage::{Database, SlowStatement};
use telemetry::metrics::Metrics;

/// Statements that are listed. If there are more, the one that was not slow for the longest time goes.
const LISTED: usize = 50;
/// Statements that wait for their plan.
const QUEUE: usize = 16;
/// How long one plan may take to fetch.
const PATIENCE: Duration = Duration::from_secs(3);
/// After this time the plan of a statement is fetched again.
const PLAN_AGE: Duration = Duration::from_secs(60);
/// A statement of a route is logged at most once in this time. The line says how often it was slow since.
const LOG_PAUSE: Duration = Duration::from_secs(10);

/// A statement that was slow, of one route.
#[derive(Debug, Clone, PartialEq)]
pub struct SlowEntry {
    /// The method and the template of the route.
    pub route: String,
    /// The statement's text, on one line.
    pub statement: String,
    /// How often it was slow.
    pub count: u64,
    /// The longest time that it took.
    pub longest: Duration,
    /// The time that it took last.
    pub last: Duration,
    /// When it was slow last.
    pub at: SystemTime,
    /// The engine's plan, a line for each step. `None`: it is not fetched yet, or cannot be.
    pub plan: Option<String>,
}

/// The list and the queue.
pub(super) struct Slow {
    entries: Mutex<Vec<Listed>>,
    jobs: mpsc::Sender<Job>,
    waiting: tokio::sync::Mutex<mpsc::Receiver<Job>>,
    metrics: Arc<Metrics>,
}

struct Listed {
    entry: SlowEntry,
    planned: Option<Instant>,
    logged: Option<Instant>,
    /// How often it was slow when it was logged.
    count_logged: u64,
}

struct Job {
    route: String,
    noted: SlowStatement,
}

impl Slow {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        let (jobs, waiting) = mpsc::channel(QUEUE);
        Slow {
            entries: Mutex::default(),
            jobs,
            waiting: tokio::sync::Mutex::new(waiting),
            metrics,
        }
    }

    /// Counts and lists what a request on a route noted. Never waits.
    pub(super) fn report(&self, route: &Route, noted: Vec<SlowStatement>) {
        for noted in noted {
            self.metrics.slow_statement();
            let route = format!("{} {}", route.method, route.path);
            self.list(&route, &noted);
            // If the queue is full, a later run of the statement gets its plan.
            let _ = self.jobs.try_send(Job { route, noted });
        }
    }

    fn list(&self, route: &str, noted: &SlowStatement) {
        let statement = one_line(&noted.text);
        let mut entries = self.entries.lock();
        let known = entries
            .iter_mut()
            .find(|known| known.entry.route == route && known.entry.statement == statement);
        if let Some(Listed { entry, .. }) = known {
            entry.count += 1;
            entry.longest = entry.longest.max(noted.took);
            entry.last = noted.took;
            entry.at = SystemTime::now();
            return;
        }
        if entries.len() == LISTED
            && let Some(oldest) = (0..LISTED).min_by_key(|index| entries[*index].entry.at)
        {
            entries.swap_remove(oldest);
        }
        entries.push(Listed {
            entry: SlowEntry {
                route: route.to_owned(),
                statement,
                count: 1,
                longest: noted.took,
                last: noted.took,
                at: SystemTime::now(),
                plan: None,
            },
            planned: None,
            logged: None,
            count_logged: 0,
        });
    }

    /// Returns the list, the longest first.
    pub(super) fn entries(&self) -> Vec<SlowEntry> {
        let entries = self.entries.lock();
        let mut entries: Vec<SlowEntry> =
            entries.iter().map(|listed| listed.entry.clone()).collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.longest));
        entries
    }

    /// Fetches the plans of slow statements and logs them, until the future is dropped. Only one such
    /// future works at a time.
    pub(super) async fn explain(&self, database: &dyn Database) {
        let mut waiting = self.waiting.lock().await;
        while let Some(Job { route, noted }) = waiting.recv().await {
            let statement = one_line(&noted.text);
            if self.needs_plan(&route, &statement) {
                let planned = database.explain(&noted.text, &noted.params);
                let plan = match tokio::time::timeout(PATIENCE, planned).await {
                    Ok(Ok(plan)) => Some(plan),
                    // The database is busy, or the schema has changed.
                    Ok(Err(_)) | Err(_) => None,
                };
                self.with(&route, &statement, |listed| {
                    listed.planned = Some(Instant::now());
                    listed.entry.plan = plan.or(listed.entry.plan.take());
                });
            }
            self.log(&route, &statement, noted.took);
        }
    }

    fn needs_plan(&self, route: &str, statement: &str) -> bool {
        let planned = self.with(route, statement, |listed| listed.planned);
        planned.is_some_and(|planned| planned.is_none_or(|at| at.elapsed() >= PLAN_AGE))
    }

    fn log(&self, route: &str, statement: &str, took: Duration) {
        let due = self.with(route, statement, |listed| {
            if listed.logged.is_some_and(|at| at.elapsed() < LOG_PAUSE) {
                return None;
            }
            listed.logged = Some(Instant::now());
            let since = listed.entry.count - listed.count_logged;
            listed.count_logged = listed.entry.count;
            Some((since, listed.entry.plan.clone()))
        });
        let Some(Some((count, plan))) = due else {
            return;
        };
        let plan = plan
            .unwrap_or_else(|| "unknown".to_owned())
            .replace('\n', "; ");
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        tracing::warn!(
            http.route = route,
            db.query.text = &*escaped(statement),
            db.query.plan = &*escaped(&plan),
            db.query.duration_ms = millis,
            db.query.count = count,
            "a statement of {route} took {millis} ms"
        );
    }

    /// Does something with a listed statement. `None`: it is no longer listed.
    fn with<T>(
        &self,
        route: &str,
        statement: &str,
        work: impl FnOnce(&mut Listed) -> T,
    ) -> Option<T> {
        let mut entries = self.entries.lock();
        let known = entries
            .iter_mut()
            .find(|known| known.entry.route == route && known.entry.statement == statement);
        known.map(work)
    }
}

/// Maximum length of a statement's text in the list and in the log, in bytes.
const MAX_TEXT_BYTES: usize = 2000;

fn one_line(statement: &str) -> String {
    let clipped = contract::text::clipped(statement, MAX_TEXT_BYTES);
    clipped.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(text: &str, millis: u64) -> SlowStatement {
        SlowStatement {
            text: text.into(),
            params: Vec::new(),
            took: Duration::from_millis(millis),
        }
    }

    #[test]
    fn a_statement_is_listed_once_for_each_route_and_the_list_is_bounded() {
        let slow = Slow::new(Metrics::new());
        slow.list("GET /a", &noted("select 1\n  from t", 200));
        slow.list("GET /a", &noted("select 1 from t", 300));
        slow.list("GET /b", &noted("select 1 from t", 100));
        let entries = slow.entries();
        let found: Vec<_> = entries
            .iter()
            .map(|entry| {
                (
                    &*entry.route,
                    &*entry.statement,
                    entry.count,
                    entry.longest.as_millis(),
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                ("GET /a", "select 1 from t", 2, 300),
                ("GET /b", "select 1 from t", 1, 100)
            ]
        );
        for number in 0..100 {
            slow.list("GET /c", &noted(&format!("select {number}"), 100));
        }
        let entries = slow.entries();
        assert_eq!(entries.len(), LISTED);
        assert!(entries.iter().all(|entry| entry.route == "GET /c"));
    }
}
