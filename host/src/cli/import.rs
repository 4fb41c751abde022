//! `task-host import`: loads the output of `export` into an empty database. If a row cannot be
//! imported, nothing is.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use super::export_format::{Header, read_row};
use super::output::progress::Progress;
use crate::config::{compiling, read_bundled};
use crate::failure::Failure;
use deployment::signature::TrustedKeys;
use deployment::{self, Bundled, Gate};
use runtime::{ClearMemory, Compiler, Limits, Runtime};
use storage::postgres::Url;
use storage::transfer::{Row, Table};
use storage::{self, Database, Location};
use tokio::sync::mpsc;

/// Maximum number of rows that are inserted at once.
const BATCH: usize = 500;
/// Maximum number of batches that are read ahead.
const WAITING: usize = 8;
/// Time limit for each step of the component, and for its migrations.
const STEP_TIMEOUT: Duration = Duration::from_secs(60);

type Batches = mpsc::Sender<(usize, Vec<Row>)>;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file to import; - reads standard input
    file: PathBuf,
    /// The database to import into: sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE
    #[arg(
        long,
        env = "TASK_HOST_DATABASE",
        hide_env_values = true,
        default_value = "sqlite:data/tasks.sqlite"
    )]
    database: Location,
    /// The same PostgreSQL database without the pooler in between, as for `serve`
    #[arg(
        long,
        env = "TASK_HOST_DATABASE_DIRECT",
        hide_env_values = true,
        value_name = "URL"
    )]
    database_direct: Option<Url>,
    /// The component that sets up a new database, as `serve` does: the one that was active when the
    /// data was exported
    #[arg(long, env = "TASK_HOST_COMPONENT", value_name = "FILE")]
    component: Option<PathBuf>,

    #[command(flatten)]
    compiling: compiling::Args,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let component = args.component.as_deref().map(read_bundled).transpose()?;
    let mut input = open(&args.file)?;
    let header =
        read_header(&mut *input).context("the first line is not the header of an export")?;
    let options = storage::Options {
        direct: args.database_direct.clone(),
        ..storage::Options::default()
    };
    let database = storage::connect(&args.database, options)
        .map_err(|error| Failure::setting("--database", error))?;
    // Several threads, as in `serve`: at each tick, a call of the component yields its thread to
    // other tasks.
    let runtime = tokio::runtime::Runtime::new().context("cannot start the worker threads")?;
    let imported = runtime.block_on(async {
        if let Some(component) = component {
            set_up(&database, component, args.compiling.compiler(0)?).await?;
        }
        import(&*database, header, input).await
    });
    Ok(imported?)
}

/// The text of an export, which another thread reads.
type Input = Box<dyn BufRead + Send>;

fn open(path: &Path) -> anyhow::Result<Input> {
    if path == Path::new("-") {
        return Ok(Box::new(BufReader::new(std::io::stdin())));
    }
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Box::new(BufReader::new(file)))
}

fn read_header(input: &mut dyn BufRead) -> anyhow::Result<Header> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}

/// Makes the component the active one of a new database and applies its migrations.
async fn set_up(
    database: &Arc<dyn Database>,
    component: Bundled,
    compiler: Compiler,
) -> anyhow::Result<()> {
    let limits = Limits {
        instances: 1,
        ..Limits::default()
    };
    let runtime = Runtime::new(limits, ClearMemory::Auto)?;
    let gate = Gate {
        runtime: Arc::new(runtime),
        compiler,
        cache: None,
        shared: None,
        // No signature is required: whoever runs this command can write to the database directly.
        keys: TrustedKeys::default(),
        database: database.clone(),
        debug: false,
        patience: STEP_TIMEOUT,
        migration_time: STEP_TIMEOUT,
        dry_run_time: STEP_TIMEOUT,
    };
    deployment::start(&gate, Some(component), None).await?;
    Ok(())
}

async fn import(database: &dyn Database, header: Header, input: Input) -> anyhow::Result<()> {
    let manifest = header.into_manifest()?;
    let mut import = database.import(&manifest).await?;
    let mut progress = Progress::new("imported", &manifest.tables);
    // Reading takes about as long as writing, so it has a thread of its own. If writing fails, nobody
    // waits for that thread: it may wait for more input. The end of the process ends it.
    let (sender, mut batches) = mpsc::channel(WAITING);
    let tables = manifest.tables;
    let reading = std::thread::spawn(move || read(input, &tables, &sender));
    while let Some((table, batch)) = batches.recv().await {
        progress.add(batch.len());
        import.add(table, batch).await?;
    }
    let read = reading.join();
    read.map_err(|_| anyhow::anyhow!("the thread that reads the file failed"))??;
    import.finish().await?;
    // The data is complete without statistics, so a failure here does not fail the import.
    let _ = database.analyze().await;
    progress.finish();
    Ok(())
}

/// Sends the rows of each table in batches, with the index of the table.
fn read(mut input: Input, tables: &[Table], sender: &Batches) -> anyhow::Result<()> {
    let (mut table, mut batch): (usize, Vec<Row>) = (0, Vec::new());
    let mut line = String::new();
    for number in 2_u64.. {
        let place = || format!("line {number}");
        line.clear();
        if input.read_line(&mut line).with_context(place)? == 0 {
            break;
        }
        let (row_table, row) = read_row(&line, tables).with_context(place)?;
        if row_table != table || batch.len() == BATCH {
            let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
            if sender.blocking_send((table, full)).is_err() {
                // Writing has failed, and says why.
                return Ok(());
            }
            table = row_table;
        }
        batch.push(row);
    }
    // As above, if it was not sent.
    let _ = sender.blocking_send((table, batch));
    Ok(())
}
