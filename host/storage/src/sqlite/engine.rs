//! What all transactions of a database share: its connections, its threads and the lock on its
//! file.

use std::sync::Arc;

use rusqlite::ErrorCode;
use tokio::sync::watch;

use super::checkpoint::{self, Checkpointer};
use super::config::{Config, DiskSync, Durability, LogSync};
use super::connection::{Opener, open_plain};
use super::file::DatabaseFile;
use super::flusher::Flusher;
use super::pool::Pool;
use super::{failure, schema};
use crate::{OpenError, Stats};
use contract::Access;

/// Each transaction holds it until it has ended. The fields are dropped in this order: first the
/// connections, then the threads that wait for the connections' end, and the lock on the file last.
pub(super) struct Engine {
    pub(super) readers: Arc<Pool>,
    pub(super) writer: Arc<Pool>,
    pub(super) flusher: Flusher,
    pub(super) checkpointer: Checkpointer,
    /// The id of the last committed event. Wakes the readers of the feed.
    pub(super) last_event: watch::Sender<i64>,
    pub(super) stats: Arc<Stats>,
    pub(super) file: DatabaseFile,
}

impl Engine {
    /// Opens a database. What an earlier process left in the write-ahead log is made durable first.
    pub(super) fn open(config: &Config) -> Result<Self, OpenError> {
        let file = DatabaseFile::claim(config.path.as_deref())?;
        let refused = |error: rusqlite::Error| refused(&file, &error);
        let failed = |reason: String| OpenError::Failed {
            path: file.path().display().to_string(),
            reason,
        };
        let stats = Arc::new(Stats::default());
        let (wake, woken) = checkpoint::channel();
        let opener = |access, wake| Opener {
            path: file.path().to_owned(),
            config: config.clone(),
            access,
            wake,
        };

        let checkpoints = open_plain(file.path(), Access::Write, config).map_err(refused)?;
        checkpoints.execute_batch(schema::TABLES).map_err(refused)?;
        let last_event = schema::last_event(&checkpoints).map_err(refused)?;
        file.sync_directory()?;

        let sync = match &config.durability {
            Durability::None => None,
            Durability::Disk => Some(Arc::new(DiskSync) as Arc<dyn LogSync>),
            Durability::With(sync) => Some(sync.clone()),
        };
        let log = match sync {
            None => None,
            Some(sync) => {
                let log = file.open_log()?;
                sync.sync(&log).map_err(|error| {
                    failed(format!("syncing the write-ahead log failed: {error}"))
                })?;
                Some((log, sync))
            }
        };
        let no_thread =
            |error: std::io::Error| failed(format!("a thread cannot be started: {error}"));
        let writer = Pool::open(opener(Access::Write, Some(wake)), 1, stats.clone());
        let readers = Pool::open(
            opener(Access::Read, None),
            config.readers.max(1),
            stats.clone(),
        );
        Ok(Self {
            readers: Arc::new(readers.map_err(refused)?),
            writer: Arc::new(writer.map_err(refused)?),
            flusher: Flusher::start(log, stats.clone()).map_err(no_thread)?,
            checkpointer: Checkpointer::start(checkpoints, woken, stats.clone())
                .map_err(no_thread)?,
            last_event: watch::Sender::new(last_event),
            stats,
            file,
        })
    }

    /// Closes the connections that are not in use, to free their memory.
    pub(super) fn close_idle(&self) {
        self.readers.close_idle();
        self.writer.close_idle();
    }
}

fn refused(file: &DatabaseFile, error: &rusqlite::Error) -> OpenError {
    let path = file.path().display().to_string();
    let reason = failure::message(error);
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            OpenError::NotADatabase { path }
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            OpenError::ReadOnly { path, reason }
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenError::InUse { path },
        _ => OpenError::Failed { path, reason },
    }
}
