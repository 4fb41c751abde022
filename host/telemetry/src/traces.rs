//! Traces for an OpenTelemetry collector: what a request waited for, called and committed, with the
//! logic's log lines, in the caller's trace.
//!
//! The spans are those of `tracing`. Spans that only a collector needs have the target [`DETAIL`],
//! which logs leave out. If [`Traces::start`] was not called, all of this costs one check of a flag.
//! The SDK also reads the standard variables `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`,
//! `OTEL_TRACES_SAMPLER`, `OTEL_EXPORTER_OTLP_HEADERS` and `OTEL_BSP_*`.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry::trace::{
    SpanContext, SpanId, Status, TraceContextExt as _, TraceFlags, TraceId, TraceState,
    TracerProvider as _,
};
use opentelemetry::{Context, Key, KeyValue, Value};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, SdkTracerProvider};
use tracing::{Level, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;

use contract::DETAIL;

/// The path of traces below the collector's endpoint (OTLP specification).
const TRACES: &str = "/v1/traces";

/// Whether traces are sent.
static STARTED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// The ids that the next span on this thread gets. They are the ids in the log.
    static NEXT: Cell<Option<(TraceId, SpanId)>> = const { Cell::new(None) };
}

/// Sends traces from a thread of its own. Create one per process, and drop it at the end of the
/// process: that sends the remaining spans.
#[derive(Debug)]
pub struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Starts to send traces to a collector, such as `http://localhost:4318`, by OTLP over HTTP. If
    /// the collector cannot be reached, its spans are lost and nothing else happens.
    ///
    /// # Errors
    /// Returns an error if the endpoint is not a URL.
    pub fn start(endpoint: &str) -> Result<Traces, ExporterBuildError> {
        let base = endpoint.trim_end_matches('/');
        let base = base.strip_suffix(TRACES).unwrap_or(base);
        let exporter = SpanExporter::builder()
            .with_http()
            .with_endpoint(format!("{base}{TRACES}"))
            .build()?;
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_id_generator(Ids::default())
            .with_resource(resource())
            .build();
        STARTED.store(true, Ordering::Relaxed);
        Ok(Traces { provider })
    }

    /// Returns the layer that turns `tracing` spans into the collector's spans.
    pub fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        // Log lines of the exporter and of its HTTP client must not become spans to export.
        let sent = Targets::new()
            .with_target("task_host", Level::INFO)
            .with_target(DETAIL, Level::TRACE)
            .with_target("logic", Level::DEBUG);
        tracing_opentelemetry::layer()
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_tracer(self.provider.tracer("task-host"))
            .with_filter(sent)
    }
}

impl Drop for Traces {
    /// Sends the remaining spans. Blocks for some seconds at most.
    fn drop(&mut self) {
        if let Err(error) = self.provider.shutdown() {
            tracing::warn!("cannot send the last traces: {error}");
        }
    }
}

/// The sender: the name and attributes from the standard variables, and the host's name and version
/// if these are not set.
fn resource() -> Resource {
    let name = Key::from_static_str("service.name");
    let from_variables = Resource::builder().build();
    let is_named = |name: Value| !name.as_str().starts_with("unknown_service");
    let mut resource = Resource::builder().with_attribute(KeyValue::new(
        "task_host.version",
        env!("CARGO_PKG_VERSION"),
    ));
    if !from_variables.get(&name).is_some_and(is_named) {
        resource = resource.with_service_name("task-host");
    }
    resource.build()
}

/// The position of a request's span in its trace. The span must have an empty field `otel.kind`.
pub struct RootSpan<'a> {
    /// The trace id: 32 hex digits.
    pub trace_id: &'a str,
    /// The span id: 16 hex digits.
    pub span_id: &'a str,
    /// The caller's span id (16 hex digits) and whether the caller samples. `None`: the trace begins
    /// here.
    pub parent: Option<(&'a str, bool)>,
}

impl RootSpan<'_> {
    /// Gives a span its ids and its parent. Call it before the span is entered.
    pub fn apply(&self, span: &Span) {
        if !STARTED.load(Ordering::Relaxed) {
            return;
        }
        let id = |text: &str| SpanId::from_hex(text).unwrap_or(SpanId::INVALID);
        let trace = TraceId::from_hex(self.trace_id).unwrap_or(TraceId::INVALID);
        let parent = match self.parent {
            Some((parent, sampled)) => {
                let flags = TraceFlags::default().with_sampled(sampled);
                let state = TraceState::default();
                let context = SpanContext::new(trace, id(parent), flags, true, state);
                Context::new().with_remote_span_context(context)
            }
            None => Context::new(),
        };
        span.record("otel.kind", "server");
        // This fails if the span is filtered out; then nothing of it is sent.
        if span.set_parent(parent).is_ok() {
            NEXT.set(Some((trace, id(self.span_id))));
            // The span takes its ids when its context is first read.
            drop(span.context());
            NEXT.set(None);
        }
    }
}

/// Sets the name and the status of a request's span. A status of 500 or more marks it as failed.
pub fn finish(span: &Span, method: &str, route: &str, status: u16) {
    if !STARTED.load(Ordering::Relaxed) {
        return;
    }
    let context = span.context();
    let sent = context.span();
    let name = [method, route].join(" ");
    sent.update_name(name.trim_end().to_owned());
    let status_code = i64::from(status);
    sent.set_attribute(KeyValue::new("http.response.status_code", status_code));
    if status >= 500 {
        sent.set_attribute(KeyValue::new("error.type", status.to_string()));
        sent.set_status(Status::error(""));
    }
}

/// The ids that [`RootSpan::apply`] asks for, else random ones.
#[derive(Debug, Default)]
struct Ids(RandomIdGenerator);

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        let next = NEXT.get();
        next.map_or_else(|| self.0.new_trace_id(), |(trace, _)| trace)
    }

    fn new_span_id(&self) -> SpanId {
        let next = NEXT.get();
        next.map_or_else(|| self.0.new_span_id(), |(_, span)| span)
    }
}
