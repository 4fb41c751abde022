//! SQLite's heap, which all connections of the process share, and what happens when it is full.
//!
//! SQLite limits its heap for the whole process, so a statement may run out of memory because of
//! what other statements use. What the connections keep between two statements is bounded far below
//! the limit; the rest belongs to statements of the logic that run now. So:
//!
//! - A statement of the logic that ran out of memory runs once more while no other statement of the
//!   logic runs. If there is still too little memory, this statement needs too much of it.
//! - A statement of the host that ran out of memory interrupts the logic's statements, which frees
//!   their memory, and runs again. The requests of these statements run again, too.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::blocking::run_blocking;

/// How long the host waits for the logic's statements to be interrupted. One instruction, such as
/// the sort of many rows, is not interrupted.
const CLAIM_WAIT: Duration = Duration::from_secs(5);

/// The heap of this process.
pub(super) static HEAP: Heap = Heap {
    running: RwLock::new(()),
    claims: AtomicUsize::new(0),
    cached_bytes: AtomicUsize::new(0),
};

/// Who may use the heap.
#[derive(Debug)]
pub(super) struct Heap {
    /// Held shared by each statement of the logic while it runs. Held exclusively by a statement
    /// that runs alone. It is never held across an await.
    running: RwLock<()>,
    /// Statements of the host that wait for memory. While there are any, the guards interrupt the
    /// logic's statements.
    claims: AtomicUsize,
    /// The size of all cached statements of all connections.
    cached_bytes: AtomicUsize,
}

/// Keeps the logic's statements from running until it is dropped.
pub(super) struct Claim {
    _alone: Option<RwLockWriteGuard<'static, ()>>,
}

impl Heap {
    /// Begins a statement of the logic. Waits while another one runs alone.
    pub(super) fn enter(&'static self) -> RwLockReadGuard<'static, ()> {
        self.running
            .try_read()
            .unwrap_or_else(|| run_blocking(|| self.running.read()))
    }

    /// Waits until no other statement of the logic runs. `None` if that takes too long.
    pub(super) fn alone(&'static self, until: Instant) -> Option<RwLockWriteGuard<'static, ()>> {
        run_blocking(|| self.running.try_write_until(until))
    }

    /// Interrupts all statements of the logic, for a statement of the host.
    pub(super) fn claim(&'static self) -> Claim {
        self.claims.fetch_add(1, Relaxed);
        let alone = run_blocking(|| self.running.try_write_for(CLAIM_WAIT));
        Claim { _alone: alone }
    }

    /// Whether a statement of the host waits for memory.
    pub(super) fn is_claimed(&self) -> bool {
        self.claims.load(Relaxed) > 0
    }

    /// Adds to the size of all cached statements and returns the sum.
    pub(super) fn add_cached(&self, bytes: usize) -> usize {
        self.cached_bytes.fetch_add(bytes, Relaxed) + bytes
    }

    /// Subtracts from the size of all cached statements.
    pub(super) fn subtract_cached(&self, bytes: usize) {
        self.cached_bytes.fetch_sub(bytes, Relaxed);
    }

    /// Returns the size of all cached statements, in bytes.
    pub(super) fn cached_bytes(&self) -> usize {
        self.cached_bytes.load(Relaxed)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        HEAP.claims.fetch_sub(1, Relaxed);
    }
}
