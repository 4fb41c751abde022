//! `task-host deploy`: uploads a component to a running host, deploys it, and reports the result.
//!
//! The exit status is 0 only if the deployment reached the command's goal: the component is active,
//! or passed the checks of a dry run, or serves its part as a canary or shadow. Stopping the command
//! does not stop the deployment, which the host finishes in any case.

mod upload;

#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::PathBuf;

use clap::ValueEnum;

use super::client::{self, Client, RetryPolicy, canary_percent};
use super::goal::Goal;
use super::output::report::{Report, Style};
use super::process::block_on;
use crate::failure::Failure;
use crate::oci;
use deployment::model::Order;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The component: a file, or a reference such as oci://ghcr.io/acme/tasks:1.2
    #[arg(value_name = "FILE")]
    source: PathBuf,

    /// Run all checks, but do not switch to the component
    #[arg(long, conflicts_with_all = ["canary", "shadow"])]
    dry_run: bool,

    /// Accept changes that break clients of the active API
    #[arg(long)]
    allow_breaking: bool,

    /// Accept a component that was rolled back before
    #[arg(long)]
    retry_refused: bool,

    /// Start a canary: send only this share of the clients to the new logic, such as 10%, until
    /// `task-host promote`
    #[arg(long, value_name = "PERCENT", value_parser = canary_percent, conflicts_with = "shadow")]
    canary: Option<f64>,

    /// Start a shadow: repeat reads on the new logic and compare the results. Clients get no
    /// answers from it until `task-host promote`
    #[arg(long)]
    shadow: bool,

    /// The component's signature, as `task-host sign` writes it; by default FILE.sig, if that exists
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,

    /// Print one JSON object per line: the events, and at the end the deployment
    #[arg(long)]
    json: bool,

    /// How long to wait. The default is `active`; with --canary or --shadow it is `switched`,
    /// because a trial ends only by `promote` or `abort`
    #[arg(long, value_enum)]
    wait: Option<Wait>,

    #[command(flatten)]
    registry: oci::Args,

    #[command(flatten)]
    host: client::Args,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Wait {
    /// Until the probation has ended
    Active,
    /// Until the new logic answers requests, or its share of them
    Switched,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let report = Report::new(std::io::stdout(), Style::for_stdout(args.json));
    deploy(args, report, &RetryPolicy::default())
}

fn deploy<W: Write>(
    args: &Args,
    mut report: Report<W>,
    retry: &RetryPolicy,
) -> Result<(), Failure> {
    let component = match args
        .source
        .to_str()
        .filter(|text| text.starts_with(oci::SCHEME))
    {
        Some(reference) => upload::Component::pull(reference, &args.registry)?,
        None => upload::Component::read(&args.source, args.signature.as_deref())?,
    };
    let client = Client::new(&args.host)?;
    let order = Order {
        digest: component.digest.clone(),
        dry_run: args.dry_run,
        allow_breaking: args.allow_breaking,
        retry_refused: args.retry_refused,
        canary_percent: args.canary,
        shadow: args.shadow,
    };
    let trial = args.canary.is_some() || args.shadow;
    let wait = args.wait.unwrap_or(match trial {
        true => Wait::Switched,
        false => Wait::Active,
    });
    let goal = match (args.dry_run, wait) {
        (true, _) => Goal::CHECKED,
        (false, Wait::Active) => Goal::ACTIVE,
        (false, Wait::Switched) => Goal::SWITCHED,
    };
    let result = block_on(async {
        component.upload(&client, &mut report).await?;
        let id = client.deploy(&order).await?;
        report.message(&format!("deployment {id}"));
        goal.follow(&client, id, None, &mut report, retry).await
    });
    report.finish(result)
}
