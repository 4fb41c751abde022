//! Who a request is: its id, and its place in a W3C trace.

use std::sync::{Arc, OnceLock};

use axum::http::HeaderMap;

/// A request's identity, shared by everything that handles it. In the request's extensions.
#[derive(Debug)]
pub(in crate::server) struct Context {
    /// The client's `X-Request-Id` where it is 1 to 128 visible ASCII characters, else our own.
    pub(in crate::server) request_id: String,
    /// The trace of a valid `traceparent`, else a new one: 32 hex digits.
    pub(in crate::server) trace_id: String,
    /// This host's span in that trace: 16 hex digits.
    pub(in crate::server) span_id: String,
    /// Set by whoever finds the route.
    matched: OnceLock<Matched>,
    /// Set by whoever meets the failure: the slug, and the reason for operators.
    failure: OnceLock<(String, String)>,
}

/// What a request was for, as metrics and logs name it.
#[derive(Debug, Clone, Default)]
pub(in crate::server) struct Matched {
    /// The template; empty where none matched.
    pub(in crate::server) route: Arc<str>,
    /// The revision's first 12 hex digits; empty for the host's own paths.
    pub(in crate::server) revision: Arc<str>,
}

impl Context {
    /// Reads it from a request's headers.
    pub(super) fn read(headers: &HeaderMap) -> Context {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let request_id = header("x-request-id")
            .filter(|id| (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()))
            .map_or_else(random_128, str::to_owned);
        let trace_id = header("traceparent")
            .and_then(trace_id)
            .map_or_else(random_128, str::to_owned);
        Context {
            request_id,
            trace_id,
            span_id: format!("{:016x}", rand::random_range(1..=u64::MAX)),
            matched: OnceLock::new(),
            failure: OnceLock::new(),
        }
    }

    /// Says what the request is for, to the metrics and to the request's span, which has to be
    /// the current one. The first word counts.
    pub(in crate::server) fn matched(&self, route: Arc<str>, revision: Arc<str>) {
        tracing::Span::current().record("http.route", &*route);
        let _ = self.matched.set(Matched { route, revision });
    }

    /// Says why the request failed by the service's fault. The first word counts.
    pub(in crate::server) fn failed(&self, code: &str, reason: String) {
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

/// The trace id of a `traceparent` header (W3C Trace Context, level 1): later versions may have
/// more after the flags, the first may not.
fn trace_id(header: &str) -> Option<&str> {
    let mut parts = header.split('-');
    let (version, trace, parent, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hex = |text: &str, len: usize| {
        text.len() == len && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_set = |text: &str| text.bytes().any(|b| b != b'0');
    let valid = hex(version, 2)
        && version != "ff"
        && (version != "00" || parts.next().is_none())
        && hex(trace, 32)
        && is_set(trace)
        && hex(parent, 16)
        && is_set(parent)
        && hex(flags, 2);
    valid.then_some(trace)
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
    fn a_clients_request_id_is_kept_where_it_is_safe_to_log() {
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
