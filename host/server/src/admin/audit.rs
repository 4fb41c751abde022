//! The audit log: who tried to change what, and how it came out. One line a request that may
//! change something, and one for each that was turned away at the door. Target `audit`.

use std::sync::{Arc, OnceLock};

use axum::http::StatusCode;
use tracing::{info, warn};

use crate::problem::Problem;
use crate::trace::Context;

/// Who asks, and what for. In the request's extensions.
#[derive(Debug)]
pub(super) struct Attempt {
    /// For the history and the log; `unknown` until the door was passed.
    pub(super) actor: String,
    digest: OnceLock<String>,
    deployment: OnceLock<i64>,
}

impl Attempt {
    pub(super) fn by(actor: String) -> Arc<Attempt> {
        Arc::new(Attempt {
            actor,
            digest: OnceLock::new(),
            deployment: OnceLock::new(),
        })
    }

    /// Says which component it is about. The first word counts.
    pub(super) fn about(&self, digest: &str) {
        let _ = self.digest.set(digest.to_owned());
    }

    /// The component, where it is known.
    pub(super) fn digest(&self) -> &str {
        self.digest.get().map_or("", String::as_str)
    }

    /// Says which deployment it is about.
    pub(super) fn within(&self, deployment: i64) {
        let _ = self.deployment.set(deployment);
    }
}

/// The line of one request, which is written also where the client leaves and this is dropped.
pub(super) struct Line {
    context: Arc<Context>,
    operation: &'static str,
    attempt: Arc<Attempt>,
    /// Whether the request may change something.
    changes: bool,
    written: bool,
}

impl Line {
    pub(super) fn new(context: Arc<Context>, operation: &'static str, changes: bool) -> Line {
        Line {
            context,
            operation,
            attempt: Attempt::by("unknown".to_owned()),
            changes,
            written: false,
        }
    }

    /// The door was passed.
    pub(super) fn admitted(&mut self, attempt: Arc<Attempt>) {
        self.attempt = attempt;
    }

    /// Writes the line of an answer.
    pub(super) fn finish(mut self, status: StatusCode, problem: Option<&Problem>) {
        self.written = true;
        let outcome = match status {
            status if status.is_server_error() => "failed",
            status if status.is_client_error() => "refused",
            _ => "accepted",
        };
        let turned_away = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        if self.changes || turned_away {
            self.write(outcome, problem.map_or("", |problem| &problem.code));
        }
    }

    fn write(&self, outcome: &str, reason: &str) {
        // The request's span has its id too, but a filter may let this target through alone.
        let request = self.context.request_id.as_str();
        let (actor, action) = (self.attempt.actor.as_str(), self.operation);
        let digest = self.attempt.digest.get().map(String::as_str);
        let deployment = self.attempt.deployment.get();
        macro_rules! line {
            ($level:ident) => {
                $level!(
                    target: "audit",
                    actor,
                    action,
                    component.digest = digest,
                    deployment.id = deployment,
                    outcome,
                    reason,
                    request.id = request,
                    "{action} by {actor}: {outcome}"
                )
            };
        }
        match outcome {
            "accepted" => line!(info),
            _ => line!(warn),
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if !self.written && self.changes {
            self.write("abandoned", "the client left before its answer");
        }
    }
}
