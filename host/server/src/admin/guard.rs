//! What every request to the admin API passes: the door, and on the way back the audit line, the
//! history row of what was refused, and the making of problems.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Desk;
use super::audit::{Attempt, Line};
use crate::problem::Problem;
use crate::trace::Context;

/// What the layer of one operation knows.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) desk: Arc<Desk>,
    pub(super) operation: &'static str,
    /// Whether it may change something.
    pub(super) changes: bool,
    /// As what the history remembers an attempt that is refused; none: it does not.
    pub(super) remembered: Option<&'static str>,
}

/// The layer of one operation.
pub(super) async fn guard(
    State(door): State<Door>,
    Extension(context): Extension<Arc<Context>>,
    request: Request<Body>,
    next: Next,
) -> Response {
    let mut line = Line::new(context.clone(), door.operation, door.changes);
    let (mut parts, body) = request.into_parts();
    let mut attempt = None;
    let mut response = match door.desk.access.admit(&parts) {
        Ok(actor) => {
            let admitted = Attempt::by(actor);
            line.admitted(admitted.clone());
            parts.extensions.insert(admitted.clone());
            attempt = Some(admitted);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(refused) => refused.into_response(),
    };
    let problem = response.extensions_mut().remove::<Problem>();
    line.finish(response.status(), problem.as_ref());
    if let (Some(attempt), Some(problem)) = (attempt, &problem) {
        remember(&door, &attempt, problem).await;
    }
    match problem {
        Some(problem) => problem.respond(&context.request_id),
        None => response,
    }
}

/// Leaves a row in the history for an attempt to change the logic that was refused. Whoever was
/// turned away at the door leaves none, or strangers could fill the database; what failed by the
/// host's fault neither, as the client tries again.
async fn remember(door: &Door, attempt: &Attempt, problem: &Problem) {
    let Some(kind) = door.remembered.filter(|_| problem.status.is_client_error()) else {
        return;
    };
    let refused = deployment::Attempt {
        kind: kind.to_owned(),
        digest: attempt.digest().to_owned(),
        code: problem.code.clone(),
        reason: problem.sentence(),
    };
    let actor = attempt.actor.clone();
    // Where the database does not answer, the log has said so, and has the audit line.
    let _ = door
        .desk
        .ask(|admin| async move { admin.remember(refused, &actor).await })
        .await;
}
