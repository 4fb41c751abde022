//! `task-host export`: writes all data of the logic to standard output, while the host may be
//! running.

use std::io::{BufWriter, Write as _};

use anyhow::Context as _;

use super::export_format::{Header, write_row};
use super::output::progress::Progress;
use super::process::block_on;
use crate::failure::Failure;
use storage::Location;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The database to export: sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE
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
    let failed = "cannot write to standard output";
    let header = serde_json::to_string(&Header::new(&export.manifest))?;
    writeln!(output, "{header}").context(failed)?;
    while let Some(batch) = export.rows.recv().await {
        let (table, rows) = batch?;
        for row in &rows {
            writeln!(output, "{}", write_row(&tables[table].name, row)).context(failed)?;
        }
        progress.add(rows.len());
    }
    output.flush().context(failed)?;
    progress.finish();
    Ok(())
}
