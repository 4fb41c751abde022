//! Types that all layers of the host share: plain data, without behaviour.
//!
//! - The types in this file mirror `wit/platform`, which documents each of them in full. `runtime`
//!   reads them from a component; `transcode`, `deployment` and `server` use them.
//! - [`deployment`] has the words of a deployment: stages, kinds, outcomes, reasons. `storage`
//!   stores them, `deployment` decides by them, `server` and the command line show them.
//! - [`text`] checks and escapes texts that people read.
//! - [`digest`] computes and parses the digests that name components.
//!
//! This crate knows no other layer, and none of the crates that a layer is built on.

pub mod deployment;
pub mod digest;
pub mod text;
mod word;

use std::fmt;

pub use self::word::{Vocabulary, Word};

/// The `tracing` target of spans that only a trace collector receives; logs leave them out.
pub const DETAIL: &str = "task_host::detail";

/// The paths that the host answers itself, together with everything below them. A component's
/// routes and assets must not use them.
pub const RESERVED_PATHS: [&str; 8] = [
    "/health",
    "/livez",
    "/readyz",
    "/docs",
    "/openapi.json",
    "/metrics",
    "/events",
    "/mcp",
];

/// The codes of the problems that report a fault of the logic. They are also labels of the metrics.
pub const FAULT_PROBLEMS: [&str; 16] = [
    "logic-trapped",
    "deadline-exceeded",
    "cpu-time-exceeded",
    "memory-limit-exceeded",
    "handover-limit-exceeded",
    "statement-limit-exceeded",
    "row-limit-exceeded",
    "byte-limit-exceeded",
    "logic-returned-invalid-value",
    "logic-ignored-failure",
    "event-limit-exceeded",
    "logic-published-invalid-event",
    "answer-limit-exceeded",
    "statement-memory-exceeded",
    "logic-exited",
    "logic-waited",
];

/// The codes of the problems that report a fault of the database's files.
pub const STORAGE_PROBLEMS: [&str; 3] = ["storage-full", "storage-damaged", "storage-moved"];

/// The codes of all other problems that the host itself answers with on the public port.
const OTHER_PROBLEMS: &[&str] = &[
    "malformed-request",
    "invalid-request",
    "invalid-header",
    "unsupported-media-type",
    "unsupported-content-coding",
    "precondition-failed",
    "idempotency-key-reused",
    "overloaded",
    "unavailable",
    "outcome-unknown",
    "not-found",
    "method-not-allowed",
    "payload-too-large",
    "arguments-too-large",
    "malformed-http",
    "invalid-host",
    "target-too-long",
    "head-too-large",
    "unsupported-expectation",
    "unsupported-transfer-coding",
    "unsupported-http-version",
    "too-many-buffered-bytes",
    "body-timeout",
    "body-incomplete",
    "too-many-event-streams",
    "too-many-mcp-streams",
    "not-acceptable",
    "foreign-host",
    "foreign-origin",
    "unauthorized",
    "internal-error",
];

/// A component's description of itself (`service.describe`).
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// The service's name.
    pub name: String,
    /// The logic's version.
    pub version: String,
    /// The routes of the HTTP API, in the component's order.
    pub routes: Vec<Route>,
    /// The steps of the database schema, in the order in which they are applied.
    pub migrations: Vec<Migration>,
    /// The constraints on the values of requests.
    pub constraints: Vec<Constraint>,
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
    /// Whether the operation may change data.
    pub access: Access,
    /// The HTTP status of a success, 200 to 299.
    pub success: u16,
    /// The template of the `Location` header, over members of the result.
    pub location: Option<String>,
    /// The member of the result that becomes the body. `None`: the whole result.
    pub body: Option<String>,
    /// The member of the result that becomes the strong entity tag.
    pub etag: Option<String>,
    /// The member of the result that becomes the cursor of the next page.
    pub next: Option<String>,
}

/// The HTTP methods that a route can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    /// Also answers HEAD.
    Get,
    /// Creates. A client can repeat it safely with an `Idempotency-Key`.
    Post,
    /// Changes or replaces.
    Put,
    /// Changes by a JSON merge patch.
    Patch,
    /// Deletes.
    Delete,
}

impl Method {
    /// Returns the method's name in HTTP.
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

/// Whether an operation may change data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Reads one snapshot and changes nothing.
    Read,
    /// Runs in one transaction, which is committed after a success.
    Write,
}

/// A constraint on the values in one place of a request. `None` allows everything.
#[derive(Debug, Clone, PartialEq)]
pub struct Constraint {
    /// What is constrained, such as `tasks:api/tasks#draft.tags[]`.
    pub place: String,
    /// What a value must be like.
    pub bounds: Bounds,
    /// What to tell the client about a value outside of the bounds, in place of the host's own words.
    pub message: Option<String>,
    /// Whether the host refuses values outside of the bounds. If not, the logic does.
    pub enforced: bool,
}

/// What a value must be like. `None` allows everything.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bounds {
    /// Minimum length of a string, in characters.
    pub min_length: Option<u32>,
    /// Maximum length of a string, in characters.
    pub max_length: Option<u32>,
    /// A regular expression that must match a part of a string.
    pub pattern: Option<String>,
    /// The name of a string's format.
    pub format: Option<String>,
    /// Minimum of a number.
    pub minimum: Option<f64>,
    /// Maximum of a number.
    pub maximum: Option<f64>,
    /// A number must be greater.
    pub exclusive_minimum: Option<f64>,
    /// A number must be less.
    pub exclusive_maximum: Option<f64>,
    /// Minimum number of items.
    pub min_items: Option<u32>,
    /// Maximum number of items.
    pub max_items: Option<u32>,
    /// Whether all items must differ.
    pub unique_items: bool,
}

/// One step of the logic's database schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// A name that sorts and says what the step does, such as `0001-tasks`.
    pub name: String,
    /// The statements to run on SQLite.
    pub sqlite: String,
    /// The statements to run on PostgreSQL.
    pub postgres: String,
}

/// A file of the web UI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// The path at which it is served.
    pub path: String,
    /// Its media type.
    pub media_type: String,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// Why an operation failed: the body of an `application/problem+json` response (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status, 400 to 599.
    pub status: u16,
    /// A stable code. It becomes the last part of `type`.
    pub code: String,
    /// The kind of problem in a few words.
    pub title: String,
    /// What happened in this case.
    pub detail: Option<String>,
    /// The invalid fields of the request.
    pub errors: Vec<FieldError>,
    /// Additional members, as names and strings.
    pub extensions: Vec<(String, String)>,
}

/// Returns whether the host itself answers with problems of this code. A component's problems must
/// not: a client could not tell who answered.
pub fn is_host_problem(code: &str) -> bool {
    let lists = [&FAULT_PROBLEMS[..], &STORAGE_PROBLEMS, OTHER_PROBLEMS];
    lists.iter().any(|codes| codes.contains(&code))
}

impl Problem {
    /// Returns why the code must not be sent, or `None` if it may: it is not a slug, or it is one of
    /// the host's own codes.
    pub fn unfit_code(&self) -> Option<String> {
        let code = &self.code;
        if !text::is_slug(code) {
            let start: String = code.chars().take(64).collect();
            let start = text::escaped(&start);
            return Some(format!(
                "the problem's code {start:?} is not 1 to 64 lower-case letters, digits and hyphens"
            ));
        }
        is_host_problem(code).then(|| format!("the problem's code {code} is one of the host's own"))
    }
}

/// One invalid field of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Where the field is: `#/title`, `#/query/limit`, `#/path/id`.
    pub pointer: String,
    /// What is wrong with it.
    pub detail: String,
}

#[cfg(test)]
mod tests {
    use super::is_host_problem;

    #[test]
    fn the_hosts_own_codes_are_those_of_every_kind_of_problem() {
        for code in ["deadline-exceeded", "storage-full", "not-found"] {
            assert!(is_host_problem(code), "{code}");
        }
        assert!(!is_host_problem("task-not-found"));
    }
}
