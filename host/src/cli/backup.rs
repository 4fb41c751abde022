//! `task-host backup`: copies the whole database while the host may be running.

use std::path::PathBuf;

use anyhow::Context as _;

use crate::failure::Failure;
use crate::stdout::print;
use storage::Location;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file to create. It must not exist
    file: PathBuf,
    /// The database to copy: sqlite:PATH
    #[arg(
        long,
        env = "TASK_HOST_DATABASE",
        hide_env_values = true,
        default_value = "sqlite:data/tasks.sqlite"
    )]
    database: Location,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    storage::backup(&args.database, &args.file).map_err(anyhow::Error::from)?;
    let (from, to) = (&args.database, args.file.display());
    let done = format!("copied {from} to {to}");
    Ok(print([&done]).context(done)?)
}
