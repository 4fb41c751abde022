//! Recent requests, for operators: figures of each second by revision, the last requests that failed,
//! and all that failed in groups.
//!
//! They are kept in memory, are bounded and end with the process. Metrics and the log keep what must
//! last. Each request records itself with one call, which holds each lock for a few additions only.

mod failures;
mod figures;
mod groups;
mod place;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

pub use self::failures::Failure;
use self::failures::Failures;
pub use self::figures::{Figures, RevisionSecond};
use self::figures::{Outcome, Seconds};
use self::groups::{Failed, Groups};
pub use self::groups::{FailureGroup, FailureGroups};

/// The figures and failures of recent requests.
#[derive(Default)]
pub(super) struct Recent {
    seconds: Mutex<Seconds>,
    failures: Mutex<Failures>,
    groups: Mutex<Groups>,
}

/// A request that has ended.
pub(super) struct Ended<'a> {
    pub(super) request_id: &'a str,
    pub(super) method: &'static str,
    /// The route's template. Empty if no route matched.
    pub(super) route: &'a str,
    /// The first 12 hex digits of the revision's digest. Empty for the host's own paths.
    pub(super) revision: &'a Arc<str>,
    pub(super) status: u16,
    pub(super) took: Duration,
    /// Why it failed: the code of the problem, and the reason for operators.
    pub(super) failure: Option<&'a (String, String)>,
    /// Whether a kept answer was given.
    pub(super) kept: bool,
}

/// The problem code of a trap.
const TRAP: &str = "logic-trapped";

impl Recent {
    /// Records a request. Requests to the host's own paths are ignored.
    pub(super) fn ended(&self, request: &Ended<'_>) {
        if request.revision.is_empty() {
            return;
        }
        let now = SystemTime::now();
        let failed = request.status >= 500;
        let trapped = request.failure.is_some_and(|(code, _)| code == TRAP);
        self.seconds.lock().add(
            seconds(now),
            request.revision,
            request.took,
            Outcome {
                failed,
                trapped,
                kept: request.kept,
            },
        );
        if failed {
            self.failures.lock().add(now, request);
            let failed = Failed::new(now, request);
            self.groups.lock().add(failed);
        }
    }

    /// Returns the figures of the seconds after `after` (seconds since 1970) that have ended.
    pub(super) fn figures(&self, after: u64) -> Figures {
        let now = seconds(SystemTime::now());
        Figures {
            now,
            seconds: self.seconds.lock().between(after, now),
        }
    }

    /// Returns the last requests that failed, latest first.
    pub(super) fn failures(&self) -> Vec<Failure> {
        self.failures.lock().latest()
    }

    /// Returns all requests that failed, in groups.
    pub(super) fn failure_groups(&self) -> FailureGroups {
        self.groups.lock().list()
    }
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
