//! Who a client is, as far as it matters to a canary: whoever comes again gets the same logic.

use std::net::IpAddr;

use axum::http::request::Parts;

use super::App;
use request::Client;

/// The other end of a request's connection. In the request's extensions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

/// By the header that `--client-header` names, or by the address.
pub(super) fn of<'a>(app: &App, parts: &'a Parts) -> Client<'a> {
    if let Some(name) = parts.headers.get(&app.config.client_header) {
        return Client::Named(name.as_bytes());
    }
    match parts.extensions.get() {
        Some(Peer(address)) => Client::At(*address),
        None => Client::Unknown,
    }
}
