//! What one request may use, and how many there may be.

use std::time::Duration;

/// What one request may use, beside what `runtime::Limits` says of its instance.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Requests that run at a time.
    pub running: usize,
    /// Requests that wait for their turn at a time.
    pub waiting: usize,
    /// How long a request waits for its turn.
    pub wait: Duration,
    /// Wall-clock time of a request from its arrival.
    pub deadline: Duration,
    /// Wall-clock time that one request may hold the writer.
    pub hold: Duration,
    /// SQL statements of a request.
    pub statements: u32,
    /// Rows that a request's statements return.
    pub rows: u64,
    /// Bytes of text and blobs that a request's statements return.
    pub bytes: u64,
}
