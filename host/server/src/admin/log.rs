//! `GET /admin/log`: the last log lines of this host, filtered by level and request.
//!
//! The host keeps them as they were written (`telemetry::lines`): objects of JSON, or lines of text on a
//! terminal. They are taken apart here, for the few that somebody asks for.

use axum::http::{StatusCode, Uri};
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tracing::Level;
use url::form_urlencoded;

use super::respond::{ProblemResponse, invalid, json};
use telemetry::lines;

/// How many lines a list has by default, and at most.
const LIMIT: usize = 200;
const HIGHEST_LIMIT: usize = 1000;

/// The levels, the most severe first.
const LEVELS: [(&str, Level); 5] = [
    ("error", Level::ERROR),
    ("warn", Level::WARN),
    ("info", Level::INFO),
    ("debug", Level::DEBUG),
    ("trace", Level::TRACE),
];

/// A line of this host's log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LogLine {
    /// Rises with every line.
    pub number: u64,
    /// When it was written: RFC 3339, UTC.
    #[schemars(extend("format" = "date-time"))]
    pub at: String,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    #[schemars(extend("enum" = ["error", "warn", "info", "debug", "trace"]))]
    pub level: String,
    /// The part of the host that wrote it. `logic`: the component; `audit`: the audit log. Null if the
    /// log is in text.
    pub target: Option<String>,
    /// The id of the request that it belongs to.
    pub request_id: Option<String>,
    /// What it says.
    pub message: String,
    /// Its other fields. Empty if the log is in text: then they are in the message.
    pub fields: Map<String, Value>,
}

/// Which lines a list has.
struct Filter {
    level: Level,
    request: Option<String>,
    limit: usize,
}

/// `GET /admin/log`.
pub(super) async fn list(uri: Uri) -> Result<Response, ProblemResponse> {
    let filter = filter(uri.query().unwrap_or_default())?;
    let latest = lines::recent().latest(filter.level).into_iter();
    let found = latest.map(line).filter(|line| {
        let request = filter.request.as_ref();
        request.is_none_or(|request| line.request_id.as_ref() == Some(request))
    });
    let found: Vec<LogLine> = found.take(filter.limit).collect();
    Ok(json(StatusCode::OK, &found))
}

fn filter(query: &str) -> Result<Filter, ProblemResponse> {
    let mut filter = Filter {
        level: Level::TRACE,
        request: None,
        limit: LIMIT,
    };
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let fault = |detail: String| invalid(format!("#/query/{name}"), detail);
        match &*name {
            "level" => {
                let known = LEVELS.iter().find(|(word, _)| *word == value);
                let words = LEVELS.map(|(word, _)| word).join(", ");
                let (_, level) = known.ok_or_else(|| fault(format!("must be one of {words}")))?;
                filter.level = *level;
            }
            "request" if !value.is_empty() => filter.request = Some(value.into_owned()),
            "limit" => {
                let limit = value.parse().ok();
                let limit = limit.filter(|limit| (1..=HIGHEST_LIMIT).contains(limit));
                filter.limit = limit
                    .ok_or_else(|| fault(format!("must be a number from 1 to {HIGHEST_LIMIT}")))?;
            }
            _ => {}
        }
    }
    Ok(filter)
}

fn line(kept: lines::LogLine) -> LogLine {
    let level = LEVELS.iter().find(|(_, level)| *level == kept.level);
    let at = jiff::Timestamp::try_from(kept.at);
    let mut line = LogLine {
        number: kept.number,
        at: at.map_or_else(|_| String::new(), |at| at.to_string()),
        level: level.map_or("", |(word, _)| word).to_owned(),
        target: None,
        request_id: None,
        message: String::new(),
        fields: Map::new(),
    };
    match serde_json::from_slice(&kept.text) {
        Ok(Value::Object(members)) => take_members(&mut line, members),
        _ => take_text(&mut line, &String::from_utf8_lossy(&kept.text)),
    }
    line
}

/// Takes over a line of JSON.
fn take_members(line: &mut LogLine, mut members: Map<String, Value>) {
    let mut text = |name: &str| match members.remove(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    line.message = text("message").unwrap_or_default();
    line.target = text("target");
    let own_request = text("request.id");
    for member in ["timestamp", "level"] {
        members.remove(member);
    }
    let span = members.remove("span");
    let of_span = span.as_ref().and_then(|span| span["request.id"].as_str());
    line.request_id = own_request.or_else(|| of_span.map(str::to_owned));
    line.fields = members;
}

/// Takes over a line of text: without colours, time and level, which are members already.
fn take_text(line: &mut LogLine, text: &str) {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    let plain = plain.trim();
    let upper = line.level.to_uppercase();
    let message = plain.split_once(&format!("{upper} ")).map(|(_, rest)| rest);
    line.message = message.unwrap_or(plain).to_owned();
    let request = plain.split_once("request.id=").map(|(_, rest)| rest);
    let request = request.and_then(|rest| rest.split([' ', '}']).next());
    line.request_id = request.map(|id| id.trim_matches('"').to_owned());
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn of(level: Level, text: &str) -> LogLine {
        line(lines::LogLine {
            number: 7,
            at: SystemTime::UNIX_EPOCH,
            level,
            text: text.as_bytes().into(),
        })
    }

    #[test]
    fn a_line_of_json_is_taken_apart() {
        let text = r#"{"timestamp":"x","level":"ERROR","message":"no","fault.kind":"logic-trapped",
            "target":"task_host","span":{"request.id":"b7","http.route":"/x"}}"#;
        let line = of(Level::ERROR, text);
        assert_eq!((line.number, &*line.at), (7, "1970-01-01T00:00:00Z"));
        assert_eq!((&*line.level, &*line.message), ("error", "no"));
        assert_eq!(line.target.as_deref(), Some("task_host"));
        assert_eq!(line.request_id.as_deref(), Some("b7"));
        assert_eq!(line.fields.len(), 1);
        assert_eq!(line.fields["fault.kind"], "logic-trapped");
    }

    #[test]
    fn a_line_of_text_loses_its_colours_and_keeps_its_request() {
        let text = "\u{1b}[2m2026-01-01T00:00:00Z\u{1b}[0m \u{1b}[33m WARN\u{1b}[0m \
            request{request.id=b7 http.route=\"/x\"}: slow\n";
        let line = of(Level::WARN, text);
        assert_eq!(
            line.message,
            "request{request.id=b7 http.route=\"/x\"}: slow"
        );
        assert_eq!(line.request_id.as_deref(), Some("b7"));
        assert_eq!(of(Level::INFO, "cut off").message, "cut off");
        assert_eq!(of(Level::INFO, "cut off").request_id, None);
    }
}
