//! What logic needs from outside: SQL and events in the request's transaction, the clock, and the log.
//!
//! In a component, [`Host`] implements the trait with the host's imports. On the build machine
//! [`testing::Database`](crate::testing::Database) implements it on SQLite. The caller begins the
//! transaction before an operation and ends it after.

use crate::bindings::exports::task_host::platform::service;
use crate::bindings::task_host::platform::events::Event;
use crate::bindings::task_host::platform::log::Level;
use crate::bindings::task_host::platform::sql::{Dialect, Failure, Rows, Value};
use crate::bindings::wasi::clocks::wall_clock::Datetime;

/// The environment of one request.
pub trait Platform {
    /// Returns the SQL dialect of the database.
    fn dialect(&self) -> Dialect;

    /// Runs a statement that returns rows. `$n` is the nth parameter.
    ///
    /// # Errors
    /// Returns [`Failure`] if the statement fails. The transaction cannot continue after that, so the
    /// operation must end with a problem.
    fn query(&mut self, statement: &str, params: &[Value]) -> Result<Rows, Failure>;

    /// Runs a statement and returns the number of rows that it changed.
    ///
    /// # Errors
    /// The same as [`Platform::query`].
    fn execute(&mut self, statement: &str, params: &[Value]) -> Result<u64, Failure>;

    /// Returns the time of the request. It stays the same during the whole request.
    fn now(&self) -> Datetime;

    /// Publishes an event. Clients receive it if the transaction commits.
    fn publish(&mut self, event: &Event);

    /// Writes a line to the log. The message and the fields must not contain text from users.
    fn log(&mut self, level: Level, message: &str, fields: &[(String, String)]);
}

/// The platform of the running code: the host's imports in a component, and the database of the running test on
/// the build machine.
#[derive(Debug, Clone, Copy)]
pub struct Host;

#[cfg(target_family = "wasm")]
impl Platform for Host {
    fn dialect(&self) -> Dialect {
        crate::bindings::task_host::platform::sql::engine()
    }

    fn query(&mut self, statement: &str, params: &[Value]) -> Result<Rows, Failure> {
        crate::bindings::task_host::platform::sql::query(statement, params)
    }

    fn execute(&mut self, statement: &str, params: &[Value]) -> Result<u64, Failure> {
        crate::bindings::task_host::platform::sql::execute(statement, params)
    }

    fn now(&self) -> Datetime {
        crate::bindings::wasi::clocks::wall_clock::now()
    }

    fn publish(&mut self, event: &Event) {
        crate::bindings::task_host::platform::events::publish(event);
    }

    fn log(&mut self, level: Level, message: &str, fields: &[(String, String)]) {
        crate::bindings::task_host::platform::log::write(level, message, fields);
    }
}

#[cfg(not(target_family = "wasm"))]
impl Platform for Host {
    fn dialect(&self) -> Dialect {
        crate::testing::with(|database| database.dialect())
    }

    fn query(&mut self, statement: &str, params: &[Value]) -> Result<Rows, Failure> {
        crate::testing::with(|database| database.query(statement, params))
    }

    fn execute(&mut self, statement: &str, params: &[Value]) -> Result<u64, Failure> {
        crate::testing::with(|database| database.execute(statement, params))
    }

    fn now(&self) -> Datetime {
        crate::testing::with(|database| database.now())
    }

    fn publish(&mut self, event: &Event) {
        crate::testing::with(|database| database.publish(event));
    }

    fn log(&mut self, level: Level, message: &str, fields: &[(String, String)]) {
        crate::testing::with(|database| database.log(level, message, fields));
    }
}

impl service::Constraint {
    /// Creates a constraint on a place, such as `bookmarks:api/bookmarks#draft.url`, without a bound.
    pub fn at(place: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            min_length: None,
            max_length: None,
            pattern: None,
            format: None,
            minimum: None,
            maximum: None,
            exclusive_minimum: None,
            exclusive_maximum: None,
            min_items: None,
            max_items: None,
            unique_items: None,
            message: None,
            enforced: None,
        }
    }
}

impl service::Route {
    /// Creates a route of a GET, which only reads. `operation` is a function of the WIT, such as
    /// `bookmarks:api/bookmarks#get`.
    pub fn get(path: impl Into<String>, operation: impl Into<String>) -> Self {
        Self::new(service::Method::Get, path, operation, service::Access::Read)
    }

    /// Creates a route of a POST, which may write.
    pub fn post(path: impl Into<String>, operation: impl Into<String>) -> Self {
        Self::new(
            service::Method::Post,
            path,
            operation,
            service::Access::Write,
        )
    }

    /// Creates a route of a PUT, which may write.
    pub fn put(path: impl Into<String>, operation: impl Into<String>) -> Self {
        Self::new(
            service::Method::Put,
            path,
            operation,
            service::Access::Write,
        )
    }

    /// Creates a route of a PATCH, which may write.
    pub fn patch(path: impl Into<String>, operation: impl Into<String>) -> Self {
        Self::new(
            service::Method::Patch,
            path,
            operation,
            service::Access::Write,
        )
    }

    /// Creates a route of a DELETE, which may write.
    pub fn delete(path: impl Into<String>, operation: impl Into<String>) -> Self {
        Self::new(
            service::Method::Delete,
            path,
            operation,
            service::Access::Write,
        )
    }

    /// Creates a route that answers 200 with the whole result.
    pub fn new(
        method: service::Method,
        path: impl Into<String>,
        operation: impl Into<String>,
        access: service::Access,
    ) -> Self {
        Self {
            method,
            path: path.into(),
            operation: operation.into(),
            access,
            success: 200,
            location: None,
            body: None,
            etag: None,
            next: None,
        }
    }

    /// Sets the status of a success to 201 and the `Location` header to the new resource: a template over fields
    /// of the result, such as `/tasks/{id}`.
    #[must_use]
    pub fn created(self, location: &str) -> Self {
        Self {
            success: 201,
            location: Some(location.to_owned()),
            ..self
        }
    }

    /// Sets the status of a success.
    #[must_use]
    pub fn success(self, status: u16) -> Self {
        Self {
            success: status,
            ..self
        }
    }

    /// Uses a field of the result as the entity tag.
    #[must_use]
    pub fn etag(self, field: &str) -> Self {
        Self {
            etag: Some(field.to_owned()),
            ..self
        }
    }

    /// Uses one field of the result as the body, and another as the cursor of the next page, which the `Link`
    /// header has.
    #[must_use]
    pub fn paged(self, body: &str, next: &str) -> Self {
        Self {
            body: Some(body.to_owned()),
            next: Some(next.to_owned()),
            ..self
        }
    }
}
