//! The last requests that the service failed, and why. Contains no bodies and no values.

use std::collections::VecDeque;
use std::time::SystemTime;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Ended;

/// How many failures are kept.
const KEPT: usize = 100;

/// The longest reason, in characters. The reason of a trap has a backtrace, which the log has in
/// full.
const LONGEST_REASON: usize = 1500;

/// A request that was answered with a 5xx.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// When it was answered: RFC 3339, UTC.
    #[schemars(extend("format" = "date-time"))]
    pub at: String,
    /// Its id, as the client and the log have it.
    pub request_id: String,
    /// Its method.
    pub method: String,
    /// The route's template. Empty if no route matched.
    pub route: String,
    /// The answer's status.
    pub status: u16,
    /// The problem's code.
    pub code: String,
    /// The reason, for operators. The client did not receive it.
    pub reason: String,
    /// The first 12 hex digits of the revision's digest.
    pub revision: String,
    /// How long it took, in milliseconds.
    #[schemars(extend("minimum" = 0))]
    pub duration_ms: f64,
}

/// The last failures, earliest first.
#[derive(Default)]
pub(super) struct Failures(VecDeque<Failure>);

impl Failures {
    pub(super) fn add(&mut self, at: SystemTime, request: &Ended<'_>) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        let (code, reason) = match request.failure {
            Some((code, reason)) => (code.clone(), reason.chars().take(LONGEST_REASON).collect()),
            None => Default::default(),
        };
        self.0.push_back(Failure {
            at: jiff::Timestamp::try_from(at).map_or_else(|_| String::new(), |at| at.to_string()),
            request_id: request.request_id.to_owned(),
            method: request.method.to_owned(),
            route: request.route.to_owned(),
            status: request.status,
            code,
            reason,
            revision: request.revision.to_string(),
            duration_ms: request.took.as_micros() as f64 / 1e3,
        });
    }

    pub(super) fn latest(&self) -> Vec<Failure> {
        self.0.iter().rev().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_last_hundred_are_kept_and_their_reasons_are_bounded() {
        let revision: Arc<str> = "0123456789ab".into();
        let failure = ("logic-trapped".to_owned(), "ä".repeat(5_000));
        let mut failures = Failures::default();
        for number in 0..105 {
            let request = Ended {
                request_id: &format!("request-{number}"),
                method: "GET",
                route: "/things/{id}",
                revision: &revision,
                status: 500,
                took: Duration::from_micros(1_500),
                failure: Some(&failure),
                kept: false,
            };
            failures.add(SystemTime::UNIX_EPOCH, &request);
        }
        let latest = failures.latest();
        assert_eq!(latest.len(), KEPT);
        assert_eq!(latest[0].request_id, "request-104");
        assert_eq!(latest[99].request_id, "request-5");
        assert_eq!(latest[0].at, "1970-01-01T00:00:00Z");
        assert_eq!(latest[0].duration_ms, 1.5);
        assert_eq!(latest[0].reason.chars().count(), LONGEST_REASON);
    }
}
