//! `task-host backup`: copies the whole database file while the host runs.

use std::path::PathBuf;

use super::print;
use crate::failure::Failure;
use storage::Location;

/// Copy the whole database into a new file, the host's own tables included; the host may be
/// running
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The copy, which must not be there yet
    file: PathBuf,
    /// Where the data is: sqlite:PATH
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
    Ok(print(&format!("copied {from} to {to}\n"))?)
}
