//! What a replay has found, for people and for programs.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::output::format;
use request::recording::value::{Text, Typed};
use request::recording::{Outcome, Recording, Statement, StatementResult};
use request::{Difference, Replayed};

/// The longest value of a parameter and the longest body that are shown, in characters.
const LONGEST_VALUE: usize = 60;
const LONGEST_BODY: usize = 2000;

/// A replayed recording.
pub(super) struct Report {
    pub(super) recording: Recording,
    /// The name and the version of the component that ran now.
    pub(super) component: String,
    pub(super) digest: String,
    pub(super) replayed: Replayed,
    pub(super) took: Duration,
}

impl Report {
    /// Whether a client would be answered the same.
    pub(super) fn is_same(&self) -> bool {
        self.outcome()
            .is_some_and(|outcome| outcome.is_like(&self.recording.outcome))
    }

    /// What a client would be answered. `None` if the logic asked a statement that was not recorded.
    pub(super) fn outcome(&self) -> Option<&Outcome> {
        self.replayed.outcome.as_ref().ok()
    }

    /// The result on one line.
    pub(super) fn to_line(&self) -> String {
        let recorded = &self.recording.outcome;
        match &self.replayed.outcome {
            Ok(outcome) if outcome.is_like(recorded) => {
                format!("answers {}, as recorded", status(outcome))
            }
            Ok(outcome) if status(outcome) == status(recorded) => {
                format!("answers {} with another body now", status(outcome))
            }
            Ok(outcome) => format!("answers {} now, was {}", status(outcome), status(recorded)),
            Err(difference) => title(difference),
        }
    }

    /// Everything, for people.
    pub(super) fn to_lines(&self) -> Vec<String> {
        let Report {
            recording,
            replayed,
            ..
        } = self;
        let answered = &recording.component;
        let mut lines = vec![
            format!("request {}", recording.request_id),
            format!(
                "  {} answered {} at {}, after {}",
                recording.target(),
                status(&recording.outcome),
                format::time(&recording.answered_at),
                format::duration(recording.timings.total_ms),
            ),
            format!(
                "  by {} {} ({}) on {}",
                answered.name,
                answered.version,
                format::digest(&answered.digest),
                recording.database,
            ),
        ];
        if recording.call.for_condition {
            lines.push("  The call read the resource of a condition.".to_owned());
        }
        if !recording.masked.is_empty() {
            lines.push(format!(
                "  The recording is masked ({}): texts were replaced, so the logic may do something else.",
                recording.masked.join(", ")
            ));
        }
        if self.digest != answered.digest {
            let digest = format::digest(&self.digest);
            lines.push(format!("replayed on {} ({digest})", self.component));
        }
        if !replayed.log.is_empty() {
            lines.push("log".to_owned());
            lines.extend(replayed.log.iter().map(|line| format!("  {line}")));
        }
        self.add_statements(&mut lines);
        for event in &replayed.events {
            lines.push(format!("event {} {}", event.kind, event.subject));
        }
        match &replayed.outcome {
            Ok(outcome) => {
                if let Some(reason) = &outcome.reason {
                    lines.push("reason".to_owned());
                    lines.extend(reason.lines().map(|line| format!("  {line}")));
                }
                if let Some(body) = &outcome.body {
                    lines.push(format!("body {}", shown_body(body)));
                }
                if !outcome.is_like(&recording.outcome)
                    && let Some(body) = &recording.outcome.body
                {
                    lines.push(format!("body recorded {}", shown_body(body)));
                }
            }
            Err(difference) => add_difference(&mut lines, difference),
        }
        let took = format::duration(self.took.as_secs_f64() * 1e3);
        lines.push(format!("{} (replayed in {took})", self.to_line()));
        lines
    }

    fn add_statements(&self, lines: &mut Vec<String>) {
        let recorded = &self.recording.statements;
        if recorded.is_empty() {
            return;
        }
        let asked = self.replayed.statements;
        lines.push(match asked == recorded.len() {
            true => "statements, with their recorded times".to_owned(),
            false => format!("statements: {asked} of {} were asked", recorded.len()),
        });
        for (index, statement) in recorded.iter().take(asked).enumerate() {
            lines.push(format!(
                "  {:>3}  {:>8}  {:<22}  {}",
                index + 1,
                format::duration(statement.took_ms),
                size(statement),
                one_line(&statement.sql),
            ));
            if !statement.params.is_empty() {
                lines.push(format!("       {}", params(&statement.params)));
            }
        }
        if self.recording.left_out > 0 {
            lines.push(format!(
                "  {} more were left out of the recording, because it was too large",
                self.recording.left_out
            ));
        }
    }

    /// Everything, for programs.
    pub(super) fn to_json(&self) -> Value {
        let Report {
            recording,
            replayed,
            ..
        } = self;
        json!({
            "request_id": recording.request_id,
            "request": recording.target(),
            "same": self.is_same(),
            "summary": self.to_line(),
            "recorded": recording.outcome,
            "replayed": self.outcome(),
            "difference": replayed.outcome.as_ref().err().map(|difference| json!({
                "statement": difference.number,
                "recorded": difference.recorded.as_ref().map(asked_json),
                "asked": asked_json(&difference.asked),
                "left_out": difference.left_out,
            })),
            "statements": {"recorded": recording.statements.len(), "asked": replayed.statements},
            "log": replayed.log,
            "events": replayed.events,
            "masked": recording.masked,
            "component": {"name": self.component, "digest": self.digest},
            "took_ms": self.took.as_micros() as f64 / 1e3,
        })
    }
}

fn asked_json((sql, params): &(String, Vec<Typed>)) -> Value {
    json!({"sql": sql, "params": params})
}

/// A status with the code of the problem.
fn status(outcome: &Outcome) -> String {
    match &outcome.code {
        Some(code) => format!("{} {code}", outcome.status),
        None => outcome.status.to_string(),
    }
}

fn title(difference: &Difference) -> String {
    let number = difference.number;
    match &difference.recorded {
        Some(_) => format!("statement {number} differs"),
        None if difference.left_out => {
            format!("statement {number} was left out of the recording, so there is no answer")
        }
        None => format!("statement {number} was not asked when the request was recorded"),
    }
}

fn add_difference(lines: &mut Vec<String>, difference: &Difference) {
    lines.push(format!("{}:", title(difference)));
    let mut add = |word: &str, (sql, values): &(String, Vec<Typed>)| {
        lines.push(format!("  {word:<9} {}", one_line(sql)));
        if !values.is_empty() {
            lines.push(format!("            {}", params(values)));
        }
    };
    if let Some(recorded) = &difference.recorded {
        add("recorded", recorded);
    }
    add("asked now", &difference.asked);
}

fn one_line(sql: &str) -> String {
    sql.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn params(values: &[Typed]) -> String {
    let values = values.iter().enumerate().map(|(index, value)| {
        let shown = format::truncate(&value.shown(), LONGEST_VALUE);
        format!("${} = {shown}", index + 1)
    });
    values.collect::<Vec<_>>().join(", ")
}

fn shown_body(body: &Text) -> String {
    let text = match body {
        Text::Text(text) => text.clone(),
        Text::Base64 { base64 } => format!("base64 {base64}"),
    };
    format::truncate(&text, LONGEST_BODY)
}

/// The size of a result.
fn size(statement: &Statement) -> String {
    let count = |count: u64, what: &str| match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    };
    match &statement.result {
        StatementResult::Rows(cells) => {
            let texts = cells.rows.iter().flatten().map(|cell| match cell {
                Typed::Text(text) => text.len(),
                Typed::Tagged(_) | Typed::Integer(_) => 8,
                Typed::Null | Typed::Boolean(_) => 1,
            });
            let bytes = format::size(texts.sum::<usize>() as u64);
            format!("{}, {bytes}", count(cells.rows.len() as u64, "row"))
        }
        StatementResult::Changed(rows) => format!("{} changed", count(*rows, "row")),
        StatementResult::Failed { cause, .. } => format!("failed: {cause}"),
        StatementResult::Ended { by, .. } => format!("ended the call: {by}"),
    }
}
