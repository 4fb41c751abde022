//! Reading what is sent: a component, or an order as JSON.

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Desk, Refused, unfit};
use crate::body::{self, BodyError};
use crate::byte_size::ByteSize;
use crate::problem::Problem;
use request::Error;

/// What is received, each with limits of its own.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Component,
    Order,
}

/// Receives a component, as far as it is within the limits of size and time.
pub(super) async fn component(
    desk: &Desk,
    headers: &HeaderMap,
    body: Body,
) -> Result<Bytes, Refused> {
    expect_type(headers, "application/wasm")?;
    Ok(receive(desk, headers, body, Kind::Component).await?)
}

/// Reads an order. Unlike the service's own API this one refuses members that it does not know:
/// `dryrun` instead of `dry_run` would change production.
///
/// `T` has to write each member that it reads.
pub(super) async fn order<T: DeserializeOwned + Serialize>(
    desk: &Desk,
    headers: &HeaderMap,
    body: Body,
) -> Result<T, Refused> {
    expect_type(headers, "application/json")?;
    parse(&receive(desk, headers, body, Kind::Order).await?)
}

/// The same, where no body means `{}`.
pub(super) async fn optional_order<T: DeserializeOwned + Serialize>(
    desk: &Desk,
    headers: &HeaderMap,
    body: Body,
) -> Result<T, Refused> {
    use hyper::body::Body as _;

    if body.is_end_stream() {
        return parse(b"{}");
    }
    order(desk, headers, body).await
}

fn parse<T: DeserializeOwned + Serialize>(bytes: &[u8]) -> Result<T, Refused> {
    let order = serde_json::from_slice::<T>(bytes).map_err(|error| {
        if error.is_data() {
            unfit("#", error.to_string())
        } else {
            Error::Malformed(error.to_string()).into()
        }
    })?;
    // Also keeps out arrays, which serde reads as records.
    let given = serde_json::from_slice::<Map<String, Value>>(bytes)
        .map_err(|_| unfit("#", "an object is expected"))?;
    let known = serde_json::to_value(&order).unwrap_or_default();
    if let Some(unknown) = given.keys().find(|name| known.get(name).is_none()) {
        let pointer = unknown.replace('~', "~0").replace('/', "~1");
        return Err(unfit(format!("#/{pointer}"), "there is no such member"));
    }
    Ok(order)
}

fn expect_type(headers: &HeaderMap, expected: &'static str) -> Result<(), Refused> {
    let given = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = given.and_then(|given| given.split(';').next());
    match essence {
        Some(essence) if essence.trim().eq_ignore_ascii_case(expected) => Ok(()),
        _ => Err(Error::UnsupportedMediaType(expected).into()),
    }
}

async fn receive(
    desk: &Desk,
    headers: &HeaderMap,
    body: Body,
    kind: Kind,
) -> Result<Bytes, Problem> {
    let config = &desk.app.config;
    let (size, time) = match kind {
        Kind::Component => (config.admin.component_limit, config.admin.component_timeout),
        Kind::Order => (config.body_limit, config.body_timeout),
    };
    let read = body::read(headers, body, body::Limits { size, time }).await;
    read.map_err(|error| match error {
        BodyError::Encoded => Problem::unsupported_coding(),
        BodyError::TooLarge => too_large(desk, kind, size),
        BodyError::TooSlow => too_slow(desk, kind),
        BodyError::Incomplete => Problem::body_incomplete(),
    })
}

fn too_large(desk: &Desk, kind: Kind, limit: ByteSize) -> Problem {
    let (name, problem) = match kind {
        Kind::Component => ("component-too-large", Problem::component_too_large(limit)),
        Kind::Order => ("payload-too-large", Problem::body_too_large(limit)),
    };
    desk.app.metrics.limit_hit(name);
    problem
}

fn too_slow(desk: &Desk, kind: Kind) -> Problem {
    let (name, problem) = match kind {
        Kind::Component => ("component-timeout", Problem::component_timeout()),
        Kind::Order => ("body-timeout", Problem::body_timeout()),
    };
    desk.app.metrics.limit_hit(name);
    problem
}
