//! Traces as a collector receives them.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message as _;
use serde_json::json;

use crate::harness::server::{Reply, serve};
use crate::harness::{Setup, eventually};
use crate::metrics::count;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

#[test]
fn how_memory_is_cleared_is_in_the_log_in_the_status_and_a_metric() {
    let host = Setup::counter().flag("--clear-memory", "exact").start();
    let exact = r#"task_host_memory_clearing{mode="exact"}"#;
    eventually("the metric is set", || {
        (count(&host, exact) == 1.0).then_some(())
    });
    assert_eq!(count(&host, "task_host_memory_at_risk"), 0.0);
    let status = host.admin("GET", "/admin/status").send().expect(200).json();
    let expected = json!({"mode": "exact", "reason": "--clear-memory exact", "risk": null});
    assert_eq!(status["memory_clearing"], expected);
    let line = host.log.find(|line| line["memory.clearing"] == "exact");
    assert!(line.is_some(), "no line says how memory is cleared");
}

#[test]
fn a_trace_leads_from_the_caller_to_the_logics_own_log_lines() {
    let collector = Collector::start();
    let host = Setup::counter()
        .flag("--otlp-endpoint", &collector.endpoint)
        .variable("OTEL_BSP_SCHEDULE_DELAY", "50")
        .start();

    let caller = format!("00-{TRACE}-{CALLER}-01");
    host.request("PUT", "/counters/a")
        .header("traceparent", &caller)
        .json(&json!({"value": 1}))
        .send()
        .expect(200);
    host.get("/naughty/log?bytes=10&times=1").expect(204);
    host.get("/naughty/trap").expect(500);

    let root = collector.span("PUT /counters/{name}");
    assert_eq!(hex(&root.trace_id), TRACE);
    assert_eq!(hex(&root.parent_span_id), CALLER);
    assert_eq!(root.kind(), SpanKind::Server);
    assert_eq!(
        attribute(&root.attributes, "http.response.status_code"),
        "200"
    );
    let line = host
        .log
        .find(|line| line["message"] == "PUT /counters/{name} 200");
    let line = line.expect("the request's line in the log");
    assert_eq!(line["span"]["span.id"], hex(&root.span_id), "{line}");

    let logic = collector.child("logic", &root);
    let statement = collector.child("sql", &logic);
    let text = attribute(&statement.attributes, "db.query.text");
    assert!(text.contains("counters"), "{text}");
    for name in ["instantiate", "result"] {
        collector.child(name, &logic);
    }
    // The stages run one after the other and do not overlap.
    let stages = ["arguments", "admit", "logic", "commit"];
    let stages = stages.map(|name| collector.child(name, &root));
    for pair in stages.windows(2) {
        assert!(pair[0].end_time_unix_nano <= pair[1].start_time_unix_nano);
    }

    let root = collector.span("GET /naughty/log");
    assert!(
        root.parent_span_id.is_empty(),
        "the caller sent no trace context"
    );
    let logic = collector.child("logic", &root);
    assert_eq!(logic.events.len(), 1, "{:?}", logic.events);
    assert_eq!(logic.events[0].name, "x".repeat(10));

    let root = collector.span("GET /naughty/trap");
    assert_eq!(root.status.unwrap().code(), StatusCode::Error);
}

#[test]
fn unsent_spans_are_sent_when_the_host_stops() {
    let collector = Collector::start();
    let host = Setup::counter()
        .flag("--otlp-endpoint", &collector.endpoint)
        .variable("OTEL_BSP_SCHEDULE_DELAY", "600000")
        .start();
    assert_eq!(host.get("/counters/none").status, 404);
    host.terminate();
    collector.span("GET /counters/{name}");
}

#[test]
fn without_a_reachable_collector_requests_still_succeed() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let host = Setup::counter()
        .flag("--otlp-endpoint", endpoint)
        .variable("OTEL_BSP_SCHEDULE_DELAY", "10")
        .start();
    for _ in 0..20 {
        assert_eq!(host.get("/counters/none").status, 404);
    }
}

/// A collector that keeps every span that it receives.
struct Collector {
    endpoint: String,
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Collector {
    fn start() -> Collector {
        let spans: Arc<Mutex<Vec<Span>>> = Arc::default();
        let kept = spans.clone();
        let address = serve(move |received| {
            assert_eq!(received.target, "/v1/traces");
            let sent = ExportTraceServiceRequest::decode(&received.body[..]).unwrap();
            let scopes = sent
                .resource_spans
                .into_iter()
                .flat_map(|of| of.scope_spans);
            kept.lock().unwrap().extend(scopes.flat_map(|of| of.spans));
            Reply::status(200)
        });
        let endpoint = format!("http://{address}");
        Collector { endpoint, spans }
    }

    /// Waits for a span with this name.
    #[track_caller]
    fn span(&self, name: &str) -> Span {
        self.find(name, |_| true)
    }

    /// Waits for a span with this name and this parent.
    #[track_caller]
    fn child(&self, name: &str, parent: &Span) -> Span {
        self.find(name, |span| {
            span.parent_span_id == parent.span_id && span.trace_id == parent.trace_id
        })
    }

    #[track_caller]
    fn find(&self, name: &str, wanted: impl Fn(&Span) -> bool) -> Span {
        eventually(&format!("a span {name:?}"), || {
            let spans = self.spans.lock().unwrap();
            let mut found = spans
                .iter()
                .filter(|span| span.name == name && wanted(span));
            found.next().cloned()
        })
    }
}

fn attribute(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|found| found.value.clone()?.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => panic!("{key} is {other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
