//! Formats a snapshot, as text in 80 columns or as one line.

use std::io::Write;

use jiff::Timestamp;

use super::figures::last_minute;
use super::snapshot::Snapshot;
use crate::cli::output::table::{Align, Table};
use crate::cli::output::{deployments, format};
use crate::stdout::Stdout;
use contract::deployment::{EventStatus, Outcome, Stage};
use deployment::model::{
    Deployment, ReplicaStatus, RevisionStatus, ShadowReport, Status, StepStatus, VerdictStatus,
};
use server::Failure as FailedRequest;

/// Width of a replica's name, in columns.
const REPLICA: usize = 20;
/// Width of a service's name and version, in columns.
const SERVICE: usize = 27;
/// Width of a request's method and route, in columns.
const REQUEST: usize = 36;
/// Maximum number of deployments that are shown. `task-host history` lists more.
const DEPLOYMENTS: usize = 3;
/// Maximum number of failed requests that are shown.
const FAILURES: usize = 3;
/// Moves the cursor to the top left corner.
const HOME: &str = "\x1b[H";
/// Cuts lines off at the right margin. Lines of two rows would move the rest of the page.
const CUT: &str = "\x1b[?7l";
/// Continues lines in the next row again.
const WRAP: &str = "\x1b[?7h";
/// Clears the line from the cursor on.
const CLEAR_REST: &str = "\x1b[K";
/// Clears everything below the cursor.
const CLEAR_BELOW: &str = "\x1b[J";

/// Returns the whole snapshot as lines of text.
pub(super) fn page(snapshot: &Snapshot) -> Vec<String> {
    let mut lines = revisions(snapshot);
    lines.push(String::new());
    let warning = snapshot.status.warning.iter();
    let warning = warning.map(|warning| format!("WARNING: this is a fallback: {warning}"));
    let risk = snapshot.status.memory_clearing.as_ref();
    let risk = risk.and_then(|clearing| clearing.risk.as_ref());
    let risk = risk.map(|risk| {
        format!(
            "WARNING: a request may see memory of an earlier one: memory is cleared by scan, but \
             {risk}; remove the swap, or restart with --clear-memory auto"
        )
    });
    let verdict = snapshot.status.verdict.as_ref().map(verdict);
    let steps = snapshot.status.deployment.as_ref().and_then(steps);
    let sentences = sentences(&snapshot.status);
    let sentences = verdict.into_iter().chain(steps).chain(sentences);
    for sentence in warning.chain(risk).chain(sentences) {
        lines.extend(format::wrap(&sentence, 0));
    }
    lines.extend(replicas(&snapshot.status.replicas));
    lines.extend(traffic(snapshot));
    if !snapshot.deployments.is_empty() {
        let latest = snapshot.deployments.len().min(DEPLOYMENTS);
        let table = deployments::table(&snapshot.deployments[..latest]);
        lines.extend(titled("the last deployments", table));
    }
    lines.extend(failures(&snapshot.failures));
    lines
}

/// Returns lines below an empty line and a title.
fn titled(title: &str, lines: Vec<String>) -> Vec<String> {
    let head = [String::new(), title.to_owned()];
    head.into_iter().chain(lines).collect()
}

/// Draws a page over the previous page. The terminal is not cleared first, because that would
/// flicker. If the window has fewer `rows`, the last lines are left out: the first ones, with the
/// revisions and the deployment, must not scroll out of it.
pub(super) fn redraw<W: Write>(lines: &[String], rows: Option<usize>, stdout: &mut Stdout<W>) {
    stdout.control(CUT);
    stdout.control(HOME);
    // The cursor takes the last row.
    let fit = rows.map_or(lines.len(), |rows| rows.saturating_sub(1));
    let (shown, left_out) = match lines.len() <= fit {
        true => (lines, None),
        false => {
            let shown = &lines[..fit.saturating_sub(1)];
            let count = lines.len() - shown.len();
            (
                shown,
                Some(format!("… {count} more lines: enlarge the window")),
            )
        }
    };
    for line in shown.iter().chain(&left_out) {
        stdout.part(line);
        stdout.control(CLEAR_REST);
        stdout.line("");
    }
    stdout.control(CLEAR_BELOW);
    stdout.control(WRAP);
}

/// Returns the most important facts in one line: the time, the active revision, the requests of the
/// last second, the candidate, and the running deployment.
pub(super) fn line(snapshot: &Snapshot) -> String {
    let Status {
        active,
        candidate,
        deployment,
        ..
    } = &snapshot.status;
    let now = Timestamp::from_second(snapshot.figures.now.cast_signed()).unwrap_or_default();
    let last = snapshot.figures.seconds.iter();
    let last = last.filter(|second| second.at + 1 == snapshot.figures.now);
    let (requests, failures) = last.fold((0, 0), |(requests, failures), second| {
        (requests + second.requests, failures + second.failures)
    });
    let mut line = format!(
        "{} {} {} {}, {requests} requests/s, {failures} failed/s, {} running",
        now.strftime("%F %T"),
        format::digest(&active.digest),
        active.name,
        active.version,
        active.in_flight
    );
    if let Some(candidate) = candidate {
        let share = snapshot.status.candidate_percent.unwrap_or_default();
        line += &format!(
            ", candidate {} {share} %",
            format::digest(&candidate.digest)
        );
    }
    if let Some(deployment) = deployment {
        line += &format!(", deployment {} at {}", deployment.id, deployment.stage);
    }
    line
}

fn revisions(snapshot: &Snapshot) -> Vec<String> {
    let status = &snapshot.status;
    let mut table = Table::new([
        ("", Align::Left),
        ("DIGEST", Align::Left),
        ("SERVICE", Align::Left),
        ("REQUESTS", Align::Right),
        ("FAILED", Align::Right),
        ("RUNNING", Align::Right),
    ]);
    let since = since(&snapshot.deployments, &status.active.digest);
    table.add(row("active", &status.active), since);
    if let Some(candidate) = &status.candidate {
        let share = match status.candidate_percent {
            Some(percent) if percent > 0.0 => format!("canary: gets {percent} % of the clients"),
            Some(_) => "shadow: repeats reads after their answer; clients get no answers from it"
                .to_owned(),
            None => String::new(),
        };
        table.add(row("candidate", candidate), Some(share));
    }
    let mut lines = table.render();
    lines.extend(status.shadow.iter().flat_map(shadow));
    lines
}

/// Returns the results of a shadow, one line for each kind of difference.
fn shadow(report: &ShadowReport) -> Vec<String> {
    let mut lines = vec![format!(
        "{} of {} reads differ, {} were not compared",
        report.different, report.compared, report.skipped
    )];
    for sample in &report.samples {
        let place = match sample.pointer.as_str() {
            "" => String::new(),
            pointer => format!(" at {pointer}"),
        };
        let times = match sample.count {
            1 => "once, in".to_owned(),
            count => format!("{count} times, first in"),
        };
        lines.push(format!(
            "- {}{place}: {}, {times} request {}",
            sample.route, sample.detail, sample.request_id
        ));
    }
    lines
        .iter()
        .flat_map(|line| format::wrap(line, 6))
        .collect()
}

/// Returns since when a revision has been active, and who deployed it. `None` if that is not among
/// the given deployments.
fn since(deployments: &[Deployment], digest: &str) -> Option<String> {
    let activated = deployments
        .iter()
        .find(|of| of.digest == digest && is_active(of))?;
    // A deployment that makes the first component active, or goes back after a crash, has no event.
    let switched = activated
        .events
        .iter()
        .find(|event| event.stage == Stage::Switch && event.status == EventStatus::Passed);
    let at = switched.map(|event| event.at.as_str());
    let at = at.or(activated.ended_at.as_deref());
    let at = format::time(at.unwrap_or(&activated.began_at));
    Some(format!("since {at} UTC, by {}", activated.actor))
}

/// Returns whether a deployment made its component active, or may have.
fn is_active(deployment: &Deployment) -> bool {
    matches!(
        deployment.outcome.known(),
        Some(Outcome::Active | Outcome::Running)
    )
}

fn row(name: &str, revision: &RevisionStatus) -> [String; 6] {
    [
        name.to_owned(),
        format::digest(&revision.digest).to_owned(),
        format::truncate(&format!("{} {}", revision.name, revision.version), SERVICE),
        revision.requests.to_string(),
        revision.failures.to_string(),
        revision.in_flight.to_string(),
    ]
}

/// Returns how the new revision is judged so far.
fn verdict(verdict: &VerdictStatus) -> String {
    let percent = |part: u64, whole: u64| part as f64 * 100.0 / whole.max(1) as f64;
    let time = match verdict.window_ms {
        Some(window) => format!(
            "{} of {}",
            format::duration(verdict.elapsed_ms as f64),
            format::duration(window as f64)
        ),
        None => format::duration(verdict.elapsed_ms as f64),
    };
    let own = percent(verdict.failures, verdict.requests);
    let requests = match verdict.requests {
        1 => "1 request".to_owned(),
        count => format!("{count} requests"),
    };
    let enough = if verdict.requests < verdict.minimum_requests {
        format!(
            "; too few to judge, {} are needed",
            verdict.minimum_requests
        )
    } else if own > verdict.limit_percent {
        "; above the limit, but that may still be chance".to_owned()
    } else {
        String::new()
    };
    let step = verdict.step.as_ref().map(step).unwrap_or_default();
    format!(
        "{}: {time}, {requests}, {} failed ({own:.1} % against {:.1} %, limit {:.1} %){enough}{step}",
        verdict.stage,
        verdict.failures,
        percent(verdict.other_failures, verdict.other_requests),
        verdict.limit_percent
    )
}

/// Returns how far the current step of a canary is, to be appended to the verdict.
fn step(step: &StepStatus) -> String {
    let time = format!(
        "{} of {}",
        format::duration(step.elapsed_ms as f64),
        format::duration(step.least_ms as f64)
    );
    let next = match (step.next_percent, step.waits_for.as_deref()) {
        (None, _) => "then an operator promotes it".to_owned(),
        (Some(_), Some("too-few-requests")) => {
            format!(
                "it waits for requests, after {} in this step",
                step.requests
            )
        }
        (Some(_), Some("too-many-failures")) => {
            "it waits until its failures are within the limit".to_owned()
        }
        (Some(100.0), _) => format!("{time}, then all clients"),
        (Some(percent), _) => format!("{time}, then {percent} %"),
    };
    format!("; at {} %: {next}", step.percent)
}

/// Returns the steps of a canary with a mark each. `None` if it has none.
fn steps(deployment: &Deployment) -> Option<String> {
    if deployment.canary_steps.is_empty() {
        return None;
    }
    let steps = deployment.canary_steps.iter().map(|step| {
        let mark = match step.state.as_str() {
            "passed" => '✓',
            "running" => '…',
            "failed" => '✗',
            "stopped" => '■',
            "skipped" => '-',
            _ => '○',
        };
        format!("{mark} {} %", step.percent)
    });
    Some(format!("steps: {}", steps.collect::<Vec<_>>().join("  ")))
}

fn sentences(status: &Status) -> [String; 3] {
    let deployment = match &status.deployment {
        Some(deployment) => format!(
            "deployment {} ({}) of {} is at stage {}; started {} UTC by {}",
            deployment.id,
            deployment.kind,
            format::digest(&deployment.digest),
            deployment.stage,
            format::time(&deployment.began_at),
            deployment.actor
        ),
        None => "no deployment is running".to_owned(),
    };
    let kept: Vec<&str> = status
        .kept
        .iter()
        .map(|kept| format::digest(&kept.digest))
        .collect();
    let kept = match kept.is_empty() {
        true => "no earlier revision is in memory; a rollback loads one first".to_owned(),
        false => format!("kept for a fast rollback: {}", kept.join(", ")),
    };
    let epoch = format!("epoch {}, task-host {}", status.epoch, status.host_version);
    [deployment, kept, epoch]
}

/// Returns the replicas, each with the problem that keeps it from serving what is deployed. Empty if
/// the host does not share its database.
fn replicas(replicas: &[ReplicaStatus]) -> Vec<String> {
    if replicas.is_empty() {
        return Vec::new();
    }
    let mut table = Table::new([
        ("REPLICA", Align::Left),
        ("STATE", Align::Left),
        ("DIGEST", Align::Left),
        ("EPOCH", Align::Right),
        ("HEARTBEAT", Align::Right),
        ("SINCE (UTC)", Align::Left),
    ]);
    for replica in replicas {
        let this = if replica.this { " (this)" } else { "" };
        let since = replica.serving_since.as_deref().map(format::time);
        let mut since = since.unwrap_or_else(|| "-".to_owned());
        // Seconds do not fit into 80 columns.
        since.truncate(16);
        let cells = [
            format!("{}{this}", format::truncate(&replica.name, REPLICA)),
            replica.state.clone(),
            replica
                .digest
                .as_deref()
                .map_or("-", format::digest)
                .to_owned(),
            replica.epoch.to_string(),
            format::duration(replica.heartbeat_ms as f64),
            since,
        ];
        table.add(cells, replica.problem.clone());
    }
    [vec![String::new()], table.render()].concat()
}

fn traffic(snapshot: &Snapshot) -> Vec<String> {
    let minutes = last_minute(&snapshot.figures);
    if minutes.is_empty() {
        return titled("no requests in the last minute", Vec::new());
    }
    let mut table = Table::new([
        ("REVISION", Align::Left),
        ("REQUESTS", Align::Right),
        ("FAILED", Align::Right),
        ("TRAPS", Align::Right),
        ("P50", Align::Right),
        ("WORST P99", Align::Right),
    ]);
    for minute in minutes {
        let cells = [
            minute.revision,
            minute.requests.to_string(),
            minute.failures.to_string(),
            minute.traps.to_string(),
            format::duration(minute.p50_ms),
            format::duration(minute.p99_ms),
        ];
        table.add(cells, None);
    }
    titled("the last minute", table.render())
}

fn failures(failures: &[FailedRequest]) -> Vec<String> {
    if failures.is_empty() {
        return Vec::new();
    }
    let mut table = Table::new([
        ("AT (UTC)", Align::Left),
        ("STATUS", Align::Right),
        ("REQUEST", Align::Left),
        ("TOOK", Align::Right),
    ]);
    for failure in failures.iter().take(FAILURES) {
        let cells = [
            format::time(&failure.at),
            failure.status.to_string(),
            format::truncate(&format!("{} {}", failure.method, failure.route), REQUEST),
            format::duration(failure.duration_ms),
        ];
        // Further lines of a trap's reason are its backtrace, which is in the log too.
        let reason = failure.reason.lines().next().unwrap_or(&failure.code);
        table.add(cells, Some(format!("{reason} ({})", failure.request_id)));
    }
    titled("the last failed requests", table.render())
}
