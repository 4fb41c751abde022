//! What the handlers of the admin API share: the state, the call into the deployment layer, and the
//! building of responses.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::{Instrument, error};

use super::access::Access;
use crate::App;
use crate::problem::Problem;
use contract::FieldError;
use deployment::{Admin, AdminError};
use request::Refusal;

/// How long a call of the deployment layer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the handlers share, as long as the process serves.
pub(super) struct Shared {
    pub(super) app: Arc<App>,
    pub(super) admin: Arc<dyn Admin>,
    pub(super) access: Access,
    /// One permit for each upload.
    pub(super) uploads: Semaphore,
}

impl Shared {
    /// Calls the deployment layer on the runtime of the public port. Its log lines have the
    /// request's id.
    pub(super) async fn call<T, F>(
        &self,
        call: impl FnOnce(Arc<dyn Admin>) -> F,
    ) -> Result<T, ProblemResponse>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, AdminError>> + Send + 'static,
    {
        let calling = call(self.admin.clone()).in_current_span();
        let calling = self.app.workers.spawn(calling);
        let result = match timeout(PATIENCE, calling).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(AdminError::Unavailable("the call did not end".to_owned())),
            Err(_) => Err(AdminError::Unavailable(format!(
                "no result within {PATIENCE:?}"
            ))),
        };
        if let Err(AdminError::Unavailable(reason)) = &result {
            error!("the admin API is unavailable: {reason}");
        }
        Ok(result?)
    }
}

/// Why a request failed. `guard` builds the response, because it knows the request's id.
pub(super) struct ProblemResponse(Box<Problem>);

impl<P: Into<Problem>> From<P> for ProblemResponse {
    fn from(problem: P) -> ProblemResponse {
        ProblemResponse(Box::new(problem.into()))
    }
}

impl IntoResponse for ProblemResponse {
    fn into_response(self) -> Response {
        let mut response = Response::default();
        *response.status_mut() = self.0.status;
        response.extensions_mut().insert(*self.0);
        response
    }
}

/// The problem of a body or parameter that is not valid, with its place.
pub(super) fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> ProblemResponse {
    Refusal::Invalid(vec![FieldError {
        pointer: pointer.into(),
        detail: detail.into(),
    }])
    .into()
}

/// A JSON response. It is never cached.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let body = serde_json::to_vec(body).expect("plain data with string keys is always JSON");
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A response with a `Location` header.
pub(super) fn located(status: StatusCode, location: &str, body: &impl Serialize) -> Response {
    let mut response = json(status, body);
    let location = HeaderValue::from_str(location).expect("digests and numbers are ASCII");
    response.headers_mut().insert(LOCATION, location);
    response
}
