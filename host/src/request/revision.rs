//! One version of the logic, with everything that HTTP needs to know of it.

use super::logic::Logic;
use super::stats::RevisionStats;
use crate::contract::{Asset, Description, Method};
use crate::transcode::Operation;

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
    /// What it has done so far in this process.
    pub stats: RevisionStats,
    /// What answers.
    pub logic: Box<dyn Logic>,
}

/// One path template and the routes that stand on it.
#[derive(Debug, Clone)]
pub struct Template {
    /// Such as `/tasks/{id}`: also the metric's label.
    pub path: String,
    /// Each method's index into the description's routes.
    pub methods: Vec<(Method, usize)>,
}

impl Revision {
    /// The route that reads what another route of the same path writes.
    pub(super) fn reader_of(&self, route: usize) -> Option<usize> {
        let path = &self.description.routes[route].path;
        self.description
            .routes
            .iter()
            .position(|other| other.method == Method::Get && other.path == *path)
    }
}
