//! Replaces the texts of members in a recording, so that it can leave the host.
//!
//! A member is named by its path, such as `title` or `owner.email`: the last names of the path to it, in
//! bodies at any depth. A query parameter, a path parameter, a column of a result and an attribute of an
//! event match the last name. A text that was found so is replaced wherever else it occurs: in the query,
//! parameters of statements, results, log lines and messages. There its words are replaced, too, in any
//! case, because logic makes search terms of texts. The path `*` means every text.
//!
//! Each character becomes an `x`, so that lengths stay. Numbers and booleans stay.

use std::collections::{BTreeSet, HashSet};

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::Value;

use super::value::{Tagged, Text, Typed};
use super::{Call, Recording, StatementResult};

/// The path that means every text.
const ALL: &str = "*";
/// Shorter texts are replaced only where they are the whole value: they occur everywhere.
const SHORTEST_PART: usize = 3;

/// Masks members of a recording, and notes in it which.
pub(super) fn apply(recording: &mut Recording, paths: &[String]) {
    let mut mask = Mask::new(paths);
    let parameters = recording.call.parameters.clone();
    mask.find_in_arguments(&mut recording.call.arguments());
    mask.find_in_results(recording);
    mask.complete();
    mask.replace_in_arguments(&mut recording.call.arguments(), &parameters);
    mask.replace_in_results(recording);
    recording.masked = paths.to_vec();
}

/// Masks members of arguments.
pub(crate) fn apply_to_arguments(mut arguments: Arguments<'_>, paths: &[String]) {
    let mut mask = Mask::new(paths);
    let parameters = arguments.parameters.to_vec();
    mask.find_in_arguments(&mut arguments);
    mask.complete();
    mask.replace_in_arguments(&mut arguments, &parameters);
}

/// What a client sent.
pub(crate) struct Arguments<'a> {
    /// The path template of the route.
    pub(crate) route: &'a str,
    pub(crate) path: &'a mut String,
    pub(crate) parameters: &'a mut [(String, String)],
    pub(crate) query: &'a mut Option<String>,
    pub(crate) body: &'a mut Option<Text>,
}

impl Call {
    fn arguments(&mut self) -> Arguments<'_> {
        Arguments {
            route: &self.route,
            path: &mut self.path,
            parameters: &mut self.parameters,
            query: &mut self.query,
            body: &mut self.body,
        }
    }
}

struct Mask<'a> {
    all: bool,
    paths: Vec<Vec<&'a str>>,
    /// The texts of the members.
    found: BTreeSet<String>,
    /// Those of them that are replaced also as a part of a text, the longest first.
    parts: Vec<String>,
    /// The words of all of them, in lower case.
    words: HashSet<String>,
}

impl<'a> Mask<'a> {
    fn new(paths: &'a [String]) -> Self {
        Mask {
            all: paths.iter().any(|path| path == ALL),
            paths: paths.iter().map(|path| path.split('.').collect()).collect(),
            found: BTreeSet::new(),
            parts: Vec::new(),
            words: HashSet::new(),
        }
    }

    /// Masks what has a name, and collects its texts.
    fn find_in_arguments(&mut self, arguments: &mut Arguments<'_>) {
        for (name, value) in &mut *arguments.parameters {
            if self.names(name) {
                self.take(value);
            }
        }
        if let Some(query) = arguments.query {
            change_values(query, |name, value| {
                if self.names(name) {
                    self.take(value);
                }
            });
        }
        if let Some(body) = arguments.body {
            self.body(body);
        }
    }

    /// As [`Mask::find_in_arguments`], for everything else.
    fn find_in_results(&mut self, recording: &mut Recording) {
        if let Some(body) = &mut recording.outcome.body {
            self.body(body);
        }
        for statement in &mut recording.statements {
            let StatementResult::Rows(cells) = &mut statement.result else {
                continue;
            };
            // If the names are not known, every column may be one of the members.
            let unknown = statement.columns.len() != cells.width as usize;
            let columns = statement.columns.iter().map(|column| self.names(column));
            let columns: Vec<bool> = columns.collect();
            for row in &mut cells.rows {
                for (index, cell) in row.iter_mut().enumerate() {
                    if unknown || columns[index] {
                        self.cell(cell);
                    }
                }
            }
        }
        for event in &mut recording.events {
            for (name, value) in &mut event.attributes {
                if self.names(name) {
                    self.take(value);
                }
            }
        }
    }

    /// Prepares to replace the collected texts.
    fn complete(&mut self) {
        let is_long = |text: &str| text.chars().count() >= SHORTEST_PART;
        let found = self.found.iter();
        self.parts = found.filter(|text| is_long(text)).cloned().collect();
        self.parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
        let words = self.found.iter().flat_map(|text| words(text));
        let words = words.filter(|word| is_long(word));
        self.words = words.map(str::to_lowercase).collect();
    }

    /// Whether the last name of a path is this one.
    fn names(&self, name: &str) -> bool {
        let mut paths = self.paths.iter();
        self.all
            || paths.any(|path| {
                path.last()
                    .is_some_and(|last| last.eq_ignore_ascii_case(name))
            })
    }

    fn take(&mut self, text: &mut String) {
        if !text.is_empty() {
            let masked = masked(text);
            self.found.insert(std::mem::replace(text, masked));
        }
    }

    fn cell(&mut self, cell: &mut Typed) {
        match cell {
            Typed::Text(text) => self.take(text),
            Typed::Tagged(Tagged::Blob(base64)) => *base64 = "A".repeat(base64.len() / 4 * 4),
            _ => {}
        }
    }

    fn body(&mut self, body: &mut Text) {
        match body {
            Text::Text(text) => match serde_json::from_str::<Value>(text) {
                Ok(mut value) => {
                    self.json(&mut value, &mut Vec::new(), self.all);
                    *text = value.to_string();
                }
                // It cannot be said what its members are.
                Err(_) => *text = masked(text),
            },
            Text::Base64 { base64 } => *base64 = "A".repeat(base64.len() / 4 * 4),
        }
    }

    /// Masks the members of a JSON value at that path. `inside`: the value belongs to such a member.
    fn json(&mut self, value: &mut Value, path: &mut Vec<String>, inside: bool) {
        match value {
            Value::String(text) if inside => self.take(text),
            Value::Array(items) => {
                for item in items {
                    self.json(item, path, inside);
                }
            }
            Value::Object(members) => {
                for (name, value) in members {
                    path.push(name.clone());
                    let inside = inside || self.paths.iter().any(|wanted| ends_with(path, wanted));
                    self.json(value, path, inside);
                    path.pop();
                }
            }
            _ => {}
        }
    }

    /// Replaces the collected texts in the rest of the arguments. If that has changed the path's parameters,
    /// fills them into the path.
    fn replace_in_arguments(
        &self,
        arguments: &mut Arguments<'_>,
        original_parameters: &[(String, String)],
    ) {
        for (_, value) in &mut *arguments.parameters {
            self.text(value);
        }
        if let Some(query) = arguments.query {
            change_values(query, |_, value| self.text_and_words(value));
        }
        if let Some(body) = arguments.body {
            self.body_elsewhere(body);
        }
        if arguments.parameters != original_parameters {
            let filled = arguments.parameters.iter();
            let route = arguments.route.to_owned();
            *arguments.path = filled.fold(route, |path, (name, value)| {
                path.replace(&format!("{{{name}}}"), value)
            });
        }
    }

    /// Replaces the collected texts everywhere else.
    fn replace_in_results(&self, recording: &mut Recording) {
        let Recording {
            statements,
            log,
            events,
            outcome,
            ..
        } = recording;
        for statement in statements {
            for param in &mut statement.params {
                self.elsewhere(param);
            }
            match &mut statement.result {
                StatementResult::Rows(cells) => {
                    for cell in cells.rows.iter_mut().flatten() {
                        self.elsewhere(cell);
                    }
                }
                StatementResult::Failed { detail, .. } | StatementResult::Ended { detail, .. } => {
                    self.text_and_words(detail);
                }
                StatementResult::Changed(_) => {}
            }
        }
        for line in log {
            self.line(line);
        }
        for event in events {
            self.text(&mut event.subject);
            for (_, value) in &mut event.attributes {
                self.text(value);
            }
        }
        if let Some(reason) = &mut outcome.reason {
            self.parts(reason);
        }
        for text in [&mut outcome.location, &mut outcome.next]
            .into_iter()
            .flatten()
        {
            self.text(text);
        }
        if let Some(body) = &mut outcome.body {
            self.body_elsewhere(body);
        }
    }

    fn body_elsewhere(&self, body: &mut Text) {
        if let Text::Text(text) = body
            && let Ok(mut value) = serde_json::from_str(text)
        {
            self.json_elsewhere(&mut value);
            *text = value.to_string();
        }
    }

    /// The texts of a JSON value, without the names of members.
    fn json_elsewhere(&self, value: &mut Value) {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.json_elsewhere(item)),
            Value::Object(members) => {
                members
                    .values_mut()
                    .for_each(|value| self.json_elsewhere(value));
            }
            _ => {}
        }
    }

    /// A parameter or a cell without a name.
    fn elsewhere(&self, cell: &mut Typed) {
        match cell {
            Typed::Text(text) => self.text_and_words(text),
            Typed::Tagged(Tagged::Blob(base64)) if self.all => {
                *base64 = "A".repeat(base64.len() / 4 * 4);
            }
            _ => {}
        }
    }

    /// A log line: its level stays.
    fn line(&self, line: &mut String) {
        match line.split_once(": ") {
            Some((level, text)) if self.all => *line = format!("{level}: {}", masked(text)),
            _ => self.text_and_words(line),
        }
    }

    fn text_and_words(&self, text: &mut String) {
        self.text(text);
        let mut replaced = String::with_capacity(text.len());
        let mut rest = text.as_str();
        for word in words(text) {
            // `words` returns slices of the text, in order.
            let Some(at) = rest.find(word) else { break };
            replaced.push_str(&rest[..at]);
            match self.words.contains(&word.to_lowercase()) {
                true => replaced.push_str(&masked(word)),
                false => replaced.push_str(word),
            }
            rest = &rest[at + word.len()..];
        }
        replaced.push_str(rest);
        *text = replaced;
    }

    fn text(&self, text: &mut String) {
        match self.all || self.found.contains(&**text) {
            true => *text = masked(text),
            false => self.parts(text),
        }
    }

    fn parts(&self, text: &mut String) {
        for part in &self.parts {
            if text.contains(part) {
                *text = text.replace(part, &masked(part));
            }
        }
    }
}

/// Changes the values of a query string.
fn change_values(query: &mut String, mut change: impl FnMut(&str, &mut String)) {
    let pairs = query.split('&').map(|pair| {
        let Some((name, encoded)) = pair.split_once('=') else {
            return pair.to_owned();
        };
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let before = decoded(&encoded.replace('+', " "));
        let mut value = before.clone();
        change(&decoded(name), &mut value);
        match value == before {
            true => pair.to_owned(),
            false => format!("{name}={}", utf8_percent_encode(&value, NON_ALPHANUMERIC)),
        }
    });
    *query = pairs.collect::<Vec<_>>().join("&");
}

fn ends_with(path: &[String], wanted: &[&str]) -> bool {
    let skipped = path.len().checked_sub(wanted.len());
    skipped.is_some_and(|skipped| path[skipped..].iter().eq(wanted.iter()))
}

/// The words and numbers of a text.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
}

/// A text of the same length.
fn masked(text: &str) -> String {
    "x".repeat(text.chars().count())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A recording in which a secret occurs in every place, masked.
    fn mask(paths: &[&str]) -> Value {
        let recording = json!({
            "version": 1, "request_id": "1", "trace_id": "", "answered_at": "", "reason": "failed",
            "component": {"digest": "", "name": "", "version": ""}, "database": "sqlite",
            "call": {
                "operation": "", "method": "PUT", "route": "/people/{name}", "writes": true,
                "path": "/people/Ada", "parameters": [["name", "Ada"]],
                "query": "name=Ada%20L&q=ada+%26%20co&page=2", "media_type": null,
                "body": "{\"name\":\"Ada\",\"owner\":{\"email\":\"a@b.c\"},\"email\":\"public\",\"age\":36}",
                "strict": false, "dry_run": false, "clock": "1970-01-01T00:00:00Z", "seed": null,
                "time_left_ms": 0.0
            },
            "statements": [
                {"sql": "select", "params": ["Ada", "%Ada%", 7, {"blob": "QWRh"}], "took_ms": 0.0,
                    "columns": ["name", "kind"],
                    "result": {"rows": {"width": 2, "rows": [["Grace", "x"], [null, "of Grace"]]}}},
                {"sql": "select", "params": [], "took_ms": 0.0,
                    "result": {"rows": {"width": 1, "rows": [["unnamed"]]}}},
                {"sql": "insert", "params": ["[\"ada\",\"adamant\"]"], "took_ms": 0.0, "result": {"failed":
                    {"cause": "unique", "constraint": null, "detail": "Ada is there"}}}
            ],
            "left_out": 0, "log": ["info: made Ada", "info: nothing"],
            "events": [{"kind": "made", "subject": "Ada", "attributes": [["name", "Grace"]]}],
            "outcome": {"status": 500, "code": "x", "reason": "no Ada", "body": "{\"name\":\"Ada\"}",
                "location": "/people/Ada", "next": null},
            "timings": {"total_ms": 0.0, "instance_ms": 0.0, "logic_ms": 0.0, "statements_ms": 0.0},
            "limits": {"memory_bytes": 0, "handover_bytes": 0, "answer_bytes": 0, "cpu_ms": 0.0,
                "events": 0, "log_lines": 0}
        });
        let mut recording: Recording = serde_json::from_value(recording).unwrap();
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        apply(&mut recording, &paths);
        serde_json::to_value(recording).unwrap()
    }

    #[test]
    fn the_texts_of_a_member_are_replaced_wherever_they_occur() {
        let masked = mask(&["name", "owner.email"]);
        let call = &masked["call"];
        assert_eq!(call["path"], "/people/xxx");
        assert_eq!(call["parameters"], json!([["name", "xxx"]]));
        assert_eq!(call["query"], "name=xxxxx&q=xxx%20%26%20co&page=2");
        assert_eq!(
            call["body"],
            "{\"name\":\"xxx\",\"owner\":{\"email\":\"xxxxx\"},\"email\":\"public\",\"age\":36}"
        );
        let statements = &masked["statements"];
        assert_eq!(
            statements[0]["params"],
            json!(["xxx", "%xxx%", 7, {"blob": "QWRh"}])
        );
        assert_eq!(
            statements[0]["result"]["rows"]["rows"],
            json!([["xxxxx", "x"], [null, "of xxxxx"]])
        );
        // A column without a name may be any.
        assert_eq!(
            statements[1]["result"]["rows"]["rows"],
            json!([["xxxxxxx"]])
        );
        assert_eq!(statements[2]["params"][0], "[\"xxx\",\"adamant\"]");
        assert_eq!(statements[2]["result"]["failed"]["detail"], "xxx is there");
        assert_eq!(masked["log"], json!(["info: made xxx", "info: nothing"]));
        assert_eq!(
            masked["events"][0],
            json!({"kind": "made", "subject": "xxx", "attributes": [["name", "xxxxx"]]})
        );
        let outcome = &masked["outcome"];
        assert_eq!(outcome["reason"], "no xxx");
        assert_eq!(outcome["body"], "{\"name\":\"xxx\"}");
        assert_eq!(outcome["location"], "/people/xxx");
        assert_eq!(masked["masked"], json!(["name", "owner.email"]));
    }

    #[test]
    fn a_star_masks_every_text_and_leaves_numbers() {
        let masked = mask(&["*"]);
        let text = masked.to_string();
        for secret in ["Ada", "Grace", "a@b.c", "public", "unnamed", "QWRh"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
        assert_eq!(masked["statements"][0]["params"][2], 7);
        assert!(text.contains("\\\"age\\\":36"), "{text}");
        assert_eq!(masked["log"][1], "info: xxxxxxx");
    }
}
