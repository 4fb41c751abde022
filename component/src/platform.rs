//! What the logic needs from outside: SQL and events in the request's transaction, the clock,
//! the log.
//!
//! In the component the host's imports implement it (`exports.rs`); a native build brings its
//! own. The caller begins the transaction before an operation and ends it after.

use crate::contract::Datetime;
use crate::contract::events::Event;
use crate::contract::log::Level;
use crate::contract::sql::{Failure, Rows, Value};

/// The outside world during one request.
pub trait Platform {
    /// Runs a statement that returns rows; `$n` stands for the n-th parameter.
    ///
    /// # Errors
    /// After a [`Failure`] the transaction is spent: the operation ends with a problem.
    fn query(&mut self, statement: &str, params: &[Value]) -> Result<Rows, Failure>;

    /// Runs a statement and returns the number of rows that it changed.
    ///
    /// # Errors
    /// As [`Platform::query`].
    fn execute(&mut self, statement: &str, params: &[Value]) -> Result<u64, Failure>;

    /// The time of the request. It stands still while the request lasts.
    fn now(&self) -> Datetime;

    /// Publishes an event, which others hear of when the transaction has committed.
    fn publish(&mut self, event: &Event);

    /// Writes a line to the log. Neither message nor fields carry what users wrote.
    fn log(&mut self, level: Level, message: &str, fields: &[(String, String)]);
}
