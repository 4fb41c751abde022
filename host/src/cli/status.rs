//! `task-host status`: what a host serves now, and what is on its way.

use std::io::IsTerminal as _;
use std::time::Duration;

use super::client::{self, Client};
use super::table::{Align, Table};
use super::{Failure, block_on, print, show};
use crate::deployment::model::{RevisionStatus, ShadowReport, Status};

/// How often `--watch` asks.
const EVERY: Duration = Duration::from_secs(1);
/// Columns of a service's name and version.
const SERVICE: usize = 27;
/// Wipes a terminal's window and goes to its top.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// Say what a host serves now, and what is on its way
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Say it again every second, until Ctrl-C
    #[arg(long)]
    watch: bool,

    /// Write JSON: one object, or one a line with --watch
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    host: client::Args,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let client = Client::new(&args.host)?;
    Ok(block_on(async {
        if args.watch {
            watch(&client, args.json).await
        } else {
            let status = client.status().await?;
            match args.json {
                true => print(&format!("{:#}\n", serde_json::json!(status))),
                false => print(&text(&status)),
            }
        }
    })?)
}

/// A host that does not answer is waited for: it may be on its way back.
async fn watch(client: &Client, json: bool) -> anyhow::Result<()> {
    let window = std::io::stdout().is_terminal() && !json;
    let mut interval = tokio::time::interval(EVERY);
    loop {
        interval.tick().await;
        let text = match (client.status().await, json) {
            (Ok(status), true) => format!("{}\n", serde_json::json!(status)),
            (Ok(status), false) => text(&status),
            (Err(error), _) if !error.is_passing() => return Err(error.into()),
            (Err(error), true) => format!("{}\n", serde_json::json!({"error": error.to_string()})),
            (Err(error), false) => format!("{error}\n"),
        };
        match (window, json) {
            (true, _) => print(&format!("{CLEAR}{text}"))?,
            (false, true) => print(&text)?,
            (false, false) => print(&format!("{text}\n"))?,
        }
    }
}

fn text(status: &Status) -> String {
    let mut table = Table::new([
        ("", Align::Left),
        ("DIGEST", Align::Left),
        ("SERVICE", Align::Left),
        ("REQUESTS", Align::Right),
        ("FAILED", Align::Right),
        ("RUNNING", Align::Right),
    ]);
    table.add(row("active", &status.active), None);
    if let Some(candidate) = &status.candidate {
        let share = match status.candidate_percent {
            Some(percent) if percent > 0.0 => format!("canary: gets {percent} % of the clients"),
            Some(_) => "shadow: runs reads after their answer, and answers nobody".to_owned(),
            None => String::new(),
        };
        table.add(row("candidate", candidate), Some(share));
    }
    let mut text = table.text();
    if let Some(report) = &status.shadow {
        text += &shadow(report);
    }
    text.push('\n');
    let deployment = match &status.deployment {
        Some(deployment) => format!(
            "deployment {} ({}) of {} is at {}, since {} UTC, by {}",
            deployment.id,
            deployment.kind,
            show::digest(&deployment.digest),
            deployment.stage,
            show::time(&deployment.began_at),
            deployment.actor
        ),
        None => "no deployment runs".to_owned(),
    };
    let kept: Vec<&str> = status.kept.iter().map(|kept| show::digest(kept)).collect();
    let kept = match kept.is_empty() {
        true => "nothing is kept for a rollback".to_owned(),
        false => format!("kept for a rollback: {}", kept.join(", ")),
    };
    let warning = status.warning.iter();
    let warning = warning.map(|warning| format!("WARNING: this is a fallback: {warning}"));
    let epoch = format!("epoch {}, task-host {}", status.epoch, status.host_version);
    for sentence in warning.chain([deployment, kept, epoch]) {
        for line in show::wrapped(&sentence, 0) {
            text += &line;
            text.push('\n');
        }
    }
    text
}

/// What came of a candidate in the shadow, a line for each kind of difference.
fn shadow(report: &ShadowReport) -> String {
    let mut lines = vec![format!(
        "{} of {} reads differ, {} were left out",
        report.different, report.compared, report.skipped
    )];
    for sample in &report.samples {
        let place = match sample.pointer.as_str() {
            "" => String::new(),
            pointer => format!(" at {pointer}"),
        };
        lines.push(format!(
            "- {}{place}: {}, {} times, first in request {}",
            sample.route, sample.detail, sample.count, sample.request_id
        ));
    }
    let lines = lines.iter().flat_map(|line| show::wrapped(line, 6));
    lines.map(|line| line + "\n").collect()
}

fn row(name: &str, revision: &RevisionStatus) -> [String; 6] {
    [
        name.to_owned(),
        show::digest(&revision.digest).to_owned(),
        show::cut(&format!("{} {}", revision.name, revision.version), SERVICE),
        revision.requests.to_string(),
        revision.failures.to_string(),
        revision.in_flight.to_string(),
    ]
}

#[cfg(test)]
pub(super) mod tests;
