//! The outermost layer: each request gets an id, a span, its metrics and one log line; each answer
//! gets `X-Request-Id` and the CORS headers. A panic in a handler becomes a problem here.
//!
//! Log lines have the route's template, and never the path's values, the query or a body.

mod context;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{ORIGIN, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue, Method, Request};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::FutureExt;
use tracing::{Instrument, debug, error, info, info_span};

pub(super) use self::context::Context;
use super::app::App;
use super::buffered::Counter;
use super::etag::{Failed, Reading};
use super::problem::Problem;
use super::recent::Ended;
use super::wire;
use contract::RESERVED_PATHS;
use request::Source;
use telemetry::metrics::{GaugeGuard, RequestLabels};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The status that nginx logs for a client that disconnected before its answer.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// The layer of the public port.
pub(super) async fn trace(
    State(app): State<Arc<App>>,
    request: Request<Body>,
    next: Next,
) -> Response {
    let origin = request.headers().get(ORIGIN).cloned();
    let context = Arc::new(Context::read(request.headers()));
    let method = method_label(request.method());
    let mut watch = Watch::new(&app, &context, method);
    let span = watch.span.clone();
    if let Some(path) = reserved(request.uri().path()) {
        span.in_scope(|| context.matched(path.into(), "".into()));
    }
    let mut response = match app.cors.preflight(&request) {
        Some(response) if !wire::is_refused(&request) => response,
        _ => run(&context, request, next).instrument(span).await,
    };
    app.cors.admit(origin.as_ref(), response.headers_mut());
    watch.finish(response.status().as_u16());
    response
}

/// The layer of the admin port: ids and panics, but no metrics.
pub(super) async fn identify(request: Request<Body>, next: Next) -> Response {
    let context = Arc::new(Context::read(request.headers()));
    let span = info_span!("operator", request.id = %context.request_id);
    run(&context, request, next).instrument(span).await
}

async fn run(context: &Arc<Context>, mut request: Request<Body>, next: Next) -> Response {
    let reading = Reading::of(&request);
    request.extensions_mut().insert(context.clone());
    let counter = Counter::of(&request);
    if let Some(response) = wire::answer(&request, &context.request_id) {
        return identified(context, response);
    }
    // A panic leaves the shared state of the handlers consistent: each change of it is one step.
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let response = answer.unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no message");
        error!(
            error.message = text,
            "the host panicked while it answered a request"
        );
        let problem = Problem::internal();
        context.failed(&problem.code, format!("the host panicked: {text}"));
        problem.respond(&context.request_id)
    });
    let response = reading.conclude(response).unwrap_or_else(|Failed| {
        let problem = Problem::from(request::Error::PreconditionFailed);
        problem.respond(&context.request_id)
    });
    identified(context, counter.count(response, &context.request_id))
}

fn identified(context: &Context, mut response: Response) -> Response {
    let id = HeaderValue::from_str(&context.request_id);
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id.expect("a request id is visible ASCII"));
    // Text that a person typed into a task must never be interpreted as a page.
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Records the end of a request, also if its client disconnects and this is dropped.
struct Watch<'a> {
    app: &'a App,
    context: &'a Context,
    method: &'static str,
    span: tracing::Span,
    started: Instant,
    finished: bool,
    _active: GaugeGuard,
}

impl<'a> Watch<'a> {
    fn new(app: &'a App, context: &'a Context, method: &'static str) -> Watch<'a> {
        let span = info_span!(
            "request",
            request.id = %context.request_id,
            trace.id = %context.trace_id,
            span.id = %context.span_id,
            http.request.method = method,
            http.route = tracing::field::Empty,
            answer.source = tracing::field::Empty,
            otel.kind = tracing::field::Empty,
        );
        context.root_span().apply(&span);
        Watch {
            app,
            context,
            method,
            span,
            started: Instant::now(),
            finished: false,
            _active: app.metrics.request_began(),
        }
    }

    fn finish(&mut self, status: u16) {
        self.finished = true;
        let took = self.started.elapsed();
        let matched = self.context.matched_route();
        let route = &*matched.route;
        self.app.metrics.request_ended(
            &RequestLabels {
                http_request_method: self.method,
                http_route: matched.route.clone(),
                http_response_status_code: status,
                task_host_revision: matched.revision.clone(),
            },
            took,
        );
        telemetry::traces::finish(&self.span, self.method, route, status);
        self.app.recent.ended(&Ended {
            request_id: &self.context.request_id,
            method: self.method,
            route,
            revision: &matched.revision,
            status,
            took,
            failure: self.context.failure(),
            kept: self.context.source().is_some_and(|how| how != Source::Run),
        });
        let _entered = self.span.enter();
        let duration_ms = took.as_micros() as f64 / 1000.0;
        let method = self.method;
        if status == CLIENT_CLOSED_REQUEST {
            info!(
                http.response.status_code = status,
                duration_ms, "{method} {route} {status}: the client disconnected before its answer"
            );
        } else if is_probe(route) && status < 400 {
            debug!(
                http.response.status_code = status,
                duration_ms, "{method} {route} {status}"
            );
        } else {
            info!(
                http.response.status_code = status,
                duration_ms, "{method} {route} {status}"
            );
        }
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.finish(CLIENT_CLOSED_REQUEST);
        }
    }
}

/// The label of a path that is reserved for the host.
fn reserved(path: &str) -> Option<&'static str> {
    if path.starts_with("/docs/") {
        return Some("/docs/{file}");
    }
    RESERVED_PATHS
        .into_iter()
        .find(|reserved| *reserved == path)
}

fn is_probe(route: &str) -> bool {
    matches!(route, "/health" | "/livez" | "/readyz" | "/metrics")
}

/// The method's label. Clients may send any method, and labels must be bounded.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ => "_OTHER",
    }
}
