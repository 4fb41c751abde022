//! How a SQLite database is opened.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// How a SQLite database is opened.
#[derive(Clone)]
pub struct Config {
    /// The database file, created where it is missing, with its own directory; none: a private
    /// temporary file that is removed when the database is closed.
    pub path: Option<PathBuf>,
    /// Connections for read transactions, at least 1. A request holds one while its logic runs,
    /// so fewer than requests may run at a time would let slow ones keep the others out. They
    /// are opened when they are needed.
    pub readers: usize,
    /// Prepared statements that each connection keeps.
    pub statements: usize,
    /// Pages that each connection keeps, in bytes.
    pub page_cache_bytes: u32,
    /// How much of the file is mapped into memory, in bytes. A write empties the page caches of
    /// all readers; with the map they fill again without a system call a page.
    pub map_bytes: u64,
    /// The longest text, blob or row, in bytes.
    pub length_bytes: u32,
    /// What makes commits durable before they are acknowledged.
    pub durability: Durability,
}

impl Config {
    /// A database in a file, durable, with sizes for a small machine.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self {
            path: Some(path.into()),
            readers: 64,
            statements: 256,
            page_cache_bytes: 2 << 20,
            map_bytes: 128 << 20,
            length_bytes: 8 << 20,
            durability: Durability::Disk,
        }
    }

    /// A private database that ends with the process, so nothing is synced.
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
    /// `fdatasync` of the write-ahead log: what was acknowledged survives a loss of power.
    Disk,
    /// Nothing: what was acknowledged survives the process, and not the machine.
    None,
    /// In place of `fdatasync`, for tests and measurements.
    With(Arc<dyn LogSync>),
}

/// Makes durable what was written to the write-ahead log. Called from one thread, which does
/// nothing else; waiting for long is fine.
pub trait LogSync: Send + Sync + 'static {
    /// Returns when everything written to the file before the call is durable.
    ///
    /// # Errors
    /// Any: from then on nothing is acknowledged any more, because what a failed sync has left
    /// on the disk is unknown, and a second one may report success for lost pages.
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
    fn the_disk_is_really_asked() {
        // The kernel cannot sync a device that is no disk, and says so: a sync that was left
        // out would succeed.
        let device = File::open("/dev/null").unwrap();
        let error = DiskSync.sync(&device).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
