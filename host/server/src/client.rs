//! Identifies clients for a canary: a client that returns gets the same logic.

use std::net::IpAddr;

use axum::http::request::Parts;

use super::app::App;
use request::Client;

/// The address of a connection's other end. In the request's extensions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

/// Identifies a client by the header that `--client-header` names, else by its address.
pub(super) fn of<'a>(app: &App, parts: &'a Parts) -> Client<'a> {
    if let Some(name) = parts.headers.get(&app.config.client_header) {
        return Client::Named(name.as_bytes());
    }
    match parts.extensions.get() {
        Some(Peer(address)) => Client::At(*address),
        None => Client::Unknown,
    }
}
