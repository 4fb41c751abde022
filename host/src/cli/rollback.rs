//! `task-host rollback`: rolls back to logic that was active before.

use std::io::Write;

use super::client::{Client, RetryPolicy};
use super::goal::Goal;
use super::order;
use super::output::report::Report;
use crate::failure::Failure;
use contract::deployment::{Kind, Outcome};
use deployment::model::Deployment;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The component to roll back to, by the first digits of its digest; by default the one that was
    /// active before the current one
    digest: Option<String>,

    #[command(flatten)]
    order: order::Args,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    roll_back(args, args.order.report(), &RetryPolicy::default())
}

fn roll_back<W: Write>(args: &Args, report: Report<W>, retry: &RetryPolicy) -> Result<(), Failure> {
    order::run(&args.order, report, retry, async |session| {
        let digest = match &args.digest {
            Some(prefix) => Some(session.client.resolve_digest(prefix).await?),
            None => None,
        };
        let digest = digest.as_deref();
        let is_ours =
            |found: &Deployment, before: Option<&Deployment>| is_rollback(found, before, digest);
        let order = async |client: &Client| client.rollback(digest).await;
        let id = session.order(order, is_ours).await?;
        session.report.message(&format!("deployment {id}"));
        session.follow(Goal::BACK, id, None).await
    })
}

/// Returns whether a deployment results from a rollback that was ordered after `before`: it is one
/// itself, or `before` was running and the rollback ended it.
fn is_rollback(found: &Deployment, before: Option<&Deployment>, digest: Option<&str>) -> bool {
    let is_new = before.is_none_or(|before| found.id > before.id);
    let is_target = digest.is_none_or(|digest| found.digest == digest);
    let was_running =
        |before: &Deployment| before.id == found.id && before.outcome == Outcome::Running;
    let is_gone = matches!(
        found.outcome.known(),
        Some(Outcome::Aborted | Outcome::RolledBack)
    );
    (is_new && is_target && found.kind == Kind::Rollback)
        || (before.is_some_and(was_running) && is_gone)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use serde_json::json;

    use super::*;
    use crate::cli::client::fake::{
        DIGEST, Fake, NO_PAUSES, component, deployment, event, events, ok, started,
    };
    use crate::cli::output::report::Style;
    use crate::cli::{Cli, Command};

    fn roll_back_on(fake: &Fake, flags: &[&str]) -> Result<(), Failure> {
        let line = ["task-host", "rollback", "--to", &fake.url];
        let Command::Rollback(args) = Cli::parse_from([&line[..], flags].concat()).command else {
            panic!("not rollback")
        };
        roll_back(&args, Report::new(Vec::new(), Style::Plain), &NO_PAUSES)
    }

    #[test]
    fn without_a_digest_the_host_chooses_the_component() {
        let fake = Fake::answers([
            started(7),
            events(&[event(0, "switch", "passed"), event(1, "end", "noted")]),
            ok(&deployment("active")),
        ]);
        assert!(roll_back_on(&fake, &[]).is_ok());
        let request = &fake.received()[0];
        assert_eq!(request.line, "POST /admin/rollback");
        assert_eq!(request.json(), json!({"digest": null}));
    }

    #[test]
    fn a_rollback_whose_answer_is_lost_is_found_in_the_history() {
        let mut rollback = deployment("active");
        rollback.kind = Kind::Rollback.into();
        let fake = Fake::answers([
            Vec::new(),
            ok(&[rollback.clone()]),
            events(&[event(0, "end", "noted")]),
            ok(&rollback),
        ]);
        assert!(roll_back_on(&fake, &[]).is_ok());
    }

    #[test]
    fn a_rollback_may_end_the_deployment_that_was_running() {
        let running = deployment("running");
        for (outcome, is_ours) in [("rolled-back", true), ("aborted", true), ("active", false)] {
            let found = is_rollback(&deployment(outcome), Some(&running), None);
            assert_eq!(found, is_ours, "{outcome}");
        }
        assert!(!is_rollback(&running, Some(&running), None));
    }

    #[test]
    fn the_first_digits_of_a_digest_are_enough() {
        let fake = Fake::answers([
            ok(&[component(DIGEST, false)]),
            started(7),
            events(&[event(0, "end", "noted")]),
            ok(&deployment("rejected")),
        ]);
        assert!(roll_back_on(&fake, &["a6bffc98f5bb"]).is_err());
        assert_eq!(fake.received()[1].json(), json!({"digest": DIGEST}));
    }
}
