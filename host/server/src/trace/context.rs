//! A request's identity: its id, and its position in a W3C trace.

use std::sync::{Arc, OnceLock};

use axum::http::HeaderMap;

use request::Source;
use telemetry::traces::RootSpan;

/// A request's identity, shared by all of its handlers. In the request's extensions.
#[derive(Debug)]
pub(crate) struct Context {
    /// The client's `X-Request-Id` if it is 1 to 128 visible ASCII characters, else a new id.
    pub(crate) request_id: String,
    /// The trace id of a valid `traceparent`, else a new one: 32 hex digits.
    pub(crate) trace_id: String,
    /// This host's span in that trace: 16 hex digits.
    pub(crate) span_id: String,
    /// The caller's span id from a valid `traceparent`, and whether the caller samples.
    parent: Option<(String, bool)>,
    /// Set by the handler that finds the route.
    matched: OnceLock<Matched>,
    /// Set by the handler of an operation.
    source: OnceLock<Source>,
    /// Set by the handler that sees the failure: its code, and the reason for operators.
    failure: OnceLock<(String, String)>,
}

/// The labels of a request in metrics and logs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Matched {
    /// The route's template. Empty if no route matched.
    pub(crate) route: Arc<str>,
    /// The first 12 hex digits of the revision's digest. Empty for the host's own paths.
    pub(crate) revision: Arc<str>,
}

impl Context {
    /// Reads the identity from a request's headers.
    pub(super) fn read(headers: &HeaderMap) -> Context {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let request_id = header("x-request-id")
            .filter(|id| (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()))
            .map_or_else(random_128, str::to_owned);
        let caller = header("traceparent").and_then(Caller::read);
        Context {
            request_id,
            trace_id: caller
                .as_ref()
                .map_or_else(random_128, |caller| caller.trace_id.to_owned()),
            span_id: format!("{:016x}", rand::random_range(1..=u64::MAX)),
            parent: caller.map(|caller| (caller.span_id.to_owned(), caller.sampled)),
            matched: OnceLock::new(),
            source: OnceLock::new(),
            failure: OnceLock::new(),
        }
    }

    /// The request's position in its trace.
    pub(super) fn root_span(&self) -> RootSpan<'_> {
        RootSpan {
            trace_id: &self.trace_id,
            span_id: &self.span_id,
            parent: self.parent.as_ref().map(|(id, sampled)| (&**id, *sampled)),
        }
    }

    /// Sets the labels of the request for its metrics and for its span, which must be the current
    /// one. Only the first call has an effect on the metrics.
    pub(crate) fn matched(&self, route: Arc<str>, revision: Arc<str>) {
        tracing::Span::current().record("http.route", &*route);
        let _ = self.matched.set(Matched { route, revision });
    }

    /// Sets how an operation was answered. The span, which must be the current one, says so only if
    /// the logic did not run.
    pub(crate) fn answered(&self, source: Source) {
        if source != Source::Run {
            tracing::Span::current().record("answer.source", source.as_str());
        }
        let _ = self.source.set(source);
    }

    /// Returns how the request was answered, if an operation answered it.
    pub(super) fn source(&self) -> Option<Source> {
        self.source.get().copied()
    }

    /// Sets why the service failed the request. Only the first call has an effect.
    pub(crate) fn failed(&self, code: &str, reason: String) {
        let _ = self.failure.set((code.to_owned(), reason));
    }

    pub(super) fn failure(&self) -> Option<&(String, String)> {
        self.failure.get()
    }

    pub(super) fn matched_route(&self) -> Matched {
        self.matched.get().cloned().unwrap_or_default()
    }
}

fn random_128() -> String {
    format!("{:032x}", rand::random_range(1..=u128::MAX))
}

/// The contents of a `traceparent` header (W3C Trace Context, level 1).
struct Caller<'a> {
    trace_id: &'a str,
    span_id: &'a str,
    sampled: bool,
}

impl Caller<'_> {
    /// Parses the header. Later versions may have more parts after the flags; version 00 may not.
    fn read(header: &str) -> Option<Caller<'_>> {
        let mut parts = header.split('-');
        let (version, trace_id, span_id, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let hex = |text: &str, len: usize| {
            text.len() == len && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        let is_set = |text: &str| text.bytes().any(|b| b != b'0');
        let valid = hex(version, 2)
            && version != "ff"
            && (version != "00" || parts.next().is_none())
            && hex(trace_id, 32)
            && is_set(trace_id)
            && hex(span_id, 16)
            && is_set(span_id)
            && hex(flags, 2);
        let sampled = valid && u8::from_str_radix(flags, 16).is_ok_and(|flags| flags & 1 == 1);
        valid.then_some(Caller {
            trace_id,
            span_id,
            sampled,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn read(name: &'static str, value: &str) -> Context {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        Context::read(&headers)
    }

    #[test]
    fn a_clients_request_id_is_kept_if_it_is_safe_to_log() {
        assert_eq!(read("x-request-id", "order-17").request_id, "order-17");
        for id in ["", "two words", "caf\u{e9}", &"x".repeat(129)] {
            let own = read("x-request-id", id).request_id;
            assert_eq!(own.len(), 32, "{id} became {own}");
        }
    }

    #[test]
    fn a_valid_traceparent_is_continued() {
        for header in [
            format!("00-{TRACE}-00f067aa0ba902b7-01"),
            format!("cc-{TRACE}-00f067aa0ba902b7-01-what-the-future-will-be"),
        ] {
            let context = read("traceparent", &header);
            assert_eq!(context.trace_id, TRACE);
            assert_ne!(context.span_id, "00f067aa0ba902b7");
        }
    }

    #[test]
    fn an_invalid_traceparent_starts_a_trace() {
        for header in [
            format!("00-{TRACE}-00f067aa0ba902b7-01-more"),
            format!("ff-{TRACE}-00f067aa0ba902b7-01"),
            format!("00-{}-00f067aa0ba902b7-01", TRACE.to_uppercase()),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{TRACE}"),
        ] {
            let context = read("traceparent", &header);
            assert_ne!(context.trace_id, TRACE, "{header}");
            assert_eq!(context.trace_id.len(), 32);
        }
    }
}
