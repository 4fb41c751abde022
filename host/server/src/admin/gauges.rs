//! `GET /admin/gauges`: how much of its limits the host uses now.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::respond::json;
use super::shared::Shared;

/// How much of a limit the host uses now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Gauge {
    /// `instances`, `queue`, `connections`, `event-streams`, `buffered-bytes`, `answer-cache-bytes` or
    /// `recording-bytes`.
    pub name: String,
    /// The value now: a number, or bytes if the name ends with `-bytes`.
    pub value: u64,
    /// The limit. 0: what the gauge is about is turned off.
    pub limit: u64,
    /// The flag that sets the limit.
    pub flag: String,
}

/// `GET /admin/gauges`.
pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Response {
    let app = &shared.app;
    let (now, limits) = (app.metrics.gauges(), app.api.limits());
    let (recorded, records) = match app.api.recordings() {
        Some(recordings) => (recordings.bytes(), recordings.limit_bytes()),
        None => (0, 0),
    };
    let gauge = |name: &str, value: u64, limit: usize, flag: &str| Gauge {
        name: name.to_owned(),
        value,
        limit: limit as u64,
        flag: flag.to_owned(),
    };
    let config = &app.config;
    let connections = config.max_connections.get() as usize;
    let streams = config.max_event_streams.get() as usize;
    let gauges = [
        gauge(
            "instances",
            now.pool_in_use,
            limits.running,
            "--max-concurrency",
        ),
        gauge("queue", now.queue_waiting, limits.waiting, "--max-queue"),
        gauge(
            "connections",
            now.connections,
            connections,
            "--max-connections",
        ),
        gauge(
            "event-streams",
            now.event_streams,
            streams,
            "--max-event-streams",
        ),
        gauge(
            "buffered-bytes",
            now.buffered_bytes,
            config.buffer_limit.0,
            "--buffer-limit",
        ),
        gauge(
            "answer-cache-bytes",
            now.answer_cache_bytes,
            limits.answer_cache_bytes,
            "--answer-cache",
        ),
        gauge("recording-bytes", recorded as u64, records, "--recordings"),
    ];
    json(StatusCode::OK, &gauges)
}
