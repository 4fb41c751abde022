//! One version of the logic, with everything that HTTP needs to know of it.

use std::any::Any;
use std::sync::{Arc, OnceLock};

use super::logic::Logic;
use contract::{Asset, Description, Method, Route, RouteIndex};
use telemetry::metrics::RevisionStats;
use transcode::Operation;

/// One version of the logic, with everything that HTTP needs to know of it. Requests hold it
/// until they end; it is freed with the last of them.
pub struct Revision {
    /// SHA-256 of the component, in lower-case hex.
    pub digest: String,
    /// What the component says of itself.
    pub description: Description,
    /// Path templates to their operations.
    pub router: matchit::Router<Template>,
    /// The OpenAPI document of this revision.
    pub openapi: serde_json::Value,
    /// The web UI's files.
    pub assets: Vec<Asset>,
    /// The routes bound to their functions, in the description's order: what another revision's
    /// API is compared with.
    pub operations: Vec<Operation>,
    /// What it has done so far in this process. Metrics watch it until the revision is freed.
    pub stats: Arc<RevisionStats>,
    /// What HTTP works out of the above when it first serves the revision, in its own types.
    pub shown: OnceLock<Box<dyn Any + Send + Sync>>,
    /// What answers.
    pub logic: Box<dyn Logic>,
}

/// One path template and the routes that stand on it.
#[derive(Debug, Clone)]
pub struct Template {
    /// Such as `/tasks/{id}`: also the metric's label.
    pub path: String,
    /// The route of each method.
    pub methods: Vec<(Method, RouteIndex)>,
}

impl Revision {
    /// The route of the same method and path as a route of another revision.
    pub(super) fn route_like(&self, other: &Route) -> Option<RouteIndex> {
        self.find_route(other.method, &other.path)
    }

    /// The route that reads what another route of the same path writes.
    pub(super) fn reader_of(&self, route: RouteIndex) -> Option<RouteIndex> {
        self.find_route(Method::Get, &self.description.route(route).path)
    }

    fn find_route(&self, method: Method, path: &str) -> Option<RouteIndex> {
        let mut routes = self.description.indexed_routes();
        let found = routes.find(|(_, route)| route.method == method && route.path == path);
        found.map(|(index, _)| index)
    }
}
