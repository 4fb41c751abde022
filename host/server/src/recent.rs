//! What requests came to lately, for operators who look: figures of each second by revision, and
//! the last requests that failed.
//!
//! Kept in memory, bounded, and gone with the process: what has to last is in the metrics and in
//! the log. One call a request, which takes each lock for no longer than a few additions.

mod failures;
mod figures;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use self::failures::Failure;
use self::failures::Failures;
use self::figures::Seconds;
pub use self::figures::{Figures, RevisionSecond};

/// What requests came to lately.
#[derive(Default)]
pub(super) struct Recent {
    seconds: Mutex<Seconds>,
    failures: Mutex<Failures>,
}

/// A request that was answered.
pub(super) struct Ended<'a> {
    pub(super) request_id: &'a str,
    pub(super) method: &'static str,
    /// The template; empty where none matched.
    pub(super) route: &'a str,
    /// The revision's first 12 hex digits; empty for the host's own paths.
    pub(super) revision: &'a Arc<str>,
    pub(super) status: u16,
    pub(super) took: Duration,
    /// What is known of a failure: its slug, and the reason for operators.
    pub(super) failure: Option<&'a (String, String)>,
}

/// The slug of a trap.
const TRAP: &str = "logic-trapped";

impl Recent {
    /// Remembers a request for a while. Those to the host's own paths do not count.
    pub(super) fn ended(&self, request: &Ended<'_>) {
        if request.revision.is_empty() {
            return;
        }
        let now = SystemTime::now();
        let failed = request.status >= 500;
        let trapped = request.failure.is_some_and(|(code, _)| code == TRAP);
        lock(&self.seconds).add(
            seconds(now),
            request.revision,
            request.took,
            (failed, trapped),
        );
        if failed {
            lock(&self.failures).add(now, request);
        }
    }

    /// The figures of the seconds that ended after that one, given since 1970.
    pub(super) fn figures(&self, after: u64) -> Figures {
        let now = seconds(SystemTime::now());
        Figures {
            now,
            seconds: lock(&self.seconds).between(after, now),
        }
    }

    /// The last requests that failed, the latest first.
    pub(super) fn failures(&self) -> Vec<Failure> {
        lock(&self.failures).latest()
    }
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Counts and lists of whole items: they are whole also where a holder panicked.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
