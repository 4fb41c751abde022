//! `task-host rollback`: goes back to logic that was active before.

use std::io::Write;

use super::block_on;
use super::client::{self, Client, Patience};
use super::outcome::Goal;
use super::report::{Report, Style};
use crate::failure::Failure;

/// Go back to logic that was active before
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which, by the first digits of its digest; what was active before the present unless given
    digest: Option<String>,

    /// Write one JSON object a line: the events, and last the deployment
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    host: client::Args,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let report = Report::new(std::io::stdout(), Style::of_output(args.json));
    roll_back(args, report, &Patience::default())
}

fn roll_back<W: Write>(
    args: &Args,
    mut report: Report<W>,
    patience: &Patience,
) -> Result<(), Failure> {
    let client = Client::new(&args.host)?;
    let done = block_on(async {
        let digest = match &args.digest {
            Some(digits) => Some(client.whole_digest(digits).await?),
            None => None,
        };
        let id = client.rollback(digest.as_deref()).await?;
        report.say(&format!("deployment {id}"));
        Goal::BACK
            .pursue(&client, id, None, &mut report, patience)
            .await
    });
    report.end(done)
}

#[cfg(test)]
mod tests;
