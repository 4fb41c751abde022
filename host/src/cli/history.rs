//! `task-host history`: the deployments that a host remembers.

use super::client::{self, Client};
use super::table::{Align, Table};
use super::{block_on, print, show};
use crate::failure::Failure;
use deployment::model::Deployment;

/// Columns of who asked.
const ACTOR: usize = 14;
/// Characters of a reason, about three lines: `--json` has it whole.
const REASON: usize = 220;

/// List the latest deployments, the latest first
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How many
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,

    /// Write one JSON array
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    host: client::Args,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let client = Client::new(&args.host)?;
    let deployments = block_on(async { Ok(client.deployments(args.limit).await?) })?;
    let text = match args.json {
        true => format!("{:#}\n", serde_json::json!(deployments)),
        false => table(&deployments),
    };
    Ok(print(&text)?)
}

/// The deployments as a table.
pub(super) fn table(deployments: &[Deployment]) -> String {
    let mut table = Table::new([
        ("ID", Align::Right),
        ("DIGEST", Align::Left),
        ("KIND", Align::Left),
        ("OUTCOME", Align::Left),
        ("BEGAN (UTC)", Align::Left),
        ("TOOK", Align::Right),
        ("BY", Align::Left),
    ]);
    for deployment in deployments {
        let ended = deployment.ended_at.as_deref();
        let took = ended.and_then(|ended| show::between(&deployment.began_at, ended));
        let mut began = show::time(&deployment.began_at);
        // To the minute: eighty columns are few.
        began.truncate(16);
        let note = match (&deployment.code, &deployment.reason) {
            (Some(code), Some(reason)) => Some(format!("{code}: {reason}")),
            (code, reason) => code.clone().or_else(|| reason.clone()),
        };
        let note = note.map(|note| show::cut(&note, REASON));
        let cells = [
            deployment.id.to_string(),
            show::digest(&deployment.digest).to_owned(),
            deployment.kind.clone(),
            deployment.outcome.clone(),
            began,
            took.unwrap_or_else(|| "-".to_owned()),
            show::cut(&deployment.actor, ACTOR),
        ];
        table.add(cells, note);
    }
    table.text()
}

#[cfg(test)]
mod tests;
