//! What a deployment does, told while it happens: a line a stage for people, a line of JSON an
//! event for machines. The last JSON object is the deployment as it ended.
//!
//! A reader that went away (`| head`) ends no deployment: what cannot be written is not.

use std::io::Write;

use serde::Serialize;
use serde_json::json;

use super::client::{self, Progress};
use super::show;
use crate::failure::Failure;
use deployment::model::{Deployment, Event};

/// Columns of a stage's name.
const STAGE: usize = 9;
/// Columns of a stage's duration.
const TOOK: usize = 8;
/// Where the details of a stage stand.
const INDENT: usize = 2 + STAGE + 2 + TOOK + 2;
/// Goes back to the line's beginning and wipes it.
const WIPE: &str = "\r\x1b[2K";

/// For whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// People; what goes on is shown, and replaced when it is over.
    Terminal,
    /// People, later: in the log of a build.
    Plain,
    /// Machines.
    Json,
}

/// Tells of one deployment.
pub(super) struct Report<W> {
    out: W,
    style: Style,
    /// Whether the terminal's last line will be replaced.
    unfinished: bool,
    /// Whether people have read what breaks clients.
    told_breaking: bool,
    /// Whether people have read why a stage failed.
    told_failure: bool,
}

impl Style {
    /// The style for standard output.
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
    /// Writes to `out`.
    pub(super) fn new(out: W, style: Style) -> Self {
        Report {
            out,
            style,
            unfinished: false,
            told_breaking: false,
            told_failure: false,
        }
    }

    /// Tells people a sentence.
    pub(super) fn say(&mut self, sentence: &str) {
        if self.style != Style::Json {
            self.line(sentence);
        }
    }

    /// Tells people of something that is over, as of a stage.
    pub(super) fn done(&mut self, what: &str, ms: Option<f64>, detail: &str) {
        if self.style != Style::Json {
            self.stage('✓', what, ms, detail);
        }
    }

    /// Tells what is heard of a deployment.
    pub(super) fn progress(&mut self, progress: &Progress<'_>) {
        match (progress, self.style) {
            (Progress::Event(event), Style::Json) => self.json(event),
            (Progress::Event(event), _) => self.event(event),
            (Progress::Interrupted, Style::Json) => {}
            (Progress::Interrupted, _) => self.line("… the host does not answer; asking again"),
        }
    }

    /// Tells how the deployment ended. Where that is a failure, people are told by the error
    /// that is returned; it does not repeat what they have read.
    pub(super) fn outcome(&mut self, deployment: &Deployment, good: bool) -> anyhow::Result<()> {
        if self.style == Style::Json {
            self.json(deployment);
        }
        let sentence = match self.told_failure {
            true => sentence(deployment, None),
            false => sentence(deployment, deployment.reason.as_deref()),
        };
        if !good {
            anyhow::bail!(sentence);
        }
        self.say(&sentence);
        Ok(())
    }

    /// The command's end. Machines are told where no outcome is known.
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
        let mark = match event.status.as_str() {
            // The outcome says it better.
            _ if event.stage == "end" => return,
            "passed" => '✓',
            "failed" => {
                if self.told_breaking && event.stage == "compare" {
                    detail = "--allow-breaking lets that through";
                }
                self.told_failure = true;
                '✗'
            }
            "began" if !lasts(&event.stage) => {
                if self.style == Style::Terminal {
                    self.wipe();
                    let _ = write!(self.out, "… {}", event.stage);
                    let _ = self.out.flush();
                    self.unfinished = true;
                }
                return;
            }
            "began" => '…',
            _ => '·',
        };
        self.stage(mark, &event.stage, event.duration_ms, detail);
        self.told_breaking |= !event.breaking.is_empty();
        for change in &event.breaking {
            for (number, line) in show::wrapped(change, 6).iter().enumerate() {
                match number {
                    0 => self.line(&format!("    - {}", line.trim_start())),
                    _ => self.line(line),
                }
            }
        }
    }

    /// A stage's line, and further ones where the detail is long.
    fn stage(&mut self, mark: char, stage: &str, ms: Option<f64>, detail: &str) {
        let took = ms.map(show::duration).unwrap_or_default();
        let first = format!("{mark} {stage:<STAGE$}  {took:>TOOK$}  ");
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

/// Whether a stage takes so long that its beginning is worth a line of its own.
fn lasts(stage: &str) -> bool {
    matches!(stage, "canary" | "shadow" | "probation")
}

/// How a deployment ended, in a sentence.
fn sentence(deployment: &Deployment, reason: Option<&str>) -> String {
    let id = deployment.id;
    let digest = show::digest(&deployment.digest);
    let because = match (deployment.code.as_deref(), reason) {
        (Some(code), Some(reason)) => format!(" ({code}): {reason}"),
        (Some(code), None) => format!(" ({code})"),
        (None, Some(reason)) => format!(": {reason}"),
        (None, None) => String::new(),
    };
    match deployment.outcome.as_str() {
        "active" => {
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
        "checked" => {
            format!("deployment {id}: {digest} passed every check; nothing was switched")
        }
        "rejected" => format!("deployment {id}: {digest} was rejected{because}"),
        "rolled-back" => format!("deployment {id}: {digest} was rolled back{because}"),
        "aborted" => format!("deployment {id}: {digest} was aborted{because}"),
        "running" => format!(
            "deployment {id}: {digest} is still on its way, at {}",
            deployment.stage
        ),
        other => format!("deployment {id}: {digest} ended as {other}{because}"),
    }
}
