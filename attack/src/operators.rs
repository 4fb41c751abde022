//! The operators beside an attack: their port must answer within a second throughout.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::target::{Target, refusal};

/// The pause between two requests.
const PAUSE: Duration = Duration::from_millis(25);
/// How long an operator waits for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the operators saw.
#[derive(Default)]
pub struct Seen {
    /// The longest time of an answer.
    pub slowest: Duration,
    /// The path that it was for.
    pub path: &'static str,
    /// Requests that failed. Unreadiness is an answer, not a failure.
    pub failed: u64,
    /// The first of these.
    pub failure: Option<String>,
}

/// Asks on a new connection each time, until `stop` is set.
pub fn ask(target: &Target, stop: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    while !stop.load(Ordering::Relaxed) {
        for path in ["/livez", "/readyz", "/metrics", "/admin/status"] {
            let began = Instant::now();
            let answer = target.operator("GET", path).patience(PATIENCE).try_send();
            let took = began.elapsed();
            if took > seen.slowest {
                (seen.slowest, seen.path) = (took, path);
            }
            let failure = match answer {
                Ok(answer) if answer.status == 200 => None,
                Ok(answer) if path == "/readyz" && answer.status == 503 => None,
                Ok(answer) => Some(refusal(&answer)),
                Err(error) => Some(format!("no answer: {error}")),
            };
            if let Some(failure) = failure {
                seen.failed += 1;
                seen.failure
                    .get_or_insert_with(|| format!("{path}: {failure}"));
            }
            thread::park_timeout(PAUSE);
        }
    }
    seen
}
