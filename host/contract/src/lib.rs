//! The words of the platform contract, as the host speaks them between its layers.
//!
//! They mirror `wit/platform`, where each is documented in full. They are plain data: `runtime`
//! reads them from a component, `transcode` and `server` use them.

use std::fmt;

/// The `tracing` target of spans that only a trace collector receives; logs leave them out.
pub const DETAIL: &str = "task_host::detail";

/// The paths that the host answers itself, with everything below them: no component may have
/// them.
pub const RESERVED_PATHS: [&str; 7] = [
    "/health",
    "/livez",
    "/readyz",
    "/docs",
    "/openapi.json",
    "/metrics",
    "/events",
];

/// What a component says of itself (`service.describe`).
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// The service's name.
    pub name: String,
    /// The logic's version.
    pub version: String,
    /// The HTTP API, in the component's order.
    pub routes: Vec<Route>,
    /// The schema's steps, in order.
    pub migrations: Vec<Migration>,
}

impl Description {
    /// Returns every route with its index, in the component's order.
    pub fn indexed_routes(&self) -> impl Iterator<Item = (RouteIndex, &Route)> {
        (0..).map(RouteIndex).zip(&self.routes)
    }

    /// Returns a route by its index.
    ///
    /// # Panics
    /// Panics if the index was taken from a description with more routes.
    pub fn route(&self, index: RouteIndex) -> &Route {
        &self.routes[index.0]
    }
}

/// The position of a route in [`Description::routes`].
///
/// It means the same route only in the description that it was taken from, and in lists that have
/// one entry for each route of that description, in the same order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteIndex(usize);

impl RouteIndex {
    /// Makes an index from a position.
    pub const fn new(position: usize) -> Self {
        RouteIndex(position)
    }

    /// Returns the position.
    pub const fn get(self) -> usize {
        self.0
    }
}

/// One operation of the HTTP API.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// The HTTP method.
    pub method: Method,
    /// A template such as `/tasks/{id}`.
    pub path: String,
    /// Interface and function, `tasks:api/tasks#get`.
    pub operation: String,
    /// What the operation may do with the data.
    pub access: Access,
    /// The status of a success, 200 to 299.
    pub success: u16,
    /// A template over members of the result.
    pub location: Option<String>,
    /// The member of the result that is the body.
    pub body: Option<String>,
    /// The member of the result that is the strong entity tag.
    pub etag: Option<String>,
    /// The member of the result that is the next page's cursor.
    pub next: Option<String>,
}

/// The methods a route can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    /// Also answers HEAD.
    Get,
    /// Creates; may be repeated safely with an `Idempotency-Key`.
    Post,
    /// Changes or replaces.
    Put,
    /// Changes by JSON merge patch.
    Patch,
    /// Deletes.
    Delete,
}

impl Method {
    /// The method's name in HTTP.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an operation may do with the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Sees one snapshot and changes nothing.
    Read,
    /// One transaction, committed after a success.
    Write,
}

/// One step of the logic's schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// Sorts and says what the step does.
    pub name: String,
    /// The statements for SQLite.
    pub sqlite: String,
    /// The statements for PostgreSQL.
    pub postgres: String,
}

/// A file of the web UI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// Where it is served.
    pub path: String,
    /// Its media type.
    pub media_type: String,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// Why an operation was refused: the body of an `application/problem+json` answer (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status, 400 to 599.
    pub status: u16,
    /// A stable slug; it becomes `type`.
    pub code: String,
    /// The kind of problem in a few words.
    pub title: String,
    /// What happened this time.
    pub detail: Option<String>,
    /// The faults by place.
    pub errors: Vec<FieldError>,
    /// Further string members.
    pub extensions: Vec<(String, String)>,
}

/// One fault in a request, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// `#/title`, `#/query/limit`, `#/path/id`.
    pub pointer: String,
    /// What is wrong there.
    pub detail: String,
}
