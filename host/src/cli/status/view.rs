//! What was seen, as text in eighty columns, or as one line.

use jiff::Timestamp;

use super::figures::last_minute;
use super::{Seen, replicas};
use crate::cli::table::{Align, Table};
use crate::cli::{history, show};
use contract::deployment::Outcome;
use deployment::model::{Deployment, RevisionStatus, ShadowReport, Status};
use server::Failure;

/// Columns of a service's name and version.
const SERVICE: usize = 27;
/// Columns of a request's method and route.
const REQUEST: usize = 36;
/// Deployments that are shown; `task-host history` lists more.
const DEPLOYMENTS: usize = 3;
/// Failed requests that are shown.
const FAILURES: usize = 3;
/// Goes to the window's top, wipes the rest of a line, wipes what is below. Nothing is wiped
/// before it is drawn anew, so that nothing flickers.
const HOME: &str = "\x1b[H";
const END_OF_LINE: &str = "\x1b[K\n";
const BELOW: &str = "\x1b[J";

/// All of it, in lines that fit into eighty columns.
pub(super) fn text(seen: &Seen) -> String {
    let mut text = revisions(seen);
    text.push('\n');
    let warning = seen.status.warning.iter();
    let warning = warning.map(|warning| format!("WARNING: this is a fallback: {warning}"));
    for sentence in warning.chain(sentences(&seen.status)) {
        for line in show::wrapped(&sentence, 0) {
            text += &line;
            text.push('\n');
        }
    }
    text += &replicas::table(&seen.status.replicas);
    text += &traffic(seen);
    if !seen.deployments.is_empty() {
        text += "\nthe last deployments\n";
        let latest = seen.deployments.len().min(DEPLOYMENTS);
        text += &history::table(&seen.deployments[..latest]);
    }
    text += &failures(&seen.failures);
    text
}

/// The same for the window of a terminal that shows the one before.
pub(super) fn redrawn(text: &str) -> String {
    let lines = text.lines().flat_map(|line| [line, END_OF_LINE]);
    [HOME].into_iter().chain(lines).chain([BELOW]).collect()
}

/// The gist: when, what serves, how requests fared in the last second, what is on its way.
pub(super) fn line(seen: &Seen) -> String {
    let Status {
        active,
        candidate,
        deployment,
        ..
    } = &seen.status;
    let now = Timestamp::from_second(seen.figures.now.cast_signed()).unwrap_or_default();
    let last = seen.figures.seconds.iter();
    let last = last.filter(|of| of.at + 1 == seen.figures.now);
    let (requests, failures) = last.fold((0, 0), |(requests, failures), of| {
        (requests + of.requests, failures + of.failures)
    });
    let mut line = format!(
        "{} {} {} {}, {requests} requests/s, {failures} failed/s, {} running",
        now.strftime("%F %T"),
        show::digest(&active.digest),
        active.name,
        active.version,
        active.in_flight
    );
    if let Some(candidate) = candidate {
        let share = seen.status.candidate_percent.unwrap_or_default();
        line += &format!(", candidate {} {share} %", show::digest(&candidate.digest));
    }
    if let Some(deployment) = deployment {
        line += &format!(", deployment {} at {}", deployment.id, deployment.stage);
    }
    line
}

fn revisions(seen: &Seen) -> String {
    let status = &seen.status;
    let mut table = Table::new([
        ("", Align::Left),
        ("DIGEST", Align::Left),
        ("SERVICE", Align::Left),
        ("REQUESTS", Align::Right),
        ("FAILED", Align::Right),
        ("RUNNING", Align::Right),
    ]);
    let since = since(&seen.deployments, &status.active.digest);
    table.add(row("active", &status.active), since);
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

/// Since when a revision is active, and by whom, where the latest deployments tell.
fn since(deployments: &[Deployment], digest: &str) -> Option<String> {
    let made = deployments
        .iter()
        .find(|of| of.digest == digest && is_active(of))?;
    let at = made.ended_at.as_deref().unwrap_or(&made.began_at);
    Some(format!("since {} UTC, by {}", show::time(at), made.actor))
}

fn is_active(deployment: &Deployment) -> bool {
    matches!(
        deployment.outcome.known(),
        Some(Outcome::Active | Outcome::Running)
    )
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

fn sentences(status: &Status) -> [String; 3] {
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
    let kept: Vec<&str> = status
        .kept
        .iter()
        .map(|kept| show::digest(&kept.digest))
        .collect();
    let kept = match kept.is_empty() {
        true => "nothing is kept for a rollback".to_owned(),
        false => format!("kept for a rollback: {}", kept.join(", ")),
    };
    let epoch = format!("epoch {}, task-host {}", status.epoch, status.host_version);
    [deployment, kept, epoch]
}

fn traffic(seen: &Seen) -> String {
    let sums = last_minute(&seen.figures);
    if sums.is_empty() {
        return "\nno requests in the last minute\n".to_owned();
    }
    let mut table = Table::new([
        ("REVISION", Align::Left),
        ("REQUESTS", Align::Right),
        ("FAILED", Align::Right),
        ("TRAPS", Align::Right),
        ("P50", Align::Right),
        ("WORST P99", Align::Right),
    ]);
    for of in sums {
        let cells = [
            of.revision,
            of.requests.to_string(),
            of.failures.to_string(),
            of.traps.to_string(),
            show::duration(of.p50_ms),
            show::duration(of.p99_ms),
        ];
        table.add(cells, None);
    }
    format!("\nthe last minute\n{}", table.text())
}

fn failures(failures: &[Failure]) -> String {
    if failures.is_empty() {
        return String::new();
    }
    let mut table = Table::new([
        ("AT (UTC)", Align::Left),
        ("STATUS", Align::Right),
        ("REQUEST", Align::Left),
        ("TOOK", Align::Right),
    ]);
    for failure in failures.iter().take(FAILURES) {
        let cells = [
            show::time(&failure.at),
            failure.status.to_string(),
            show::cut(&format!("{} {}", failure.method, failure.route), REQUEST),
            show::duration(failure.duration_ms),
        ];
        // A trap's reason goes on with where in the logic it was, which the log has too.
        let reason = failure.reason.lines().next().unwrap_or(&failure.code);
        table.add(cells, Some(format!("{reason} ({})", failure.request_id)));
    }
    format!("\nthe last failed requests\n{}", table.text())
}
