//! How a PostgreSQL database is opened.

use std::time::Duration;

use super::url::Url;

/// How a PostgreSQL database is opened.
#[derive(Debug, Clone)]
pub struct Config {
    /// The location of the database, and the host's login.
    pub url: Url,
    /// The URL of the same database that bypasses a pooler. `None`: `url` does not lead through
    /// one.
    pub direct: Option<Url>,
    /// Connections for requests: one half for reads, the other half for writes.
    pub connections: usize,
    /// How long an unused connection stays open.
    pub idle: Duration,
    /// How long to wait for a server that does not answer yet.
    pub wait: Duration,
    /// Maximum bytes of text and blobs in one row. A larger row ends the connection before the host has
    /// read all of it. The driver holds a row in addition to the result that it becomes part of.
    pub row_bytes: u64,
    /// Acknowledges commits that are not durable yet.
    pub no_sync: bool,
    /// Statements of the logic that take longer are noted, see
    /// [`Transaction::take_slow`](crate::Transaction::take_slow). Zero: none.
    pub slow_statement: Duration,
}
