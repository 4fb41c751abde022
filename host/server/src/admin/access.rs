//! Access to the admin API: with the token or, if no token is set, from this machine. Pages from
//! elsewhere that a browser on this machine shows have no access.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::respond::ProblemResponse;
use crate::problem::Problem;
use request::Error;

const ACTOR: HeaderName = HeaderName::from_static("task-host-actor");

/// The maximum length of the name in `Task-Host-Actor`.
const LONGEST_ACTOR: usize = 100;

/// Who may use the admin API.
#[derive(Debug)]
pub enum Access {
    /// Everybody who sends this bearer token.
    Token(Token),
    /// Everybody who reaches the port, which is bound to a loopback address, except pages from
    /// elsewhere in a browser.
    Loopback,
}

/// Why a request has no access.
pub(super) enum Refusal {
    /// It carries a token that is not the host's.
    WrongToken,
    /// Anything else.
    Other(ProblemResponse),
}

impl From<Refusal> for ProblemResponse {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::WrongToken => Problem::wrong_token().into(),
            Refusal::Other(problem) => problem,
        }
    }
}

impl Access {
    /// Returns whether a request has access without a token: it is sent to an address of this machine,
    /// and not by a page from elsewhere.
    pub(crate) fn is_local(request: &Parts) -> bool {
        Access::Loopback.admit(request).is_ok()
    }

    /// Checks access, and returns who makes the request, for the history: `alice (token)`, or
    /// `loopback` if the request gives no name. The name is not checked, only what is in brackets.
    pub(super) fn admit(&self, request: &Parts) -> Result<String, Refusal> {
        let proof = match self {
            Access::Token(token) => match bearer(&request.headers) {
                Some(presented) if token.is(presented) => "token",
                Some(_) => return Err(Refusal::WrongToken),
                None => return Err(Refusal::Other(Problem::no_token().into())),
            },
            Access::Loopback => {
                let host = local_host(request);
                let host = host.ok_or_else(|| Refusal::Other(Problem::foreign_host().into()))?;
                if !is_own_origin(&request.headers, &host) {
                    return Err(Refusal::Other(Problem::foreign_origin().into()));
                }
                "loopback"
            }
        };
        Ok(
            match actor(&request.headers).map_err(|error| Refusal::Other(error.into()))? {
                Some(name) => format!("{name} ({proof})"),
                None => proof.to_owned(),
            },
        )
    }
}

/// A bearer token. Only a keyed hash of it is kept. The time of a comparison depends only on the
/// length of the presented token.
pub struct Token {
    key: [u8; 32],
    hash: [u8; 32],
}

impl Token {
    /// Creates a token from its text in the header.
    ///
    /// # Errors
    /// Returns the rule for tokens if no header can have this text.
    pub fn new(text: &str) -> Result<Token, &'static str> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("a token is one or more visible ASCII characters without spaces");
        }
        let mut token = Token {
            key: rand::random(),
            hash: [0; 32],
        };
        token.hash = token.mac(text.as_bytes()).finalize().into_bytes().into();
        Ok(token)
    }

    /// Returns whether `presented` is this token.
    pub(super) fn is(&self, presented: &[u8]) -> bool {
        self.mac(presented).verify_slice(&self.hash).is_ok()
    }

    fn mac(&self, text: &[u8]) -> Hmac<Sha256> {
        <Hmac<Sha256> as Mac>::new_from_slice(&self.key)
            .expect("HMAC takes keys of every length")
            .chain_update(text)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Returns the token of the `Authorization` header, if there is exactly one and its scheme is
/// `Bearer` (RFC 6750).
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return None;
    };
    let (scheme, token) = line.as_bytes().split_at_checked("Bearer ".len())?;
    scheme
        .eq_ignore_ascii_case(b"Bearer ")
        .then(|| token.trim_ascii_start())
}

/// Returns the host and port to which the request was sent, if the host is not a name that a name
/// server resolves.
///
/// A site can point its own name to 127.0.0.1 after it was loaded (DNS rebinding). To the browser,
/// both are one origin. This is not possible with an address.
fn local_host(request: &Parts) -> Option<String> {
    let mut hosts = request
        .headers
        .get_all(HOST)
        .iter()
        .map(|host| host.to_str().ok())
        // HTTP/2 has the host here, as does HTTP/1 with an absolute URI.
        .chain(request.uri.authority().map(|host| Some(host.as_str())));
    let host = hosts.next()??;
    (is_local(host) && hosts.all(|other| other == Some(host))).then(|| host.to_owned())
}

fn is_local(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let v6 = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    match v6 {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => {
            name.eq_ignore_ascii_case("localhost")
                || name
                    .parse::<IpAddr>()
                    .is_ok_and(|address| address.is_ipv4())
        }
    }
}

/// Returns whether no page sent the request, or a page of this port. Browsers send the page's origin
/// with every request that can change something.
fn is_own_origin(headers: &HeaderMap, host: &str) -> bool {
    let own = format!("http://{host}");
    let mut origins = headers.get_all(ORIGIN).iter();
    origins.all(|origin| origin.as_bytes().eq_ignore_ascii_case(own.as_bytes()))
}

/// Returns the name in `Task-Host-Actor`.
fn actor(headers: &HeaderMap) -> Result<Option<&str>, Error> {
    let mut lines = headers.get_all(&ACTOR).iter();
    let Some(line) = lines.next() else {
        return Ok(None);
    };
    let name = line.to_str().ok().filter(|name| {
        (1..=LONGEST_ACTOR).contains(&name.len())
            && name.bytes().all(|byte| matches!(byte, b' '..=b'~'))
            && lines.next().is_none()
    });
    name.map(Some).ok_or_else(|| Error::BadHeader {
        header: "Task-Host-Actor",
        reason: format!("give one name of 1 to {LONGEST_ACTOR} visible ASCII characters"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_that_no_name_server_resolves_are_local() {
        for host in [
            "localhost",
            "LOCALHOST:9000",
            "127.0.0.1:9000",
            "[::1]:9000",
            "[::1]",
            "192.168.1.7:80",
        ] {
            assert!(is_local(host), "{host}");
        }
        for host in [
            "",
            ":9000",
            "evil.example",
            "evil.example:9000",
            "localhost.evil.example:9000",
            "127.0.0.1.evil.example",
            "127.1:9000:evil",
            "[::1].evil.example",
            "[evil]:9000",
            "::1",
        ] {
            assert!(!is_local(host), "{host}");
        }
    }
}
