//! The admin API on the operators' port: upload a component, deploy it, follow what happens, go
//! back. Bodies are JSON as [`deployment::model`] has it.
//!
//! Each route is one line in `routes` and passes `guard`, which lets in who may and writes the
//! audit line. What is asked is done by [`Admin`], on the public port's runtime: a deployment's
//! tasks must not share the operators' single thread, and an order that was taken is carried out
//! also where its client leaves.

mod access;
mod audit;
mod body;
mod components;
pub mod config;
mod deployments;
mod engine;
mod events;
mod guard;
mod openapi;
mod recent;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Extension;
use axum::handler::Handler;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::{Instrument, error};

pub use self::access::{Access, Token};
pub use self::config::{Config, UnusableSetting};
use super::problem::Problem;
use super::trace::Context;
use super::{Admin, AdminError, App};
use contract::FieldError;
use request::Error;

/// How long an answer of the layer below may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Components that are received at a time: each may take the limit's memory.
const UPLOADS: usize = 2;

/// Every route of the admin API.
#[rustfmt::skip] // One line each.
fn routes() -> [Route; 14] {
    let (get, post) = (Method::GET, Method::POST);
    [
        route(&post, "/admin/components", "components.upload", components::upload),
        route(&get, "/admin/components", "components.list", components::list),
        route(&get, "/admin/components/{digest}", "components.get", components::describe),
        route(&post, "/admin/deployments", "deployments.start", deployments::start),
        route(&get, "/admin/deployments", "deployments.list", deployments::list),
        route(&get, "/admin/deployments/{id}", "deployments.get", deployments::describe),
        route(&get, "/admin/deployments/{id}/events", "deployments.follow", events::follow),
        route(&post, "/admin/deployments/{id}/promote", "deployments.promote", deployments::promote),
        route(&post, "/admin/deployments/{id}/abort", "deployments.abort", deployments::abort),
        route(&post, "/admin/rollback", "rollback", deployments::rollback),
        route(&get, "/admin/status", "status", deployments::status),
        route(&get, "/admin/figures", "figures", recent::figures),
        route(&get, "/admin/failures", "failures", recent::failures),
        route(&get, "/admin/openapi.json", "openapi", openapi::document),
    ]
}

/// One operation.
struct Route {
    method: Method,
    path: &'static str,
    /// Its name in the OpenAPI document and in the audit log.
    operation: &'static str,
    handler: MethodRouter<Arc<Desk>>,
}

fn route<H, T>(method: &Method, path: &'static str, operation: &'static str, handler: H) -> Route
where
    H: Handler<T, Arc<Desk>>,
    T: 'static,
{
    let filter = MethodFilter::try_from(method.clone()).expect("every route has a standard method");
    Route {
        method: method.clone(),
        path,
        operation,
        handler: on(filter, handler),
    }
}

/// What the handlers share, for as long as the process serves.
struct Desk {
    app: Arc<App>,
    admin: Arc<dyn Admin>,
    access: Access,
    /// One permit an upload.
    uploads: Semaphore,
}

/// The routes, to be merged with the operators' others.
pub(super) fn router(app: &Arc<App>, admin: Arc<dyn Admin>, access: Access) -> Router<Arc<App>> {
    let desk = Arc::new(Desk {
        app: app.clone(),
        admin,
        access,
        uploads: Semaphore::new(UPLOADS),
    });
    let mut router = Router::new();
    for route in routes() {
        let door = guard::Door {
            desk: desk.clone(),
            operation: route.operation,
            changes: route.method != Method::GET,
            remembered: match route.operation {
                "components.upload" => Some("upload"),
                "deployments.start" => Some("deploy"),
                "rollback" => Some("rollback"),
                _ => None,
            },
        };
        let guarded = route.handler.layer(from_fn_with_state(door, guard::guard));
        router = router.route(route.path, guarded);
    }
    router
        .method_not_allowed_fallback(wrong_method)
        .with_state(desk)
}

/// The `Allow` header is the router's to add: it knows which methods a path takes.
async fn wrong_method(Extension(context): Extension<Arc<Context>>) -> Response {
    Problem::wrong_method().respond(&context.request_id)
}

impl Desk {
    /// Asks the layer below, on the public port's runtime. What it logs carries the request's id.
    async fn ask<T, F>(&self, question: impl FnOnce(Arc<dyn Admin>) -> F) -> Result<T, Refused>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, AdminError>> + Send + 'static,
    {
        let answering = question(self.admin.clone()).in_current_span();
        let answer = self.app.workers.spawn(answering);
        let answer = match timeout(PATIENCE, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(AdminError::Unavailable("the call did not end".to_owned())),
            Err(_) => Err(AdminError::Unavailable(format!(
                "no answer in {PATIENCE:?}"
            ))),
        };
        if let Err(AdminError::Unavailable(reason)) = &answer {
            error!("administration is unavailable: {reason}");
        }
        Ok(answer?)
    }
}

/// Why a request got no success. `guard`, which knows the request's id, makes the answer of it.
struct Refused(Box<Problem>);

impl<P: Into<Problem>> From<P> for Refused {
    fn from(problem: P) -> Refused {
        Refused(Box::new(problem.into()))
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = Response::default();
        *response.status_mut() = self.0.status;
        response.extensions_mut().insert(*self.0);
        response
    }
}

/// The problem of a body or parameter that does not fit, and where.
fn unfit(pointer: impl Into<String>, detail: impl Into<String>) -> Refused {
    Error::Invalid(vec![FieldError {
        pointer: pointer.into(),
        detail: detail.into(),
    }])
    .into()
}

/// A digest as it is kept, 64 lower-case hex digits, from what a person may write.
fn plain_digest(text: &str) -> Option<String> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    let is_digest = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_digest.then(|| digits.to_ascii_lowercase())
}

fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let body = serde_json::to_vec(body).expect("plain data with string keys is always JSON");
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The answer that names where to look next.
fn located(status: StatusCode, location: &str, body: &impl Serialize) -> Response {
    let mut response = json(status, body);
    let location = HeaderValue::from_str(location).expect("digests and numbers are ASCII");
    response.headers_mut().insert(LOCATION, location);
    response
}
