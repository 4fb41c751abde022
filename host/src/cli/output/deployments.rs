//! Deployments as a table.

use super::format;
use super::table::{Align, Table};
use contract::deployment::Outcome;
use deployment::model::Deployment;

/// Width of the column of actors.
const ACTOR: usize = 14;
/// Characters of a reason that are shown, about three lines. `--json` shows all of it.
const REASON: usize = 220;

/// Returns the lines of a table of deployments, in the given order. If a deployment has a reason, it is below
/// the deployment's row.
pub(in crate::cli) fn table(deployments: &[Deployment]) -> Vec<String> {
    render(deployments, |_| None)
}

/// Returns the lines of the same table, with the duration of each stage below its deployment.
pub(in crate::cli) fn table_with_stages(deployments: &[Deployment]) -> Vec<String> {
    render(deployments, stages)
}

fn render(deployments: &[Deployment], more: impl Fn(&Deployment) -> Option<String>) -> Vec<String> {
    let mut table = Table::new([
        ("ID", Align::Right),
        ("DIGEST", Align::Left),
        ("KIND", Align::Left),
        ("OUTCOME", Align::Left),
        ("BEGAN (UTC)", Align::Left),
        ("TOOK", Align::Right),
        ("BY", Align::Left),
    ]);
    for deployment in deployments {
        let ended = deployment.ended_at.as_deref();
        let took = ended.and_then(|ended| format::elapsed(&deployment.began_at, ended));
        let mut began = format::time(&deployment.began_at);
        // Seconds do not fit into 80 columns.
        began.truncate(16);
        let note = match (&deployment.code, &deployment.reason) {
            // "aborted: aborted by alice" would say it twice.
            (Some(code), Some(reason)) if reason.starts_with(code.as_str()) => Some(reason.clone()),
            (Some(code), Some(reason)) => Some(format!("{code}: {reason}")),
            (Some(code), None) => Some(code.to_string()),
            (None, reason) => reason.clone(),
        };
        let words = words(deployment).map(|words| format::truncate(&words, REASON));
        let note = note.map(|note| format::truncate(&note, REASON));
        let notes = [words, note, more(deployment)];
        let notes: Vec<String> = notes.into_iter().flatten().collect();
        let outcome = match is_replaced(deployment, deployments) {
            true => "replaced".to_owned(),
            false => deployment.outcome.to_string(),
        };
        let cells = [
            deployment.id.to_string(),
            format::digest(&deployment.digest).to_owned(),
            deployment.kind.to_string(),
            outcome,
            began,
            took.unwrap_or_else(|| "-".to_owned()),
            format::truncate(&deployment.actor, ACTOR),
        ];
        table.add(cells, Some(notes.join("\n")));
    }
    table.render()
}

/// Whether one of these deployments became active after this one. Both have the outcome `active`.
fn is_replaced(deployment: &Deployment, all: &[Deployment]) -> bool {
    let became_active = |one: &Deployment| one.outcome == Outcome::Active;
    let is_later = |other: &Deployment| other.id > deployment.id && became_active(other);
    became_active(deployment) && all.iter().any(is_later)
}

/// How long each stage took: `verify 0.2 ms, compile 231 ms`. `None` if no stage has ended.
fn stages(deployment: &Deployment) -> Option<String> {
    let ended = deployment.events.iter().filter_map(|event| {
        let took = format::duration(event.duration_ms?);
        Some(format!("{} {took}", event.stage))
    });
    let ended: Vec<String> = ended.collect();
    (!ended.is_empty()).then(|| ended.join(", "))
}

/// What a deployment was for, and what it was built from and how it began: `"Sort by urgency" (git 3f2a1b,
/// canary 10 %)`.
fn words(deployment: &Deployment) -> Option<String> {
    let message = deployment
        .message
        .as_ref()
        .map(|message| format!("\"{message}\""));
    let trial = match (deployment.canary_percent, deployment.shadow) {
        (Some(percent), _) => Some(canary(deployment, percent)),
        (None, true) => Some("shadow".to_owned()),
        (None, false) => None,
    };
    let revision = deployment.git_revision.iter();
    let facts: Vec<String> = revision
        .map(|revision| format!("git {revision}"))
        .chain(trial)
        .collect();
    match (message, facts.is_empty()) {
        (message, true) => message,
        (None, false) => Some(facts.join(", ")),
        (Some(message), false) => Some(format!("{message} ({})", facts.join(", "))),
    }
}

/// The shares of a canary, and how far it came: `canary 10 %, 25 %, 50 %, reached 25 %`.
fn canary(deployment: &Deployment, percent: f64) -> String {
    let steps = deployment.canary_steps.iter().map(|step| step.percent);
    let mut shares: Vec<f64> = steps.collect();
    if shares.is_empty() {
        shares.push(percent);
    }
    let reached = deployment.canary_reached_percent;
    let reached = reached.filter(|reached| [*reached] != shares[..]);
    let shares: Vec<String> = shares.iter().map(|share| format!("{share} %")).collect();
    let reached = reached
        .map(|reached| format!(", reached {reached} %"))
        .unwrap_or_default();
    format!("canary {}{reached}", shares.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::client::fake::deployment;
    use contract::deployment::Kind;

    #[test]
    fn deployments_fit_into_eighty_columns_with_their_reasons_below() {
        let mut deployments = ["running", "rolled-back", "rejected", "active"].map(deployment);
        for (id, deployment) in (7..).zip(deployments.iter_mut().rev()) {
            deployment.id = id;
        }
        deployments[0].actor = "a-very-long-name (token)".to_owned();
        deployments[1].reason = Some(
            "12 of 30 requests failed, and 0 of 200 of the revision before, which is more than 5 % \
             above it"
                .to_owned(),
        );
        deployments[2].digest = String::new();
        deployments[3].kind = Kind::Rollback.into();
        let lines = table(&deployments);
        assert!(
            lines
                .iter()
                .all(|line| line.chars().count() <= format::WIDTH),
            "{lines:#?}"
        );
        let expected = "\
ID  DIGEST        KIND      OUTCOME      BEGAN (UTC)        TOOK  BY
10  a6bffc98f5bb  deploy    running      2026-01-02 03:04      -  a-very-long-n…
 9  a6bffc98f5bb  deploy    rolled-back  2026-01-02 03:04  1.5 s  alice (token)
      check-failed: 12 of 30 requests failed, and 0 of 200 of the revision
      before, which is more than 5 % above it
 8  -             deploy    rejected     2026-01-02 03:04  1.5 s  alice (token)
      check-failed: the component's self-test failed: no
 7  a6bffc98f5bb  rollback  active       2026-01-02 03:04  1.5 s  alice (token)
";
        assert_eq!(lines.join("\n") + "\n", expected);
    }

    #[test]
    fn only_the_last_of_the_active_deployments_is_called_active() {
        let mut deployments = ["active", "rolled-back", "active", "active"].map(deployment);
        for (id, deployment) in (6..).zip(deployments.iter_mut().rev()) {
            deployment.id = id;
        }
        let lines = table(&deployments);
        let outcomes = ["active", "rolled-back", "replaced", "replaced"];
        let rows = lines.iter().filter(|line| line.contains("deploy "));
        let found: Vec<&str> = rows
            .filter_map(|row| row.split_whitespace().nth(3))
            .collect();
        assert_eq!(found, outcomes, "{lines:#?}");
    }

    #[test]
    fn a_deployment_says_what_it_was_for() {
        let mut deployment = deployment("active");
        assert_eq!(words(&deployment), None);
        deployment.canary_percent = Some(10.0);
        assert_eq!(words(&deployment).unwrap(), "canary 10 %");
        deployment.canary_reached_percent = Some(100.0);
        let all = "canary 10 %, reached 100 %";
        assert_eq!(words(&deployment).unwrap(), all);
        deployment.canary_reached_percent = Some(10.0);
        deployment.git_revision = Some("3f2a1b".to_owned());
        deployment.message = Some("Sort by urgency".to_owned());
        let expected = "\"Sort by urgency\" (git 3f2a1b, canary 10 %)";
        assert_eq!(words(&deployment).unwrap(), expected);
        let lines = table(std::slice::from_ref(&deployment));
        assert!(
            lines.iter().any(|line| line.trim() == expected),
            "{lines:#?}"
        );
    }

    #[test]
    fn each_stage_says_how_long_it_took_on_request() {
        let mut deployment = deployment("active");
        let mut probation = deployment.events[1].clone();
        probation.stage = "probation".into();
        probation.duration_ms = Some(60_004.0);
        deployment.events.push(probation);
        let lines = table_with_stages(&[deployment]);
        assert_eq!(lines[2].trim(), "verify 12 ms, probation 1 min 0 s");
    }

    #[test]
    fn without_deployments_the_table_has_only_headings() {
        let expected = "ID  DIGEST  KIND  OUTCOME  BEGAN (UTC)  TOOK  BY";
        assert_eq!(table(&[]), [expected]);
    }
}
