//! What `deploy`, `rollback`, `promote` and `abort` have in common: each sends an order to a host,
//! follows a deployment, and reports on it.
//!
//! If the answer to an order is lost, the host may have carried it out. The command then asks the
//! host what became of the order, and goes on with what it finds. A signal ends the command, but not
//! the deployment; the message says so.

use std::cell::Cell;
use std::io::Write;

use anyhow::anyhow;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::client::{self, Client, RetryPolicy};
use super::goal::Goal;
use super::output::report::{Report, Style};
use super::process::block_on;
use crate::failure::Failure;
use deployment::model::Deployment;

/// How many of the latest deployments are searched for an order whose answer was lost.
const LATEST: u32 = 50;
/// How often the host must say that it has no record of an order before that is believed. An order
/// may still be on its way when the connection breaks.
const LOOKS: u32 = 4;

/// Prints the result as lines of JSON, and names the host.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// Print one JSON object per line: the events, and at the end the deployment
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    host: client::Args,
}

impl Args {
    /// Returns a report on standard output, in the form that was asked for.
    pub(super) fn report(&self) -> Report<std::io::Stdout> {
        Report::new(std::io::stdout(), Style::for_stdout(self.json))
    }
}

/// How far a command has come, for the message if a signal ends it.
#[derive(Debug, Clone, Copy)]
enum Reached {
    /// Nothing that lasts.
    Nothing,
    /// An order was sent.
    Ordered,
    /// This deployment is followed.
    Following(i64),
}

/// A command that orders something and follows it.
pub(super) struct Session<'a, W> {
    pub(super) client: &'a Client,
    pub(super) report: &'a mut Report<W>,
    retry: &'a RetryPolicy,
    reached: &'a Cell<Reached>,
}

/// Runs a command from its first request to the end of its report.
///
/// # Errors
/// That of the command; or a signal ended it.
pub(super) fn run<W: Write>(
    args: &Args,
    mut report: Report<W>,
    retry: &RetryPolicy,
    command: impl AsyncFnOnce(&mut Session<'_, W>) -> anyhow::Result<()>,
) -> Result<(), Failure> {
    let client = Client::new(&args.host)?;
    let reached = Cell::new(Reached::Nothing);
    let ended = block_on(async {
        let signals = (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        );
        let mut session = Session {
            client: &client,
            report: &mut report,
            retry,
            reached: &reached,
        };
        Ok(tokio::select! {
            result = command(&mut session) => Ok(result),
            signal = received(signals) => Err(signal),
        })
    })?;
    match ended {
        Ok(result) => report.finish(result),
        Err(signal) => {
            report.finish(Ok(()))?;
            let reason = interruption(reached.get());
            Err(Failure::Interrupted { signal, reason })
        }
    }
}

/// Waits for SIGINT or SIGTERM, and returns its number.
async fn received((mut interrupt, mut terminate): (Signal, Signal)) -> u8 {
    tokio::select! {
        _ = interrupt.recv() => 2,
        _ = terminate.recv() => 15,
    }
}

fn interruption(reached: Reached) -> anyhow::Error {
    match reached {
        Reached::Nothing => anyhow!("interrupted; nothing was ordered"),
        Reached::Ordered => anyhow!(
            "interrupted; the host may have received the order: `task-host history` shows it"
        ),
        Reached::Following(id) => anyhow!(
            "interrupted; deployment {id} goes on without this command: `task-host status` shows \
             it, `task-host abort {id}` aborts it"
        ),
    }
}

impl<W: Write> Session<'_, W> {
    /// Sends an order that begins a deployment. If the answer is lost, looks for the deployment among
    /// the host's latest: `is_ours` recognises it, given the latest deployment before the order.
    ///
    /// # Errors
    /// The host refused the order, or has no record of it, or cannot be asked.
    pub(super) async fn order(
        &mut self,
        send: impl AsyncFnOnce(&Client) -> Result<i64, client::Error>,
        is_ours: impl Fn(&Deployment, Option<&Deployment>) -> bool,
    ) -> Result<i64, client::Error> {
        let before = self.client.deployments(1).await?.into_iter().next();
        self.reached.set(Reached::Ordered);
        let error = match send(self.client).await {
            Err(error) if error.leaves_outcome_unknown() => error,
            answered => return answered,
        };
        self.report.unanswered();
        let (mut looks, mut failures) = (0, 0);
        loop {
            match self.client.deployments(LATEST).await {
                Ok(latest) => {
                    let mut latest = latest.iter();
                    if let Some(found) = latest.find(|found| is_ours(found, before.as_ref())) {
                        return Ok(found.id);
                    }
                    looks += 1;
                }
                Err(error) if error.is_transient() => {}
                Err(error) => return Err(error),
            }
            if looks == LOOKS {
                let source = Box::new(error);
                return Err(client::Error::Nothing { source });
            }
            if failures == self.retry.attempts {
                let source = Box::new(error);
                return Err(client::Error::Unknown { source });
            }
            tokio::time::sleep(self.retry.pause(failures)).await;
            failures += 1;
        }
    }

    /// Sends an order about a running deployment. If the answer is lost, sends it again, unless
    /// `is_done` says that the deployment shows its effect already.
    ///
    /// # Errors
    /// The host refused the order, or cannot be reached.
    pub(super) async fn insist(
        &mut self,
        id: i64,
        send: impl AsyncFn(&Client) -> Result<(), client::Error>,
        is_done: impl Fn(&Deployment) -> bool,
    ) -> Result<(), client::Error> {
        self.reached.set(Reached::Ordered);
        let mut failures = 0;
        loop {
            let error = match send(self.client).await {
                Ok(()) => return Ok(()),
                Err(error) if failures == 0 && !error.leaves_outcome_unknown() => {
                    return Err(error);
                }
                Err(error) => error,
            };
            if failures == 0 {
                self.report.unanswered();
            }
            match self.client.deployment(id).await {
                Ok(deployment) if is_done(&deployment) => return Ok(()),
                Ok(_) if !error.is_transient() && !error.leaves_outcome_unknown() => {
                    return Err(error);
                }
                Ok(_) => {}
                Err(error) if error.is_transient() => {}
                Err(error) => return Err(error),
            }
            if failures == self.retry.attempts {
                let source = Box::new(error);
                return Err(client::Error::Unknown { source });
            }
            tokio::time::sleep(self.retry.pause(failures)).await;
            failures += 1;
        }
    }

    /// Follows a deployment until the goal is reached or the deployment has ended, and reports on it.
    /// Events up to `after` are not reported.
    ///
    /// # Errors
    /// The goal was not reached, or the deployment could not be followed.
    pub(super) async fn follow(
        &mut self,
        goal: Goal,
        id: i64,
        after: Option<u64>,
    ) -> anyhow::Result<()> {
        self.reached.set(Reached::Following(id));
        goal.follow(self.client, id, after, self.report, self.retry)
            .await
    }
}
