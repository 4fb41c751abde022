//! Deployments as a table.

use super::format;
use super::table::{Align, Table};
use deployment::model::Deployment;

/// Width of the column of actors.
const ACTOR: usize = 14;
/// Characters of a reason that are shown, about three lines. `--json` shows all of it.
const REASON: usize = 220;

/// Returns the lines of a table of deployments, in the given order. If a deployment has a reason, it is below
/// the deployment's row.
pub(in crate::cli) fn table(deployments: &[Deployment]) -> Vec<String> {
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
            (Some(code), Some(reason)) => Some(format!("{code}: {reason}")),
            (Some(code), None) => Some(code.to_string()),
            (None, reason) => reason.clone(),
        };
        let words = words(deployment).map(|words| format::truncate(&words, REASON));
        let note = note.map(|note| format::truncate(&note, REASON));
        let note = match (words, note) {
            (Some(words), Some(note)) => Some(format!("{words}\n{note}")),
            (words, note) => words.or(note),
        };
        let cells = [
            deployment.id.to_string(),
            format::digest(&deployment.digest).to_owned(),
            deployment.kind.to_string(),
            deployment.outcome.to_string(),
            began,
            took.unwrap_or_else(|| "-".to_owned()),
            format::truncate(&deployment.actor, ACTOR),
        ];
        table.add(cells, note);
    }
    table.render()
}

/// What a deployment was for, and what it was built from and how it began: `"Sort by urgency" (3f2a1b,
/// canary 10 %)`.
fn words(deployment: &Deployment) -> Option<String> {
    let message = deployment
        .message
        .as_ref()
        .map(|message| format!("\"{message}\""));
    let trial = match (deployment.canary_percent, deployment.shadow) {
        (Some(_), _) if !deployment.canary_steps.is_empty() => {
            let shares = deployment.canary_steps.iter().map(|step| step.percent);
            let shares: Vec<String> = shares.map(|share| format!("{share} %")).collect();
            Some(format!("canary {}", shares.join(", ")))
        }
        (Some(percent), _) => Some(format!("canary {percent} %")),
        (None, true) => Some("shadow".to_owned()),
        (None, false) => None,
    };
    let facts: Vec<String> = deployment
        .git_revision
        .iter()
        .cloned()
        .chain(trial)
        .collect();
    match (message, facts.is_empty()) {
        (message, true) => message,
        (None, false) => Some(facts.join(", ")),
        (Some(message), false) => Some(format!("{message} ({})", facts.join(", "))),
    }
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
    fn a_deployment_says_what_it_was_for() {
        let mut deployment = deployment("active");
        assert_eq!(words(&deployment), None);
        deployment.canary_percent = Some(10.0);
        assert_eq!(words(&deployment).unwrap(), "canary 10 %");
        deployment.git_revision = Some("3f2a1b".to_owned());
        deployment.message = Some("Sort by urgency".to_owned());
        let expected = "\"Sort by urgency\" (3f2a1b, canary 10 %)";
        assert_eq!(words(&deployment).unwrap(), expected);
        let lines = table(std::slice::from_ref(&deployment));
        assert!(
            lines.iter().any(|line| line.trim() == expected),
            "{lines:#?}"
        );
    }

    #[test]
    fn without_deployments_the_table_has_only_headings() {
        let expected = "ID  DIGEST  KIND  OUTCOME  BEGAN (UTC)  TOOK  BY";
        assert_eq!(table(&[]), [expected]);
    }
}
