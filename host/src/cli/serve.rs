//! `task-host serve`: opens the database, activates the component, serves, drains.
//!
//! Order matters: settings are checked before anything is opened, the component is active before
//! a port opens, and the operators' port closes last.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use humantime::parse_duration;
use tokio::signal::unix::{SignalKind, signal};

use super::{Failure, limits, logs, setting};
use crate::deployment::Gate;
use crate::metrics::Metrics;
use crate::request::Service;
use crate::runtime::{CodeCache, Compiler, Runtime};
use crate::server::{self, Server, listen, operators::OperatorsPort};
use crate::storage::{self, Database, Location};

/// How long `describe`, `assets` and `check` of a component may take, each.
const PATIENCE: Duration = Duration::from_secs(5);
/// Database connections for what reads beside requests.
const READERS_BESIDE: usize = 4;
/// How often recorded answers that are too old are looked for.
const FORGET_EVERY: Duration = Duration::from_secs(600);

/// Serve a component over HTTP
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The component that answers: a .wasm file
    #[arg(long, env = "TASK_HOST_COMPONENT", value_name = "FILE")]
    component: PathBuf,

    /// Where the data is: sqlite:PATH for a file, sqlite::memory: for a trial that ends with the
    /// process
    #[arg(
        long,
        env = "TASK_HOST_DATABASE",
        default_value = "sqlite:data/tasks.sqlite"
    )]
    database: Location,

    /// Where compiled code is kept between starts; beside the database file unless given, and
    /// nowhere for a trial. Its key lies next to it, in DIR.key
    #[arg(long, env = "TASK_HOST_CACHE_DIR", value_name = "DIR")]
    cache_dir: Option<PathBuf>,

    /// Threads that serve requests; as many as the machine has cores unless given
    #[arg(long, env = "TASK_HOST_WORKERS",
        value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,

    /// How long the answer to a request with an Idempotency-Key is kept
    #[arg(long, env = "TASK_HOST_IDEMPOTENCY_RETENTION", default_value = "24h",
        value_parser = parse_duration)]
    idempotency_retention: Duration,

    /// How long the migrations of a component may take. Writes wait for them.
    #[arg(long, env = "TASK_HOST_MIGRATION_TIMEOUT", default_value = "60s",
        value_parser = parse_duration)]
    migration_timeout: Duration,

    #[command(flatten)]
    limits: limits::Args,

    #[command(flatten)]
    server: server::Config,

    #[command(flatten)]
    logs: logs::Args,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    logs::init(&args.logs)?;
    args.server
        .admin
        .access(args.server.admin_addr)
        .map_err(|unusable| setting(unusable.flag, unusable.reason))?;
    let component = std::fs::read(&args.component).map_err(|error| {
        setting(
            "--component",
            format!("{}: {error}", args.component.display()),
        )
    })?;
    let cache = open_cache(&args)?;
    let runtime = Runtime::new(args.limits.runtime())
        .map_err(|error| setting("--max-concurrency", format!("{error:#}")))?;
    // One for each request that may run, and for those beside them: health and probes.
    let readers = args.limits.request().running + READERS_BESIDE;
    let database =
        storage::connect(&args.database, readers).map_err(|error| setting("--database", error))?;

    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(workers) = args.workers {
        builder.worker_threads(workers.into());
    }
    let workers = builder
        .enable_all()
        .build()
        .context("cannot start the worker threads")?;
    let gate = Gate {
        runtime: Arc::new(runtime),
        compiler: Compiler::of_this_program().context("cannot find this program")?,
        cache,
        database: database.clone(),
        patience: PATIENCE,
        migration_time: args.migration_timeout,
    };
    let served = workers.block_on(serve(&args, &gate, &component, database));
    // Connections that were cut off may still be in a statement: it ends at its deadline.
    workers.shutdown_timeout(Duration::from_secs(1));
    Ok(served?)
}

async fn serve(
    args: &Args,
    gate: &Gate,
    component: &[u8],
    database: Arc<dyn Database>,
) -> anyhow::Result<()> {
    // From here on a signal drains instead of killing, also while the component compiles.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut stop = Box::pin(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    });
    let revision = tokio::select! {
        admitted = gate.admit(component) => admitted
            .map_err(|refused| {
                let code = refused.code();
                anyhow::Error::new(refused).context(format!(
                    "{} is refused ({code})",
                    args.component.display()
                ))
            })?,
        () = &mut stop => return Ok(()),
    };
    let metrics = Metrics::with_database(database.clone());
    metrics.revision_activated(
        &revision.digest,
        &revision.description.name,
        &revision.description.version,
    );
    let limits = args.limits.request();
    metrics.set_pool_capacity(limits.running);
    tracing::info!(
        service.name = revision.description.name,
        service.version = revision.description.version,
        component.digest = revision.digest,
        "activated {} {}",
        revision.description.name,
        revision.description.version
    );
    let service = Arc::new(Service::new(
        revision,
        database.clone(),
        limits,
        metrics.clone(),
    ));
    let forgetting = tokio::spawn(forget(database, args.idempotency_retention));
    let served = listen_and_drain(args, service, metrics, stop).await;
    forgetting.abort();
    served
}

async fn listen_and_drain(
    args: &Args,
    service: Arc<Service>,
    metrics: Arc<Metrics>,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let config = &args.server;
    let listener = tokio::net::TcpListener::bind(config.addr)
        .await
        .with_context(|| format!("--addr: cannot listen on {}", config.addr))?;
    let operators = std::net::TcpListener::bind(config.admin_addr)
        .with_context(|| format!("--admin-addr: cannot listen on {}", config.admin_addr))?;
    let (address, operators_address) = (listener.local_addr()?, operators.local_addr()?);

    let server = Server::new(service, metrics.clone(), config.clone());
    let limits = listen::Limits::from(config);
    let operators = OperatorsPort::serve(operators, server.operators(), limits.clone())?;
    tracing::info!(
        server.address = %address,
        admin.address = %operators_address,
        "listening on http://{address}, for operators on http://{operators_address}"
    );
    let readiness = server.readiness();
    let drained = listen::serve(
        listener,
        server.public(),
        limits,
        readiness,
        Some(metrics),
        stop,
    )
    .await;
    tokio::task::spawn_blocking(move || operators.stop()).await?;
    if drained.connections_cut > 0 {
        tracing::warn!(
            connections.cut = drained.connections_cut,
            "stopped; requests were still in flight when the drain time was up"
        );
    } else {
        tracing::info!("stopped; every request was answered");
    }
    Ok(())
}

/// Deletes recorded answers when they are too old, for as long as the process lives.
async fn forget(database: Arc<dyn Database>, age: Duration) {
    let mut interval = tokio::time::interval(FORGET_EVERY);
    loop {
        interval.tick().await;
        match database.forget_answers(age).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "forgot {count} recorded answers"),
            Err(error) => tracing::warn!("cannot forget recorded answers: {error}"),
        }
    }
}

fn open_cache(args: &Args) -> Result<Option<CodeCache>, Failure> {
    let directory = match (&args.cache_dir, &args.database) {
        (Some(directory), _) => directory.clone(),
        (None, Location::Sqlite(file)) => file
            .parent()
            .unwrap_or(std::path::Path::new(""))
            .join("code-cache"),
        (None, Location::Temporary) => return Ok(None),
    };
    let key = directory.with_extension("key");
    CodeCache::open(&directory, &key)
        .map(Some)
        .map_err(|error| setting("--cache-dir", format!("{error:#}")))
}
