//! A backend without logic or database, for the tests of this crate.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request as HttpRequest, StatusCode};
use bytes::Bytes;
use clap::Parser;
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::sync::{Notify, watch};
use tower::ServiceExt;

use super::{Api, Config, Server};
use contract::{Access, Asset, Description, Method, Route, RouteIndex};
use request::recordings::{Recordings, Settings};
use request::rehearsal::Examples;
use request::{
    Answer, Answered, Bulkheads, Client, Error, Health, Invocation, Logic, Request, Revision,
    SlowEntry, Source, StorageFault, Template,
};
use runtime::{Call, Interruption, Limits};
use telemetry::metrics::Metrics;
use transcode::{Input, InputError};

/// Answers all operations with the answer that the test sets.
pub(super) struct Fake {
    revision: Arc<Revision>,
    answer: Mutex<Result<Answer, Error>>,
    pub(super) health: Mutex<Result<Health, Error>>,
    pub(super) ready: Mutex<Result<(), Error>>,
    pub(super) storage_fault: Mutex<Option<StorageFault>>,
    pub(super) alive: AtomicBool,
    /// The last request to an operation.
    pub(super) asked: Mutex<Option<(RouteIndex, Request)>>,
    /// Notified when `/slow` has begun. Its answer waits for `release`.
    pub(super) begun: Notify,
    pub(super) release: Notify,
    recordings: Option<Recordings>,
    limits: request::Limits,
    /// The client of the last request.
    pub(super) client: Mutex<String>,
    switches: watch::Sender<()>,
}

pub(super) const DIGEST: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A file that is large enough to be compressed.
pub(super) static LARGE: LazyLock<String> = LazyLock::new(|| "a { color: red }\n".repeat(200));

/// Method and path of each route.
const ROUTES: [(Method, &str); 7] = [
    (Method::Get, "/things"),
    (Method::Post, "/things"),
    (Method::Get, "/things/{id}"),
    (Method::Put, "/things/{id}"),
    (Method::Delete, "/things/{id}"),
    (Method::Get, "/slow"),
    (Method::Get, "/panic"),
];

pub(super) fn answer(body: impl Into<String>) -> Answer {
    Answer {
        status: 200,
        body: Some(Bytes::from(body.into())),
        etag: None,
        location: None,
        next: None,
        replayed: false,
    }
}

impl Fake {
    pub(super) fn new() -> Arc<Fake> {
        Arc::new(Fake {
            revision: Arc::new(revision()),
            answer: Mutex::new(Ok(answer("[]"))),
            health: Mutex::new(Ok(Health {
                figures: vec![("total_things".into(), 7), ("status".into(), 1)],
                unhealthy: None,
            })),
            ready: Mutex::new(Ok(())),
            storage_fault: Mutex::default(),
            alive: AtomicBool::new(true),
            asked: Mutex::default(),
            begun: Notify::new(),
            release: Notify::new(),
            client: Mutex::default(),
            switches: watch::Sender::new(()),
            recordings: Recordings::new(Settings {
                bytes: 1 << 20,
                slow: None,
                mask: Vec::new(),
                limits: Limits::default(),
            }),
            limits: request::Limits {
                running: 3,
                waiting: 9,
                wait: Duration::ZERO,
                deadline: Duration::ZERO,
                hold: Duration::ZERO,
                statements: 0,
                rows: 0,
                bytes: 0,
                memory_bytes: 0,
                answer_cache_bytes: 0,
                answer_check: 0.0,
                long_run: Duration::ZERO,
            },
        })
    }

    pub(super) fn answers(answer: Answer) -> Arc<Fake> {
        let fake = Fake::new();
        *fake.answer.lock().unwrap() = Ok(answer);
        fake
    }

    pub(super) fn fails(error: impl Into<Error>) -> Arc<Fake> {
        let fake = Fake::new();
        *fake.answer.lock().unwrap() = Err(error.into());
        fake
    }

    pub(super) fn server(self: &Arc<Fake>, flags: &[&str]) -> Server {
        let metrics = Metrics::new();
        metrics.revision_loaded(DIGEST, &self.revision.stats);
        Server::new(self.clone(), metrics, config(flags))
    }

    pub(super) fn router(self: &Arc<Fake>) -> Router {
        self.server(&[]).public()
    }
}

pub(super) fn revision() -> Revision {
    let route = |(method, path): (Method, &str)| Route {
        method,
        path: path.to_owned(),
        operation: "test:api/things#operation".to_owned(),
        access: match method {
            Method::Get => Access::Read,
            _ => Access::Write,
        },
        success: 200,
        location: None,
        body: None,
        etag: None,
        next: None,
    };
    let mut router = matchit::Router::new();
    for path in ["/things", "/things/{id}", "/slow", "/panic"] {
        let routes = ROUTES.iter().enumerate().filter(|(_, (_, of))| *of == path);
        let methods = routes
            .map(|(index, (method, _))| (*method, RouteIndex::new(index)))
            .collect();
        let template = Template {
            path: path.to_owned(),
            methods,
        };
        router.insert(path, template).unwrap();
    }
    let asset = |path: &str, media_type: &str, content: &str| Asset {
        path: path.to_owned(),
        media_type: media_type.to_owned(),
        content: content.into(),
    };
    Revision {
        digest: DIGEST.to_owned(),
        description: Description {
            name: "things".to_owned(),
            version: "1.4.0".to_owned(),
            routes: ROUTES.map(route).into(),
            migrations: Vec::new(),
            constraints: Vec::new(),
        },
        router,
        openapi: serde_json::json!({
            "openapi": "3.1.0",
            "info": {"title": "things", "version": "1.4.0"},
            "paths": {"/things": {"get": {}}}
        }),
        assets: vec![
            asset("/", "text/html; charset=utf-8", "<title>Tasks</title>"),
            asset("/app.js", "text/javascript", "let things;"),
            asset("/large.css", "text/css", &LARGE),
        ],
        operations: Vec::new(),
        stats: Arc::default(),
        bulkheads: Bulkheads::default(),
        logic: Box::new(NoLogic),
    }
}

/// [`Fake`] answers without its revision's logic.
struct NoLogic;

#[async_trait]
impl Logic for NoLogic {
    fn prepare(&self, _: RouteIndex, _: &Input<'_>) -> Result<Box<dyn Invocation>, InputError> {
        unreachable!("the fake answers without it")
    }

    fn alive(&self) -> bool {
        true
    }

    async fn health(&self, _: Call) -> Result<Result<Vec<(String, i64)>, String>, Interruption> {
        unreachable!("the fake answers without it")
    }
}

#[async_trait]
impl Api for Fake {
    fn active(&self) -> Arc<Revision> {
        self.revision.clone()
    }

    fn begin(&self, client: Client<'_>) -> Arc<Revision> {
        *self.client.lock().unwrap() = format!("{client:?}");
        self.revision.clone()
    }

    fn switches(&self) -> watch::Receiver<()> {
        self.switches.subscribe()
    }

    async fn answer(
        self: Arc<Self>,
        _: &Arc<Revision>,
        route: RouteIndex,
        request: Request,
    ) -> Answered {
        match ROUTES[route.get()].1 {
            "/panic" => panic!("a defect of the host"),
            "/slow" => {
                self.begun.notify_one();
                self.release.notified().await;
            }
            _ => {}
        }
        *self.asked.lock().unwrap() = Some((route, request));
        Answered {
            result: self.answer.lock().unwrap().clone(),
            source: Source::Run,
        }
    }

    async fn health(&self) -> Result<Health, Error> {
        self.health.lock().unwrap().clone()
    }

    async fn ready(&self) -> Result<(), Error> {
        self.ready.lock().unwrap().clone()
    }

    fn storage_fault(&self) -> Option<StorageFault> {
        self.storage_fault.lock().unwrap().clone()
    }

    fn alive(&self) -> bool {
        self.alive.load(Ordering::Relaxed)
    }

    fn slow_statements(&self) -> Vec<SlowEntry> {
        Vec::new()
    }

    fn recordings(&self) -> Option<&Recordings> {
        self.recordings.as_ref()
    }

    fn rehearsed(&self) -> Option<Arc<Examples>> {
        None
    }

    fn limits(&self) -> &request::Limits {
        &self.limits
    }
}

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    config: Config,
}

pub(super) fn config(flags: &[&str]) -> Config {
    let command = Command::try_parse_from([&["task-host"], flags].concat()).unwrap();
    Config {
        drain_timeout: Duration::from_secs(5),
        ..command.config
    }
}

/// An answer that was read completely.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Reply {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The values of a header that may be repeated.
    pub(super) fn headers(&self, name: &str) -> Vec<&str> {
        let values = self.headers.get_all(name).iter();
        values.map(|value| value.to_str().unwrap()).collect()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Sends a request, given as `METHOD path`, and reads the whole answer.
pub(super) async fn send(
    router: &Router,
    line: &str,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> Reply {
    let (method, path) = line.split_once(' ').unwrap();
    let mut request = HttpRequest::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(body.into()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    assert_ne!(parts.status, StatusCode::SWITCHING_PROTOCOLS);
    Reply {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: body.collect().await.unwrap().to_bytes(),
    }
}
