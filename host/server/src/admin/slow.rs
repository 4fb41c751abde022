//! `GET /admin/statements`: the statements of the logic that were slow.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::respond::json;
use super::shared::Shared;
use request::SlowEntry;

/// A statement of the logic that took longer than `--slow-statement`, on one route of this host. Contains
/// no values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SlowStatement {
    /// The route's method and template.
    pub route: String,
    /// The statement's text.
    pub statement: String,
    /// How often it was slow since the host started.
    pub count: u64,
    /// The longest time that it took, in milliseconds.
    #[schemars(extend("minimum" = 0))]
    pub longest_ms: f64,
    /// The time that it took last, in milliseconds.
    #[schemars(extend("minimum" = 0))]
    pub last_ms: f64,
    /// When it was slow last: RFC 3339, UTC.
    #[schemars(extend("format" = "date-time"))]
    pub at: String,
    /// The database's plan for it, a line for each step. Null until it is fetched.
    pub plan: Option<String>,
}

impl From<SlowEntry> for SlowStatement {
    fn from(entry: SlowEntry) -> Self {
        let millis = |took: std::time::Duration| took.as_micros() as f64 / 1e3;
        Self {
            route: entry.route,
            statement: entry.statement,
            count: entry.count,
            longest_ms: millis(entry.longest),
            last_ms: millis(entry.last),
            at: jiff::Timestamp::try_from(entry.at)
                .map_or_else(|_| String::new(), |at| at.to_string()),
            plan: entry.plan,
        }
    }
}

/// `GET /admin/statements`.
pub(super) async fn statements(State(shared): State<Arc<Shared>>) -> Response {
    let listed = shared.app.api.slow_statements().into_iter();
    let listed: Vec<SlowStatement> = listed.map(SlowStatement::from).collect();
    json(StatusCode::OK, &listed)
}
