//! `task-host deploy`: brings a component into a running host, and tells how it went.
//!
//! The exit status is 0 only where the component is active (or was checked, for a dry run). A
//! command that is stopped stops nothing: an order that the host took is carried out.

mod upload;

#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::PathBuf;

use clap::ValueEnum;

use super::block_on;
use super::client::{self, Client, Patience};
use super::outcome::Goal;
use super::report::{Report, Style};
use crate::failure::Failure;
use crate::oci;
use deployment::model::Order;

/// Deploy a component to a running host
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The component: a file, or a reference such as oci://ghcr.io/acme/tasks:1.2
    #[arg(value_name = "FILE")]
    source: PathBuf,

    /// Check everything and switch nothing
    #[arg(long, conflicts_with_all = ["canary", "shadow"])]
    dry_run: bool,

    /// Let changes through that break clients of the active API
    #[arg(long)]
    allow_breaking: bool,

    /// Try a component again that was rolled back before
    #[arg(long)]
    retry_refused: bool,

    /// Send only this share of clients to the new logic, such as 10%, until `task-host promote`
    #[arg(long, value_name = "PERCENT", value_parser = share, conflicts_with = "shadow")]
    canary: Option<f64>,

    /// Run reads on the new logic too and compare; it answers nobody until `task-host promote`
    #[arg(long)]
    shadow: bool,

    /// The component's signature, as `task-host sign` makes it; FILE.sig where that exists
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,

    /// Write one JSON object a line: the events, and last the deployment
    #[arg(long)]
    json: bool,

    /// How far to wait: until the deployment has ended well, or only until the new logic answers.
    /// `active` unless given; `switched` for a canary and in the shadow, which end by hand
    #[arg(long, value_enum)]
    wait: Option<Wait>,

    #[command(flatten)]
    registry: oci::Args,

    #[command(flatten)]
    host: client::Args,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Wait {
    /// Until its probation is over
    Active,
    /// Until the new logic answers requests, all or its share
    Switched,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let report = Report::new(std::io::stdout(), Style::of_output(args.json));
    deploy(args, report, &Patience::default())
}

fn deploy<W: Write>(
    args: &Args,
    mut report: Report<W>,
    patience: &Patience,
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
    let by_hand = args.canary.is_some() || args.shadow;
    let wait = args.wait.unwrap_or(match by_hand {
        true => Wait::Switched,
        false => Wait::Active,
    });
    let goal = match (args.dry_run, wait) {
        (true, _) => Goal::CHECKED,
        (false, Wait::Active) => Goal::ACTIVE,
        (false, Wait::Switched) => Goal::SWITCHED,
    };
    let done = block_on(async {
        component.hand_over(&client, &mut report).await?;
        let id = client.deploy(&order).await?;
        report.say(&format!("deployment {id}"));
        goal.pursue(&client, id, None, &mut report, patience).await
    });
    report.end(done)
}

/// A share of requests in percent: `10%` or `10`, above 0 and below 100.
pub(super) fn share(text: &str) -> Result<f64, String> {
    text.strip_suffix('%')
        .unwrap_or(text)
        .trim()
        .parse()
        .ok()
        .filter(|percent| *percent > 0.0 && *percent < 100.0)
        .ok_or_else(|| "give a percentage above 0 and below 100, such as 10%".to_owned())
}
