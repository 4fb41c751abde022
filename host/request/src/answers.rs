//! The answer cache: answers to reads, each with what proves that it still holds.
//!
//! The logic is deterministic, so its answer to a read holds while its statements would have the same
//! results. There are two proofs, see `service/proof`:
//!
//! | proof | what it takes | where |
//! | --- | --- | --- |
//! | *unchanged* | no commit has touched the tables that the statements read | SQLite |
//! | *verified* | the recorded statements run again and have the same results | both engines |
//!
//! An answer is kept only after everything that its run saw is durable. So an unchanged answer never
//! shows a commit that a crash could undo. Only answers of repeatable calls are kept: calls that asked
//! for nothing but statements without chance, and left no trace. The rest is remembered as
//! unrepeatable, so that it is neither recorded again nor waited for.
//!
//! The key is all that an operation can depend on: the component's digest, the route and the target
//! as it was received. A request with a body, a media type, a condition, an idempotency key or a
//! preference that changes how it is read is never answered from here.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use quick_cache::sync::Cache;
use quick_cache::{DefaultHashBuilder, Equivalent, Lifecycle, OptionsBuilder, Weighter};
use tokio::sync::Semaphore;

use super::{Answer, Error, Request, Revision};
use contract::{Access, Problem, RouteIndex};
use storage::{Recorded, Seen};
use telemetry::metrics::Metrics;

/// Parts of the cache with locks of their own.
const SHARDS: usize = 8;
/// An answer may take this part of the cache, counted as 1/n. A shard has to hold several.
const LARGEST: u64 = 16;
/// What an entry takes besides what is counted: its places in the cache's tables and lists, and the
/// allocations' own overhead.
const OVERHEAD_BYTES: usize = 256;
/// An estimate for the cache's own lists, in bytes for each entry.
const TYPICAL_BYTES: u64 = 4 << 10;

/// How an answer came about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Source {
    /// The logic ran.
    #[default]
    Run,
    /// It was kept, and no table that the logic had read has changed.
    Unchanged,
    /// It was kept, and the logic's statements had the same results again.
    Verified,
    /// It is the answer to a concurrent request, and nothing has changed since.
    Shared,
}

impl Source {
    /// Every source.
    pub(super) const ALL: [Self; 4] = [
        Source::Run,
        Source::Unchanged,
        Source::Verified,
        Source::Shared,
    ];

    /// Returns the word for metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Run => "run",
            Source::Unchanged => "unchanged",
            Source::Verified => "verified",
            Source::Shared => "shared",
        }
    }
}

/// The answers of all revisions.
pub(super) struct Answers {
    entries: Cache<Key, Entry, Weight, DefaultHashBuilder, Evictions>,
    largest_bytes: u64,
    /// The keys that a request runs the logic for, to add them. Closed when it has ended.
    flights: Mutex<HashMap<Key, Arc<Semaphore>>>,
    /// The digests of revisions that gave another answer than was proven.
    distrusted: RwLock<HashSet<String>>,
    /// Whether there are any, to be read without the lock.
    distrusts: AtomicBool,
    metrics: Arc<Metrics>,
}

/// What an answer depends on, apart from data.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    digest: Box<str>,
    route: usize,
    path: Box<str>,
    query: Option<Box<str>>,
}

/// A [`Key`] of a request, without copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct KeyRef<'a> {
    digest: &'a str,
    route: usize,
    path: &'a str,
    query: Option<&'a str>,
}

/// What is known about a key.
#[derive(Clone)]
pub(super) enum Entry {
    /// An answer.
    Known(Arc<Known>),
    /// The answer must be run each time, or is too large.
    Unrepeatable,
}

/// An answer and what proves it.
pub(super) struct Known {
    pub(super) kept: Arc<Kept>,
    /// What the statements saw when they last had these results.
    pub(super) seen: Seen,
    /// Whether it is worth a try to run the statements again. Not if the last run had other results
    /// than the one before: then the next one probably has, too.
    pub(super) verifiable: bool,
}

/// An answer with the statements that it follows from.
pub(super) struct Kept {
    /// A success, or a problem.
    pub(super) answered: Result<Answer, Error>,
    pub(super) statements: Vec<Recorded>,
    /// The memory that both take.
    bytes: usize,
}

/// A request that runs the logic to add an answer. Dropping it lets those go on that wait for it.
pub(super) struct Flight<'a> {
    answers: &'a Answers,
    key: Key,
    ended: Arc<Semaphore>,
}

impl Answers {
    /// Makes an empty cache of a size. `None` if the size is 0.
    pub(super) fn new(bytes: usize, metrics: Arc<Metrics>) -> Option<Self> {
        let bytes = bytes as u64;
        let options = OptionsBuilder::new()
            .shards(SHARDS)
            .estimated_items_capacity(usize::try_from(bytes / TYPICAL_BYTES).ok()?)
            .weight_capacity(bytes)
            .build()
            .ok()
            .filter(|_| bytes > 0)?;
        let evictions = Evictions(metrics.clone());
        Some(Answers {
            entries: Cache::with_options(options, Weight, Default::default(), evictions),
            largest_bytes: bytes / LARGEST,
            flights: Mutex::default(),
            distrusted: RwLock::default(),
            distrusts: AtomicBool::new(false),
            metrics,
        })
    }

    /// Returns the key of a request, if its answer may come from here.
    pub(super) fn key<'a>(
        &self,
        revision: &'a Revision,
        route: RouteIndex,
        request: &'a Request,
    ) -> Option<KeyRef<'a>> {
        let plain = revision.description.route(route).access == Access::Read
            && request.body.is_empty()
            && request.media_type.is_none()
            && request.idempotency_key.is_none()
            && !request.dry_run
            && !request.strict
            && request.conditions.is_empty();
        let trusted =
            !self.distrusts.load(Relaxed) || !self.distrusted.read().contains(&revision.digest);
        (plain && trusted).then_some(KeyRef {
            digest: &revision.digest,
            route: route.get(),
            path: &request.path,
            query: request.query.as_deref(),
        })
    }

    pub(super) fn get(&self, key: KeyRef<'_>) -> Option<Entry> {
        self.entries.get(&key)
    }

    /// Begins to run the logic for a key. The error is what to wait for if another request runs it
    /// already.
    pub(super) fn take_off(&self, key: KeyRef<'_>) -> Result<Flight<'_>, Arc<Semaphore>> {
        let key = key.to_owned();
        let mut flights = self.flights.lock();
        if let Some(flight) = flights.get(&key) {
            return Err(flight.clone());
        }
        let ended = Arc::new(Semaphore::new(0));
        flights.insert(key.clone(), ended.clone());
        Ok(Flight {
            answers: self,
            key,
            ended,
        })
    }

    /// Keeps the answer of a run, a success or a problem, if the run was repeatable: `proof` has its
    /// statements then. What it saw must be durable.
    pub(super) fn add(
        &self,
        key: KeyRef<'_>,
        answered: Result<Answer, Error>,
        proof: Option<Vec<Recorded>>,
        seen: Option<Seen>,
    ) {
        let entry = match (proof, seen) {
            (Some(statements), Some(seen)) => {
                let before = self.entries.peek(&key);
                let differs = |known: &Known| known.kept.statements != statements;
                let verifiable = match before {
                    Some(Entry::Known(known)) => !differs(&known),
                    _ => true,
                };
                Entry::Known(Arc::new(Known {
                    kept: Arc::new(Kept::new(answered, statements)),
                    seen,
                    verifiable,
                }))
            }
            _ => Entry::Unrepeatable,
        };
        self.insert(key, entry);
    }

    /// Notes that an answer was verified in a transaction that saw this. What it saw must be durable.
    pub(super) fn verified(&self, key: KeyRef<'_>, known: &Known, seen: Seen) {
        self.insert(
            key,
            Entry::Known(Arc::new(Known {
                kept: known.kept.clone(),
                seen,
                verifiable: true,
            })),
        );
    }

    fn insert(&self, key: KeyRef<'_>, entry: Entry) {
        let key = key.to_owned();
        let fits = Weight.weight(&key, &entry) <= self.largest_bytes;
        let entry = if fits { entry } else { Entry::Unrepeatable };
        self.entries.insert(key, entry);
        self.metrics.answer_cache_holds(self.entries.weight());
    }

    /// Stops to answer for a revision.
    pub(super) fn distrust(&self, revision: &Revision) {
        self.distrusted.write().insert(revision.digest.clone());
        self.distrusts.store(true, Relaxed);
        let digest = &*revision.digest;
        self.entries.retain(|key, _| &*key.digest != digest);
        self.metrics.answer_cache_holds(self.entries.weight());
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.answers.flights.lock().remove(&self.key);
        self.ended.close();
    }
}

impl KeyRef<'_> {
    fn to_owned(self) -> Key {
        Key {
            digest: self.digest.into(),
            route: self.route,
            path: self.path.into(),
            query: self.query.map(Box::from),
        }
    }
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.digest == &*key.digest
            && self.route == key.route
            && self.path == &*key.path
            && self.query == key.query.as_deref()
    }
}

/// The memory that an entry takes.
#[derive(Clone)]
struct Weight;

impl Weighter<Key, Entry> for Weight {
    fn weight(&self, key: &Key, entry: &Entry) -> u64 {
        let query = key.query.as_ref().map_or(0, |query| query.len());
        let key = key.digest.len() + key.path.len() + query;
        let known = match entry {
            Entry::Known(known) => known.kept.bytes + known.seen.memory_bytes(),
            Entry::Unrepeatable => 0,
        };
        (OVERHEAD_BYTES + key + known) as u64
    }
}

impl Kept {
    fn new(mut answered: Result<Answer, Error>, mut statements: Vec<Recorded>) -> Self {
        statements.shrink_to_fit();
        if let Ok(Answer {
            body: Some(body), ..
        }) = &mut answered
        {
            // The buffer that the answer was written to may be twice as long.
            *body = Bytes::copy_from_slice(body);
        }
        let recorded: usize = statements.iter().map(Recorded::memory_bytes).sum();
        Kept {
            bytes: answer_bytes(&answered) + recorded,
            answered,
            statements,
        }
    }
}

fn answer_bytes(answered: &Result<Answer, Error>) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::capacity);
    match answered {
        Ok(answer) => {
            let body = answer.body.as_ref().map_or(0, |body| body.len());
            body + text(&answer.etag) + text(&answer.location) + text(&answer.next)
        }
        Err(Error::Problem(problem)) => problem_bytes(problem),
        Err(_) => 0,
    }
}

fn problem_bytes(problem: &Problem) -> usize {
    let own = [&problem.code, &problem.title];
    let fields = problem.errors.iter();
    let fields = fields.flat_map(|field| [&field.pointer, &field.detail]);
    let more = problem.extensions.iter();
    let more = more.flat_map(|(name, value)| [name, value]);
    let texts = own
        .into_iter()
        .chain(&problem.detail)
        .chain(fields)
        .chain(more);
    size_of::<Problem>()
        + texts
            .map(|text| size_of::<String>() + text.capacity())
            .sum::<usize>()
}

/// Counts the entries that make room for others.
#[derive(Clone)]
struct Evictions(Arc<Metrics>);

impl Lifecycle<Key, Entry> for Evictions {
    type RequestState = ();

    fn on_evict(&self, (): &mut (), _: Key, _: Entry) {
        self.0.answer_evicted();
    }
}
