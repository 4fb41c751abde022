//! `task-host promote`: activates logic on trial (a canary or a shadow), or changes a canary's share
//! of the clients.
//!
//! A promotion waits for the end of the deployment. A new share takes effect at once, and the
//! command does not wait.

use std::io::Write;

use super::client::{self, Client, RetryPolicy, canary_percent};
use super::goal::Goal;
use super::output::report::{Report, Style};
use super::process::block_on;
use crate::failure::Failure;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The deployment to promote; by default the running one
    id: Option<i64>,

    /// Only change the canary's share of the clients, such as 50%; the trial continues
    #[arg(long, value_name = "PERCENT", value_parser = canary_percent)]
    canary: Option<f64>,

    /// Print one JSON object per line: the events, and at the end the deployment
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    host: client::Args,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let report = Report::new(std::io::stdout(), Style::for_stdout(args.json));
    promote(args, report, &RetryPolicy::default())
}

fn promote<W: Write>(
    args: &Args,
    mut report: Report<W>,
    retry: &RetryPolicy,
) -> Result<(), Failure> {
    let client = Client::new(&args.host)?;
    let result = block_on(async {
        let deployment = client.deployment_or_running(args.id).await?;
        let id = deployment.id;
        client.promote(id, args.canary).await?;
        if let Some(percent) = args.canary {
            report.message(&format!("deployment {id}: {percent} % of the clients"));
            return Ok(());
        }
        let last_event = deployment.events.last().map(|event| event.number);
        Goal::ACTIVE
            .follow(&client, id, last_event, &mut report, retry)
            .await
    });
    report.finish(result)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use serde_json::json;

    use super::*;
    use crate::cli::client::fake::{
        Fake, NO_PAUSES, deployment, event, events, no_content, ok, status,
    };
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
