//! Probes and metrics: `/health` for people and clients, `/livez` and `/readyz` for orchestrators,
//! `/metrics` for Prometheus.
//!
//! The admin port also serves the probes, from a thread of its own. They still check the runtime of
//! the public port, because that is the one that may hang.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::Response;
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use super::app::App;
use super::problem::report;
use telemetry::metrics::{Format, resident_memory_bytes};

/// How long a worker thread may take to run an empty task.
const WORKER_PATIENCE: Duration = Duration::from_secs(1);

/// How long the database may take to answer.
const DATABASE_PATIENCE: Duration = Duration::from_secs(3);

/// `GET /health`.
pub(super) async fn health(State(app): State<Arc<App>>) -> Response {
    let revision = app.api.active();
    let health = app.api.health().await;
    let mut body = Map::new();
    let fault = app.api.storage_fault();
    let reason = match &health {
        Ok(health) => {
            let fault = fault.as_ref().map(report::storage_reason);
            fault.map(str::to_owned).or(health.unhealthy.clone())
        }
        Err(error) => {
            report::log(error);
            Some(report::public_reason(error).to_owned())
        }
    };
    let database = reason.is_none() || app.api.ready().await.is_ok();
    let (status, word) = match &reason {
        None => (StatusCode::OK, "healthy"),
        Some(_) => (StatusCode::SERVICE_UNAVAILABLE, "unhealthy"),
    };
    body.insert("status".into(), word.into());
    if let Some(reason) = reason {
        body.insert("reason".into(), reason.into());
    }
    body.insert(
        "timestamp".into(),
        jiff::Timestamp::now().to_string().into(),
    );
    body.insert(
        "version".into(),
        revision.description.version.as_str().into(),
    );
    let uptime = app.started.elapsed().as_secs_f64();
    body.insert("uptime_seconds".into(), two_digits(uptime));
    let memory = resident_memory_bytes().map(|bytes| bytes as f64 / f64::from(1 << 20));
    body.insert(
        "memory_usage_mb".into(),
        memory.map_or(Value::Null, two_digits),
    );
    let word = if database {
        "connected"
    } else {
        "disconnected"
    };
    body.insert("database".into(), word.into());
    body.insert("service".into(), revision.description.name.as_str().into());
    body.insert("revision".into(), revision.digest.as_str().into());
    body.insert("host_version".into(), env!("CARGO_PKG_VERSION").into());
    for (name, figure) in health.into_iter().flat_map(|health| health.figures) {
        // The logic cannot replace the host's own members.
        body.entry(name).or_insert(figure.into());
    }
    respond(status, &body.into())
}

/// `GET /livez`: 503 means that the process must be restarted.
pub(super) async fn livez(State(app): State<Arc<App>>) -> Response {
    let worker = timeout(WORKER_PATIENCE, app.workers.spawn(async {})).await;
    if !app.api.alive() {
        probe(
            Err("the engine's epoch ticker has stopped".to_owned()),
            "alive",
        )
    } else if !matches!(worker, Ok(Ok(()))) {
        probe(Err("no worker thread answered".to_owned()), "alive")
    } else {
        probe(Ok(()), "alive")
    }
}

/// `GET /readyz`: 503 means that requests should go to another host for now.
///
/// With `?exclude=drain`, the drain delay does not count: the host still accepts requests then. This is
/// for load balancers that learn from elsewhere that a host stops, as Kubernetes does, and that use a
/// stopping host only if no other one is ready.
///
/// If only writes fail, because the disk is full, the host is ready and `degraded` says why: it still
/// answers reads, and without it nobody would.
pub(super) async fn readyz(State(app): State<Arc<App>>, uri: Uri) -> Response {
    let query = uri.query().unwrap_or_default();
    let draining = match query.split('&').any(|pair| pair == "exclude=drain") {
        true => app.readiness.closed(),
        false => app.readiness.withdrawn(),
    };
    if draining {
        return probe(Err("the host is draining".to_owned()), "ready");
    }
    let api = app.api.clone();
    let check = app.workers.spawn(async move { api.ready().await });
    let outcome = match timeout(DATABASE_PATIENCE, check).await {
        Ok(Ok(Ok(()))) => Ok(()),
        Ok(Ok(Err(error))) => {
            report::log(&error);
            Err(report::public_reason(&error).to_owned())
        }
        Ok(Err(_)) => Err("the readiness check panicked".to_owned()),
        Err(_) => Err("the database did not answer in time".to_owned()),
    };
    match (&outcome, app.api.storage_fault()) {
        // Another host would not help: its disk is the same, or it is not there.
        (Ok(()), Some(fault)) => {
            let body = json!({ "status": "ready", "degraded": report::storage_reason(&fault) });
            respond(StatusCode::OK, &body)
        }
        _ => probe(outcome, "ready"),
    }
}

/// `GET /metrics`.
pub(super) async fn metrics(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let format = Format::accepted(accept);
    let mut response = Response::new(Body::from(app.metrics.render(format)));
    let media_type = HeaderValue::from_static(format.media_type());
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}

fn probe(outcome: Result<(), String>, word: &str) -> Response {
    match outcome {
        Ok(()) => respond(StatusCode::OK, &json!({ "status": word })),
        Err(reason) => {
            let body = json!({ "status": format!("not {word}"), "reason": reason });
            respond(StatusCode::SERVICE_UNAVAILABLE, &body)
        }
    }
}

fn respond(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn two_digits(number: f64) -> Value {
    Value::from((number * 100.0).round() / 100.0)
}
