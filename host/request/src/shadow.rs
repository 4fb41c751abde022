//! Reads that the active revision has answered, run again on a candidate, and compared.
//!
//! A read is offered after its answer is made: into a bounded queue, and left out where that is
//! full, so that no client waits. The deployment that tries the candidate takes them from there,
//! one at a time, and only while a slot is free.
//!
//! The candidate runs in a read transaction of its own, with the clock and the seed that the
//! active revision had. Data may have changed since; so where the two differ, the active one runs
//! again, in the same transaction, and only what differs then counts.

mod difference;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

pub(super) use self::difference::{Difference, Seen};
use super::work::Moment;
use super::{Answer, Refusal, Request, Revision};
use contract::RouteIndex;

/// Reads that wait for their turn in the shadow.
const QUEUE: usize = 64;
/// Differences that are kept, one for each route and place.
const SAMPLES: usize = 20;

/// What is known of a candidate in the shadow.
pub struct Shadow {
    jobs: mpsc::Sender<Job>,
    report: Mutex<Report>,
}

/// The reads that wait. Whoever holds it runs them; when it is dropped none are taken any more.
pub struct Jobs(pub(super) mpsc::Receiver<Job>);

/// A read that was answered.
pub(super) struct Job {
    /// What answered it.
    pub(super) revision: Arc<Revision>,
    pub(super) route: RouteIndex,
    pub(super) request: Request,
    pub(super) moment: Moment,
    pub(super) answered: Result<Answer, Refusal>,
}

/// What came of the reads so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Reads that both revisions answered.
    pub compared: u64,
    /// Those of them that were not answered alike.
    pub different: u64,
    /// Reads that were left out: the host was busy, or a comparison could not be finished.
    pub skipped: u64,
    /// The differences, the first of each kind, at most 20 kinds.
    pub samples: Vec<Sample>,
}

/// A kind of difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Method and template.
    pub route: String,
    /// A JSON pointer into the body; empty: the status, or the whole body.
    pub pointer: String,
    /// What differs there, without the data.
    pub detail: String,
    /// How often this was seen.
    pub count: u64,
    /// The id of the first such request.
    pub request_id: String,
}

impl Shadow {
    /// A shadow that nothing has passed, and what is to be run in it.
    pub fn new() -> (Arc<Self>, Jobs) {
        let (jobs, waiting) = mpsc::channel(QUEUE);
        let shadow = Shadow {
            jobs,
            report: Mutex::default(),
        };
        (Arc::new(shadow), Jobs(waiting))
    }

    /// What came of it so far.
    pub fn report(&self) -> Report {
        self.lock().clone()
    }

    /// Queues a read; whether there was room.
    pub(super) fn offer(&self, job: Job) -> bool {
        self.jobs.try_send(job).is_ok()
    }

    pub(super) fn skipped(&self) {
        self.lock().skipped += 1;
    }

    pub(super) fn same(&self) {
        self.lock().compared += 1;
    }

    pub(super) fn different(&self, route: String, difference: Difference, request_id: String) {
        let mut report = self.lock();
        report.compared += 1;
        report.different += 1;
        let Difference { pointer, detail } = difference;
        let known = report
            .samples
            .iter_mut()
            .find(|sample| sample.route == route && sample.pointer == pointer);
        if let Some(known) = known {
            known.count += 1;
        } else if report.samples.len() < SAMPLES {
            report.samples.push(Sample {
                route,
                pointer,
                detail,
                count: 1,
                request_id,
            });
        }
    }

    fn lock(&self) -> MutexGuard<'_, Report> {
        // Counts are whole also where a holder panicked.
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
