//! The layer around every operation of the admin API: it checks access first, and afterwards writes
//! the audit line, records a rejected attempt in the history, and builds the problem's response.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{Request, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::warn;

use super::access::Refusal;
use super::attempts::WrongToken;
use super::audit::{Action, Line};
use super::respond::ProblemResponse;
use super::shared::Shared;
use crate::problem::Problem;
use crate::trace::Context;
use contract::deployment::Kind;
use deployment::Attempt;

/// An operation that is guarded.
#[derive(Clone)]
pub(super) struct Guarded {
    pub(super) shared: Arc<Shared>,
    pub(super) operation: &'static str,
    /// Whether it may change something, or hands out what clients sent.
    pub(super) audited: bool,
    /// The kind under which the history records a rejected attempt. `None`: it is not recorded.
    pub(super) recorded: Option<Kind>,
}

/// The layer of one operation.
pub(super) async fn guard(
    State(guarded): State<Guarded>,
    Extension(context): Extension<Arc<Context>>,
    request: Request<Body>,
    next: Next,
) -> Response {
    let mut line = Line::new(context.clone(), guarded.operation, guarded.audited);
    let (mut parts, body) = request.into_parts();
    let mut admitted = None;
    let mut response = match guarded.shared.access.admit(&parts) {
        Ok(actor) => {
            let action = Action::by(actor);
            line.admitted(action.clone());
            parts.extensions.insert(action.clone());
            admitted = Some(action);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(refusal) => refuse(&guarded.shared, refusal).into_response(),
    };
    let problem = response.extensions_mut().remove::<Problem>();
    match response.status() {
        // The limit of wrong tokens bounds the log, too.
        StatusCode::TOO_MANY_REQUESTS => line.leave_out(),
        status => line.finish(status, problem.as_ref()),
    }
    if let (Some(action), Some(problem)) = (admitted, &problem) {
        record(&guarded, &action, problem).await;
    }
    match problem {
        Some(problem) => problem.respond(&context.request_id),
        None => response,
    }
}

/// Returns the problem of a request without access. Wrong tokens above the limit get 429.
fn refuse(shared: &Shared, refusal: Refusal) -> ProblemResponse {
    let Refusal::WrongToken = refusal else {
        return refusal.into();
    };
    let attempt = shared.attempts.count(Instant::now());
    if attempt == WrongToken::Answered {
        return refusal.into();
    }
    shared.app.metrics.limit_hit("token-attempts");
    if attempt == WrongToken::FirstAbove {
        warn!(
            target: "audit",
            "too many wrong tokens: further ones are answered with 429 and not logged"
        );
    }
    Problem::too_many_attempts().into()
}

/// Records an attempt to change the logic that was rejected. A request without access is not
/// recorded, because strangers could fill the database; a failure of the host is not recorded
/// either, because the client tries again.
async fn record(guarded: &Guarded, action: &Action, problem: &Problem) {
    let Some(kind) = guarded
        .recorded
        .filter(|_| problem.status.is_client_error())
    else {
        return;
    };
    let attempt = Attempt {
        kind,
        digest: action.digest().to_owned(),
        code: problem.code.as_str().into(),
        reason: problem.sentence(),
    };
    let actor = action.actor.clone();
    // If the database does not answer, `call` logs it, and the audit line has the attempt.
    let _ = guarded
        .shared
        .call(|admin| async move { admin.record(attempt, &actor).await })
        .await;
}
