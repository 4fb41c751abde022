//! `task-host export`: writes all data of the logic as JSON Lines.

use std::io::{BufWriter, Write as _};

use anyhow::Context as _;

use super::block_on;
use super::transfer::{Header, Progress, write};
use crate::failure::Failure;
use storage::Location;

/// Write all data of the logic to standard output, as JSON Lines; the host may be running
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where the data is: sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE
    #[arg(
        long,
        env = "TASK_HOST_DATABASE",
        hide_env_values = true,
        default_value = "sqlite:data/tasks.sqlite"
    )]
    database: Location,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    Ok(block_on(export(&args.database))?)
}

async fn export(location: &Location) -> anyhow::Result<()> {
    let mut export = storage::export(location).await?;
    let tables = &export.manifest.tables;
    let mut progress = Progress::new("exported", tables);
    let mut output = BufWriter::new(std::io::stdout().lock());
    let unwritten = "cannot write to standard output";
    let header = serde_json::to_string(&Header::of(&export.manifest))?;
    writeln!(output, "{header}").context(unwritten)?;
    while let Some(part) = export.rows.recv().await {
        let (table, rows) = part?;
        for row in &rows {
            writeln!(output, "{}", write(&tables[table].name, row)).context(unwritten)?;
        }
        progress.add(rows.len());
    }
    output.flush().context(unwritten)?;
    progress.end();
    Ok(())
}
