//! `task-host export`: writes all data of the logic to standard output, while the host may be
//! running.

use std::io::BufWriter;

use super::export_format::{Header, write_row};
use super::output::progress::Progress;
use super::process::block_on;
use crate::failure::Failure;
use crate::stdout::Stdout;
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
    let mut output = Stdout::new(BufWriter::new(std::io::stdout().lock()));
    output.json(&serde_json::to_string(&Header::new(&export.manifest))?);
    while let Some(batch) = export.rows.recv().await {
        let (table, rows) = batch?;
        for row in &rows {
            output.json(&write_row(&tables[table].name, row));
        }
        if output.has_failed() {
            break;
        }
        progress.add(rows.len());
    }
    output.finish_whole()?;
    progress.finish();
    Ok(())
}
