//! What the logic needs from outside: SQL and events in the request's transaction, the clock, and
//! the log.
//!
//! In the component, the host's imports implement this trait (`exports.rs`). A native build provides
//! its own implementation. The caller begins the transaction before an operation and ends it after.

use crate::contract::Datetime;
use crate::contract::events::Event;
use crate::contract::log::Level;
use crate::contract::sql::{Dialect, Failure, Rows, Value};

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
