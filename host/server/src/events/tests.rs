//! The route without a database: the messages of a stream, and when it is rejected or ends.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::Request as HttpRequest;
use futures_util::stream::{iter, pending};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;
use crate::fake::{Fake, send};
use request::FeedEvent;
use storage::Event;

/// Two events, then silence.
#[derive(Default)]
struct Two {
    asked: std::sync::Mutex<Option<Cursor>>,
    streams: AtomicUsize,
}

fn published(cursor: &str, kind: &str) -> FeedItem {
    let attributes = vec![("note".to_owned(), "line\nbreak \"quoted\"".to_owned())];
    FeedItem::Event(Arc::new(FeedEvent::new(Published {
        cursor: Cursor::new(cursor),
        event: Event::new(kind.into(), "7".into(), attributes).unwrap(),
        at_ms: 1_772_323_200_123,
    })))
}

#[async_trait]
impl Events for Two {
    async fn subscribe(&self, from: Option<Cursor>) -> Result<Subscription, Error> {
        self.streams.fetch_add(1, Ordering::Relaxed);
        *self.asked.lock().unwrap() = from.clone();
        let items = [
            published("01", "task.created"),
            published("02", "task.deleted"),
        ];
        Ok(Subscription {
            from: from.unwrap_or(Cursor::new("00")),
            items: iter(items).chain(pending()).boxed(),
        })
    }
}

/// A stream that is read message by message.
struct Open {
    body: Body,
    /// What has arrived and was not read yet.
    arrived: String,
}

impl Open {
    fn new(response: Response) -> Self {
        Open {
            body: response.into_body(),
            arrived: String::new(),
        }
    }

    async fn message(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.arrived.find("\n\n") {
                let rest = self.arrived.split_off(end + 2);
                return Some(std::mem::replace(&mut self.arrived, rest));
            }
            let frame = self.body.frame().await?.unwrap().into_data().unwrap();
            self.arrived.push_str(std::str::from_utf8(&frame).unwrap());
        }
    }
}

async fn get(router: &Router, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = HttpRequest::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).unwrap();
    router.clone().oneshot(request).await.unwrap()
}

async fn open_stream(router: &Router, path: &str, headers: &[(&str, &str)]) -> Open {
    let response = get(router, path, headers).await;
    assert_eq!(response.status(), 200);
    Open::new(response)
}

#[tokio::test]
async fn a_message_is_the_cursor_the_kind_and_json_in_one_line() {
    let router = Fake::new()
        .server(&[])
        .with_events(Arc::new(Two::default()))
        .public();
    let packed = [("accept-encoding", "gzip, br")];
    let response = get(&router, "/events", &packed).await;
    let header = |name: &str| {
        response
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap())
    };
    assert_eq!(header("content-type"), Some("text/event-stream"));
    assert_eq!(header("cache-control"), Some("no-store"));
    assert_eq!(header("access-control-allow-origin"), Some("*"));
    assert_eq!(header("content-encoding"), None);
    let mut stream = Open::new(response);
    assert_eq!(stream.message().await.unwrap(), "retry: 1000\nid: 00\n\n");
    assert_eq!(
        stream.message().await.unwrap(),
        "id: 01\nevent: task.created\ndata: {\"kind\":\"task.created\",\"subject\":\"7\",\
         \"attributes\":{\"note\":\"line\\nbreak \\\"quoted\\\"\"},\
         \"time\":\"2026-03-01T00:00:00.123Z\"}\n\n"
    );
}

#[tokio::test]
async fn a_filter_names_kinds_or_their_part_before_a_dot() {
    let router = Fake::new()
        .server(&[])
        .with_events(Arc::new(Two::default()))
        .public();
    for (filter, first) in [
        ("task.deleted", "id: 02\n"),
        ("other,task.deleted", "id: 02\n"),
        ("task%2Edeleted", "id: 02\n"),
        ("task", "id: 01\n"),
        ("task.", "id: 01\n"),
        ("", "id: 01\n"),
    ] {
        let path = format!("/events?kind={filter}");
        let mut stream = open_stream(&router, &path, &[]).await;
        stream.message().await.unwrap();
        let message = stream.message().await.unwrap();
        assert!(message.starts_with(first), "{filter}: {message}");
    }
    let kinds = Query::read("kind=task.c&kind=tas").kinds;
    assert!(
        !kinds.include("task.created"),
        "a part of a word is not a kind"
    );
}

#[tokio::test]
async fn the_last_event_id_takes_precedence_over_the_url() {
    let two = Arc::new(Two::default());
    let router = Fake::new().server(&[]).with_events(two.clone()).public();
    let mut asked = Vec::new();
    for (path, header) in [
        ("/events", None),
        ("/events?after=0a", None),
        ("/events?after=0a", Some("0b")),
        ("/events?after=0a", Some("")),
    ] {
        let headers: Vec<_> = header.map(|id| ("last-event-id", id)).into_iter().collect();
        open_stream(&router, path, &headers).await;
        let from = two.asked.lock().unwrap().clone();
        asked.push(from.map_or(String::new(), |from| from.to_string()));
    }
    assert_eq!(asked, ["", "0a", "0b", "0a"]);
    let bad = send(&router, "GET /events", &[("last-event-id", "\u{e9}")], "").await;
    assert_eq!(bad.status, 400);
    assert_eq!(bad.json()["type"], "urn:task-host:problem:invalid-header");
}

#[tokio::test]
async fn a_cursor_with_line_breaks_cannot_forge_a_message() {
    let router = Fake::new()
        .server(&[])
        .with_events(Arc::new(Two::default()))
        .public();
    let path = "/events?after=0%0A%0Devent:%20task.forged";
    let mut stream = open_stream(&router, path, &[]).await;
    let first = stream.message().await.unwrap();
    assert_eq!(first, "retry: 1000\nid: 0event: task.forged\n\n");
}

#[tokio::test]
async fn a_stream_above_the_limit_is_503_with_retry_after() {
    let two = Arc::new(Two::default());
    let server = Fake::new()
        .server(&["--max-event-streams", "1"])
        .with_events(two.clone());
    let router = server.public();
    let first = open_stream(&router, "/events", &[]).await;
    let refused = send(&router, "GET /events", &[], "").await;
    assert_eq!(refused.status, 503);
    assert_eq!(refused.header("retry-after"), "5");
    assert_eq!(
        refused.json()["type"],
        "urn:task-host:problem:too-many-event-streams"
    );
    assert_eq!(two.streams.load(Ordering::Relaxed), 1);
    drop(first);
    open_stream(&router, "/events", &[]).await;
}

#[tokio::test]
async fn a_drain_ends_the_streams() {
    let server = Fake::new()
        .server(&[])
        .with_events(Arc::new(Two::default()));
    let router = server.public();
    let mut stream = open_stream(&router, "/events", &[]).await;
    for _ in 0..3 {
        stream.message().await.unwrap();
    }
    server.readiness().withdraw();
    assert_eq!(stream.message().await, None);
}

#[tokio::test]
async fn a_silent_stream_sends_its_position() {
    let subscription = Two::default().subscribe(None).await.unwrap();
    let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
    let held = (permit, telemetry::metrics::Metrics::new().event_stream());
    let nothing = Query::read("kind=nothing").kinds;
    let messages = messages(subscription, nothing, Duration::from_millis(1), held);
    let messages: Vec<_> = messages.take(3).map(Result::unwrap).collect().await;
    assert_eq!(messages[1..], [": alive\nid: 02\n\n"; 2]);
}

#[tokio::test]
async fn the_path_can_only_be_read() {
    let router = Fake::new()
        .server(&[])
        .with_events(Arc::new(Two::default()))
        .public();
    let answer = send(&router, "POST /events", &[], "").await;
    assert_eq!(answer.status, 405);
    assert_eq!(answer.header("allow"), "GET, HEAD, OPTIONS");
}
