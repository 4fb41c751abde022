//! `task-host import`: fills an empty database with what `export` wrote, all of it or nothing.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use super::transfer::{Header, Progress, read};
use crate::config::read_bundled;
use crate::failure::Failure;
use deployment::signature::TrustedKeys;
use deployment::{self, Bundled, Gate};
use runtime::{Compiler, Limits, Runtime};
use storage::postgres::Url;
use storage::transfer::Row;
use storage::{self, Database, Location};

/// Rows added at a time.
const PART: usize = 500;
/// How long each step of the component may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Fill an empty database with what `export` wrote, while no host serves it
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The export; - reads standard input
    file: PathBuf,
    /// Where the data goes: sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE
    #[arg(
        long,
        env = "TASK_HOST_DATABASE",
        hide_env_values = true,
        default_value = "sqlite:data/tasks.sqlite"
    )]
    database: Location,
    /// The same PostgreSQL database past a pooler, as for `serve`
    #[arg(
        long,
        env = "TASK_HOST_DATABASE_DIRECT",
        hide_env_values = true,
        value_name = "URL"
    )]
    database_direct: Option<Url>,
    /// The component that sets a new database up, as `serve` would: that of the host that the
    /// export comes from
    #[arg(long, env = "TASK_HOST_COMPONENT", value_name = "FILE")]
    component: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let component = args.component.as_deref().map(read_bundled).transpose()?;
    let mut input = open(&args.file)?;
    let header = header(&mut *input).context("the first line is not the header of an export")?;
    let options = storage::Options {
        direct: args.database_direct.clone(),
        ..storage::Options::default()
    };
    let database = storage::connect(&args.database, options)
        .map_err(|error| Failure::setting("--database", error))?;
    // More than one thread, for the component's calls: a tick lets others have theirs.
    let runtime = tokio::runtime::Runtime::new().context("cannot start the worker threads")?;
    let imported = runtime.block_on(async {
        if let Some(component) = component {
            set_up(&database, component).await?;
        }
        import(&*database, header, &mut *input).await
    });
    Ok(imported?)
}

fn open(path: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    if path == Path::new("-") {
        return Ok(Box::new(std::io::stdin().lock()));
    }
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Box::new(BufReader::new(file)))
}

fn header(input: &mut dyn BufRead) -> anyhow::Result<Header> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}

/// Makes the component the active one of a new database, and its schema with it.
async fn set_up(database: &Arc<dyn Database>, component: Bundled) -> anyhow::Result<()> {
    let runtime = Runtime::new(Limits {
        instances: 1,
        ..Limits::default()
    })?;
    let gate = Gate {
        runtime: Arc::new(runtime),
        compiler: Compiler::of_this_program().context("cannot find this program")?,
        cache: None,
        shared: None,
        database: database.clone(),
        patience: PATIENCE,
        migration_time: PATIENCE,
    };
    // Who may write the database file needs no signature.
    deployment::start(&gate, Some(component), &TrustedKeys::default(), None).await?;
    Ok(())
}

async fn import(
    database: &dyn Database,
    header: Header,
    input: &mut dyn BufRead,
) -> anyhow::Result<()> {
    let manifest = header.manifest()?;
    let mut import = database.import(&manifest).await?;
    let mut progress = Progress::new("imported", &manifest.tables);
    let (mut table, mut part): (usize, Vec<Row>) = (0, Vec::new());
    for (number, line) in input.lines().enumerate() {
        let place = || format!("line {}", number + 2);
        let line = line.with_context(place)?;
        let (of, row) = read(&line, &manifest.tables).with_context(place)?;
        if of != table || part.len() == PART {
            progress.add(part.len());
            import.add(table, std::mem::take(&mut part)).await?;
            table = of;
        }
        part.push(row);
    }
    progress.add(part.len());
    if !part.is_empty() {
        import.add(table, part).await?;
    }
    import.finish().await?;
    progress.end();
    Ok(())
}
