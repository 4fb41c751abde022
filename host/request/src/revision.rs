//! A revision: one compiled component that can serve.

use std::sync::Arc;

use super::admission::Bulkheads;
use super::logic::Logic;
use contract::{Asset, Description, Method, Route, RouteIndex};
use telemetry::metrics::RevisionStats;
use transcode::Operation;

/// One compiled component that can serve, with what HTTP needs to know about it.
///
/// Requests hold their revision until they end; the last holder frees it.
pub struct Revision {
    /// SHA-256 of the component, in lower-case hex.
    pub digest: String,
    /// The component's description of itself.
    pub description: Description,
    /// Maps paths to the templates that match them.
    pub router: matchit::Router<Template>,
    /// The OpenAPI document of this revision.
    pub openapi: serde_json::Value,
    /// The web UI's files.
    pub assets: Vec<Asset>,
    /// The routes bound to their functions, in the description's order. Another revision's API is
    /// compared with these.
    pub operations: Vec<Operation>,
    /// Counts this revision's requests in this process. Metrics watch it until the revision is
    /// freed.
    pub stats: Arc<RevisionStats>,
    /// Bounds the requests to each route.
    pub bulkheads: Bulkheads,
    /// Runs the requests.
    pub logic: Box<dyn Logic>,
}

/// One path template and the routes that use it.
#[derive(Debug, Clone)]
pub struct Template {
    /// Such as `/tasks/{id}`; also the label in metrics.
    pub path: String,
    /// The route of each method.
    pub methods: Vec<(Method, RouteIndex)>,
}

impl Revision {
    /// The route with the same method and path as a route of another revision.
    pub(super) fn route_like(&self, other: &Route) -> Option<RouteIndex> {
        self.find_route(other.method, &other.path)
    }

    /// The GET route with the same path as another route.
    pub(super) fn reader_of(&self, route: RouteIndex) -> Option<RouteIndex> {
        self.find_route(Method::Get, &self.description.route(route).path)
    }

    /// The route with this method and path template.
    pub(super) fn find_route(&self, method: Method, path: &str) -> Option<RouteIndex> {
        // A template matches its own text, because no literal contains a brace.
        let template = self.router.at(path).ok()?.value;
        if template.path != path {
            return None;
        }
        let mut methods = template.methods.iter();
        methods.find_map(|(of, route)| (*of == method).then_some(*route))
    }
}
