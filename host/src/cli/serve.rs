//! `task-host serve`: activates a component and serves it.
//!
//! Order matters: settings are checked before anything is opened, the component is active before
//! a port opens, and the operators' port closes last.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use humantime::parse_duration;

use super::{Failure, declared, deployments, serving, setting, sign};
use deployment::{self, Bundled, Deployments, Gate, Member};
use runtime::{CodeCache, Runtime};
use storage::Location;

/// How long `describe`, `assets` and `check` of a component may take, each.
const PATIENCE: Duration = Duration::from_secs(5);

/// Serve a component over HTTP
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The component that a new, empty database begins with: a .wasm file, with its signature in
    /// FILE.sig where there is one. Where a component is active already, that one is served
    #[arg(long, env = "TASK_HOST_COMPONENT", value_name = "FILE")]
    component: Option<PathBuf>,

    /// Where compiled code is kept between starts; beside a SQLite database file unless given,
    /// and nowhere for a trial and for PostgreSQL. Its key lies next to it, in DIR.key
    #[arg(long, env = "TASK_HOST_CACHE_DIR", value_name = "DIR")]
    cache_dir: Option<PathBuf>,

    /// How long the migrations of a component may take. Writes wait for them.
    #[arg(long, env = "TASK_HOST_MIGRATION_TIMEOUT", default_value = "60s",
        value_parser = parse_duration)]
    migration_timeout: Duration,

    #[command(flatten)]
    declared: declared::Args,

    #[command(flatten)]
    deployments: deployments::Args,

    #[command(flatten)]
    serving: serving::Args,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let _traces = args.serving.start_logs()?;
    args.serving.check_access()?;
    args.declared.check()?;
    let bundled = args.component.as_deref().map(read_bundled).transpose()?;
    let keys = args.deployments.trusted_keys()?;
    let cache = open_cache(&args)?;
    let runtime = Runtime::new(args.serving.runtime_limits())
        .map_err(|error| setting("--max-concurrency", format!("{error:#}")))?;
    let database = args.serving.open_database()?;
    let gate = Arc::new(Gate {
        runtime: Arc::new(runtime),
        compiler: args.deployments.compiler()?,
        cache,
        shared: args.deployments.code_key()?,
        keys,
        database: database.clone(),
        patience: PATIENCE,
        migration_time: args.migration_timeout,
    });
    let (name, lease) = (args.deployments.replica_name(), args.deployments.lease());
    let starting = async {
        let member = Member::join(&gate.database, name, lease).await?;
        let bundled = match bundled {
            // A new database can begin with what is declared.
            None if gate.database.registry().active().await?.is_none() => {
                args.declared.fetch().await?
            }
            bundled => bundled,
        };
        Ok(deployment::start(&gate, bundled, member).await?)
    };
    let settings = args.deployments.settings();
    let deployments = |service, member| {
        let deployments = Deployments::new(gate.clone(), service, settings, member);
        args.declared.carry_out(&deployments);
        deployments
    };
    Ok(args
        .serving
        .serve(database.clone(), starting, Some(deployments))?)
}

/// Reads a component, with the signature beside it.
pub(super) fn read_bundled(path: &Path) -> Result<Bundled, Failure> {
    let failed = |reason| setting("--component", reason);
    let content =
        std::fs::read(path).map_err(|error| failed(format!("{}: {error}", path.display())))?;
    let signature = sign::read_signature(path, None).map_err(failed)?;
    Ok(Bundled { content, signature })
}

fn open_cache(args: &Args) -> Result<Option<CodeCache>, Failure> {
    let directory = match (&args.cache_dir, &args.serving.database.location) {
        (Some(directory), _) => directory.clone(),
        (None, Location::Sqlite(file)) => file.parent().unwrap_or(Path::new("")).join("code-cache"),
        (None, Location::Temporary | Location::Postgres(_)) => return Ok(None),
    };
    // Beside the directory and not in it; a dot in the directory's name stays part of it.
    let mut key = directory.clone().into_os_string();
    key.push(".key");
    let key = PathBuf::from(key);
    CodeCache::open(&directory, &key)
        .map(Some)
        .map_err(|error| setting("--cache-dir", format!("{error:#}")))
}
