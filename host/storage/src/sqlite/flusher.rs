//! Durability: one thread that syncs the write-ahead log for all waiting commits.
//!
//! A commit takes the next number, its ticket, before it runs COMMIT (*issued*), and returns it
//! afterwards (*settled*). A sync that begins when number n is settled makes all commits up to n
//! *durable*. So all commits that settle while one sync runs share the next sync. A read notes the
//! last number issued when its snapshot was taken; what it saw is durable once that number is.
//!
//! A failed sync is final. The kernel drops the pages that it could not write, so a second sync may
//! succeed without them. The host stops acknowledging commits until it is restarted. It does the same
//! if the log or the database has lost its name: the next start would not find what was synced.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use super::condition::Condition;
use super::config::LogSync;
use crate::{Error, Stats};

/// The thread, and what it shares with the transactions that wait. Dropping it first syncs what is
/// settled.
pub(super) struct Flusher {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    /// The last number that a commit took. Only the holder of SQLite's write lock takes one.
    issued: AtomicU64,
    /// As [`State::settled`], to be read without the lock.
    settled: AtomicU64,
    /// The last number that is durable. Never above `State::settled`.
    durable: AtomicU64,
    state: Mutex<State>,
    /// Wakes the thread.
    work: Condvar,
}

#[derive(Default)]
struct State {
    settled: u64,
    /// Whether there is a thread that syncs. Without one, what is settled counts as durable.
    syncing: bool,
    waiting: Vec<Waiting>,
    /// Why commits cannot become durable any more, if they cannot.
    failed: Option<Error>,
    closing: bool,
}

struct Waiting {
    number: u64,
    answer: oneshot::Sender<Result<(), Error>>,
}

/// A commit's number. Dropping it settles the number: COMMIT has ended, successfully or not.
pub(super) struct Ticket<'a> {
    shared: &'a Shared,
    number: u64,
}

impl Flusher {
    /// Starts a thread that syncs `log` and looks whether the files were moved. `None`: nothing is
    /// ever synced.
    pub(super) fn start(
        log: Option<(File, Arc<dyn LogSync>)>,
        condition: Arc<Condition>,
        stats: Arc<Stats>,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            issued: AtomicU64::new(0),
            settled: AtomicU64::new(0),
            durable: AtomicU64::new(0),
            state: Mutex::new(State {
                syncing: log.is_some(),
                ..State::default()
            }),
            work: Condvar::new(),
        });
        let thread = match log {
            None => None,
            Some((log, sync)) => {
                let shared = shared.clone();
                let work = move || shared.run(&log, &*sync, &condition, &stats);
                Some(thread::Builder::new().name("log-sync".into()).spawn(work)?)
            }
        };
        Ok(Self { shared, thread })
    }

    /// Takes the next number, before COMMIT. The caller holds SQLite's write lock.
    pub(super) fn issue(&self) -> Ticket<'_> {
        Ticket {
            shared: &self.shared,
            number: self.shared.issued.fetch_add(1, SeqCst) + 1,
        }
    }

    /// Returns the last number issued. Every commit that is visible in a snapshot taken before this
    /// call has this number or a lower one.
    pub(super) fn issued(&self) -> u64 {
        self.shared.issued.load(SeqCst)
    }

    /// Returns the last number that is settled. Every commit with this number or a lower one is visible
    /// in a snapshot taken after this call, unless it failed.
    pub(super) fn settled(&self) -> u64 {
        self.shared.settled.load(SeqCst)
    }

    /// Waits until a number is durable. Cancel-safe.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] if a sync failed, and [`Error::Storage`] if the files were moved.
    pub(super) async fn wait_durable(&self, number: u64) -> Result<(), Error> {
        if self.shared.durable.load(SeqCst) >= number {
            return Ok(());
        }
        let answer = {
            let mut state = self.shared.state.lock();
            if self.shared.durable.load(SeqCst) >= number {
                return Ok(());
            }
            state.check()?;
            let (sender, receiver) = oneshot::channel();
            state.waiting.push(Waiting {
                number,
                answer: sender,
            });
            receiver
        };
        let gone = |_| Err(Error::Unavailable("the database was closed".into()));
        answer.await.unwrap_or_else(gone)
    }

    /// Checks that commits can still become durable.
    ///
    /// # Errors
    /// As [`Flusher::wait_durable`].
    pub(super) fn check(&self) -> Result<(), Error> {
        self.shared.state.lock().check()
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        self.shared.state.lock().closing = true;
        self.shared.work.notify_one();
        if let Some(thread) = self.thread.take() {
            // The thread catches panics of the sync, so it does not panic itself.
            let _ = thread.join();
        }
    }
}

impl Ticket<'_> {
    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        // An import returns the write lock before it settles, so a later commit may have settled.
        self.shared.settled.fetch_max(self.number, SeqCst);
        let mut state = self.shared.state.lock();
        state.settled = state.settled.max(self.number);
        if state.syncing {
            self.shared.work.notify_one();
        } else {
            let settled = state.settled;
            self.shared.durable.store(settled, SeqCst);
            state.release(settled);
        }
    }
}

impl Shared {
    fn run(&self, log: &File, sync: &dyn LogSync, condition: &Condition, stats: &Stats) {
        let mut state = self.state.lock();
        loop {
            let settled = state.settled;
            if settled > self.durable.load(SeqCst) {
                drop(state);
                let begun = Instant::now();
                let outcome = catch_unwind(AssertUnwindSafe(|| sync.sync(log)));
                Stats::count(&stats.syncs);
                Stats::time(&stats.sync_nanos, begun.elapsed());
                let durable = match outcome {
                    Ok(Ok(())) => condition.check_names(),
                    Ok(Err(error)) => Err(sync_failed(&error.to_string())),
                    Err(_) => Err(sync_failed("it panicked")),
                };
                state = self.state.lock();
                if let Err(error) = durable {
                    state.fail(&error);
                    return;
                }
                self.durable.store(settled, SeqCst);
                state.release(settled);
            } else if state.closing {
                return;
            } else {
                self.work.wait(&mut state);
            }
        }
    }
}

impl State {
    fn check(&self) -> Result<(), Error> {
        match &self.failed {
            None => Ok(()),
            Some(error) => Err(error.clone()),
        }
    }

    /// Wakes the transactions that wait for numbers up to this one. Some may have stopped waiting.
    fn release(&mut self, durable: u64) {
        for waiting in self
            .waiting
            .extract_if(.., |waiting| waiting.number <= durable)
        {
            let _ = waiting.answer.send(Ok(()));
        }
    }

    fn fail(&mut self, error: &Error) {
        for waiting in self.waiting.drain(..) {
            let _ = waiting.answer.send(Err(error.clone()));
        }
        self.failed = Some(error.clone());
    }
}

/// Logs why a sync failed.
fn sync_failed(reason: &str) -> Error {
    tracing::error!(
        error = %reason,
        "syncing the database failed; no commit is acknowledged until the host is restarted"
    );
    Error::Unavailable(format!("syncing the write-ahead log failed: {reason}"))
}
