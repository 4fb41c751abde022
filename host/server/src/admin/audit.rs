//! The audit log, with the target `audit`: who tried to change what, and the result. It has one line
//! for each request that may change something or asks for a recording, and one for each request without
//! access.

use std::sync::{Arc, OnceLock};

use axum::http::StatusCode;
use tracing::{info, warn};

use crate::problem::Problem;
use crate::trace::Context;

/// What an operator does: who, and with which component or deployment. A request's handler finds it
/// in the request's extensions.
#[derive(Debug)]
pub(super) struct Action {
    /// Who asks, for the history and the log. `unknown` until access was checked.
    pub(super) actor: String,
    digest: OnceLock<String>,
    deployment: OnceLock<i64>,
    recording: OnceLock<String>,
}

impl Action {
    pub(super) fn by(actor: String) -> Arc<Action> {
        Arc::new(Action {
            actor,
            digest: OnceLock::new(),
            deployment: OnceLock::new(),
            recording: OnceLock::new(),
        })
    }

    /// Sets the component. Only the first call counts.
    pub(super) fn set_component(&self, digest: &str) {
        let _ = self.digest.set(digest.to_owned());
    }

    /// Returns the component's digest. Empty if it is not known.
    pub(super) fn digest(&self) -> &str {
        self.digest.get().map_or("", String::as_str)
    }

    /// Sets the request whose recording is asked for. Only the first call counts.
    pub(super) fn set_recording(&self, request_id: &str) {
        let _ = self.recording.set(request_id.to_owned());
    }

    /// Sets the deployment. Only the first call counts.
    pub(super) fn set_deployment(&self, deployment: i64) {
        let _ = self.deployment.set(deployment);
    }
}

/// The audit line of one request. If the client goes away, it is written when this is dropped.
pub(super) struct Line {
    context: Arc<Context>,
    operation: &'static str,
    action: Arc<Action>,
    /// Whether the request may change something, or hands out what clients sent.
    audited: bool,
    written: bool,
}

impl Line {
    pub(super) fn new(context: Arc<Context>, operation: &'static str, audited: bool) -> Line {
        Line {
            context,
            operation,
            action: Action::by("unknown".to_owned()),
            audited,
            written: false,
        }
    }

    /// Access was granted.
    pub(super) fn admitted(&mut self, action: Arc<Action>) {
        self.action = action;
    }

    /// Writes the line of a response.
    pub(super) fn finish(mut self, status: StatusCode, problem: Option<&Problem>) {
        self.written = true;
        let outcome = match status {
            status if status.is_server_error() => "failed",
            status if status.is_client_error() => "refused",
            _ => "accepted",
        };
        let no_access = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        if self.audited || no_access {
            self.write(outcome, problem.map_or("", |problem| &problem.code));
        }
    }

    /// Writes no line.
    pub(super) fn leave_out(mut self) {
        self.written = true;
    }

    fn write(&self, outcome: &str, reason: &str) {
        // The request's span has the id too, but a filter may select this target alone.
        let request = self.context.request_id.as_str();
        let (actor, action) = (self.action.actor.as_str(), self.operation);
        let digest = self.action.digest.get().map(String::as_str);
        let deployment = self.action.deployment.get();
        let recording = self.action.recording.get().map(String::as_str);
        macro_rules! line {
            ($level:ident) => {
                $level!(
                    target: "audit",
                    actor,
                    action,
                    component.digest = digest,
                    deployment.id = deployment,
                    recording.request_id = recording,
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
        if !self.written && self.audited {
            self.write("abandoned", "the client left before its answer");
        }
    }
}
