//! The condition of the database's files: whether they can be used, as far as it is known.
//!
//! A fault is found by whoever meets it: a transaction, the flusher or the background check. It is
//! noted here, once in the log, in the metrics, and for all transactions that begin later. A full disk
//! is forgotten at the next write that succeeds. The other faults last until the host is restarted,
//! because the host cannot repair them: what it would write then might be lost.
//!
//! The process does not end after a fault. If the file was removed, the process holds the last copy
//! of the data.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::file::Names;
use crate::{Error, Stats, StorageFault};
use contract::Access;

/// How often a full disk is logged at most, if small writes succeed and large ones fail.
const FULL_LOG_PAUSE: Duration = Duration::from_secs(60);

/// What is known about the database's files. Shared by the engine and the flusher's thread.
pub(super) struct Condition {
    names: Names,
    known: Mutex<Known>,
    /// Its gauges tell quickly whether a fault is known.
    stats: Arc<Stats>,
}

#[derive(Default)]
struct Known {
    fault: Option<StorageFault>,
    full_logged: Option<Instant>,
}

impl Condition {
    pub(super) fn new(names: Names, stats: Arc<Stats>) -> Self {
        Self {
            names,
            known: Mutex::default(),
            stats,
        }
    }

    /// Returns the fault, if one is known.
    pub(super) fn fault(&self) -> Option<StorageFault> {
        self.known.lock().fault.clone()
    }

    /// Checks that a transaction may begin. On a full disk each write tries and fails by itself.
    pub(super) fn allow(&self, access: Access) -> Result<(), Error> {
        let moved = self.stats.moved.load(Relaxed) > 0;
        let damaged = self.stats.damaged.load(Relaxed) > 0 && access == Access::Write;
        match self.fault() {
            Some(fault) if moved || damaged => Err(fault.into()),
            _ => Ok(()),
        }
    }

    /// Checks that the names of the database still have its files.
    pub(super) fn check_names(&self) -> Result<(), Error> {
        self.names.check().map_err(|fault| {
            self.note(&fault);
            fault.into()
        })
    }

    /// Notes that a write has succeeded, so that the disk is not full.
    pub(super) fn written(&self) {
        if self.stats.full.load(Relaxed) == 0 {
            return;
        }
        let mut known = self.known.lock();
        if let Some(StorageFault::Full(_)) = known.fault {
            known.fault = None;
            tracing::info!("the disk of the database accepts writes again");
        }
        self.stats.full.store(0, Relaxed);
    }

    /// Notes an error, if the files are at fault.
    pub(super) fn observe(&self, error: &Error) {
        if let Error::Storage(fault) = error {
            self.note(fault);
        }
    }

    fn note(&self, fault: &StorageFault) {
        let mut known = self.known.lock();
        let worse = match (&known.fault, fault) {
            (None, _) => true,
            (Some(StorageFault::Full(_)), StorageFault::Full(_)) => false,
            (Some(StorageFault::Full(_)), _) => true,
            (Some(StorageFault::Damaged(_)), StorageFault::Moved(_)) => true,
            (Some(_), _) => false,
        };
        if !worse {
            return;
        }
        match fault {
            StorageFault::Full(_) => {
                let recent = known
                    .full_logged
                    .is_some_and(|logged| logged.elapsed() < FULL_LOG_PAUSE);
                if !recent {
                    known.full_logged = Some(Instant::now());
                    tracing::error!(
                        "{fault}; reads are answered, writes fail until there is space: free some"
                    );
                }
            }
            StorageFault::Damaged(_) => tracing::error!(
                "{fault}; no write is accepted until the host is restarted: stop it, keep a copy of \
                 the files and restore a back-up (docs/BACKUP.md, Repair)"
            ),
            StorageFault::Moved(_) => tracing::error!(
                process.id = std::process::id(),
                "{fault}; nothing is answered until the host is restarted. This process still has \
                 the files open: copy them from /proc/{}/fd before you stop it, unless you have \
                 replaced them on purpose (docs/BACKUP.md, Repair)",
                std::process::id()
            ),
        }
        let gauge = match fault {
            StorageFault::Full(_) => &self.stats.full,
            StorageFault::Damaged(_) => &self.stats.damaged,
            StorageFault::Moved(_) => &self.stats.moved,
        };
        known.fault = Some(fault.clone());
        gauge.store(1, Relaxed);
    }
}
