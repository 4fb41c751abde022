//! The report of a deployment while it runs: one line for each stage for people, one line of JSON for
//! each event for programs. The last JSON object is the deployment as it ended.
//!
//! If the reader goes away (`| head`), the deployment goes on: lines that cannot be written are lost.

use std::io::Write;

use serde::Serialize;
use serde_json::json;

use super::client::{self, Progress};
use super::{Failure, show};
use contract::Word;
use contract::deployment::{EventStatus, Outcome, Stage};
use deployment::model::{Deployment, Event};

/// Columns of a stage's name.
const NAME: usize = 9;
/// Columns of a stage's duration.
const TOOK: usize = 8;
/// The column of a stage's details.
const INDENT: usize = 2 + NAME + 2 + TOOK + 2;
/// Returns to the beginning of the line and clears it.
const WIPE: &str = "\r\x1b[2K";

/// The readers of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// People who watch. The running stage is shown, and replaced when it ends.
    Terminal,
    /// People who read later, for example in the log of a build.
    Plain,
    /// Programs.
    Json,
}

/// The report of one deployment.
pub(super) struct Report<W> {
    out: W,
    style: Style,
    /// Whether the terminal's last line will be replaced.
    unfinished: bool,
    /// Whether the report has the changes that break clients.
    shown_breaking: bool,
    /// Whether the report has the reason why a stage failed.
    shown_failure: bool,
}

impl Style {
    /// Returns the style for standard output.
    pub(super) fn of_output(json: bool) -> Self {
        use std::io::IsTerminal as _;
        match (json, std::io::stdout().is_terminal()) {
            (true, _) => Style::Json,
            (false, true) => Style::Terminal,
            (false, false) => Style::Plain,
        }
    }
}

impl<W: Write> Report<W> {
    /// Creates a report that is written to `out`.
    pub(super) fn new(out: W, style: Style) -> Self {
        Report {
            out,
            style,
            unfinished: false,
            shown_breaking: false,
            shown_failure: false,
        }
    }

    /// Writes a sentence, for people.
    pub(super) fn say(&mut self, sentence: &str) {
        if self.style != Style::Json {
            self.line(sentence);
        }
    }

    /// Writes something that is done, like a stage, for people.
    pub(super) fn done(&mut self, what: &str, ms: Option<f64>, detail: &str) {
        if self.style != Style::Json {
            self.stage('✓', what, ms, detail);
        }
    }

    /// Writes the progress of a deployment.
    pub(super) fn progress(&mut self, progress: &Progress<'_>) {
        match (progress, self.style) {
            (Progress::Event(event), Style::Json) => self.json(event),
            (Progress::Event(event), _) => self.event(event),
            (Progress::Interrupted, Style::Json) => {}
            (Progress::Interrupted, _) => self.line("… the host does not answer; asking again"),
        }
    }

    /// Writes how the deployment ended. If that is a failure, the returned error says it to people,
    /// without a reason that the report has already.
    pub(super) fn outcome(&mut self, deployment: &Deployment, good: bool) -> anyhow::Result<()> {
        if self.style == Style::Json {
            self.json(deployment);
        }
        let sentence = match self.shown_failure {
            true => sentence(deployment, None),
            false => sentence(deployment, deployment.reason.as_deref()),
        };
        if !good {
            anyhow::bail!(sentence);
        }
        self.say(&sentence);
        Ok(())
    }

    /// Ends the report with the command. If the deployment's outcome is not known, programs get an
    /// object that says so.
    pub(super) fn end(&mut self, done: anyhow::Result<()>) -> Result<(), Failure> {
        self.wipe();
        let Err(error) = done else { return Ok(()) };
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
            // The outcome has more to say.
            _ if event.stage == Stage::End => return,
            Some(EventStatus::Passed) => '✓',
            Some(EventStatus::Failed) => {
                if self.shown_breaking && event.stage == Stage::Compare {
                    detail = "--allow-breaking lets that through";
                }
                self.shown_failure = true;
                '✗'
            }
            Some(EventStatus::Began) if !lasts(&event.stage) => {
                if self.style == Style::Terminal {
                    self.wipe();
                    let _ = write!(self.out, "… {}", event.stage);
                    let _ = self.out.flush();
                    self.unfinished = true;
                }
                return;
            }
            Some(EventStatus::Began) => '…',
            Some(EventStatus::Noted) | None => '·',
        };
        self.stage(mark, event.stage.as_str(), event.duration_ms, detail);
        self.shown_breaking |= !event.breaking.is_empty();
        for change in &event.breaking {
            for (number, line) in show::wrapped(change, 6).iter().enumerate() {
                match number {
                    0 => self.line(&format!("    - {}", line.trim_start())),
                    _ => self.line(line),
                }
            }
        }
    }

    /// Writes a stage's line, and further lines if the detail is long.
    fn stage(&mut self, mark: char, stage: &str, ms: Option<f64>, detail: &str) {
        let took = ms.map(show::duration).unwrap_or_default();
        let first = format!("{mark} {stage:<NAME$}  {took:>TOOK$}  ");
        let lines = show::wrapped(detail, INDENT);
        let detail = lines.first().map(|line| line.trim_start());
        self.line(format!("{first}{}", detail.unwrap_or_default()).trim_end());
        for line in lines.iter().skip(1) {
            self.line(line);
        }
    }

    fn json(&mut self, value: &impl Serialize) {
        // Data of this kind always has a JSON form.
        if let Ok(text) = serde_json::to_string(value) {
            self.line(&text);
        }
    }

    fn line(&mut self, text: &str) {
        self.wipe();
        let _ = writeln!(self.out, "{text}");
        let _ = self.out.flush();
    }

    fn wipe(&mut self) {
        if std::mem::take(&mut self.unfinished) {
            let _ = write!(self.out, "{WIPE}");
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

/// Describes how a deployment ended, in a sentence.
fn sentence(deployment: &Deployment, reason: Option<&str>) -> String {
    let id = deployment.id;
    let digest = show::digest(&deployment.digest);
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
                    format!(" instead of {}", show::digest(from))
                }
                _ => String::new(),
            };
            let ended = deployment.ended_at.as_deref();
            let took = ended.and_then(|ended| show::between(&deployment.began_at, ended));
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
            format!("deployment {id}: {digest} was rolled back{because}")
        }
        Some(Outcome::Aborted) => format!("deployment {id}: {digest} was aborted{because}"),
        Some(Outcome::Running) => format!(
            "deployment {id}: {digest} is still on its way, at {}",
            deployment.stage
        ),
        None => format!(
            "deployment {id}: {digest} ended as {}{because}",
            deployment.outcome
        ),
    }
}
