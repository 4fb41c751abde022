//! `task-host deploy`: uploads a component to a running host, deploys it, and reports the result.
//!
//! The exit status is 0 only if the deployment reached the command's goal: the component is active,
//! or passed the checks of a dry run, or serves its part as a canary or shadow. Stopping the command
//! does not stop the deployment, which the host finishes in any case.

mod git;
pub(super) mod upload;

#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::PathBuf;

use clap::ValueEnum;
use humantime::Duration;

use super::client::{RetryPolicy, Shares};
use super::goal::Goal;
use super::order;
use super::output::report::Report;
use crate::failure::Failure;
use crate::oci;
use contract::deployment::Kind;
use deployment::model::{Deployment, Order};

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
    /// `task-host promote`. With several shares, such as 10%,25%,50%, it goes from one to the next
    /// by itself: after --every, if it has answered enough requests and does not fail too often
    #[arg(long, value_name = "PERCENT[,PERCENT…]", conflicts_with = "shadow")]
    canary: Option<Shares>,

    /// How long the canary keeps each of its shares at least, such as 2m
    #[arg(long, value_name = "DURATION", requires = "canary")]
    every: Option<Duration>,

    /// Promote the canary by itself after its last share, under the same conditions
    #[arg(long, requires = "every")]
    promote_by_itself: bool,

    /// Start a shadow: repeat reads on the new logic and compare the results. Clients get no
    /// answers from it until `task-host promote`
    #[arg(long)]
    shadow: bool,

    #[command(flatten)]
    rehearsal: Rehearsal,

    /// What the deployment is for, in a line, for the history
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,

    /// The Git revision that the component was built from, for the history; by default that of the
    /// working tree in which FILE is, if there is one
    #[arg(long, value_name = "REVISION")]
    git_revision: Option<String>,

    /// The component's signature, as `task-host sign` writes it; by default FILE.sig, if that exists
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,

    /// How long to wait. The default is `active`; with --canary or --shadow it is `switched`,
    /// because a trial ends only by `promote` or `abort`, unless it is promoted by itself
    #[arg(long, value_enum)]
    wait: Option<Wait>,

    #[command(flatten)]
    registry: oci::Args,

    #[command(flatten)]
    order: order::Args,
}

/// What is rehearsed before the switch
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub(super) struct Rehearsal {
    /// Run this many of the requests that clients sent lately on the active and on the new logic, undo
    /// them, and show what differs. The default is 200
    #[arg(long, value_name = "REQUESTS", conflicts_with = "no_rehearsal")]
    rehearse: Option<u32>,

    /// Rehearse no requests
    #[arg(long, conflicts_with = "rehearse_strict")]
    no_rehearsal: bool,

    /// Refuse the component if a rehearsed request ends differently, or if the host has sampled requests and
    /// could compare none. It is refused in any case if the new logic fails where the active logic does not
    #[arg(long)]
    rehearse_strict: bool,
}

impl Rehearsal {
    /// Adds this to an order.
    pub(super) fn order(&self, order: Order) -> Order {
        Order {
            rehearse: match self.no_rehearsal {
                true => Some(0),
                false => self.rehearse,
            },
            rehearse_strict: self.rehearse_strict,
            ..order
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Wait {
    /// Until the probation has ended
    Active,
    /// Until the new logic answers requests, or its share of them
    Switched,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    deploy(args, args.order.report(), &RetryPolicy::default())
}

fn deploy<W: Write>(args: &Args, report: Report<W>, retry: &RetryPolicy) -> Result<(), Failure> {
    check_steps(args)?;
    let component = match args
        .source
        .to_str()
        .filter(|text| text.starts_with(oci::SCHEME))
    {
        Some(reference) => upload::Component::pull(reference, &args.registry)?,
        None => upload::Component::read(&args.source, args.signature.as_deref())?,
    };
    let order = args.rehearsal.order(Order {
        digest: component.digest.clone(),
        dry_run: args.dry_run,
        allow_breaking: args.allow_breaking,
        retry_refused: args.retry_refused,
        canary_percent: args.canary.as_ref().map(|shares| shares.first),
        canary_steps: args
            .canary
            .as_ref()
            .map(|shares| shares.later.clone())
            .unwrap_or_default(),
        canary_step_ms: args
            .every
            .map(|every| u64::try_from(every.as_millis()).unwrap_or(u64::MAX)),
        promote_by_itself: args.promote_by_itself,
        shadow: args.shadow,
        message: args.message.clone(),
        git_revision: args
            .git_revision
            .clone()
            .or_else(|| git::revision(&args.source)),
        ..Order::default()
    });
    let kind = match args.dry_run {
        true => Kind::DryRun,
        false => Kind::Deploy,
    };
    let is_promoted_by_hand = (args.canary.is_some() && !args.promote_by_itself) || args.shadow;
    let wait = args.wait.unwrap_or(match is_promoted_by_hand {
        true => Wait::Switched,
        false => Wait::Active,
    });
    let goal = match (args.dry_run, wait) {
        (true, _) => Goal::CHECKED,
        (false, Wait::Active) => Goal::ACTIVE,
        (false, Wait::Switched) => Goal::SWITCHED,
    };
    order::run(&args.order, report, retry, async |session| {
        component.upload(session.client, session.report).await?;
        let is_ours = |found: &Deployment, before: Option<&Deployment>| {
            before.is_none_or(|before| found.id > before.id)
                && found.kind == kind
                && found.digest == order.digest
        };
        let id = session.order(async |client| client.deploy(&order).await, is_ours);
        let id = id.await?;
        session.report.message(&format!("deployment {id}"));
        session.follow(goal, id, None).await
    })
}

/// Checks that steps have a time, and that a time has steps.
fn check_steps(args: &Args) -> Result<(), Failure> {
    let steps = args
        .canary
        .as_ref()
        .is_some_and(|shares| !shares.later.is_empty());
    match args.every {
        None if steps => Err(Failure::setting(
            "--every",
            "say how long the canary keeps each share at least, such as --every 2m",
        )),
        Some(_) if !steps && !args.promote_by_itself => Err(Failure::setting(
            "--every",
            "give --canary several shares, such as 10%,25%,50%, or add --promote-by-itself",
        )),
        _ => Ok(()),
    }
}
