//! `/mcp`: the operations as tools for agents (Model Context Protocol, streamable HTTP).
//!
//! The official SDK speaks the protocol: it reads and checks messages of every version, and makes the
//! answers. This module bounds what reaches it, and gives it the tools of the revision that the client's
//! request begins on ([`service`]); [`call`] turns a call into a request to the public port's own router;
//! [`notices`] tells connected agents of new logic.
//!
//! **No sessions are kept.** The operations need no state between two calls, so every message is complete
//! in itself and can go to any replica, also after a restart or a switch. Versions before 2026-07-28 have
//! sessions: their clients get an id, because some of them open no stream without one, and whatever id
//! they send is accepted. What an agent can hold is a stream, and the number of streams is bounded.

mod call;
mod notices;
mod service;
mod toolbox;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::header::{ORIGIN, VARY};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use axum::response::Response;
use http_body_util::Full;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::service::Tools;
pub(super) use self::toolbox::Toolbox;
use super::app::App;
use super::config::{McpMode, Origin};
use super::fallback::options;
use super::problem::Problem;
use super::trace::Context;
use super::{api, client};
/// Where agents connect.
pub(super) const PATH: &str = "/mcp";

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const ALLOW: HeaderValue = HeaderValue::from_static("GET, POST, OPTIONS");

/// The state of `/mcp`.
pub(super) struct Mcp {
    app: Arc<App>,
    /// The public port without `/mcp`. Calls go through it, so that they are requests like all others.
    operations: Router,
    /// One permit for each stream.
    streams: Arc<Semaphore>,
    protocol: StreamableHttpServerConfig,
}

impl Mcp {
    pub(super) fn new(app: Arc<App>, operations: Router) -> Mcp {
        let streams = app.config.max_mcp_streams.get() as usize;
        // Bodies are read before they reach the SDK, within the host's own limits. Host names are not
        // compared: behind a proxy any name is right, and a page that abuses a name has an origin.
        let protocol = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_json_response(true)
            .with_max_request_body_bytes(usize::MAX)
            .disable_allowed_hosts();
        Mcp {
            app,
            operations,
            streams: Arc::new(Semaphore::new(streams)),
            protocol,
        }
    }

    fn is_read_only(&self) -> bool {
        self.app.config.mcp == McpMode::ReadOnly
    }

    /// Takes a place for a stream. `None`: all are taken.
    fn place(&self) -> Option<OwnedSemaphorePermit> {
        let place = self.streams.clone().try_acquire_owned().ok();
        if place.is_none() {
            self.app.metrics.limit_hit("mcp-streams");
        }
        place
    }

    /// Checks the origin of a page, so that no page that a person happens to open can use the tools. The
    /// specification demands it, because a page can give its own name the address of this host. Agents
    /// that are not pages have no origin.
    fn admits(&self, headers: &HeaderMap) -> bool {
        let mut origins = headers.get_all(ORIGIN).iter();
        let is_admitted = |origin: &HeaderValue| {
            let listed = self.app.config.cors_origin.iter();
            let mut listed = listed.filter_map(|listed| match listed {
                Origin::Exactly(listed) => Some(listed),
                Origin::Any | Origin::Nowhere => None,
            });
            is_loopback(origin) || listed.any(|listed| listed == origin)
        };
        origins.all(is_admitted)
    }
}

/// Whether an origin is a page that this machine serves.
fn is_loopback(origin: &HeaderValue) -> bool {
    let url = origin
        .to_str()
        .ok()
        .and_then(|text| url::Url::parse(text).ok());
    let Some(url) = url.filter(|url| matches!(url.scheme(), "http" | "https")) else {
        return false;
    };
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Answers every method of [`PATH`].
pub(super) async fn serve(
    State(mcp): State<Arc<Mcp>>,
    Extension(context): Extension<Arc<Context>>,
    request: Request<Body>,
) -> Response {
    match mcp.answer(request).await {
        Ok(response) => response,
        Err(problem) => problem.respond(&context.request_id),
    }
}

impl Mcp {
    async fn answer(self: &Arc<Self>, request: Request<Body>) -> Result<Response, Problem> {
        if !self.admits(request.headers()) {
            return Err(Problem::foreign_page());
        }
        let (parts, body) = request.into_parts();
        match parts.method {
            Method::POST => {}
            Method::GET => return notices::stream(self, parts).map_err(|problem| *problem),
            Method::OPTIONS => return Ok(options(ALLOW)),
            _ => return Err(Problem::method_not_allowed(ALLOW)),
        }
        let body = api::read_body(&self.app, &parts, body).await?;
        let is_handshake = is_handshake(&body);
        let revision = self.app.api.begin(client::of(&self.app, &parts));
        let surface = self.app.surfaces.of(&revision);
        let tools = Arc::new(Tools::new(self.clone(), &revision, &surface));
        let service = StreamableHttpService::new(
            move || Ok(tools.clone()),
            Arc::new(NeverSessionManager::default()),
            self.protocol.clone(),
        );
        let request = Request::from_parts(parts, Full::new(body));
        let mut response = service.handle(request).await.map(Body::new);
        if is_handshake && response.status().is_success() {
            let id = format!("{:032x}", rand::random::<u128>());
            let id = HeaderValue::try_from(id).expect("hex digits are visible ASCII");
            response.headers_mut().insert(SESSION, id);
        }
        response
            .headers_mut()
            .append(VARY, HeaderValue::from_static("origin"));
        surface.sign(&mut response);
        Ok(response)
    }

    /// The label of the revision that a client's requests begin on.
    fn label(&self, parts: &Parts) -> Arc<str> {
        let revision = self.app.api.begin(client::of(&self.app, parts));
        self.app.surfaces.of(&revision).label.clone()
    }
}

/// Whether a message begins a session. The SDK says what is wrong with one that cannot be read.
fn is_handshake(message: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Message {
        method: String,
    }
    serde_json::from_slice::<Message>(message).is_ok_and(|message| message.method == "initialize")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_this_machine_are_local() {
        let is_local = |origin: &'static str| is_loopback(&HeaderValue::from_static(origin));
        for origin in [
            "http://localhost:3000",
            "https://localhost",
            "http://127.0.0.1:8000",
            "http://127.1.2.3",
            "http://[::1]:8000",
        ] {
            assert!(is_local(origin), "{origin}");
        }
        for origin in [
            "null",
            "",
            "http://localhost.example.com",
            "http://10.0.0.1",
            "https://example.com",
            "file://localhost",
            "localhost",
        ] {
            assert!(!is_local(origin), "{origin}");
        }
    }
}
