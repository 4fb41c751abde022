//! Reports a deployment while it runs: one line per stage for people, one line of JSON per event for
//! scripts. The last JSON object is the deployment when it ended.
//!
//! A write error does not end the command, which still waits for the outcome and returns it as its exit
//! status. The error is reported at the end.

use std::io::Write;

use anyhow::Context as _;
use serde::Serialize;
use serde_json::json;

use super::format;
use crate::cli::client::{self, Update};
use crate::failure::Failure;
use crate::stdout::{self, Stdout};
use contract::Word;
use contract::deployment::{EventStatus, Outcome, Progress, Stage};
use deployment::model::{Deployment, Event, StageRejection};

/// Width of a stage's name, in columns.
const NAME: usize = 9;
/// Width of a stage's duration, in columns.
const TOOK: usize = 8;
/// Indentation of a stage's detail, in columns.
const INDENT: usize = 2 + NAME + 2 + TOOK + 2;
/// Moves the cursor to the start of the line and clears the line.
const CLEAR_LINE: &str = "\r\x1b[2K";

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Style {
    /// Text on a terminal. The stage that runs is shown, and replaced when it ends.
    Terminal,
    /// Text in a file, such as the log of a build.
    Plain,
    /// Lines of JSON.
    Json,
}

/// Writes the report of one deployment.
pub(in crate::cli) struct Report<W> {
    out: Stdout<W>,
    style: Style,
    /// Whether the terminal's last line shows a running stage and will be replaced.
    unfinished: bool,
    /// Whether the changes that break clients were shown.
    breaking_shown: bool,
    /// Whether the reason for a failed stage was shown.
    failure_shown: bool,
    /// The last message, which is in the error if the report could not be written.
    last_message: String,
}

impl Style {
    /// Returns the style for standard output: JSON if it was asked for, text otherwise.
    pub(in crate::cli) fn for_stdout(json: bool) -> Self {
        match (json, stdout::is_terminal()) {
            (true, _) => Style::Json,
            (false, true) => Style::Terminal,
            (false, false) => Style::Plain,
        }
    }
}

impl<W: Write> Report<W> {
    /// Creates a report that is written to `out`.
    pub(in crate::cli) fn new(out: W, style: Style) -> Self {
        Report {
            out: Stdout::new(out),
            style,
            unfinished: false,
            breaking_shown: false,
            failure_shown: false,
            last_message: String::new(),
        }
    }

    /// Writes a line for people. Does nothing in JSON.
    pub(in crate::cli) fn message(&mut self, text: &str) {
        text.clone_into(&mut self.last_message);
        if self.style != Style::Json {
            self.line(text);
        }
    }

    /// Writes the line of a step that has succeeded, in the same form as a stage. Does nothing in
    /// JSON.
    pub(in crate::cli) fn step(&mut self, name: &str, ms: Option<f64>, detail: &str) {
        if self.style != Style::Json {
            self.stage('✓', name, ms, detail);
        }
    }

    /// Writes an update about the deployment.
    pub(in crate::cli) fn update(&mut self, update: &Update<'_>) {
        match (update, self.style) {
            (Update::Event(event), Style::Json) => self.json(event),
            (Update::Event(event), _) => self.event(event),
            (Update::Interrupted, Style::Json) => {}
            (Update::Interrupted, _) => self.line("… the host does not answer; trying again"),
        }
    }

    /// Writes that the answer to an order was lost. Does nothing in JSON.
    pub(in crate::cli) fn unanswered(&mut self) {
        if self.style != Style::Json {
            self.line("… no answer to the order; asking the host what became of it");
        }
    }

    /// Writes how the deployment ended. If that is a failure, text for people is in the returned
    /// error instead, without the reason if that was shown already.
    ///
    /// # Errors
    /// Returns the summary of the deployment if `success` is false.
    pub(in crate::cli) fn outcome(
        &mut self,
        deployment: &Deployment,
        success: bool,
    ) -> anyhow::Result<()> {
        if self.style == Style::Json {
            self.json(deployment);
        }
        let summary = match self.failure_shown {
            true => summary(deployment, None),
            false => summary(deployment, deployment.reason.as_deref()),
        };
        if !success {
            anyhow::bail!(summary);
        }
        self.message(&summary);
        Ok(())
    }

    /// Ends the report with the result of the command. In JSON, an error of the admin API is
    /// written as the last object, because there is no deployment to write.
    ///
    /// # Errors
    /// That of the result; or the report could not be written, which hides a success.
    pub(in crate::cli) fn finish(mut self, result: anyhow::Result<()>) -> Result<(), Failure> {
        self.clear_unfinished();
        let Err(error) = result else {
            return Ok(self.out.finish().context(self.last_message)?);
        };
        if self.style == Style::Json
            && let Some(error) = error.downcast_ref::<client::Error>()
        {
            self.json(&json!({
                "outcome": "failed",
                "code": error.code(),
                "reason": error.to_string(),
            }));
        }
        Err(error.into())
    }

    fn event(&mut self, event: &Event) {
        let mut detail = event.detail.as_deref().unwrap_or_default();
        let mark = match event.status.known() {
            // The outcome, which follows, has more details.
            _ if event.stage == Stage::End => return,
            Some(EventStatus::Passed) => '✓',
            Some(EventStatus::Failed) => {
                if self.breaking_shown && event.stage == Stage::Compare {
                    detail = "use --allow-breaking to deploy anyway";
                }
                self.failure_shown = true;
                '✗'
            }
            Some(EventStatus::Began) if !lasts(&event.stage) => {
                if self.style == Style::Terminal {
                    self.clear_unfinished();
                    self.out.part(&format!("… {}", event.stage));
                    self.out.flush();
                    self.unfinished = true;
                }
                return;
            }
            Some(EventStatus::Began) => '…',
            Some(EventStatus::Noted) | None => '·',
        };
        let count = event.rejections.len();
        let several = format!("{count} reasons:");
        if count > 0 {
            detail = &several;
        }
        self.stage(mark, event.stage.as_str(), event.duration_ms, detail);
        self.breaking_shown |= !event.breaking.is_empty();
        for change in &event.breaking {
            self.item(change);
        }
        for StageRejection { code, reason } in &event.rejections {
            self.item(&format!("{code}: {reason}"));
        }
        for line in &event.log {
            self.item(line);
        }
        for difference in event.rehearsal.iter().flat_map(|of| &of.differences) {
            self.item(&difference.summary);
        }
    }

    /// Writes an item of a list below a stage's line.
    fn item(&mut self, text: &str) {
        for (number, line) in format::wrap(text, 6).iter().enumerate() {
            match number {
                0 => self.line(&format!("    - {}", line.trim_start())),
                _ => self.line(line),
            }
        }
    }

    /// Writes a stage's line, and further lines if the detail is long.
    fn stage(&mut self, mark: char, stage: &str, ms: Option<f64>, detail: &str) {
        let took = ms.map(format::duration).unwrap_or_default();
        let first = format!("{mark} {stage:<NAME$}  {took:>TOOK$}  ");
        let lines = format::wrap(detail, INDENT);
        let detail = lines.first().map(|line| line.trim_start());
        self.line(format!("{first}{}", detail.unwrap_or_default()).trim_end());
        for line in lines.iter().skip(1) {
            self.line(line);
        }
    }

    fn json(&mut self, value: &impl Serialize) {
        // Serialization of these types cannot fail.
        if let Ok(text) = serde_json::to_string(value) {
            self.out.json(&text);
            self.out.flush();
        }
    }

    fn line(&mut self, text: &str) {
        self.clear_unfinished();
        self.out.line(text);
        self.out.flush();
    }

    fn clear_unfinished(&mut self) {
        if std::mem::take(&mut self.unfinished) {
            self.out.control(CLEAR_LINE);
        }
    }
}

/// Returns whether a stage takes so long that its beginning gets a line of its own.
fn lasts(stage: &Word<Stage>) -> bool {
    matches!(
        stage.known(),
        Some(Stage::Canary | Stage::Shadow | Stage::Probation)
    )
}

/// Names the revision that serves after a deployment that was undone.
fn serving(deployment: &Deployment) -> String {
    let from = deployment
        .from
        .as_deref()
        .filter(|from| *from != deployment.digest);
    from.map(|from| format!("; {} is active", format::digest(from)))
        .unwrap_or_default()
}

/// Returns a sentence about how the deployment ended, with `reason` if one is given.
fn summary(deployment: &Deployment, reason: Option<&str>) -> String {
    let id = deployment.id;
    let digest = format::digest(&deployment.digest);
    let because = match (&deployment.code, reason) {
        (Some(code), Some(reason)) => format!(" ({code}): {reason}"),
        (Some(code), None) => format!(" ({code})"),
        (None, Some(reason)) => format!(": {reason}"),
        (None, None) => String::new(),
    };
    match deployment.outcome.known() {
        Some(Outcome::Active) => {
            let before = match &deployment.from {
                Some(from) if *from != deployment.digest => {
                    format!(" instead of {}", format::digest(from))
                }
                _ => String::new(),
            };
            let ended = deployment.ended_at.as_deref();
            let took = ended.and_then(|ended| format::elapsed(&deployment.began_at, ended));
            let took = took
                .map(|took| format!(", after {took}"))
                .unwrap_or_default();
            format!("deployment {id}: {digest} is active{before}{took}")
        }
        Some(Outcome::Checked) => {
            format!("deployment {id}: {digest} passed every check; nothing was switched")
        }
        Some(Outcome::Rejected) => format!("deployment {id}: {digest} was rejected{because}"),
        Some(Outcome::RolledBack) => {
            format!(
                "deployment {id}: {digest} was rolled back{because}{}",
                serving(deployment)
            )
        }
        Some(Outcome::Aborted) => {
            // The reason usually says who aborted it, in a sentence without a subject.
            let by = reason.and_then(|reason| reason.strip_prefix("aborted"));
            let because = by.unwrap_or(&because);
            format!(
                "deployment {id}: {digest} was aborted{because}{}",
                serving(deployment)
            )
        }
        Some(Outcome::Running) => {
            let stage = &deployment.stage;
            let next = match stage.known() {
                Some(Progress::At(Stage::Canary | Stage::Shadow)) => {
                    "; `promote` or `abort` ends it"
                }
                _ => "",
            };
            format!("deployment {id}: {digest} is still running, at stage {stage}{next}")
        }
        None => format!(
            "deployment {id}: {digest} ended as {}{because}",
            deployment.outcome
        ),
    }
}
