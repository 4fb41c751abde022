//! `GET /events`: the events that the logic publishes, as server-sent events (HTML standard, 9.2).
//!
//! Each message has the event's cursor as its id, so a client that was disconnected returns with
//! `Last-Event-ID` and misses nothing. If a client's filter matches no events, messages with an id
//! and no data keep its cursor up to date. Streams end when the host drains; clients reconnect to
//! another host.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures_util::stream::{Stream, StreamExt, once, unfold};
use percent_encoding::percent_decode_str;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

use super::app::App;
use super::problem::{Problem, report};
use super::trace::Context;
use request::{Broadcast, Error, FeedItem, Subscription};
use storage::{Cursor, Published};
use telemetry::metrics::GaugeGuard;

/// How long a stream may be silent. Proxies close connections that are silent for a minute, and only
/// a write detects that a client is gone.
const SILENCE: Duration = Duration::from_secs(15);

/// How long a client waits before it reconnects, in milliseconds.
const RETRY_MS: u32 = 1000;

/// How many events one write carries at most. A follower that comes to many new events at once then costs
/// one write, and gives way to other work after it.
const EVENTS_PER_WRITE: usize = 64;

/// The source of events.
#[async_trait]
pub trait Events: Send + Sync + 'static {
    /// Subscribes to the events after a position. `None`: to the events from now on.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] or [`Error::Overloaded`] if the database does not answer.
    async fn subscribe(&self, from: Option<Cursor>) -> Result<Subscription, Error>;
}

#[async_trait]
impl Events for Broadcast {
    async fn subscribe(&self, from: Option<Cursor>) -> Result<Subscription, Error> {
        Broadcast::subscribe(self, from).await
    }
}

/// The source of events and the limit of streams.
pub(super) struct Streams {
    events: Arc<dyn Events>,
    /// One permit for each stream.
    permits: Arc<Semaphore>,
}

impl Streams {
    pub(super) fn new(events: Arc<dyn Events>, limit: usize) -> Streams {
        Streams {
            events,
            permits: Arc::new(Semaphore::new(limit)),
        }
    }
}

/// `GET /events`.
pub(super) async fn follow(
    State((app, streams)): State<(Arc<App>, Arc<Streams>)>,
    Extension(context): Extension<Arc<Context>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    match open(&app, &streams, &uri, &headers).await {
        Ok(response) => response,
        Err(problem) => problem.respond(&context.request_id),
    }
}

async fn open(
    app: &App,
    streams: &Streams,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let query = Query::read(uri.query().unwrap_or_default());
    let from = match last_seen(headers)? {
        // A browser reconnects with the same URL, so the header is more recent than `after`.
        Some(seen) => Some(seen),
        None => query.after,
    };
    let permit = streams.permits.clone().try_acquire_owned().map_err(|_| {
        app.metrics.limit_hit("event-streams");
        Problem::too_many_streams()
    })?;
    let subscription = streams.events.subscribe(from).await.map_err(|error| {
        report::log(&error);
        Problem::from(error)
    })?;
    let held = (permit, app.metrics.event_stream());
    let messages = messages(subscription, query.kinds, SILENCE, held);
    let drained = app.readiness.clone().until_withdrawn();
    Ok(streaming(Body::from_stream(messages.take_until(drained))))
}

/// Makes a response of server-sent events.
pub(super) fn streaming(messages: Body) -> Response {
    let mut response = Response::new(messages);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Without this header nginx buffers the answer.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// The cursor that a returning client sends.
fn last_seen(headers: &HeaderMap) -> Result<Option<Cursor>, Error> {
    let Some(seen) = headers.get("last-event-id") else {
        return Ok(None);
    };
    let seen = seen.to_str().map_err(|_| Error::BadHeader {
        header: "Last-Event-ID",
        reason: "send the id of the last event that you received".to_owned(),
    })?;
    // A browser that has received no event sends the header without a value.
    Ok((!seen.is_empty()).then(|| Cursor::new(seen)))
}

/// The parameters in the URL.
#[derive(Debug, Default, PartialEq)]
struct Query {
    after: Option<Cursor>,
    kinds: Kinds,
}

impl Query {
    fn read(query: &str) -> Query {
        let mut read = Query::default();
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let value = percent_decode_str(value).decode_utf8_lossy();
            match name {
                "after" if !value.is_empty() => read.after = Some(Cursor::new(value)),
                "kind" => read.kinds.add(&value),
                _ => {}
            }
        }
        read
    }
}

/// The kinds of events that a client wants. Empty: all kinds.
#[derive(Debug, Default, PartialEq)]
struct Kinds(Vec<String>);

impl Kinds {
    fn add(&mut self, list: &str) {
        let kinds = list.split(',').map(|kind| kind.trim_end_matches('.'));
        let kinds = kinds.filter(|kind| !kind.is_empty());
        self.0.extend(kinds.map(str::to_owned));
    }

    /// Whether one of the kinds is this kind, or the part of it before a dot.
    fn include(&self, kind: &str) -> bool {
        let covers = |wanted: &String| {
            kind.strip_prefix(wanted.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.0.is_empty() || self.0.iter().any(covers)
    }
}

/// The messages of one stream: first its position, then the events that the client wants, and its
/// position again after each silence. `held` is dropped with the stream.
fn messages(
    subscription: Subscription,
    kinds: Kinds,
    silence: Duration,
    held: (OwnedSemaphorePermit, GaugeGuard),
) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static {
    let Subscription { from, items } = subscription;
    let first = Bytes::from(format!("retry: {RETRY_MS}\nid: {}\n\n", one_line(&from)));
    let state = (items.ready_chunks(EVENTS_PER_WRITE), kinds, from, held);
    let live = unfold(
        state,
        move |(mut items, kinds, mut place, held)| async move {
            let silent = Instant::now() + silence;
            loop {
                let next = tokio::select! {
                    next = items.next() => next?,
                    () = sleep_until(silent) => {
                        let alive = format!(": alive\nid: {}\n\n", one_line(&place));
                        return Some((Bytes::from(alive), (items, kinds, place, held)));
                    }
                };
                let messages = next.into_iter().filter_map(|item| match item {
                    FeedItem::Event(event) => {
                        place = event.published.cursor.clone();
                        let wanted = kinds.include(event.published.event.kind());
                        wanted.then(|| event.message(message))
                    }
                    FeedItem::Reset(end) => {
                        let reset = format!("id: {end}\nevent: reset\ndata: {{}}\n\n");
                        place = end;
                        Some(reset.into())
                    }
                });
                if let Some(write) = joined(messages) {
                    return Some((write, (items, kinds, place, held)));
                }
            }
        },
    );
    once(async { first }).chain(live).map(Ok)
}

/// All messages as one, or `None` if there are none. A single message is not copied.
fn joined(mut messages: impl Iterator<Item = Bytes>) -> Option<Bytes> {
    let first = messages.next()?;
    let Some(second) = messages.next() else {
        return Some(first);
    };
    let mut all = BytesMut::from(first);
    all.extend_from_slice(&second);
    messages.for_each(|message| all.extend_from_slice(&message));
    Some(all.freeze())
}

/// A cursor without line breaks: a client may have sent any text.
fn one_line(place: &Cursor) -> String {
    let visible = |character: &char| !character.is_control();
    place.as_str().chars().filter(visible).collect()
}

fn message(published: &Published) -> Bytes {
    let event = &published.event;
    let attributes = event.attributes().iter();
    let attributes = attributes.map(|(name, value)| (name.clone(), value.as_str().into()));
    let data = serde_json::json!({
        "kind": event.kind(),
        "subject": event.subject(),
        "attributes": serde_json::Value::Object(attributes.collect()),
        // Only a broken clock is beyond the year 9999.
        "time": jiff::Timestamp::from_millisecond(published.at_ms)
            .unwrap_or(jiff::Timestamp::MAX)
            .to_string(),
    });
    // JSON on one line: line breaks in strings are escaped.
    Bytes::from(format!(
        "id: {}\nevent: {}\ndata: {data}\n\n",
        published.cursor,
        event.kind()
    ))
}

#[cfg(test)]
mod tests;
