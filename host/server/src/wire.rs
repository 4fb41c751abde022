//! Requests that HTTP does not allow, or that this host does not support: why they are refused, and
//! the checks that HTTP/1 and HTTP/2 share. `listen/gate` has those of HTTP/1 alone.
//!
//! A refused request passes through `trace`, so it has an id, a log line and its place in the metrics, and
//! its answer is a problem. The connection is closed afterwards, because what follows may belong to
//! the refused request. What `h2` refuses itself is answered by a reset or by 431 without a body, as
//! HTTP/2 provides.

use std::str::FromStr;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONNECTION, EXPECT, HOST};
use axum::http::uri::{Authority, Scheme};
use axum::http::{HeaderValue, Method, Version};
use axum::response::Response;

use super::fallback::options;
use super::problem::Problem;

/// The `Host` of the request that stands for a refused one. No valid request has it.
pub(super) const UNKNOWN_HOST: &str = "?";

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// A line ends with LF instead of CRLF.
    BareLineFeed,
    /// The request line cannot be read.
    RequestLine,
    /// The target is not of a form that its method may have.
    Target,
    /// A header's name has characters that are not allowed, or a header is folded.
    HeaderName,
    /// A header's value has control characters.
    HeaderValue,
    /// `Content-Length` is repeated or not a number.
    ContentLength,
    /// Both `Content-Length` and `Transfer-Encoding`.
    TwoLengths,
    /// `Transfer-Encoding` that cannot be valid.
    TransferEncoding,
    /// No `Host`, several, or one that is not a host.
    Host,
    /// The target or `:authority` names another host than `Host`.
    HostMismatch,
    /// A body larger than any limit.
    BodyTooLarge,
    TargetTooLong,
    HeadTooLarge,
    /// `Expect` with anything but `100-continue`.
    Expectation,
    /// `Transfer-Encoding` with another coding than `chunked`.
    TransferCoding,
    /// A version that the host does not speak.
    Version,
}

impl Refusal {
    /// The limit that the request exceeds, for the metric.
    pub(super) fn limit(self) -> Option<&'static str> {
        match self {
            Refusal::BodyTooLarge => Some("payload-too-large"),
            Refusal::TargetTooLong => Some("target-too-long"),
            Refusal::HeadTooLarge => Some("head-too-large"),
            _ => None,
        }
    }
}

/// Checks a request that hyper has accepted.
pub(super) fn check<B>(request: &Request<B>) -> Result<(), Refusal> {
    let uri = request.uri();
    let is_valid_target = match *request.method() {
        Method::CONNECT => uri.path_and_query().is_none(),
        Method::OPTIONS if uri.path() == "*" => true,
        _ => {
            uri.path().starts_with('/')
                && [None, Some(&Scheme::HTTP), Some(&Scheme::HTTPS)].contains(&uri.scheme())
        }
    };
    if !is_valid_target {
        return Err(Refusal::Target);
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (None, None) => None,
        (Some(host), None) => Some(authority(host).ok_or(Refusal::Host)?),
        _ => return Err(Refusal::Host),
    };
    match (uri.authority(), host) {
        (Some(target), _) if !is_host(target) => return Err(Refusal::Host),
        // A client must send the same in both (RFC 9112, 3.2; RFC 9113, 8.3.1).
        (Some(target), Some(host)) if !is_same(target, &host, request) => {
            return Err(Refusal::HostMismatch);
        }
        (_, None) if request.version() == Version::HTTP_11 => return Err(Refusal::Host),
        (None, None) if request.version() == Version::HTTP_2 => return Err(Refusal::Host),
        _ => {}
    }
    let mut expected = request.headers().get_all(EXPECT).iter();
    // HTTP/1.0 has no expectations: RFC 9110, 10.1.1.
    if request.version() > Version::HTTP_10
        && !expected.all(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
    {
        return Err(Refusal::Expectation);
    }
    Ok(())
}

fn authority(host: &HeaderValue) -> Option<Authority> {
    let host = Authority::from_str(host.to_str().ok()?).ok()?;
    is_host(&host).then_some(host)
}

/// Whether this is a host with at most a port (RFC 9110, 7.2).
fn is_host(authority: &Authority) -> bool {
    let text = authority.as_str();
    let host = authority.host();
    let port = text.strip_prefix(host).and_then(|rest| match rest {
        "" | ":" => Some(()),
        _ => rest.strip_prefix(':')?.parse::<u16>().ok().map(drop),
    });
    let has_digits_only = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    // Proxies join repeated headers by a comma.
    !host.is_empty()
        && !host.contains(',')
        && port.is_some()
        && text[host.len()..]
            .strip_prefix(':')
            .is_none_or(has_digits_only)
}

/// Whether both are the same host and port. `https` may come from a proxy that ended TLS.
fn is_same<B>(target: &Authority, host: &Authority, request: &Request<B>) -> bool {
    let default = match request.uri().scheme() {
        Some(scheme) if *scheme == Scheme::HTTPS => 443,
        _ => 80,
    };
    let port = |of: &Authority| of.port_u16().unwrap_or(default);
    target.host().eq_ignore_ascii_case(host.host()) && port(target) == port(host)
}

/// Whether the request is refused.
pub(super) fn is_refused(request: &Request<Body>) -> bool {
    request.extensions().get::<Refusal>().is_some()
}

/// Answers refused requests, `OPTIONS *` and CONNECT. `None`: the router answers.
pub(super) fn answer(request: &Request<Body>, request_id: &str) -> Option<Response> {
    if let Some(refusal) = request.extensions().get::<Refusal>() {
        let mut response = Problem::from(*refusal).respond(request_id);
        if request.version() < Version::HTTP_2 {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
        return Some(response);
    }
    let allow = || HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    match request.method() {
        // RFC 9110, 9.3.6: only proxies have a use for it.
        &Method::CONNECT => Some(Problem::method_not_allowed(allow()).respond(request_id)),
        _ if request.uri().path() == "*" => Some(options(allow())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_with_at_most_a_port() {
        for host in [
            "x",
            "example.com",
            "example.com:80",
            "127.0.0.1:8000",
            "[::1]",
            "[::1]:8000",
            "a_b",
            "example.com:",
        ] {
            let host = HeaderValue::from_static(host);
            assert!(authority(&host).is_some(), "{host:?}");
        }
        for host in [
            "",
            "?",
            ":80",
            "a b",
            "a/b",
            "user@a",
            "user:word@a",
            "a:b",
            "a:80:80",
            "a:65536",
            "a:+80",
            "a,b",
            "[::1",
            "http://a",
            "a?b",
            "a#b",
            "a\tb",
            "a\\b",
        ] {
            let host = HeaderValue::from_static(host);
            assert!(authority(&host).is_none(), "{host:?}");
        }
    }
}
