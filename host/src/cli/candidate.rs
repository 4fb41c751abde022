//! `task-host promote` and `task-host abort`: what becomes of logic that is tried beside the
//! active one, as a canary or in the shadow. Both wait for the deployment's end, unless a canary
//! only gets another share.

use std::io::Write;

use anyhow::Context as _;

use super::block_on;
use super::client::{self, Client, Patience};
use super::deploy::share;
use super::outcome::Goal;
use super::report::{Report, Style};
use crate::failure::Failure;
use deployment::model::Deployment;

/// Which deployment
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The deployment; the one that runs unless given
    id: Option<i64>,

    /// Write one JSON object a line: the events, and last the deployment
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    host: client::Args,
}

/// Which deployment, and how far
#[derive(Debug, clap::Args)]
pub(super) struct PromoteArgs {
    #[command(flatten)]
    pub(super) candidate: Args,

    /// Give a canary this share of the clients instead of everything, and go on trying it
    #[arg(long, value_name = "PERCENT", value_parser = share)]
    canary: Option<f64>,
}

impl PromoteArgs {
    pub(super) fn verdict(&self) -> Verdict {
        match self.canary {
            Some(percent) => Verdict::Share(percent),
            None => Verdict::Promote,
        }
    }
}

/// What is to become of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Verdict {
    /// It takes over.
    Promote,
    /// As a canary it gets another share, in percent.
    Share(f64),
    /// It goes.
    Abort,
}

pub(super) fn run(args: &Args, verdict: Verdict) -> Result<(), Failure> {
    let report = Report::new(std::io::stdout(), Style::of_output(args.json));
    decide(args, verdict, report, &Patience::default())
}

fn decide<W: Write>(
    args: &Args,
    verdict: Verdict,
    mut report: Report<W>,
    patience: &Patience,
) -> Result<(), Failure> {
    let client = Client::new(&args.host)?;
    let done = block_on(async {
        let deployment = find(&client, args.id).await?;
        let id = deployment.id;
        // What happened before is told by `status`.
        let after = deployment.events.last().map(|event| event.number);
        let goal = match verdict {
            Verdict::Promote => {
                client.promote(id, None).await?;
                Goal::ACTIVE
            }
            Verdict::Share(percent) => {
                client.promote(id, Some(percent)).await?;
                report.say(&format!("deployment {id}: {percent} % of the clients"));
                return Ok(());
            }
            Verdict::Abort => {
                client.abort(id).await?;
                Goal::GONE
            }
        };
        goal.pursue(&client, id, after, &mut report, patience).await
    });
    report.end(done)
}

async fn find(client: &Client, id: Option<i64>) -> anyhow::Result<Deployment> {
    match id {
        Some(id) => Ok(client.deployment(id).await?),
        None => client
            .status()
            .await?
            .deployment
            .context("no deployment runs"),
    }
}

#[cfg(test)]
mod tests;
