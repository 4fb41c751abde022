//! Recordings and samples that outlive the process: a task makes documents of them and stores them.
//!
//! It never holds up a request. Recordings wait for it in a short queue, whose memory is bounded; what does
//! not fit stays in memory only. After each batch the task rests for several times as long as the batch
//! took, so that a storm of failures leaves most of a processor to requests.
//!
//! Samples change with every few requests, so all of them are stored now and then, and at the end.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::{Settings, Summary};
use crate::recording::{Recorded, Recording};
use crate::samples::Samples;
use crate::samples::stored::documents;
use storage::recordings::{RecordingStore, StoredRecording};

/// How many recordings wait at most.
const QUEUE: usize = 64;
/// How many are stored at once.
const BATCH: usize = 16;
/// How much longer than it works the task rests.
const REST: u32 = 4;
/// How often what is too old is deleted.
const CLEANUP: Duration = Duration::from_secs(600);
/// The pause until the samples are stored for the first time. Pauses double up to the longest: a sample that
/// has just begun changes much.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// Where recordings are stored, and the queue to there.
pub(super) struct Keeping {
    store: Arc<dyn RecordingStore>,
    age: Duration,
    queue: mpsc::Sender<Waiting>,
    /// The memory of the recordings in the queue, in bytes. Shared with the keeper.
    waiting_bytes: Arc<AtomicUsize>,
    /// The most memory that they may take.
    room_bytes: usize,
}

/// A recording in the queue.
struct Waiting {
    recorded: Arc<Recorded>,
    bytes: usize,
}

/// Stores recordings and samples while it [runs](Keeper::run).
pub struct Keeper {
    store: Arc<dyn RecordingStore>,
    age: Duration,
    queue: mpsc::Receiver<Waiting>,
    waiting_bytes: Arc<AtomicUsize>,
    settings: Settings,
    /// Shared with the service, which adds to them.
    samples: Arc<Samples>,
    /// How many samples had been added when they were stored last.
    samples_stored: u64,
    /// Whether the last attempt to store something failed. Only the first one of several is logged.
    fails: bool,
}

impl Keeping {
    pub(super) fn new(
        store: Arc<dyn RecordingStore>,
        age: Duration,
        settings: &Settings,
        samples: Arc<Samples>,
    ) -> (Self, Keeper) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let waiting_bytes = Arc::new(AtomicUsize::new(0));
        let keeper = Keeper {
            store: store.clone(),
            age,
            queue: receiver,
            waiting_bytes: waiting_bytes.clone(),
            settings: settings.clone(),
            samples,
            samples_stored: 0,
            fails: false,
        };
        let keeping = Keeping {
            store,
            age,
            queue: sender,
            waiting_bytes,
            room_bytes: settings.bytes / 4,
        };
        (keeping, keeper)
    }

    /// Puts a recording in the queue, if there is room.
    pub(super) fn offer(&self, recorded: &Arc<Recorded>, bytes: usize) {
        let before = self.waiting_bytes.fetch_add(bytes, Relaxed);
        let waiting = Waiting {
            recorded: recorded.clone(),
            bytes,
        };
        let is_full = before + bytes > self.room_bytes;
        if is_full || self.queue.try_send(waiting).is_err() {
            self.waiting_bytes.fetch_sub(bytes, Relaxed);
        }
    }

    pub(super) async fn summaries(&self) -> Result<Vec<Summary>, storage::Error> {
        let summaries = self.store.summaries(oldest(self.age)).await?;
        // What a host of another version wrote in another shape is left out; it is not an error.
        let read = |summary: String| serde_json::from_str(&summary).ok();
        Ok(summaries.into_iter().filter_map(read).collect())
    }

    pub(super) async fn document(
        &self,
        request_id: &str,
    ) -> Result<Option<Vec<u8>>, storage::Error> {
        self.store.document(request_id, oldest(self.age)).await
    }
}

impl Keeper {
    /// Adds the samples that earlier processes stored to those of this one. If they cannot be read, this
    /// is logged, and the process begins without samples.
    pub async fn restore_samples(&mut self) {
        match self.store.samples(oldest(self.age)).await {
            Ok(stored) => {
                let count = self.samples.restore(&stored);
                self.samples_stored = self.samples.added();
                tracing::debug!(count, "read {count} stored samples of requests");
            }
            Err(error) => tracing::warn!(
                "samples of requests, with which deployments are rehearsed, cannot be read \
                 (--recordings-kept): {error}"
            ),
        }
    }

    /// Stores recordings and samples, and deletes those that are too old, until `stop` is ready. Then it
    /// stores what has not been stored yet, and returns.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let mut cleanup = tokio::time::interval(CLEANUP);
        let mut pause = FIRST_PAUSE;
        let mut samples_due = tokio::time::Instant::now() + pause;
        loop {
            let first = tokio::select! {
                () = &mut stop => break,
                _ = cleanup.tick() => {
                    self.forget().await;
                    continue;
                }
                () = tokio::time::sleep_until(samples_due) => {
                    if self.store_samples().await {
                        pause = (pause * 2).min(LONGEST_PAUSE);
                    }
                    samples_due = tokio::time::Instant::now() + pause;
                    continue;
                }
                first = self.queue.recv() => first,
            };
            let Some(first) = first else { break };
            let began = Instant::now();
            self.store_batch(first).await;
            tokio::select! {
                () = &mut stop => break,
                () = tokio::time::sleep(began.elapsed() * REST) => {}
            }
        }
        while let Ok(first) = self.queue.try_recv() {
            self.store_batch(first).await;
        }
        self.store_samples().await;
    }

    async fn store_batch(&mut self, first: Waiting) {
        let mut batch = vec![first];
        while batch.len() < BATCH
            && let Ok(next) = self.queue.try_recv()
        {
            batch.push(next);
        }
        let bytes: usize = batch.iter().map(|waiting| waiting.bytes).sum();
        let settings = self.settings.clone();
        let made = spawn_blocking(move || {
            let documents = batch.iter();
            let documents = documents.filter_map(|waiting| document(waiting, &settings));
            documents.collect::<Vec<_>>()
        });
        let made = made.await.unwrap_or_default();
        let stored = self.store.put(made, self.settings.bytes as u64).await;
        self.waiting_bytes.fetch_sub(bytes, Relaxed);
        self.succeeded(stored);
    }

    /// Stores all samples, unless they have not changed. Returns whether they were stored.
    async fn store_samples(&mut self) -> bool {
        let added = self.samples.added();
        if added == self.samples_stored {
            return false;
        }
        let samples = self.samples.pick(usize::MAX);
        let (mask, since) = (self.settings.mask.clone(), oldest(self.age));
        let limit = self.samples.limit_bytes();
        let made = spawn_blocking(move || documents(&samples, &mask, since, limit)).await;
        let Ok(made) = made else { return false };
        let count = made.len();
        let stored = self.store.replace_samples(made).await;
        let stored = self.succeeded(stored);
        if stored {
            self.samples_stored = added;
            tracing::debug!(count, "stored {count} samples of requests");
        }
        stored
    }

    /// Returns whether something was stored. Logs the first failure of several.
    fn succeeded(&mut self, stored: Result<(), storage::Error>) -> bool {
        if let Err(error) = &stored
            && !self.fails
        {
            tracing::warn!(
                "recordings and samples cannot be stored (--recordings-kept), so they are only in \
                 memory: {error}"
            );
        }
        self.fails = stored.is_err();
        stored.is_ok()
    }

    async fn forget(&self) {
        match self.store.forget(oldest(self.age)).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "deleted {count} expired recordings"),
            Err(error) => tracing::warn!("cannot delete expired recordings: {error}"),
        }
    }
}

fn document(waiting: &Waiting, settings: &Settings) -> Option<StoredRecording> {
    let Waiting { recorded, bytes } = waiting;
    let summary = Summary::of(recorded, *bytes);
    let recording = Recording::new(recorded, &settings.limits, &settings.mask);
    let ended = summary.code.as_deref().unwrap_or("slow");
    Some(StoredRecording {
        request_id: summary.request_id.clone(),
        answered_at: micros(summary.answered_at),
        kind: format!("{} {ended}", recorded.route.operation),
        document: serde_json::to_vec(&recording).ok()?,
        summary: serde_json::to_string(&summary).ok()?,
    })
}

/// Returns the time before which recordings are too old.
fn oldest(age: Duration) -> i64 {
    let age = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
    micros(SystemTime::now()).saturating_sub(age)
}

/// Returns a time in microseconds since the Unix epoch.
pub(crate) fn micros(at: SystemTime) -> i64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
