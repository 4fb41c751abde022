//! `task-host history`: lists the deployments in a host's history.

use super::client::{self, Client};
use super::output::deployments;
use super::process::block_on;
use crate::failure::Failure;
use crate::stdout::{print, print_json};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The largest number of deployments to list
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,

    /// Print a JSON array
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    host: client::Args,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let client = Client::new(&args.host)?;
    let deployments = block_on(async { Ok(client.deployments(args.limit).await?) })?;
    let printed = match args.json {
        true => print_json(&deployments),
        false => print(deployments::table(&deployments)),
    };
    Ok(printed?)
}
