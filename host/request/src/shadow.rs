//! A shadow trial: reads that the active revision has answered run again on a candidate, and the
//! answers are compared.
//!
//! A read is offered to a bounded queue after its answer is made. If the queue is full, the read is
//! skipped, so that no client waits. So is a read with a large answer. The deployment that tries
//! the candidate takes reads from the queue one at a time, and only while a slot is free.
//!
//! The candidate runs in a read transaction of its own, with the clock and the seed that the
//! active revision had. Data may have changed since then. So if the answers differ, the active
//! revision runs again in the same transaction as the candidate, and only a difference between
//! these two answers counts. `service/shadowing` runs this.

mod difference;

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::mpsc;

pub(super) use self::difference::{Comparable, Difference};
use super::prepared::ClockAndSeed;
use super::{Answer, Error, Request, Revision};
use contract::RouteIndex;

/// Reads that wait in the queue.
const QUEUE: usize = 64;
/// Maximum size of an answer that is kept and compared, in bytes. The values of its JSON take many
/// times as much.
pub(super) const MAX_ANSWER: usize = 1 << 20;
/// Differences that are kept, one for each route and JSON pointer.
const SAMPLES: usize = 20;

/// The queue and the report of one shadow trial.
pub struct Shadow {
    jobs: mpsc::Sender<Job>,
    report: Mutex<Report>,
}

/// The receiving end of the queue. Its holder runs the reads; after it is dropped, no reads are
/// accepted.
pub struct Jobs(pub(super) mpsc::Receiver<Job>);

/// A read that was answered.
pub(super) struct Job {
    /// The revision that answered it.
    pub(super) revision: Arc<Revision>,
    pub(super) route: RouteIndex,
    pub(super) request: Request,
    pub(super) clock_and_seed: ClockAndSeed,
    pub(super) answered: Result<Answer, Error>,
}

/// The result of a shadow trial so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Reads that both revisions answered.
    pub compared: u64,
    /// Compared reads whose answers differed.
    pub different: u64,
    /// Reads that were skipped because the host was busy or the comparison could not be finished.
    pub skipped: u64,
    /// The first difference of each kind, at most 20 kinds.
    pub samples: Vec<Sample>,
}

/// A kind of difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The route's method and template.
    pub route: String,
    /// A JSON pointer into the body. Empty: the status, or the whole body.
    pub pointer: String,
    /// What differs there. Contains no data.
    pub detail: String,
    /// How many times this kind of difference was seen.
    pub count: u64,
    /// The id of the first request with this difference.
    pub request_id: String,
}

impl Shadow {
    /// Creates a shadow with an empty report, and the receiving end of its queue.
    pub fn new() -> (Arc<Self>, Jobs) {
        let (jobs, waiting) = mpsc::channel(QUEUE);
        let shadow = Shadow {
            jobs,
            report: Mutex::default(),
        };
        (Arc::new(shadow), Jobs(waiting))
    }

    /// Returns the result so far.
    pub fn report(&self) -> Report {
        self.report.lock().clone()
    }

    /// Queues a read. Returns whether there was room, and the answer is small enough.
    pub(super) fn offer(&self, job: Job) -> bool {
        let size = match &job.answered {
            Ok(answer) => answer.body.as_ref().map_or(0, Bytes::len),
            Err(_) => 0,
        };
        size <= MAX_ANSWER && self.jobs.try_send(job).is_ok()
    }

    pub(super) fn skipped(&self) {
        self.report.lock().skipped += 1;
    }

    pub(super) fn same(&self) {
        self.report.lock().compared += 1;
    }

    pub(super) fn different(&self, route: String, difference: Difference, request_id: String) {
        let mut report = self.report.lock();
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
}
