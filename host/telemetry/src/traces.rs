//! Traces for an OpenTelemetry collector: what a request waited for, called and committed, with the
//! logic's own log lines, in the caller's trace.
//!
//! The spans are `tracing`'s. Those that only a collector wants have the target [`DETAIL`], which
//! no log shows. Without a collector all of this costs a flag's look-up: [`Traces::start`] was
//! never called. The SDK reads the standard variables too: `OTEL_SERVICE_NAME`,
//! `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER`, `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_BSP_*`.

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

/// Where the collector takes traces, below its endpoint (the OTLP specification).
const TRACES: &str = "/v1/traces";

/// Whether traces are sent at all.
static STARTED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// The ids that the next span to start on this thread gets: those that the log has.
    static NEXT: Cell<Option<(TraceId, SpanId)>> = const { Cell::new(None) };
}

/// The sending of traces, from a thread of its own. One in a process; dropped at its end, as that
/// sends what is left.
#[derive(Debug)]
pub struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Begins to send to the collector at that endpoint, such as `http://localhost:4318`, by OTLP
    /// over HTTP. A collector that is away costs nothing but the spans.
    ///
    /// # Errors
    /// The endpoint is no URL.
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

    /// The layer that turns `tracing`'s spans into the collector's.
    pub fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        // The exporter's own lines and those of its client must not become spans to export.
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
    /// Sends what is left, for some seconds at most. Blocks.
    fn drop(&mut self) {
        if let Err(error) = self.provider.shutdown() {
            tracing::warn!("the last traces were not sent: {error}");
        }
    }
}

/// Who sends: what the standard variables say, and the host's own name and version where they are
/// silent.
fn resource() -> Resource {
    let name = Key::from_static_str("service.name");
    let told = Resource::builder().build();
    let is_named = |name: Value| !name.as_str().starts_with("unknown_service");
    let mut resource = Resource::builder().with_attribute(KeyValue::new(
        "task_host.version",
        env!("CARGO_PKG_VERSION"),
    ));
    if !told.get(&name).is_some_and(is_named) {
        resource = resource.with_service_name(env!("CARGO_PKG_NAME"));
    }
    resource.build()
}

/// A request's span as its collector is to know it. The span has a field `otel.kind`, empty.
pub struct Root<'a> {
    /// The trace: 32 hex digits.
    pub trace_id: &'a str,
    /// The span: 16 hex digits.
    pub span_id: &'a str,
    /// The caller's span (16 hex digits) and whether the caller samples; none: the trace begins
    /// here.
    pub parent: Option<(&'a str, bool)>,
}

impl Root<'_> {
    /// Gives a span its place in the trace, before it is entered.
    pub fn place(&self, span: &Span) {
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
        // It fails where the span is filtered out, and then nothing of it is sent.
        if span.set_parent(parent).is_ok() {
            NEXT.set(Some((trace, id(self.span_id))));
            // The span starts, and takes its ids, when it is first asked for.
            drop(span.context());
            NEXT.set(None);
        }
    }
}

/// Says how a request's span is called and how it ended: a status of 500 or more is its failure.
pub fn ended(span: &Span, method: &str, route: &str, status: u16) {
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

/// The ids that were asked for by [`Root::place`], else random ones.
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
