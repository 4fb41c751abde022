//! `GET /events`: what the logic publishes, as server-sent events (the HTML standard, 9.2).
//!
//! Each message has the event's cursor as its id, so a client that was cut off comes back with
//! `Last-Event-ID` and misses nothing; an id without data keeps those up to date whose filter
//! lets nothing through. Streams end when the host drains: clients come back to another one.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use futures_util::stream::{Stream, StreamExt, once, unfold};
use percent_encoding::percent_decode_str;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

use super::problem::Problem;
use super::trace::Context;
use super::{App, api};
use request::{Broadcast, Following, News, Refusal};
use storage::{Cursor, Published};
use telemetry::metrics::Held;

/// How long a stream may be silent: proxies cut off what is silent for a minute, and a client
/// that is gone is found out by writing to it.
const SILENCE: Duration = Duration::from_secs(15);

/// How long a client waits before it comes back, in milliseconds.
const RETRY_MS: u32 = 1000;

/// Where events come from.
#[async_trait]
pub trait Events: Send + Sync + 'static {
    /// Follows the feed from a place, or from now on.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] and [`Refusal::Overloaded`].
    async fn follow(&self, from: Option<Cursor>) -> Result<Following, Refusal>;
}

#[async_trait]
impl Events for Broadcast {
    async fn follow(&self, from: Option<Cursor>) -> Result<Following, Refusal> {
        Broadcast::follow(self, from).await
    }
}

/// What the route shares: the source, and a place for each stream.
struct Gallery {
    events: Arc<dyn Events>,
    places: Arc<Semaphore>,
}

/// The route, for that many streams at a time.
pub(super) fn router(events: Arc<dyn Events>, streams: usize) -> Router<Arc<App>> {
    let gallery = Arc::new(Gallery {
        events,
        places: Arc::new(Semaphore::new(streams)),
    });
    Router::new()
        .route("/events", get(follow))
        .layer(Extension(gallery))
}

async fn follow(
    State(app): State<Arc<App>>,
    Extension(gallery): Extension<Arc<Gallery>>,
    Extension(context): Extension<Arc<Context>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    match open(&app, &gallery, &uri, &headers).await {
        Ok(response) => response,
        Err(problem) => problem.respond(&context.request_id),
    }
}

async fn open(
    app: &App,
    gallery: &Gallery,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let query = Query::read(uri.query().unwrap_or_default());
    let from = match last_seen(headers)? {
        // A browser repeats the URL when it comes back: what it has seen since says more.
        Some(seen) => Some(seen),
        None => query.after,
    };
    let place = gallery.places.clone().try_acquire_owned().map_err(|_| {
        app.metrics.limit_hit("event-streams");
        Problem::too_many_streams()
    })?;
    let following = gallery.events.follow(from).await.map_err(|refusal| {
        api::log(&refusal);
        Problem::from(refusal)
    })?;
    let held = (place, app.metrics.event_stream());
    let messages = messages(following, query.kinds, SILENCE, held);
    let drained = app.readiness.clone().until_withdrawn();
    let mut response = Response::new(Body::from_stream(messages.take_until(drained)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx gathers an answer unless it is told not to.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// The place that a client names which comes back.
fn last_seen(headers: &HeaderMap) -> Result<Option<Cursor>, Refusal> {
    let Some(seen) = headers.get("last-event-id") else {
        return Ok(None);
    };
    let seen = seen.to_str().map_err(|_| Refusal::BadHeader {
        header: "Last-Event-ID",
        reason: "send the id of the last event that was seen".to_owned(),
    })?;
    // A browser sends the header without a value when it has seen none.
    Ok((!seen.is_empty()).then(|| Cursor::new(seen)))
}

/// What a client asks for in the URL.
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

/// The kinds that a client wants; all where it names none.
#[derive(Debug, Default, PartialEq)]
struct Kinds(Vec<String>);

impl Kinds {
    fn add(&mut self, list: &str) {
        let kinds = list.split(',').map(|kind| kind.trim_end_matches('.'));
        let kinds = kinds.filter(|kind| !kind.is_empty());
        self.0.extend(kinds.map(str::to_owned));
    }

    /// Whether one of them is that kind, or the part of it before a dot.
    fn include(&self, kind: &str) -> bool {
        let covers = |wanted: &String| {
            kind.strip_prefix(wanted.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.0.is_empty() || self.0.iter().any(covers)
    }
}

/// The messages of one stream: where it begins, then what it wants to hear, and after each
/// silence how far it is. `held` lives as long as the stream.
fn messages(
    following: Following,
    kinds: Kinds,
    silence: Duration,
    held: (OwnedSemaphorePermit, Held),
) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static {
    let Following { from, news } = following;
    let first = Bytes::from(format!("retry: {RETRY_MS}\nid: {}\n\n", one_line(&from)));
    let state = (news, kinds, from, held);
    let live = unfold(
        state,
        move |(mut news, kinds, mut place, held)| async move {
            let silent = Instant::now() + silence;
            loop {
                let next = tokio::select! {
                    next = news.next() => next?,
                    () = sleep_until(silent) => {
                        let alive = format!(": alive\nid: {}\n\n", one_line(&place));
                        return Some((Bytes::from(alive), (news, kinds, place, held)));
                    }
                };
                let message = match next {
                    News::Event(event) => {
                        place = event.cursor.clone();
                        kinds.include(event.event.kind()).then(|| message(&event))
                    }
                    News::Reset(end) => {
                        let reset = format!("id: {end}\nevent: reset\ndata: {{}}\n\n");
                        place = end;
                        Some(reset.into())
                    }
                };
                if let Some(message) = message {
                    return Some((message, (news, kinds, place, held)));
                }
            }
        },
    );
    once(async { first }).chain(live).map(Ok)
}

/// A cursor as a client sent it, without what would end the line.
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
        // A clock beyond the year 9999 is broken.
        "time": jiff::Timestamp::from_millisecond(published.at_ms)
            .unwrap_or(jiff::Timestamp::MAX)
            .to_string(),
    });
    // JSON has no line breaks outside strings, and escapes those inside.
    Bytes::from(format!(
        "id: {}\nevent: {}\ndata: {data}\n\n",
        published.cursor,
        event.kind()
    ))
}

#[cfg(test)]
mod tests;
