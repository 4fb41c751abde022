//! The recordings of requests that failed or were slow, in memory and bounded.
//!
//! Each call is recorded while it runs. After almost every request the recording is dropped; only if
//! the request failed or was slow it is kept here, as it is. The document is made when somebody asks
//! for it, and texts are masked then: so a storm of failures costs little more than the failures. If they are
//! to outlive the process, a task stores them as documents (`recordings/kept.rs`).

mod kept;

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

pub use self::kept::Keeper;
use self::kept::Keeping;
pub(crate) use self::kept::micros;
use crate::recording::{Reason, Recorded, Recording};
use crate::samples::Samples;
use crate::{Answer, Error};
use runtime::Record;
use storage::RecordingStore;

/// Maximum number of recordings. Small ones would otherwise be many.
const MAX_RECORDINGS: usize = 1000;

/// Which requests are recorded.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Maximum memory of all recordings and samples, in bytes. Samples may take a quarter of it and at most
    /// 4 MiB, and one recording a quarter.
    pub bytes: usize,
    /// How long a request may take before it counts as slow. `None`: slow ones are not kept.
    pub slow: Option<Duration>,
    /// The members whose texts are replaced when a recording is handed out.
    pub mask: Vec<String>,
    /// The limits of each call, for the document.
    pub limits: runtime::Limits,
}

/// The recordings of one process, and its samples of requests, which have the same data.
pub struct Recordings {
    settings: Settings,
    kept: Mutex<Kept>,
    /// Shared with the keeper, which stores them.
    samples: Arc<Samples>,
    /// `None`: recordings end with the process.
    keeping: Option<Keeping>,
}

#[derive(Default)]
struct Kept {
    /// The earliest first.
    recordings: VecDeque<Entry>,
    /// The number of recordings in each group.
    groups: HashMap<u64, usize>,
    bytes: usize,
}

struct Entry {
    recorded: Arc<Recorded>,
    /// The same for recordings of one route that ended in the same way.
    group: u64,
    bytes: usize,
}

/// A recording in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The request's id.
    pub request_id: String,
    /// When it was answered.
    pub answered_at: std::time::SystemTime,
    /// Why the recording was kept.
    pub reason: Reason,
    /// The route's method.
    pub method: String,
    /// The route's path template.
    pub route: String,
    /// The status of the answer.
    pub status: u16,
    /// The code of the problem, if the answer was one.
    pub code: Option<String>,
    /// How long the request took.
    pub took: Duration,
    /// The digest of the component that answered.
    pub digest: String,
    /// How many statements were recorded.
    pub statements: usize,
    /// The memory that it takes, in bytes.
    pub bytes: usize,
}

impl Recordings {
    /// Creates an empty store. `None` if nothing is to be recorded or sampled.
    pub fn new(settings: Settings) -> Option<Self> {
        (settings.bytes > 0).then(|| Recordings {
            kept: Mutex::default(),
            samples: Arc::new(Samples::new(settings.bytes / 4)),
            keeping: None,
            settings,
        })
    }

    /// The samples of requests, with which deployments are rehearsed.
    pub(crate) fn samples(&self) -> &Samples {
        &self.samples
    }

    /// Whether texts are replaced when recordings are handed out.
    pub(crate) fn masks(&self) -> bool {
        !self.settings.mask.is_empty()
    }

    /// Keeps recordings and samples in a store, too, each for `age`. The returned keeper stores them while
    /// it runs.
    pub fn keep_in(&mut self, store: Arc<dyn RecordingStore>, age: Duration) -> Keeper {
        let samples = self.samples.clone();
        let (keeping, keeper) = Keeping::new(store, age, &self.settings, samples);
        self.keeping = Some(keeping);
        keeper
    }

    /// Returns the recordings in the store, the latest first, also those of earlier processes and, if
    /// hosts share the database, of other hosts. Empty if none are stored.
    ///
    /// # Errors
    /// Returns the store's error.
    pub async fn stored(&self) -> Result<Vec<Summary>, storage::Error> {
        match &self.keeping {
            Some(keeping) => keeping.summaries().await,
            None => Ok(Vec::new()),
        }
    }

    /// Returns a recording from the store: JSON, with masked texts. `None` if it is not stored.
    ///
    /// # Errors
    /// Returns the store's error.
    pub async fn stored_document(
        &self,
        request_id: &str,
    ) -> Result<Option<Vec<u8>>, storage::Error> {
        match &self.keeping {
            Some(keeping) => keeping.document(request_id).await,
            None => Ok(None),
        }
    }

    /// How calls are to be recorded.
    pub(crate) fn record(&self) -> Record {
        Record {
            digests: false,
            results: true,
            columns: !self.settings.mask.is_empty(),
        }
    }

    /// Returns why the recording of a request is kept. `None`: it is not.
    pub(crate) fn reason(
        &self,
        answered: &Result<Answer, Error>,
        took: Duration,
    ) -> Option<Reason> {
        let failed = match answered {
            // The logic was not at fault, and there may be thousands.
            Ok(_) | Err(Error::Overloaded { .. }) => false,
            Err(error) => error.status() >= 500,
        };
        let slow = self.settings.slow.is_some_and(|slow| took >= slow);
        match (failed, slow) {
            (true, _) => Some(Reason::Failed),
            (false, true) => Some(Reason::Slow),
            (false, false) => None,
        }
    }

    /// Keeps a recording, unless it is too large. If there are too many, the earliest one of the largest
    /// group goes: a route that fails all the time does not push out the failures of others.
    pub(crate) fn add(&self, recorded: Recorded) {
        let bytes = recorded.memory_bytes();
        if bytes > self.settings.bytes / 4 {
            return;
        }
        let group = group(&recorded);
        let recorded = Arc::new(recorded);
        if let Some(keeping) = &self.keeping {
            keeping.offer(&recorded, bytes);
        }
        let limit = self.settings.bytes - self.samples.limit_bytes();
        let mut kept = self.kept.lock();
        kept.bytes += bytes;
        *kept.groups.entry(group).or_default() += 1;
        kept.recordings.push_back(Entry {
            recorded,
            group,
            bytes,
        });
        while kept.bytes > limit || kept.recordings.len() > MAX_RECORDINGS {
            kept.remove_one();
        }
    }

    /// Returns all recordings, the latest first.
    pub fn list(&self) -> Vec<Summary> {
        let kept = self.kept.lock();
        let latest_first = kept.recordings.iter().rev();
        latest_first
            .map(|entry| Summary::of(&entry.recorded, entry.bytes))
            .collect()
    }

    /// Returns the memory that recordings and samples take, in bytes.
    pub fn bytes(&self) -> usize {
        self.kept.lock().bytes + self.samples.bytes()
    }

    /// Returns the maximum memory of recordings and samples, in bytes.
    pub fn limit_bytes(&self) -> usize {
        self.settings.bytes
    }

    /// Returns the ids of the requests whose recordings are kept.
    pub fn ids(&self) -> HashSet<String> {
        let kept = self.kept.lock();
        let requests = kept.recordings.iter();
        requests
            .map(|entry| entry.recorded.request.id.clone())
            .collect()
    }

    /// Returns the recording of a request, with masked texts. If clients have used an id several times,
    /// the latest one.
    pub fn get(&self, request_id: &str) -> Option<Recording> {
        let recorded = {
            let kept = self.kept.lock();
            let mut latest_first = kept.recordings.iter().rev();
            let found = latest_first.find(|entry| entry.recorded.request.id == request_id);
            found?.recorded.clone()
        };
        let Settings { limits, mask, .. } = &self.settings;
        Some(Recording::new(&recorded, limits, mask))
    }
}

impl Kept {
    fn remove_one(&mut self) {
        let largest = self.groups.values().max().copied();
        let is_of_largest = |entry: &Entry| self.groups.get(&entry.group).copied() == largest;
        let earliest = self.recordings.iter().position(is_of_largest);
        let Some(removed) = earliest.and_then(|earliest| self.recordings.remove(earliest)) else {
            return;
        };
        self.bytes -= removed.bytes;
        if let Some(count) = self.groups.get_mut(&removed.group) {
            *count -= 1;
            if *count == 0 {
                self.groups.remove(&removed.group);
            }
        }
    }
}

fn group(recorded: &Recorded) -> u64 {
    let mut hasher = DefaultHasher::new();
    recorded.route.operation.hash(&mut hasher);
    let outcome = recorded.outcome.as_ref();
    outcome.err().map(Error::code).hash(&mut hasher);
    hasher.finish()
}

impl Summary {
    fn of(recorded: &Recorded, bytes: usize) -> Self {
        let error = recorded.outcome.as_ref().err();
        Summary {
            request_id: recorded.request.id.clone(),
            answered_at: recorded.answered_at,
            reason: recorded.reason,
            method: recorded.route.method.as_str().to_owned(),
            route: recorded.route.path.clone(),
            status: match &recorded.outcome {
                Ok(answer) => answer.status,
                Err(error) => error.status(),
            },
            code: error.map(|error| error.code().to_owned()),
            took: recorded.took,
            digest: recorded.component.digest.clone(),
            statements: recorded.call.recording.statements.len(),
            bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use async_trait::async_trait;
    use bytes::Bytes;

    use super::*;
    use crate::recording::{Component, RecordedCall};
    use crate::{Conditions, Fault, Request};
    use contract::{Access, Method, Route, RouteIndex};
    use runtime::{Cost, Limits, Lines};
    use storage::Dialect;
    use storage::recordings::{StoredRecording, StoredSample};

    fn store(bytes: usize, slow: Option<Duration>) -> Recordings {
        let settings = Settings {
            bytes,
            slow,
            mask: Vec::new(),
            limits: Limits::default(),
        };
        Recordings::new(settings).expect("a store")
    }

    fn recorded(id: &str, operation: &str, body_bytes: usize) -> Recorded {
        Recorded {
            request: Request {
                id: id.to_owned(),
                trace_id: String::new(),
                path: "/things".to_owned(),
                parameters: Vec::new(),
                query: None,
                media_type: None,
                body: Bytes::from(vec![b' '; body_bytes]),
                conditions: Conditions::default(),
                idempotency_key: None,
                dry_run: false,
                strict: false,
            },
            call: RecordedCall {
                recording: Box::default(),
                lines: Lines::default(),
                time_left: Duration::ZERO,
                cost: Cost::default(),
                for_condition: false,
            },
            route: Route {
                method: Method::Get,
                path: "/things".to_owned(),
                operation: operation.to_owned(),
                access: Access::Read,
                success: 200,
                location: None,
                body: None,
                etag: None,
                next: None,
            },
            component: Component {
                digest: String::new(),
                name: String::new(),
                version: String::new(),
            },
            database: Dialect::Sqlite,
            answered_at: SystemTime::UNIX_EPOCH,
            reason: Reason::Failed,
            outcome: Err(Fault::Memory.into()),
            took: Duration::ZERO,
        }
    }

    fn ids(store: &Recordings) -> Vec<String> {
        let list = store.list().into_iter();
        list.map(|summary| summary.request_id).collect()
    }

    #[test]
    fn a_route_that_fails_all_the_time_does_not_push_out_the_failures_of_others() {
        let store = store(100_000, None);
        store.add(recorded("rare", "rare", 10_000));
        for number in 0..50 {
            store.add(recorded(&format!("often-{number}"), "often", 10_000));
        }
        let ids = ids(&store);
        assert_eq!(ids.first().map(String::as_str), Some("often-49"));
        assert_eq!(ids.last().map(String::as_str), Some("rare"));
        assert!((6..10).contains(&ids.len()), "{ids:?}");
        assert!(store.kept.lock().bytes <= 75_000, "the rest is for samples");
    }

    #[test]
    fn a_recording_that_takes_more_than_a_quarter_is_not_kept() {
        let store = store(100_000, None);
        store.add(recorded("large", "large", 25_000));
        assert_eq!(ids(&store), Vec::<String>::new());
        assert_eq!(store.kept.lock().bytes, 0);
    }

    #[test]
    fn many_small_recordings_are_bounded_by_their_number() {
        let store = store(1 << 30, None);
        for number in 0..MAX_RECORDINGS + 5 {
            store.add(recorded(&format!("{number}"), "often", 0));
        }
        assert_eq!(store.list().len(), MAX_RECORDINGS);
        assert_eq!(ids(&store)[0], (MAX_RECORDINGS + 4).to_string());
    }

    #[test]
    fn an_id_that_was_used_twice_means_the_latest_request() {
        let store = store(100_000, None);
        for path in ["/first", "/second"] {
            let mut recorded = recorded("same", "get", 0);
            recorded.request.path = path.to_owned();
            store.add(recorded);
        }
        let recording = store.get("same").expect("a recording");
        assert_eq!(recording.call.path, "/second");
        assert_eq!(store.get("other"), None);
    }

    #[test]
    fn failures_of_the_logic_and_slow_requests_are_kept_and_no_others() {
        let store = store(1, Some(Duration::from_millis(200)));
        let (fast, slow) = (Duration::from_millis(199), Duration::from_millis(200));
        let answer = || {
            Ok(Answer {
                status: 200,
                body: None,
                etag: None,
                location: None,
                next: None,
                replayed: false,
            })
        };
        let overloaded = || {
            Err(Error::Overloaded {
                retry_after: Duration::ZERO,
            })
        };
        assert_eq!(store.reason(&answer(), fast), None);
        assert_eq!(store.reason(&answer(), slow), Some(Reason::Slow));
        let fault = Err(Fault::Memory.into());
        assert_eq!(store.reason(&fault, slow), Some(Reason::Failed));
        assert_eq!(store.reason(&overloaded(), fast), None);
        assert_eq!(store.reason(&Err(Error::PreconditionFailed), fast), None);
        assert_eq!(
            store.reason(&Err(Error::Unavailable(String::new())), fast),
            Some(Reason::Failed)
        );
        assert!(
            Recordings::new(Settings {
                bytes: 0,
                ..store.settings
            })
            .is_none()
        );
    }

    /// Stores recordings and samples in memory.
    #[derive(Default)]
    struct Stored(Mutex<Vec<StoredRecording>>, Mutex<Vec<StoredSample>>);

    #[async_trait]
    impl RecordingStore for Stored {
        async fn put(&self, batch: Vec<StoredRecording>, _: u64) -> Result<(), storage::Error> {
            self.0.lock().extend(batch);
            Ok(())
        }

        async fn summaries(&self, since: i64) -> Result<Vec<String>, storage::Error> {
            let all = self.0.lock();
            let latest = all.iter().rev().filter(|one| one.answered_at >= since);
            Ok(latest.map(|one| one.summary.clone()).collect())
        }

        async fn document(&self, id: &str, _: i64) -> Result<Option<Vec<u8>>, storage::Error> {
            let all = self.0.lock();
            let found = all.iter().rev().find(|one| one.request_id == id);
            Ok(found.map(|one| one.document.clone()))
        }

        async fn replace_samples(&self, samples: Vec<StoredSample>) -> Result<(), storage::Error> {
            *self.1.lock() = samples;
            Ok(())
        }

        async fn samples(&self, since: i64) -> Result<Vec<StoredSample>, storage::Error> {
            let all = self.1.lock();
            let recent = all.iter().filter(|one| one.taken_at >= since);
            Ok(recent.cloned().collect())
        }

        async fn forget(&self, before: i64) -> Result<u64, storage::Error> {
            self.1.lock().retain(|one| one.taken_at >= before);
            let mut all = self.0.lock();
            let count = all.len();
            all.retain(|one| one.answered_at >= before);
            Ok((count - all.len()) as u64)
        }
    }

    fn now(id: &str) -> Recorded {
        Recorded {
            answered_at: SystemTime::now(),
            ..recorded(id, "get", 10)
        }
    }

    #[tokio::test]
    async fn stored_recordings_are_those_that_were_recorded_until_the_stop() {
        let day = Duration::from_secs(86_400);
        let stored = Arc::new(Stored::default());
        let mut recordings = store(1 << 20, None);
        let keeper = recordings.keep_in(stored.clone(), day);
        for number in 0..40 {
            recordings.add(now(&format!("{number}")));
        }
        keeper.run(std::future::ready(())).await;
        let listed = recordings.stored().await.expect("a list");
        assert_eq!(listed, recordings.list());
        let document = recordings.stored_document("7").await.expect("an answer");
        let document = Recording::parse(&document.expect("a document"));
        assert_eq!(document.ok(), recordings.get("7"));
        assert_eq!(recordings.stored_document("other").await, Ok(None));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn samples_are_stored_now_and_then_and_at_the_stop_and_read_at_the_start() {
        let stored = Arc::new(Stored::default());
        let offer = |recordings: &Recordings, id: &str| {
            let Recorded { request, route, .. } = recorded(id, "get", 10);
            recordings
                .samples()
                .offer(RouteIndex::new(0), &route, &request);
        };
        let day = Duration::from_secs(86_400);
        let mut first = store(1 << 20, None);
        let keeper = first.keep_in(stored.clone(), day);
        offer(&first, "1");
        let running = tokio::spawn(keeper.run(std::future::pending()));
        testkit::eventually("the sample is stored without a stop", || {
            (stored.1.lock().len() == 1).then_some(())
        });
        running.abort();

        let mut second = store(1 << 20, None);
        let mut keeper = second.keep_in(stored.clone(), day);
        keeper.restore_samples().await;
        offer(&second, "2");
        keeper.run(std::future::ready(())).await;
        let mut third = store(1 << 20, None);
        third.keep_in(stored.clone(), day).restore_samples().await;
        let ids = third.samples().pick(10);
        let ids: Vec<&str> = ids.iter().map(|sample| &*sample.request.id).collect();
        assert_eq!(ids, ["2", "1"]);

        let mut late = store(1 << 20, None);
        let mut keeper = late.keep_in(stored, Duration::ZERO);
        keeper.restore_samples().await;
        assert!(late.samples().pick(10).is_empty(), "they are too old");
    }

    #[tokio::test]
    async fn what_waits_to_be_stored_is_bounded() {
        let stored = Arc::new(Stored::default());
        let mut recordings = store(100_000, None);
        let keeper = recordings.keep_in(stored.clone(), Duration::from_secs(60));
        for number in 0..20 {
            let large = now(&format!("{number}"));
            let body = Bytes::from(vec![b' '; 10_000]);
            let request = Request {
                body,
                ..large.request
            };
            recordings.add(Recorded { request, ..large });
        }
        keeper.run(std::future::ready(())).await;
        assert_eq!(stored.0.lock().len(), 2, "a quarter of the memory");
    }

    #[tokio::test]
    async fn recordings_that_are_too_old_are_not_listed() {
        let stored = Arc::new(Stored::default());
        let mut recordings = store(1 << 20, None);
        let keeper = recordings.keep_in(stored.clone(), Duration::from_secs(60));
        recordings.add(recorded("of 1970", "get", 0));
        recordings.add(now("now"));
        keeper.run(std::future::ready(())).await;
        let listed = recordings.stored().await.expect("a list");
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].request_id, "now");
    }
}
