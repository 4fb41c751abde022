//! Tells agents that the tools may have changed: whenever a client's requests would begin on another
//! revision than before.
//!
//! Versions before 2026-07-28 open a stream with GET; later ones subscribe. A stream's position is the
//! revision's label, so a client that reconnects with `Last-Event-ID` learns of a change that it missed.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::ACCEPT;
use axum::http::request::Parts;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::{StreamExt as _, once, unfold};
use rmcp::model::ProtocolVersion;
use tokio::sync::watch;
use tokio::time::timeout;

use super::{ALLOW, Mcp};
use crate::events;
use crate::problem::Problem;

/// How long a stream may be silent: only a write detects that a client is gone.
const SILENCE: Duration = Duration::from_secs(15);

/// How long a client waits before it reconnects, in milliseconds.
const RETRY_MS: u32 = 1000;

/// The revisions that one client gets.
pub(super) struct Changes {
    switches: watch::Receiver<()>,
    label: Arc<str>,
}

impl Changes {
    /// Begins at the revision that the client gets now.
    pub(super) fn of(mcp: &Mcp, parts: &Parts) -> Changes {
        // First, so that no switch after the look is missed.
        let switches = mcp.app.api.switches();
        let label = mcp.label(parts);
        Changes { switches, label }
    }

    /// Waits until the client gets another revision, and returns its label. `None`: the process ends.
    /// Nothing is lost if this is dropped.
    pub(super) async fn next(&mut self, mcp: &Mcp, parts: &Parts) -> Option<Arc<str>> {
        loop {
            self.switches.changed().await.ok()?;
            let label = mcp.label(parts);
            if label != self.label {
                self.label = label.clone();
                return Some(label);
            }
        }
    }
}

/// Answers GET with a stream of notices.
pub(super) fn stream(mcp: &Arc<Mcp>, parts: Parts) -> Result<Response, Box<Problem>> {
    let header = |name: &str| {
        parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let subscribes = header("mcp-protocol-version")
        .is_some_and(|version| version >= ProtocolVersion::V_2026_07_28.as_str());
    if subscribes {
        return Err(Problem::method_not_allowed(ALLOW).into());
    }
    let accepts = header(ACCEPT.as_str()).unwrap_or("*/*");
    if !["text/event-stream", "text/*", "*/*"]
        .iter()
        .any(|known| accepts.contains(known))
    {
        return Err(Problem::not_acceptable("text/event-stream").into());
    }
    let held = mcp.place().ok_or_else(Problem::too_many_mcp_streams)?;
    let changes = Changes::of(mcp, &parts);
    // A message without data only tells the client its position.
    let first = format!("id: {}\nretry: {RETRY_MS}\ndata: \n\n", changes.label);
    let missed = header("last-event-id").is_some_and(|seen| *seen != *changes.label);
    let first = match missed {
        true => first + &notice(&changes.label),
        false => first,
    };
    let drained = mcp.app.readiness.clone().until_withdrawn();
    let state = (changes, mcp.clone(), parts, held);
    let later = unfold(state, |(mut changes, mcp, parts, held)| async move {
        let text = match timeout(SILENCE, changes.next(&mcp, &parts)).await {
            Ok(label) => notice(&label?),
            Err(_) => ": alive\n\n".to_owned(),
        };
        Some((text, (changes, mcp, parts, held)))
    });
    let texts = once(async { first }).chain(later).take_until(drained);
    let messages = texts.map(|text| Ok::<_, Infallible>(Bytes::from(text)));
    Ok(events::streaming(Body::from_stream(messages)))
}

fn notice(label: &str) -> String {
    format!(
        "id: {label}\nevent: message\ndata: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}}\n\n"
    )
}
