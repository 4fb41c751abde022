//! `task-host abort`: aborts a running deployment, so that the previous logic stays or becomes active.
//! Waits until the deployment has ended.

use std::io::Write;

use super::client::RetryPolicy;
use super::goal::Goal;
use super::order;
use super::output::report::Report;
use crate::failure::Failure;
use deployment::model::Deployment;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The deployment to abort; by default the running one
    id: Option<i64>,

    #[command(flatten)]
    order: order::Args,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    abort(args, args.order.report(), &RetryPolicy::default())
}

fn abort<W: Write>(args: &Args, report: Report<W>, retry: &RetryPolicy) -> Result<(), Failure> {
    order::run(&args.order, report, retry, async |session| {
        let deployment = session.client.deployment_or_running(args.id).await?;
        let id = deployment.id;
        let is_done = |now: &Deployment| now.ended_at.is_some();
        let aborted = session.insist(id, async |client| client.abort(id).await, is_done);
        aborted.await?;
        let last_event = deployment.events.last().map(|event| event.number);
        session.follow(Goal::GONE, id, last_event).await
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::client::fake::{
        Fake, NO_PAUSES, deployment, event, events, no_content, ok, status,
    };
    use crate::cli::output::report::Style;
    use crate::cli::{Cli, Command};

    fn abort_on(fake: &Fake, flags: &[&str]) -> Result<(), Failure> {
        let line = ["task-host", "abort", "--to", &fake.url];
        let Command::Abort(args) = Cli::parse_from([&line[..], flags].concat()).command else {
            panic!("not abort")
        };
        abort(&args, Report::new(Vec::new(), Style::Plain), &NO_PAUSES)
    }

    #[test]
    fn an_abort_is_followed_from_the_last_known_event_to_its_end() {
        for (outcome, success) in [("aborted", true), ("rolled-back", true), ("active", false)] {
            let fake = Fake::answers([
                ok(&deployment("running")),
                no_content(),
                events(&[event(2, "end", "noted")]),
                ok(&deployment(outcome)),
            ]);
            let result = abort_on(&fake, &["7"]);
            assert_eq!(result.is_ok(), success, "{outcome}");
            assert_eq!(
                fake.lines(),
                [
                    "GET /admin/deployments/7",
                    "POST /admin/deployments/7/abort",
                    "GET /admin/deployments/7/events",
                    "GET /admin/deployments/7",
                ]
            );
            assert_eq!(fake.received()[2].header("last-event-id"), Some("1"));
        }
    }

    #[test]
    fn an_abort_whose_answer_is_lost_is_sent_again_until_it_shows() {
        let fake = Fake::answers([
            ok(&deployment("running")),
            Vec::new(),
            ok(&deployment("running")),
            Vec::new(),
            ok(&deployment("aborted")),
            events(&[event(2, "end", "noted")]),
            ok(&deployment("aborted")),
        ]);
        assert!(abort_on(&fake, &["7"]).is_ok());
        let aborts = "POST /admin/deployments/7/abort";
        let sent = fake.lines();
        assert_eq!(sent.iter().filter(|line| *line == aborts).count(), 2);
    }

    #[test]
    fn without_an_id_the_running_deployment_is_aborted() {
        let mut running = status();
        running.deployment = Some(deployment("running"));
        let fake = Fake::answers([
            ok(&running),
            no_content(),
            events(&[event(2, "end", "noted")]),
            ok(&deployment("aborted")),
        ]);
        assert!(abort_on(&fake, &[]).is_ok());
        assert_eq!(fake.lines()[1], "POST /admin/deployments/7/abort");
    }
}
