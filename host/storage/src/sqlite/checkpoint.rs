//! Checkpoints: a background thread moves the write-ahead log into the database file, so that no
//! request waits for it.
//!
//! The log starts over only after a checkpoint has moved all of it. While writes do not pause, the
//! background thread never gets that far and the log keeps growing. So if the log has grown large, a
//! commit makes a checkpoint itself while it holds the writer. It does so soon after the background
//! thread has finished one, when little is left to move.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use parking_lot::{Mutex, MutexGuard};
use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, ErrorCode};

use super::failure::message;
use crate::Stats;

/// The background thread is woken whenever the log has grown by this many pages of 4 KiB: 4 MiB.
/// Each checkpoint syncs twice and writes the changed pages again, so one after every commit would
/// cost more than the commits.
pub(super) const WAKE_PAGES: u32 = 1000;

/// The length of the log from which a commit makes a checkpoint, in pages: 32 MiB, and a little more
/// than the last length at which the background thread was woken.
pub(super) const LARGE_PAGES: u32 = 8 * WAKE_PAGES + 100;

/// The length of the log from which that commit waits for the background thread to finish, in pages:
/// 64 MiB.
const HUGE_PAGES: u32 = 16 * WAKE_PAGES;

/// Wakes the background thread. Several calls may wake it only once.
pub(super) type Wake = SyncSender<()>;

/// The background thread, and the checkpoints that commits make. The thread ends when every
/// [`Wake`] is dropped. Dropping this waits for it.
pub(super) struct Checkpointer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    /// Held during a checkpoint. If two ran at the same time, SQLite would not wait: the second one
    /// would fail.
    turn: Mutex<()>,
    stats: Arc<Stats>,
}

/// Makes the channel that wakes the background thread.
pub(super) fn channel() -> (Wake, Receiver<()>) {
    sync_channel(1)
}

impl Checkpointer {
    /// Starts a thread that makes a checkpoint on this connection whenever it is woken, and then calls
    /// `end_snapshots`. The next commit starts the log over only if no snapshot still needs it.
    pub(super) fn start(
        sqlite: Connection,
        woken: Receiver<()>,
        stats: Arc<Stats>,
        end_snapshots: impl Fn() + Send + 'static,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            turn: Mutex::new(()),
            stats,
        });
        let background = shared.clone();
        let work = move || {
            for () in woken {
                let turn = background.turn.lock();
                background.checkpoint(&sqlite, CheckpointMode::PASSIVE, turn);
                end_snapshots();
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

    /// Makes the log start over, which now has this many pages. The caller holds the writer. Waits
    /// for readers for a short time. If the background thread is making a checkpoint, this is left
    /// to a later commit, unless the log is huge.
    pub(super) fn restart_log(&self, sqlite: &Connection, pages: u32) {
        let turn = match self.shared.turn.try_lock() {
            Some(turn) => turn,
            None if pages < HUGE_PAGES => return,
            None => self.shared.turn.lock(),
        };
        self.shared
            .checkpoint(sqlite, CheckpointMode::RESTART, turn);
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            // If the thread panicked, that was already reported.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn checkpoint(&self, sqlite: &Connection, mode: CheckpointMode, _turn: MutexGuard<'_, ()>) {
        // If this fails, nothing is lost: the log stays as it is and the next checkpoint tries again.
        match sqlite.wal_checkpoint_v2(None::<&str>, mode) {
            Ok(_) => Stats::count(&self.stats.checkpoints),
            // A reader still uses an older part of the log.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {}
            Err(error) => {
                tracing::warn!(error = %message(&error), "a checkpoint of the database failed");
            }
        }
    }
}
