//! One request's life, from its HTTP parts to an answer that is durable.
//!
//! [`Service::answer`] is the entry point. A request passes these steps in this order:
//!
//! | step | what happens | where |
//! | --- | --- | --- |
//! | revision | [`Service::begin`] chooses the revision; the request ends on it | `traffic` |
//! | lease | a host without a lease answers nothing | `service`, `lease` |
//! | arguments | path, query, body, idempotency key and conditions are read; nothing has begun | `prepared` |
//! | proof | the kept answer to a read is returned, if it is proven to hold | `answers`, `service/proof` |
//! | priority | a read of a route whose runs take long moves to threads of low priority | `admission`, `background` |
//! | admission | a write **waits for the writer**, then for a slot; a read waits for a slot, then begins its transaction | `service/attempt` (`admit`), `admission` |
//! | replay | if the idempotency key is recorded, the recorded answer is returned | `idempotency` |
//! | condition | for a write with a condition, the resource is read in the same transaction | `conditions` |
//! | call | the logic runs in a fresh instance | `logic`, `component` |
//! | commit | a success is recorded and committed; a dry run and anything else is rolled back | `service/attempt` |
//! | durable | the answer waits until what it wrote and what it saw is durable; then that to a read is kept | `service/attempt` |
//! | retry | after a conflict with another transaction, the request starts again at admission | `service` |
//! | slow statements | what the statements noted is listed and explained, after the answer | `slow` |
//! | recording | what the logic was told is kept, if the request failed or was slow | `recordings`, `recording` |
//! | shadow | a read may run again on a candidate, after its answer | `shadow`, `service/shadowing` |
//! | sample | some requests are kept, to rehearse a deployment with | `samples`, `rehearsal`, `service/rehearsing` |
//!
//! The queue for the writer itself belongs to the database: `storage` holds it in
//! `Database::begin`. This crate bounds how many requests wait, and for how long.
//!
//! [`replay()`] runs a recorded request again, anywhere.
//!
//! [`Broadcast`] is separate from all of this: it reads the feed of committed events once for all
//! of its subscribers.
//!
//! This crate does not know HTTP's types, sockets, the admin API or how a revision is built and
//! checked. `deployment` uses the same three crates (`transcode`, `runtime`, `storage`) to check a
//! component; only this crate uses them to answer requests.

mod admission;
mod answers;
mod background;
mod broadcast;
mod component;
mod conditions;
mod error;
mod idempotency;
mod lease;
mod logic;
mod prepared;
pub mod recording;
pub mod recordings;
pub mod rehearsal;
mod replay;
mod revision;
mod samples;
mod service;
pub mod shadow;
mod slow;
mod traffic;

use bytes::Bytes;

pub use self::admission::Bulkheads;
pub use self::answers::Source;
pub use self::background::Background;
pub use self::broadcast::{Broadcast, FeedEvent, FeedItem, Subscription};
pub use self::component::{Component, MissingExport};
pub use self::conditions::{Conditions, Current, Verdict, entity_tag_of, gzip_tag};
pub use self::error::Error;
pub use self::lease::{ClockReading, Lease};
pub use self::logic::{Finished, Invocation, Logic};
pub use self::replay::{Difference, ReplayError, Replayed, replay};
pub use self::revision::{Revision, Template};
pub use self::service::{Limits, Service};
pub use self::slow::SlowEntry;
pub use self::traffic::{Candidate, Client, Share, Trial};
pub use runtime::{Fault, TimeLimit};
pub use storage::StorageFault;
pub use telemetry::metrics::{Counts, RevisionStats};

/// A request to an operation, with the parts of HTTP that matter to it.
#[derive(Debug, Clone)]
pub struct Request {
    /// The request's id, for logs.
    pub id: String,
    /// The W3C trace id (32 hex digits), for logs.
    pub trace_id: String,
    /// The path, for the idempotency fingerprint.
    pub path: String,
    /// The path's parameters, percent-decoded.
    pub parameters: Vec<(String, String)>,
    /// The raw query string without `?`.
    pub query: Option<String>,
    /// The `Content-Type` header.
    pub media_type: Option<String>,
    /// The body. Empty if the request has none.
    pub body: Bytes,
    /// The conditions of a request that is not a GET. Those of a GET concern its answer, which the
    /// caller has.
    pub conditions: Conditions,
    /// The `Idempotency-Key` header.
    pub idempotency_key: Option<String>,
    /// Whether nothing that the request writes is kept: it is answered as usual, and rolled back. No
    /// answer is recorded under its idempotency key, and none of its events is sent.
    pub dry_run: bool,
    /// Whether unknown query parameters and unknown members of the body are errors. Otherwise they
    /// are ignored.
    pub strict: bool,
}

impl Request {
    /// How much memory it takes in addition to its own size, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        let parameters = self.parameters.iter();
        let parameters = parameters.map(|pair| size_of_val(pair) + pair.0.len() + pair.1.len());
        let optional = [
            &self.query,
            &self.media_type,
            &self.conditions.if_match,
            &self.conditions.if_none_match,
            &self.idempotency_key,
        ];
        let optional = optional.into_iter().flatten().map(String::len);
        self.id.len()
            + self.trace_id.len()
            + self.path.len()
            + optional.sum::<usize>()
            + parameters.sum::<usize>()
            + self.body.len()
    }
}

/// The outcome of a request: its answer or an error, and how it came about.
#[derive(Debug)]
pub struct Answered {
    /// Nothing that the request wrote was kept after an [`Error`], except perhaps after
    /// [`Error::OutcomeUnknown`].
    pub result: Result<Answer, Error>,
    /// How a read was answered. Every write is a run.
    pub source: Source,
}

/// A success.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// 200 to 299.
    pub status: u16,
    /// JSON. `None`: the answer has no body (204).
    pub body: Option<Bytes>,
    /// The strong entity tag, without quotes. Every GET has one.
    pub etag: Option<String>,
    /// The `Location` header, a path.
    pub location: Option<String>,
    /// The next page's cursor, not encoded.
    pub next: Option<String>,
    /// Whether this is the recorded answer to an earlier request with the same key.
    pub replayed: bool,
}

/// The service's health, for `GET /health`.
#[derive(Debug, Clone, PartialEq)]
pub struct Health {
    /// The figures that the logic returned, such as `("total_tasks", 7)`, in snake_case.
    pub figures: Vec<(String, i64)>,
    /// Why the logic reports the service as unhealthy. `None`: it is healthy.
    pub unhealthy: Option<String>,
}
