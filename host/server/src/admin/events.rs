//! A deployment's events as server-sent events (the HTML standard, 9.2): one message for each event,
//! with the event's number as its id.
//!
//! A client that lost its connection reconnects with `Last-Event-ID` and gets the events that it
//! missed. If the deployment has ended and the client has all events, the response is 204, which
//! stops a browser's `EventSource` from reconnecting. Streams end when the host drains.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::{BoxStream, Stream, StreamExt, unfold};
use tokio::time::{Instant, sleep_until};

use super::deployments::{Id, unknown};
use super::respond::ProblemResponse;
use super::shared::Shared;
use deployment::model::Event;
use request::Error;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// How long a stream may be silent. Proxies cut a connection that is silent for a minute, and only
/// a write shows that a client is gone.
const SILENCE: Duration = Duration::from_secs(15);

/// Tells a client how long to wait before it reconnects.
const FIRST: &[u8] = b"retry: 1000\n\n";

/// `GET /admin/deployments/{id}/events`.
pub(super) async fn follow(
    State(shared): State<Arc<Shared>>,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, ProblemResponse> {
    let next = next_number(&headers)?;
    if next > 0 && shared.has_seen_all(id, next).await? {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let events = shared
        .call(move |admin| async move { admin.follow(id).await })
        .await?
        .ok_or_else(|| unknown(id))?;
    let drained = shared.app.readiness.clone().until_withdrawn();
    let body = Body::from_stream(messages(events, next, SILENCE).take_until(drained));
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx buffers a response without this header.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

impl Shared {
    /// Returns whether a deployment has ended before event `next`.
    async fn has_seen_all(&self, id: i64, next: u64) -> Result<bool, ProblemResponse> {
        let deployment = self
            .call(move |admin| async move { admin.deployment(id).await })
            .await?
            .ok_or_else(|| unknown(id))?;
        let events = deployment.events.last().map_or(0, |last| last.number + 1);
        Ok(deployment.ended_at.is_some() && events <= next)
    }
}

/// Returns the number of the first event that the client has not seen.
fn next_number(headers: &HeaderMap) -> Result<u64, ProblemResponse> {
    let Some(last) = headers.get(&LAST_EVENT_ID) else {
        return Ok(0);
    };
    // A browser that has seen no event sends the header without a value.
    let last = last.to_str().unwrap_or("?");
    if last.is_empty() {
        return Ok(0);
    }
    let next = last.parse().ok().and_then(|last: u64| last.checked_add(1));
    next.ok_or_else(|| {
        Error::BadHeader {
            header: "Last-Event-ID",
            reason: "give the number of the last event that was seen".to_owned(),
        }
        .into()
    })
}

/// Returns the messages of the events from number `next` on, with a comment after every `silence`
/// without an event.
fn messages(
    events: BoxStream<'static, Event>,
    next: u64,
    silence: Duration,
) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static {
    let live = unfold(events, move |mut events| async move {
        let silent = Instant::now() + silence;
        loop {
            let event = tokio::select! {
                event = events.next() => event?,
                () = sleep_until(silent) => {
                    return Some((Bytes::from_static(b": still running\n\n"), events));
                }
            };
            if event.number >= next {
                return Some((message(&event), events));
            }
        }
    });
    let first = futures_util::stream::iter([Bytes::from_static(FIRST)]);
    first.chain(live).map(Ok)
}

fn message(event: &Event) -> Bytes {
    // JSON has no line breaks outside strings, and escapes those inside.
    let data = serde_json::to_string(event).expect("plain data is always JSON");
    Bytes::from(format!("id: {}\ndata: {data}\n\n", event.number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::fake::event;
    use contract::deployment::{EventStatus, Stage};

    #[tokio::test]
    async fn a_silent_stream_sends_comments() {
        let past = futures_util::stream::iter([event(0, Stage::Verify, EventStatus::Began)]);
        let events = past.chain(futures_util::stream::pending()).boxed();
        let messages = messages(events, 0, Duration::from_millis(1));
        let messages: Vec<_> = messages.take(4).map(Result::unwrap).collect().await;
        assert!(messages[1].starts_with(b"id: 0\ndata: {"));
        assert_eq!(messages[2..], [": still running\n\n"; 2]);
    }
}
