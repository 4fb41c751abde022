//! How a SQLite database is opened.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How a SQLite database is opened.
#[derive(Clone)]
pub struct Config {
    /// The database file. It and its directory are created if they are missing. `None`: a private
    /// temporary file that is removed when the database is closed.
    pub path: Option<PathBuf>,
    /// Connections for read transactions, at least 1. A request holds one while its logic runs. If
    /// there are fewer than requests may run at a time, slow requests block others. Connections are
    /// opened when they are needed.
    pub readers: usize,
    /// Maximum size of SQLite's heap, in bytes. SQLite has one heap for the whole process, so the
    /// smallest value of all databases applies, from then on. Sorts and recursion work in memory: a
    /// statement that collects too many rows fails, before the operating system kills the host. A
    /// quarter of it is for cached statements.
    pub memory_bytes: u64,
    /// Size of each connection's page cache, in bytes.
    pub page_cache_bytes: u32,
    /// How much of the file is mapped into memory, in bytes. A write empties the page caches of
    /// all readers. With the mapping they are filled again without a system call for each page.
    pub map_bytes: u64,
    /// Maximum length of a text, blob or row, in bytes.
    pub length_bytes: u32,
    /// What makes commits durable before they are acknowledged.
    pub durability: Durability,
    /// Statements of the logic that take longer are noted, see
    /// [`Transaction::take_slow`](crate::Transaction::take_slow). Zero: none.
    pub slow_statement: Duration,
    /// Called by each commit of a change, for tests of what happens at the same time.
    pub at_commit: Option<AtCommit>,
}

/// Called by a commit at each of its steps.
pub type AtCommit = Arc<dyn Fn(CommitStep) + Send + Sync>;

/// A step of a commit that tests can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitStep {
    /// The tables that it changes are marked. Nothing is visible yet.
    Marked,
    /// What it changed is visible.
    Visible,
}

impl Config {
    /// Returns the configuration of a durable database in a file, with sizes for a small machine.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self {
            path: Some(path.into()),
            readers: 64,
            memory_bytes: 256 << 20,
            page_cache_bytes: 2 << 20,
            map_bytes: 128 << 20,
            length_bytes: 8 << 20,
            durability: Durability::Disk,
            slow_statement: Duration::ZERO,
            at_commit: None,
        }
    }

    /// Returns the configuration of a private database that is removed when it is closed. Nothing
    /// is synced.
    pub fn temporary() -> Self {
        Self {
            path: None,
            durability: Durability::None,
            ..Self::file("")
        }
    }
}

/// What makes commits durable before they are acknowledged.
#[derive(Clone)]
pub enum Durability {
    /// `fdatasync` of the write-ahead log: an acknowledged commit survives a loss of power.
    Disk,
    /// Nothing: an acknowledged commit survives a crash of the process, but not of the machine.
    None,
    /// Something in place of `fdatasync`, for tests and measurements.
    With(Arc<dyn LogSync>),
}

/// Makes durable what was written to the write-ahead log. Called from one thread that does nothing
/// else, so it may block for long.
pub trait LogSync: Send + Sync + 'static {
    /// Returns when everything that was written to the file before the call is durable.
    ///
    /// # Errors
    /// After any error no commit is acknowledged any more: it is unknown what a failed sync has left
    /// on the disk, and a second sync may report success although pages were lost.
    fn sync(&self, log: &File) -> io::Result<()>;
}

/// `fdatasync`.
#[derive(Debug, Clone, Copy)]
pub struct DiskSync;

impl LogSync for DiskSync {
    fn sync(&self, log: &File) -> io::Result<()> {
        log.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disk_is_really_synced() {
        // The kernel reports an error for a device that it cannot sync. A missing sync would
        // succeed.
        let device = File::open("/dev/null").unwrap();
        let error = DiskSync.sync(&device).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
