//! Moves the write-ahead log into the database file, where no request waits for it.
//!
//! A checkpoint in the background never catches up with writes that do not pause, and the log
//! starts over only when it did. So when the log has grown large all the same, the commit that
//! finds it so makes the rest of the way itself, while it holds the writer.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, ErrorCode};

use super::failure::message;
use crate::storage::Stats;

/// The log's length that wakes the background, in pages of 4 KiB: 4 MiB.
pub(super) const WAKE_PAGES: u32 = 1000;

/// The log's length at which a commit makes a checkpoint, in pages: 32 MiB.
pub(super) const LARGE_PAGES: u32 = 8000;

/// Wakes the background; it wakes once for any number of calls.
pub(super) type Wake = SyncSender<()>;

/// The thread, and the checkpoints that commits make. It ends when every [`Wake`] is dropped;
/// dropping this waits for that.
pub(super) struct Checkpointer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    /// One checkpoint at a time: SQLite would not wait for another one, but give up.
    turn: Mutex<()>,
    stats: Arc<Stats>,
}

/// Prepares the way to wake the background.
pub(super) fn channel() -> (Wake, Receiver<()>) {
    sync_channel(1)
}

impl Checkpointer {
    /// Makes checkpoints on that connection whenever it is woken.
    pub(super) fn start(
        sqlite: Connection,
        woken: Receiver<()>,
        stats: Arc<Stats>,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            turn: Mutex::new(()),
            stats,
        });
        let background = shared.clone();
        let work = move || {
            for () in woken {
                background.checkpoint(&sqlite, CheckpointMode::PASSIVE);
            }
        };
        let thread = thread::Builder::new()
            .name("checkpoint".into())
            .spawn(work)?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Makes the log start over. The caller holds the writer; readers are waited for shortly,
    /// and a checkpoint in the background until it is done.
    pub(super) fn restart_log(&self, sqlite: &Connection) {
        self.shared.checkpoint(sqlite, CheckpointMode::RESTART);
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            // A panic was reported by the thread; there is nothing else to do about it here.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn checkpoint(&self, sqlite: &Connection, mode: CheckpointMode) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        // A failure loses nothing: the log stays as it is, and the next checkpoint tries again.
        match sqlite.wal_checkpoint_v2(None::<&str>, mode) {
            Ok(_) => Stats::count(&self.stats.checkpoints),
            // A reader that takes its time.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {}
            Err(error) => {
                tracing::warn!(error = %message(&error), "a checkpoint of the database failed");
            }
        }
    }
}
