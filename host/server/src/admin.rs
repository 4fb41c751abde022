//! The admin API on the admin port: upload a component, deploy it, follow the deployment, go back.
//! Bodies are the JSON of [`deployment::model`].
//!
//! Each route is one line in `routes` and passes `guard`, which checks access and writes the audit
//! line. [`Admin`] does the work, on the runtime of the public port: a deployment's tasks must not
//! share the single thread of the admin port, and an order that was accepted is carried out even if
//! its client goes away.

mod access;
mod attempts;
mod audit;
mod body;
mod components;
pub mod config;
mod deployments;
mod events;
mod gauges;
mod guard;
mod log;
mod openapi;
mod recent;
mod recordings;
mod respond;
mod shared;
mod slow;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::extract::Extension;
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, on};
use tokio::sync::Semaphore;

pub use self::access::{Access, Token};
use self::attempts::Attempts;
pub use self::config::{Config, UnusableSetting};
pub use self::recordings::RecordingSummary;
use self::shared::Shared;
pub use self::slow::SlowStatement;
use super::App;
use super::problem::Problem;
use super::trace::Context;
use contract::deployment::Kind;
use deployment::Admin;

/// How many components are received at a time. Each may take as much memory as the size limit.
const UPLOADS: usize = 2;

/// Every route of the admin API.
#[rustfmt::skip] // One line each.
fn routes() -> [Route; 22] {
    let (get, post) = (Method::GET, Method::POST);
    [
        route(&post, "/admin/components", "components.upload", components::upload),
        route(&get, "/admin/components", "components.list", components::list),
        route(&get, "/admin/components/{digest}", "components.get", components::describe),
        route(&get, "/admin/components/{digest}/content", "components.download", components::content),
        route(&post, "/admin/deployments", "deployments.start", deployments::start),
        route(&get, "/admin/deployments", "deployments.list", deployments::list),
        route(&get, "/admin/deployments/{id}", "deployments.get", deployments::describe),
        route(&get, "/admin/deployments/{id}/events", "deployments.follow", events::follow),
        route(&post, "/admin/deployments/{id}/promote", "deployments.promote", deployments::promote),
        route(&post, "/admin/deployments/{id}/abort", "deployments.abort", deployments::abort),
        route(&post, "/admin/rollback", "rollback", deployments::rollback),
        route(&get, "/admin/status", "status", deployments::status),
        route(&get, "/admin/figures", "figures", recent::figures),
        route(&get, "/admin/gauges", "gauges", gauges::list),
        route(&get, "/admin/log", "log", log::list),
        route(&get, "/admin/failures", "failures", recent::failures),
        route(&get, "/admin/failures/groups", "failures.groups", recent::failure_groups),
        route(&get, "/admin/statements", "statements", slow::statements),
        route(&get, "/admin/recordings", "recordings.list", recordings::list),
        route(&get, "/admin/recordings/{id}", "recordings.get", recordings::get),
        route(&get, "/admin/rehearsal", "rehearsal.get", recordings::rehearsal),
        route(&get, "/admin/openapi.json", "openapi", openapi::document),
    ]
}

/// One operation.
struct Route {
    method: Method,
    path: &'static str,
    /// Its name in the OpenAPI document and in the audit log.
    operation: &'static str,
    handler: MethodRouter<Arc<Shared>>,
}

fn route<H, T>(method: &Method, path: &'static str, operation: &'static str, handler: H) -> Route
where
    H: Handler<T, Arc<Shared>>,
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

/// Returns the routes, to be merged with the other routes of the admin port.
pub(super) fn router(app: &Arc<App>, admin: Arc<dyn Admin>, access: Access) -> Router<Arc<App>> {
    let shared = Arc::new(Shared {
        app: app.clone(),
        admin,
        access,
        attempts: Attempts::new(),
        uploads: Semaphore::new(UPLOADS),
    });
    let mut router = Router::new();
    for route in routes() {
        let guarded = guard::Guarded {
            shared: shared.clone(),
            operation: route.operation,
            audited: route.method != Method::GET
                || matches!(route.operation, "recordings.get" | "rehearsal.get"),
            recorded: match route.operation {
                "components.upload" => Some(Kind::Upload),
                "deployments.start" => Some(Kind::Deploy),
                "rollback" => Some(Kind::Rollback),
                _ => None,
            },
        };
        let guarded = route
            .handler
            .layer(from_fn_with_state(guarded, guard::guard));
        router = router.route(route.path, guarded);
    }
    router
        .method_not_allowed_fallback(wrong_method)
        .with_state(shared)
}

/// The router adds the `Allow` header, because it knows the methods of each path.
async fn wrong_method(Extension(context): Extension<Arc<Context>>) -> Response {
    Problem::wrong_method().respond(&context.request_id)
}
