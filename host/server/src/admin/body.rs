//! Reading request bodies: a component, or an order as JSON.

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use bytes::Bytes;
use schemars::{JsonSchema, schema_for};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::respond::{ProblemResponse, invalid};
use super::shared::Shared;
use crate::body::{self, BodyError};
use crate::byte_size::ByteSize;
use crate::problem::Problem;
use request::Error;

/// The kinds of bodies, each with its own limits.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Component,
    Order,
}

/// Receives a component, within the limits of size and time.
pub(super) async fn component(
    shared: &Shared,
    headers: &HeaderMap,
    body: Body,
) -> Result<Bytes, ProblemResponse> {
    expect_type(headers, "application/wasm")?;
    Ok(receive(shared, headers, body, Kind::Component).await?)
}

/// Reads an order. Unlike the service's API, this rejects unknown members, because an order with
/// `dryrun` instead of `dry_run` would change production.
///
/// The schema of `T` names the members that are known.
pub(super) async fn order<T: DeserializeOwned + JsonSchema>(
    shared: &Shared,
    headers: &HeaderMap,
    body: Body,
) -> Result<T, ProblemResponse> {
    expect_type(headers, "application/json")?;
    parse(&receive(shared, headers, body, Kind::Order).await?)
}

/// Reads an order. An empty body counts as `{}`.
pub(super) async fn optional_order<T: DeserializeOwned + JsonSchema>(
    shared: &Shared,
    headers: &HeaderMap,
    body: Body,
) -> Result<T, ProblemResponse> {
    use hyper::body::Body as _;

    if body.is_end_stream() {
        return parse(b"{}");
    }
    order(shared, headers, body).await
}

fn parse<T: DeserializeOwned + JsonSchema>(bytes: &[u8]) -> Result<T, ProblemResponse> {
    let order = serde_json::from_slice::<T>(bytes).map_err(|error| {
        if error.is_data() {
            invalid("#", error.to_string())
        } else {
            Error::Malformed(error.to_string()).into()
        }
    })?;
    // This also rejects arrays, which serde reads as records.
    let given = serde_json::from_slice::<Map<String, Value>>(bytes)
        .map_err(|_| invalid("#", "an object is expected"))?;
    let schema = schema_for!(T);
    let known = schema.get("properties");
    let is_known = |name: &str| known.is_some_and(|known| known.get(name).is_some());
    if let Some(unknown) = given.keys().find(|name| !is_known(name)) {
        let pointer = unknown.replace('~', "~0").replace('/', "~1");
        return Err(invalid(format!("#/{pointer}"), "there is no such member"));
    }
    Ok(order)
}

fn expect_type(headers: &HeaderMap, expected: &'static str) -> Result<(), ProblemResponse> {
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
    shared: &Shared,
    headers: &HeaderMap,
    body: Body,
    kind: Kind,
) -> Result<Bytes, Problem> {
    let config = &shared.app.config;
    let (size, time) = match kind {
        Kind::Component => (config.admin.component_limit, config.admin.component_timeout),
        Kind::Order => (config.body_limit, config.body_timeout),
    };
    let limits = body::Limits {
        // The number of uploads is limited, and an order was authorized before its body is read.
        account: None,
        size,
        time,
    };
    let read = body::read(headers, body, limits).await;
    read.map_err(|error| match error {
        BodyError::Encoded => Problem::unsupported_coding(),
        BodyError::TooLarge => too_large(shared, kind, size),
        BodyError::TooSlow => too_slow(shared, kind),
        BodyError::Incomplete => Problem::body_incomplete(),
        BodyError::Full(full) => full.into(),
    })
}

fn too_large(shared: &Shared, kind: Kind, limit: ByteSize) -> Problem {
    let (name, problem) = match kind {
        Kind::Component => ("component-too-large", Problem::component_too_large(limit)),
        Kind::Order => ("payload-too-large", Problem::body_too_large(limit)),
    };
    shared.app.metrics.limit_hit(name);
    problem
}

fn too_slow(shared: &Shared, kind: Kind) -> Problem {
    let (name, problem) = match kind {
        Kind::Component => ("component-timeout", Problem::component_timeout()),
        Kind::Order => ("body-timeout", Problem::body_timeout()),
    };
    shared.app.metrics.limit_hit(name);
    problem
}
