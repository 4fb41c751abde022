//! The callbacks that SQLite calls while it works: whether a statement is allowed, whether it must end,
//! because its deadline has passed or because the host needs the memory, and whether other tasks wait too
//! long for its thread.
//!
//! Each connection has one guard for its whole life. Setting another authorizer would expire every
//! prepared statement, so the callbacks are set once and read what changes from the guard.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rusqlite::Connection;
use rusqlite::hooks::{AuthContext, Authorization};

use super::blocking::run_blocking;
use super::heap::HEAP;
use super::policy::{Mode, Policy};
use super::touched::Touched;
use crate::Error;
use crate::seen::Tables;
use crate::stats::nanos;

/// How many instructions of SQLite's virtual machine run between two checks of the deadline. That is
/// about a microsecond of work, unless one instruction does much, such as a function of a long text.
/// The number is so small that even a statement of only such instructions ends soon after its
/// deadline.
const INSTRUCTIONS: i32 = 100;

/// How long a statement that is expected to be fast keeps the other tasks of its thread waiting.
const IN_PLACE: Duration = Duration::from_millis(20);
/// How long a statement pauses so that another thread can take over the tasks of its own.
const HANDOVER: Duration = Duration::from_millis(1);

const NEVER: u64 = u64::MAX;

/// The state that a connection's callbacks read. Only the connection's user writes it, and the
/// callbacks run on the thread that wrote last, so relaxed ordering is enough.
#[derive(Debug)]
pub(super) struct Guard {
    mode: AtomicU8,
    /// In nanoseconds after `start`.
    deadline: AtomicU64,
    /// When a statement has kept other tasks waiting for too long, in nanoseconds after `start`.
    hand_over: AtomicU64,
    start: Instant,
    /// Why the authorizer refused a statement. SQLite's own message is only "not authorized".
    refusal: Mutex<Option<String>>,
    /// Why a callback ended the last statement.
    ended: Mutex<Option<Error>>,
    /// What the statements of the logic touch that were compiled since this was last taken.
    compiled: Mutex<Option<Touched>>,
}

impl Guard {
    /// Sets the callbacks of a connection, in logic mode and without a deadline.
    pub(super) fn install(
        sqlite: &mut Connection,
        policy: Policy,
        tables: Arc<Tables>,
    ) -> rusqlite::Result<Arc<Self>> {
        let guard = Arc::new(Self {
            mode: AtomicU8::new(Mode::Logic as u8),
            deadline: AtomicU64::new(NEVER),
            hand_over: AtomicU64::new(NEVER),
            start: Instant::now(),
            refusal: Mutex::new(None),
            ended: Mutex::new(None),
            compiled: Mutex::new(None),
        });
        let clock = guard.clone();
        sqlite.progress_handler(INSTRUCTIONS, Some(move || clock.must_end()))?;
        let judge = guard.clone();
        sqlite.authorizer(Some(move |context: AuthContext<'_>| {
            // SQLite asks for each column, function and subquery that it compiles. It calls the
            // progress handler less often meanwhile, and not at all in some slow parts.
            if judge.mode() != Mode::Host && judge.must_end() {
                return Authorization::Deny;
            }
            match policy.judge(judge.mode(), context.action, context.database_name) {
                Ok(()) => {
                    if judge.mode() == Mode::Logic {
                        let mut compiled = judge.compiled.lock();
                        let touched = compiled.get_or_insert_default();
                        touched.note(context.action, &tables);
                    }
                    Authorization::Allow
                }
                Err(reason) => {
                    *judge.refusal.lock() = Some(reason);
                    Authorization::Deny
                }
            }
        }))?;
        Ok(guard)
    }

    /// Compiles and runs statements in another mode than that of the logic.
    pub(super) fn with<T>(&self, mode: Mode, work: impl FnOnce() -> T) -> T {
        struct Reset<'a>(&'a AtomicU8);
        impl Drop for Reset<'_> {
            fn drop(&mut self) {
                self.0.store(Mode::Logic as u8, Relaxed);
            }
        }
        self.mode.store(mode as u8, Relaxed);
        let _reset = Reset(&self.mode);
        work()
    }

    /// Sets when a running statement is interrupted. `None`: never.
    pub(super) fn set_deadline(&self, deadline: Option<Instant>) {
        let deadline = deadline.map_or(NEVER, |deadline| {
            nanos(deadline.saturating_duration_since(self.start))
        });
        self.deadline.store(deadline, Relaxed);
    }

    /// Runs a statement that is expected to be fast, from `begun` on. If it is slow for once, the other tasks
    /// of its thread move to another thread.
    pub(super) fn in_place<T>(&self, begun: Instant, work: impl FnOnce() -> T) -> T {
        let since_start = begun.saturating_duration_since(self.start);
        self.hand_over.store(nanos(since_start + IN_PLACE), Relaxed);
        let outcome = work();
        self.hand_over.store(NEVER, Relaxed);
        outcome
    }

    /// Returns and clears why the authorizer refused the last statement, if it did.
    pub(super) fn take_refusal(&self) -> Option<String> {
        self.refusal.lock().take()
    }

    /// Returns and clears why a callback ended the last statement, if one did.
    pub(super) fn take_ended(&self) -> Option<Error> {
        self.ended.lock().take()
    }

    /// Returns and clears what the logic's statements touch that were compiled since the last call.
    /// `None`: none was compiled.
    pub(super) fn take_compiled(&self) -> Option<Touched> {
        self.compiled.lock().take()
    }

    fn mode(&self) -> Mode {
        match self.mode.load(Relaxed) {
            mode if mode == Mode::Host as u8 => Mode::Host,
            mode if mode == Mode::Migration as u8 => Mode::Migration,
            _ => Mode::Logic,
        }
    }

    fn must_end(&self) -> bool {
        let deadline = self.deadline.load(Relaxed);
        let now = match deadline {
            NEVER => 0,
            _ => nanos(self.start.elapsed()),
        };
        if now >= self.hand_over.load(Relaxed) {
            run_blocking(|| thread::sleep(HANDOVER));
            // If no thread was ready, it tries again. If one was, nobody waits for this one any more.
            self.hand_over.store(now + nanos(IN_PLACE), Relaxed);
        }
        let error = if now >= deadline {
            Error::Deadline
        } else if HEAP.is_claimed() && self.mode() != Mode::Host {
            Error::Conflict
        } else {
            return false;
        };
        *self.ended.lock() = Some(error);
        true
    }
}
