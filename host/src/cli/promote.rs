//! `task-host promote`: activates logic on trial (a canary or a shadow), or changes a canary's share
//! of the clients.
//!
//! A promotion waits for the end of the deployment. A new share takes effect at once, and the
//! command does not wait.

use std::io::Write;

use super::client::{Client, RetryPolicy, canary_percent};
use super::goal::Goal;
use super::order;
use super::output::report::Report;
use crate::failure::Failure;
use contract::deployment::{Progress, Stage};
use deployment::model::Deployment;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The deployment to promote; by default the running one
    id: Option<i64>,

    /// Only change the canary's share of the clients, such as 50%; the trial continues
    #[arg(long, value_name = "PERCENT", value_parser = canary_percent)]
    canary: Option<f64>,

    #[command(flatten)]
    order: order::Args,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    promote(args, args.order.report(), &RetryPolicy::default())
}

fn promote<W: Write>(args: &Args, report: Report<W>, retry: &RetryPolicy) -> Result<(), Failure> {
    order::run(&args.order, report, retry, async |session| {
        let deployment = session.client.deployment_or_running(args.id).await?;
        let id = deployment.id;
        // Setting the same share again has no further effect.
        let is_done = |now: &Deployment| args.canary.is_none() && !is_on_trial(now);
        let promote = async |client: &Client| client.promote(id, args.canary).await;
        session.insist(id, promote, is_done).await?;
        if let Some(percent) = args.canary {
            let message = format!("deployment {id}: {percent} % of the clients");
            session.report.message(&message);
            return Ok(());
        }
        let last_event = deployment.events.last().map(|event| event.number);
        session.follow(Goal::ACTIVE, id, last_event).await
    })
}

fn is_on_trial(deployment: &Deployment) -> bool {
    let stage = deployment.stage.known();
    deployment.ended_at.is_none()
        && matches!(stage, Some(Progress::At(Stage::Canary | Stage::Shadow)))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use serde_json::json;

    use super::*;
    use crate::cli::client::fake::{
        Fake, NO_PAUSES, deployment, event, events, no_content, ok, status,
    };
    use crate::cli::output::report::Style;
    use crate::cli::{Cli, Command};

    fn promote_on(fake: &Fake, flags: &[&str]) -> Result<(), Failure> {
        let line = ["task-host", "promote", "--to", &fake.url];
        let Command::Promote(args) = Cli::parse_from([&line[..], flags].concat()).command else {
            panic!("not promote")
        };
        promote(&args, Report::new(Vec::new(), Style::Plain), &NO_PAUSES)
    }

    #[test]
    fn a_promotion_is_followed_from_the_last_known_event_to_its_end() {
        for (outcome, success) in [("active", true), ("rolled-back", false)] {
            let fake = Fake::answers([
                ok(&deployment("running")),
                no_content(),
                events(&[event(2, "end", "noted")]),
                ok(&deployment(outcome)),
            ]);
            let result = promote_on(&fake, &["7"]);
            assert_eq!(result.is_ok(), success, "{outcome}");
            assert_eq!(
                fake.lines(),
                [
                    "GET /admin/deployments/7",
                    "POST /admin/deployments/7/promote",
                    "GET /admin/deployments/7/events",
                    "GET /admin/deployments/7",
                ]
            );
            assert_eq!(fake.received()[2].header("last-event-id"), Some("1"));
        }
    }

    #[test]
    fn a_promotion_whose_answer_is_lost_is_not_sent_again_if_it_took_effect() {
        let fake = Fake::answers([
            ok(&deployment("running")),
            Vec::new(),
            ok(&deployment("running")),
            events(&[event(2, "end", "noted")]),
            ok(&deployment("active")),
        ]);
        // The fake deployment is in probation: the trial has ended.
        assert!(promote_on(&fake, &["7"]).is_ok());
        assert_eq!(fake.lines()[2], "GET /admin/deployments/7");
    }

    #[test]
    fn without_a_running_deployment_nothing_is_promoted() {
        let fake = Fake::answers([ok(&status())]);
        let Err(Failure::Other(error)) = promote_on(&fake, &[]) else {
            panic!("something was promoted")
        };
        assert_eq!(error.to_string(), "no deployment is running");
    }

    #[test]
    fn a_new_share_is_set_without_waiting_for_the_canary() {
        let fake = Fake::answers([ok(&deployment("running")), no_content()]);
        assert!(promote_on(&fake, &["7", "--canary", "25%"]).is_ok());
        let received = fake.received();
        assert_eq!(received[1].json(), json!({"canary_percent": 25.0}));
        assert_eq!(received.len(), 2, "the command does not wait");
    }
}
