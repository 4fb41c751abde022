//! Moves the write-ahead log into the database file, where no request waits for it.
//!
//! A checkpoint in the background never catches up with writes that do not pause, and the log
//! starts over only when it did. So when the log has grown large all the same, a commit makes the
//! rest of the way itself, while it holds the writer: soon after the background was done, when
//! little is left.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::{self, JoinHandle};

use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, ErrorCode};

use super::failure::message;
use crate::Stats;

/// The background is woken whenever the log has grown by so many pages of 4 KiB: 4 MiB. Each
/// checkpoint syncs twice and writes the pages that changed again, so that one after every commit
/// would cost more than the commits.
pub(super) const WAKE_PAGES: u32 = 1000;

/// The log's length from which a commit makes a checkpoint, in pages: 32 MiB. A little more than the
/// background was last woken for.
pub(super) const LARGE_PAGES: u32 = 8 * WAKE_PAGES + 100;

/// From this length on it waits for the background to be done, in pages: 64 MiB.
const HUGE_PAGES: u32 = 16 * WAKE_PAGES;

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
                let turn = background.turn();
                background.checkpoint(&sqlite, CheckpointMode::PASSIVE, turn);
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

    /// Makes the log of so many pages start over. The caller holds the writer; readers are waited
    /// for shortly. While the background makes a checkpoint this is left to a later commit.
    pub(super) fn restart_log(&self, sqlite: &Connection, pages: u32) {
        let turn = match self.shared.turn.try_lock() {
            Ok(turn) => turn,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) if pages < HUGE_PAGES => return,
            Err(TryLockError::WouldBlock) => self.shared.turn(),
        };
        self.shared
            .checkpoint(sqlite, CheckpointMode::RESTART, turn);
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
    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn checkpoint(&self, sqlite: &Connection, mode: CheckpointMode, _turn: MutexGuard<'_, ()>) {
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
