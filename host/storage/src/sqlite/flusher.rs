//! Durability: one thread that syncs the write-ahead log for all commits that wait.
//!
//! A commit takes the next number before it runs COMMIT (*issued*) and gives it back after
//! (*settled*). A sync that begins at settled number n makes all commits up to n *durable*, so
//! every commit that settled while the last sync ran shares the next one. Who reads notes the
//! number issued after its snapshot was taken: what it saw is durable when that number is.
//!
//! A failed sync is final. The kernel drops the pages that it could not write, so a second try
//! may succeed without them; the host stops acknowledging until it is started again.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use tokio::sync::oneshot;

use super::config::LogSync;
use crate::{Error, Stats};

/// The thread, and what it shares with those that wait. Dropping it syncs what is settled.
pub(super) struct Flusher {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    /// The last number that a commit took. Only who holds the writer takes one.
    issued: AtomicU64,
    /// The last number that is on the disk. Never above `State::settled`.
    durable: AtomicU64,
    state: Mutex<State>,
    /// Wakes the thread.
    work: Condvar,
}

#[derive(Default)]
struct State {
    settled: u64,
    /// Whether a thread syncs; without one, what is settled counts as durable.
    syncing: bool,
    waiting: Vec<Waiting>,
    /// Why a sync failed.
    failed: Option<String>,
    closing: bool,
}

struct Waiting {
    number: u64,
    answer: oneshot::Sender<Result<(), Error>>,
}

/// A commit's number. Dropping it says that the COMMIT is over, whatever came of it.
pub(super) struct Ticket<'a> {
    shared: &'a Shared,
    number: u64,
}

impl Flusher {
    /// Syncs `log` from a thread of its own; none: never syncs.
    pub(super) fn start(
        log: Option<(File, Arc<dyn LogSync>)>,
        stats: Arc<Stats>,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            issued: AtomicU64::new(0),
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
                let work = move || shared.run(&log, &*sync, &stats);
                Some(thread::Builder::new().name("log-sync".into()).spawn(work)?)
            }
        };
        Ok(Self { shared, thread })
    }

    /// Takes the next number, before COMMIT. The caller holds the writer.
    pub(super) fn issue(&self) -> Ticket<'_> {
        Ticket {
            shared: &self.shared,
            number: self.shared.issued.fetch_add(1, SeqCst) + 1,
        }
    }

    /// The last number issued: at least that of every commit that a snapshot shows which was
    /// taken before this call.
    pub(super) fn issued(&self) -> u64 {
        self.shared.issued.load(SeqCst)
    }

    /// Waits until that number is durable. Cancel-safe.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when a sync failed before.
    pub(super) async fn reached(&self, number: u64) -> Result<(), Error> {
        if self.shared.durable.load(SeqCst) >= number {
            return Ok(());
        }
        let answer = {
            let mut state = self.shared.lock();
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

    /// Whether commits can still become durable.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when a sync failed before.
    pub(super) fn check(&self) -> Result<(), Error> {
        self.shared.lock().check()
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.work.notify_one();
        if let Some(thread) = self.thread.take() {
            // It catches panics of the sync, so there is none to pass on.
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
        let mut state = self.shared.lock();
        state.settled = self.number;
        if state.syncing {
            self.shared.work.notify_one();
        } else {
            self.shared.durable.store(self.number, SeqCst);
            state.release(self.number);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change under this lock is a single step, so a panic leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, log: &File, sync: &dyn LogSync, stats: &Stats) {
        let mut state = self.lock();
        loop {
            let settled = state.settled;
            if settled > self.durable.load(SeqCst) {
                drop(state);
                let begun = Instant::now();
                let outcome = catch_unwind(AssertUnwindSafe(|| sync.sync(log)));
                Stats::count(&stats.syncs);
                Stats::time(&stats.sync_nanos, begun.elapsed());
                let failure = match outcome {
                    Ok(Ok(())) => None,
                    Ok(Err(error)) => Some(error.to_string()),
                    Err(_) => Some("it panicked".to_owned()),
                };
                state = self.lock();
                if let Some(reason) = failure {
                    tracing::error!(error = %reason, "syncing the database failed: nothing is acknowledged until the host is started again");
                    state.fail(format!("syncing the write-ahead log failed: {reason}"));
                    return;
                }
                self.durable.store(settled, SeqCst);
                state.release(settled);
            } else if state.closing {
                return;
            } else {
                state = self
                    .work
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}

impl State {
    fn check(&self) -> Result<(), Error> {
        match &self.failed {
            None => Ok(()),
            Some(reason) => Err(Error::Unavailable(reason.clone())),
        }
    }

    /// Answers those that wait for numbers up to this one. One that no longer waits is fine.
    fn release(&mut self, durable: u64) {
        for waiting in self
            .waiting
            .extract_if(.., |waiting| waiting.number <= durable)
        {
            let _ = waiting.answer.send(Ok(()));
        }
    }

    fn fail(&mut self, reason: String) {
        for waiting in self.waiting.drain(..) {
            let _ = waiting.answer.send(Err(Error::Unavailable(reason.clone())));
        }
        self.failed = Some(reason);
    }
}
