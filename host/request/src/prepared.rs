//! A request whose arguments, idempotency key and condition have been read. No transaction has
//! begun.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use parking_lot::Mutex;
use rand::Rng as _;

use super::answers::{Answers, KeyRef};
use super::conditions::entity_tag_of;
use super::idempotency::Key;
use super::recording::RecordedCall;
use super::{Answer, Conditions, Error, Invocation, Request, Revision};
use contract::{Access, Method, Route, RouteIndex};
use storage::Attempt;
use transcode::{Input, Reply};

/// The clock and the seed of one run. A second run with the same values sees the same world, apart
/// from the data.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClockAndSeed {
    /// Time since the Unix epoch.
    pub(super) now: Duration,
    /// The seed of the random numbers.
    pub(super) seed: [u8; 32],
}

impl ClockAndSeed {
    /// The current time and a new seed.
    pub(super) fn new() -> Self {
        ClockAndSeed {
            now: since_epoch(),
            seed: rand::rng().random(),
        }
    }
}

/// The time since the Unix epoch.
pub(super) fn since_epoch() -> Duration {
    // If the clock says that it is before 1970 it is broken, and zero is as good as any value.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// A request that was read and checked.
pub(super) struct PreparedRequest<'a> {
    pub(super) revision: &'a Revision,
    pub(super) index: RouteIndex,
    pub(super) route: &'a Route,
    /// Whether it gives way to others.
    pub(super) gives_way: bool,
    /// How its next attempt deals with other writes.
    pub(super) attempt: Attempt,
    pub(super) arrived: Instant,
    pub(super) invocation: Box<dyn Invocation>,
    pub(super) key: Option<Key>,
    pub(super) conditions: &'a Conditions,
    /// Whether the transaction is rolled back after a success, too.
    pub(super) dry_run: bool,
    /// Set if the request may run again on a candidate. `None`: each run reads the clock and takes
    /// a new seed.
    pub(super) clock_and_seed: Option<ClockAndSeed>,
    /// Reads the resource that the conditions refer to. `None` without conditions, and if the path
    /// has no GET.
    pub(super) reader: Option<Box<dyn Invocation>>,
    /// Where the answer is kept, if it may be.
    pub(super) keep: Option<(&'a Answers, KeyRef<'a>)>,
    /// Where each call leaves its recording, the last one in place of those before. `None`: nobody wants
    /// it.
    pub(super) last_call: Option<&'a LastCall>,
}

/// The recording of the last call of the logic for a request.
pub(super) type LastCall = Mutex<Option<RecordedCall>>;

impl<'a> PreparedRequest<'a> {
    pub(super) fn read(
        revision: &'a Revision,
        index: RouteIndex,
        request: &'a Request,
        arrived: Instant,
    ) -> Result<Self, Error> {
        let route = revision.description.route(index);
        let invocation = revision.logic.prepare(
            index,
            &Input {
                parameters: &request.parameters,
                query: request.query.as_deref(),
                media_type: request.media_type.as_deref(),
                body: &request.body,
                strict: request.strict,
                ..Input::default()
            },
        )?;
        let conditions = &request.conditions;
        let reader = match conditions.is_empty() {
            true => None,
            false => reader(revision, index, request)?,
        };
        Ok(PreparedRequest {
            revision,
            index,
            route,
            gives_way: false,
            attempt: Attempt::First,
            arrived,
            invocation,
            key: Key::of(route, request)?,
            conditions,
            dry_run: request.dry_run && route.access == Access::Write,
            clock_and_seed: None,
            reader,
            keep: None,
            last_call: None,
        })
    }

    /// Makes the answer from the logic's reply.
    pub(super) fn answer(&self, reply: Reply) -> Answer {
        let etag = match self.route.method {
            Method::Get => Some(entity_tag(&reply)),
            _ => reply.etag,
        };
        Answer {
            status: self.route.success,
            etag,
            location: reply.location,
            next: reply.next,
            body: reply.body.map(Bytes::from),
            replayed: false,
        }
    }
}

/// The GET of the same path. `None` if the path has no GET.
fn reader(
    revision: &Revision,
    index: RouteIndex,
    request: &Request,
) -> Result<Option<Box<dyn Invocation>>, Error> {
    let Some(reader) = revision.reader_of(index) else {
        return Ok(None);
    };
    let input = Input {
        parameters: &request.parameters,
        ..Input::default()
    };
    Ok(Some(revision.logic.prepare(reader, &input)?))
}

/// The reply's own entity tag, or one made from its body.
pub(super) fn entity_tag(reply: &Reply) -> String {
    match &reply.etag {
        Some(tag) => tag.clone(),
        None => entity_tag_of(reply.body.as_deref().unwrap_or_default()),
    }
}
