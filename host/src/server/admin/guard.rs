//! What every request to the admin API passes: the door, and on the way back the audit line and
//! the making of problems.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Desk;
use super::audit::{Attempt, Line};
use crate::server::problem::Problem;
use crate::server::trace::Context;

/// What the layer of one operation knows.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) desk: Arc<Desk>,
    pub(super) operation: &'static str,
    /// Whether it may change something.
    pub(super) changes: bool,
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
    let mut response = match door.desk.access.admit(&parts) {
        Ok(actor) => {
            let attempt = Attempt::by(actor);
            line.admitted(attempt.clone());
            parts.extensions.insert(attempt);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(refused) => refused.into_response(),
    };
    let problem = response.extensions_mut().remove::<Problem>();
    line.finish(response.status(), problem.as_ref());
    match problem {
        Some(problem) => problem.respond(&context.request_id),
        None => response,
    }
}
