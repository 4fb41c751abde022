//! What a request asks for: its arguments, its key and its condition, read before anything is
//! begun.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use rand::Rng as _;

use super::conditions::entity_tag_of;
use super::idempotency::Key;
use super::{Answer, Invocation, Refusal, Request, Revision};
use contract::{Access, Method, Route, RouteIndex};
use transcode::{Input, Reply};

/// What a run sees of the world beside the data. One that is kept can be seen again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// Since the Unix epoch.
    pub(super) now: Duration,
    /// Of the random numbers.
    pub(super) seed: [u8; 32],
}

impl Moment {
    pub(super) fn now() -> Self {
        Moment {
            now: clock(),
            seed: rand::rng().random(),
        }
    }
}

/// The time since the Unix epoch.
pub(super) fn clock() -> Duration {
    // Before 1970 the clock is broken, and zero is as good as any answer.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// What a request asks for, read and checked before anything is begun.
pub(super) struct Work<'a> {
    pub(super) route: &'a Route,
    pub(super) arrived: Instant,
    pub(super) invocation: Box<dyn Invocation>,
    pub(super) key: Option<Key>,
    pub(super) if_match: Option<&'a str>,
    /// What a read sees that is to be run again elsewhere; none: what is true when it runs.
    pub(super) moment: Option<Moment>,
    /// Reads the resource that `if_match` speaks of.
    pub(super) reader: Option<Box<dyn Invocation>>,
}

impl<'a> Work<'a> {
    pub(super) fn read(
        revision: &'a Revision,
        index: RouteIndex,
        request: &'a Request,
        arrived: Instant,
    ) -> Result<Self, Refusal> {
        let route = revision.description.route(index);
        let invocation = revision.logic.prepare(
            index,
            &Input {
                parameters: &request.parameters,
                query: request.query.as_deref(),
                media_type: request.media_type.as_deref(),
                body: &request.body,
            },
        )?;
        let if_match = request.if_match.as_deref();
        let reader = match (if_match, route.access) {
            (Some(_), Access::Write) => reader(revision, index, request)?,
            _ => None,
        };
        Ok(Work {
            route,
            arrived,
            invocation,
            key: Key::of(route, request)?,
            if_match,
            moment: None,
            reader,
        })
    }

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

/// The read of the same path, for `If-Match`. None: the path cannot be read, so the condition
/// has nothing to compare with and is ignored (RFC 9110, 13.1.1).
fn reader(
    revision: &Revision,
    index: RouteIndex,
    request: &Request,
) -> Result<Option<Box<dyn Invocation>>, Refusal> {
    let Some(reader) = revision.reader_of(index) else {
        return Ok(None);
    };
    let input = Input {
        parameters: &request.parameters,
        query: None,
        media_type: None,
        body: &[],
    };
    Ok(Some(revision.logic.prepare(reader, &input)?))
}

pub(super) fn entity_tag(reply: &Reply) -> String {
    match &reply.etag {
        Some(tag) => tag.clone(),
        None => entity_tag_of(reply.body.as_deref().unwrap_or_default()),
    }
}
