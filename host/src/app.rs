//! The composition root: builds a serving process from the layers, runs it, and takes it down.
//!
//! `serve` reads top to bottom in the order of events. Settings are checked before anything is
//! opened; the component is active before a port opens; the first signal drains, the second ends
//! the process at once; the admin port closes last.
//!
//! The benchmark's native twin has no component: it calls [`run`] with logic that is compiled in.

mod descriptors;
mod seed;
mod signals;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::oneshot;
use tokio::time::MissedTickBehavior;
use tokio::time::error::Elapsed;

use self::signals::Signals;
use crate::config::{Process, Serve};
use crate::failure::Failure;
use deployment::{Deployments, Gate, Member, Start};
use request::recordings::{Keeper, Recordings};
use request::{Background, Broadcast, Lease, Service};
use runtime::{Clearing, Runtime};
use server::admin::Access;
use server::{Server, listen, operators::OperatorsPort};
use storage::Database;
use telemetry::metrics::Metrics;

/// By how much the priority of threads for requests that give way to others is lower. Each gets a tenth of
/// the processor time of another thread if both want all of it.
const BACKGROUND_NICENESS: i32 = 10;
/// Time limit of each call of `describe`, `assets` and `check` of a component.
const PATIENCE: Duration = Duration::from_secs(5);
/// Pause between two looks at the files of the database.
const WATCH_INTERVAL: Duration = Duration::from_secs(3);
/// Pause between two looks whether the query planner of the database needs new statistics.
const STATISTICS_INTERVAL: Duration = Duration::from_secs(60);
/// How long a stop waits for new statistics.
const LAST_STATISTICS: Duration = Duration::from_secs(1);
/// How long a stop waits until the last recordings and samples are stored.
const LAST_RECORDINGS: Duration = Duration::from_secs(2);
/// Pause between two deletions of expired answers and events.
const CLEANUP_INTERVAL: Duration = Duration::from_secs(600);
/// Pause between two looks whether pages of this process can be swapped out now.
const CLEARING_INTERVAL: Duration = Duration::from_secs(10);

/// Serves a component until SIGTERM or SIGINT: what `task-host serve` does.
///
/// # Errors
/// [`Failure::Setting`] if a flag is wrong; [`Failure::Other`] if the host cannot start or a port
/// cannot be opened.
pub(crate) fn serve(config: &Serve) -> Result<(), Failure> {
    if config.end_with_parent {
        signals::end_with_parent().context("--end-with-parent")?;
    }
    let process = &config.process;
    let _logs = process.start_logs()?;
    // Without room for the database's files, opening it fails with a worse message.
    descriptors::connections(process)?;
    let access = process.access()?;
    config.declared.check()?;
    let bundled = config.bundled()?;
    let offered = bundled.clone();
    let deployed = bundled.clone().filter(|_| config.deploys());
    let keys = config.deployments.trusted_keys()?;
    process.check_database()?;
    let cache = config.code_cache()?;
    let runtime = Runtime::new(process.limits.runtime(), config.clear_memory())
        .map_err(|error| Failure::setting("--max-concurrency", format!("{error:#}")))?;
    let runtime = Arc::new(runtime);
    report_clearing(&runtime.clearing());
    let database = process.open_database()?;
    let gate = Arc::new(Gate {
        runtime: runtime.clone(),
        compiler: config
            .deployments
            .compiling
            .compiler(process.memory_bytes())?,
        cache,
        shared: config.deployments.code_key()?,
        keys,
        database: database.clone(),
        debug: config.debug,
        patience: PATIENCE,
        migration_time: config.migration_timeout,
        dry_run_time: config.dry_run_timeout,
    });

    let start = async {
        let (name, lease) = (
            config.deployments.replica_name(),
            config.deployments.lease(),
        );
        let member = Member::join(&gate.database, name, lease).await?;
        let bundled = match bundled {
            // A new database may start with the declared component instead of a bundled one.
            None if gate.database.registry().active().await?.is_none() => {
                config.declared.fetch().await?
            }
            bundled => bundled,
        };
        let seed = match &config.seed {
            Some(seed) if gate.database.registry().active().await?.is_none() => Some(seed),
            _ => None,
        };
        let start = deployment::start(&gate, bundled, member).await?;
        if let Some(seed) = seed {
            seed::apply(&*gate.database, seed).await.context("--seed")?;
        }
        if let Some(ignored) = offered.filter(|offered| offered.digest() != start.revision.digest)
            && !config.deploys()
        {
            let name = &ignored.name;
            tracing::warn!(
                component.digest = start.revision.digest,
                ignored.digest = ignored.digest(),
                "{name} IS NOT SERVED: another component is active in this database. Deploy it with \
                 `task-host deploy {name}`, or start with --deploy"
            );
        }
        Ok(start)
    };
    let replaceable = Replaceable {
        access,
        runtime,
        deployments: Box::new(|service, member| {
            let settings = config.deployments.settings();
            let deployments = Deployments::new(gate.clone(), service, settings, member);
            config.declared.deploy_in_background(&deployments);
            if let Some(bundled) = deployed {
                deployments.deploy_bundled(bundled);
            }
            deployments
        }),
    };
    run(process, database.clone(), start, Some(replaceable))
}

/// How a process replaces its logic.
pub struct Replaceable<'a> {
    /// Who may use the admin API.
    access: Access,
    /// What runs the logic.
    runtime: Arc<Runtime>,
    /// Makes the deployments of a service that serves already.
    deployments: Box<MakeDeployments<'a>>,
}

type MakeDeployments<'a> = dyn FnOnce(Arc<Service>, Option<Arc<Member>>) -> Arc<Deployments> + 'a;

/// Serves the logic that `start` resolves to, until SIGTERM or SIGINT, and drains. Blocks. `None`:
/// the logic is compiled in and cannot be replaced, and there is no admin API.
///
/// # Errors
/// [`Failure::Setting`] if recordings cannot be kept as the flags say. Those of `start`, or a port cannot
/// be opened.
pub fn run(
    config: &Process,
    database: Arc<dyn Database>,
    start: impl Future<Output = anyhow::Result<Start>>,
    replaceable: Option<Replaceable<'_>>,
) -> Result<(), Failure> {
    let recordings = config.recordings(&*database)?;
    let mut workers = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = config.workers {
        workers.worker_threads(threads.into());
    }
    let workers = workers
        .enable_all()
        .build()
        .context("cannot start the worker threads")?;
    let background = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers.metrics().num_workers())
        .thread_name("background")
        .on_thread_start(|| {
            // If it fails, the kernel treats these threads like the others.
            let _ = rustix::process::nice(BACKGROUND_NICENESS);
        })
        .enable_time()
        .build()
        .context("cannot start the background threads")?;
    let running = run_until_stopped(
        config,
        database,
        recordings,
        start,
        replaceable,
        Background::new(background.handle().clone()),
    );
    let served = workers.block_on(running);
    // Connections that were cut off may still execute a statement, which ends at its deadline.
    workers.shutdown_timeout(Duration::from_secs(1));
    background.shutdown_timeout(Duration::from_secs(1));
    Ok(served?)
}

async fn run_until_stopped(
    config: &Process,
    database: Arc<dyn Database>,
    recordings: Option<(Recordings, Option<Keeper>)>,
    start: impl Future<Output = anyhow::Result<Start>>,
    replaceable: Option<Replaceable<'_>>,
    background: Background,
) -> anyhow::Result<()> {
    // From here on a signal drains instead of killing, even while the component compiles.
    let signals = Signals::listen()?;
    let start = tokio::select! {
        started = start => started?,
        () = signals.received(1) => return Ok(()),
    };

    let member = start.member.clone();
    let lease = match &member {
        Some(member) => member.lease(),
        None => Arc::new(Lease::unbounded()),
    };
    let metrics = Metrics::with_database(database.clone(), {
        let lease = lease.clone();
        move || lease.remaining()
    });
    metrics.replicas(1, 0);
    let limits = config.limits.request();
    metrics.set_pool_capacity(limits.running);

    let description = &start.revision.description;
    tracing::info!(
        service.name = description.name,
        service.version = description.version,
        component.digest = start.revision.digest,
        "activated {} {}",
        description.name,
        description.version
    );
    let service = Service::new(
        start.revision.clone(),
        database.clone(),
        limits,
        metrics.clone(),
        lease,
    );
    let (recordings, keeper) = recordings.unzip();
    let mut keeper = keeper.flatten();
    if let Some(keeper) = &mut keeper {
        keeper.restore_samples().await;
    }
    let service = service
        .with_recordings(recordings)
        .with_background(background);
    let service = Arc::new(service);
    let (stop_keeping, stopped_keeping) = oneshot::channel::<()>();
    let keeping = keeper.map(|keeper| {
        tokio::spawn(keeper.run(async {
            let _ = stopped_keeping.await;
        }))
    });

    let (deployments, access, clearing) = match replaceable {
        Some(replaceable) => (
            Some((replaceable.deployments)(service.clone(), member)),
            Some(replaceable.access),
            Some(tokio::spawn(watch_clearing(
                replaceable.runtime,
                metrics.clone(),
            ))),
        ),
        None => (None, None, None),
    };
    // This consumes `start`: from here on only the service holds the revision, so that it is freed
    // when it is replaced.
    match &deployments {
        Some(deployments) => deployments.resume(start).await,
        None => drop(start),
    }

    let statistics = tokio::spawn(gather_statistics(database.clone()));
    let explaining = tokio::spawn({
        let service = service.clone();
        async move { service.explain_slow_statements().await }
    });
    let events = Arc::new(Broadcast::new(database.clone()));
    let mut server =
        Server::new(service, metrics.clone(), config.server.clone()).with_events(events);
    if let (Some(deployments), Some(access)) = (&deployments, access) {
        server = server.with_admin(deployments.clone(), access);
    }
    let watch = tokio::spawn(watch(database.clone()));
    let cleanup = tokio::spawn(delete_expired(
        database.clone(),
        config.idempotency_retention,
        config.event_retention,
        config.events_kept,
    ));
    let connections = descriptors::connections(config)?;
    let limits = listen::Limits {
        connections,
        ..listen::Limits::from(&config.server)
    };
    let wanted = config.server.max_connections.get();
    if connections < wanted as usize {
        tracing::warn!(
            connections.limit = connections,
            "the host accepts at most {connections} connections and not {wanted} \
             (--max-connections), because it may not open more files (ulimit -n)"
        );
    }
    let served = listen_and_drain(&config.server, limits, server, metrics, &signals).await;
    if let Some(deployments) = deployments {
        deployments.stop().await;
    }
    cleanup.abort();
    watch.abort();
    explaining.abort();
    statistics.abort();
    drop(stop_keeping);
    if let Some(keeping) = keeping {
        // What cannot be stored in time is lost.
        let _ = tokio::time::timeout(LAST_RECORDINGS, keeping).await;
    }
    // No request runs any more. The next start then plans by what the tables have now.
    report_statistics(tokio::time::timeout(LAST_STATISTICS, database.analyze()).await);
    if let Some(clearing) = clearing {
        clearing.abort();
    }
    served
}

/// Opens both ports, serves until a signal, and drains.
async fn listen_and_drain(
    config: &server::Config,
    limits: listen::Limits,
    server: Server,
    metrics: Arc<Metrics>,
    signals: &Signals,
) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind(config.addr)
        .await
        .with_context(|| format!("--addr: cannot listen on {}", config.addr))?;
    let operators = std::net::TcpListener::bind(config.admin_addr)
        .with_context(|| format!("--admin-addr: cannot listen on {}", config.admin_addr))?;
    let (address, operators_address) = (listener.local_addr()?, operators.local_addr()?);

    let operators = OperatorsPort::serve(operators, server.operators(), limits.clone())?;
    tracing::info!(
        server.address = %address,
        admin.address = %operators_address,
        "listening on http://{address}, for operators on http://{operators_address}"
    );
    let drained = listen::serve(
        listener,
        server.public(),
        limits,
        server.readiness(),
        Some(metrics),
        signals.received(1),
        signals.received(2),
    )
    .await;
    tokio::task::spawn_blocking(move || operators.stop()).await?;
    if drained.connections_cut > 0 {
        tracing::warn!(
            connections.cut = drained.connections_cut,
            "stopped; requests were still in flight"
        );
    } else {
        tracing::info!("stopped; every request was answered");
    }
    Ok(())
}

/// Looks at the files of the database every few seconds, until the task is aborted.
async fn watch(database: Arc<dyn Database>) {
    let mut interval = tokio::time::interval(WATCH_INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        database.watch().await;
    }
}

/// Gathers statistics for the query planner when tables have grown, until the task is aborted.
async fn gather_statistics(database: Arc<dyn Database>) {
    let start = tokio::time::Instant::now() + STATISTICS_INTERVAL;
    let mut interval = tokio::time::interval_at(start, STATISTICS_INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        report_statistics(Ok(database.analyze().await));
    }
}

fn report_statistics(gathered: Result<Result<u64, storage::Error>, Elapsed>) {
    match gathered {
        Ok(Ok(0)) | Err(_) => {}
        Ok(Ok(tables)) => tracing::info!(tables, "gathered statistics for the query planner"),
        Ok(Err(error)) => tracing::warn!("cannot gather statistics for the query planner: {error}"),
    }
}

/// Deletes recorded answers and events when they expire, until the task is aborted.
async fn delete_expired(
    database: Arc<dyn Database>,
    answers_kept: Duration,
    events_kept_for: Duration,
    events_kept: u64,
) {
    let mut interval = tokio::time::interval(CLEANUP_INTERVAL);
    loop {
        interval.tick().await;
        let answers = database.forget_answers(answers_kept).await;
        report_deleted("recorded answers", answers);
        let events = database.feed();
        let events = events.forget_events(events_kept_for, events_kept).await;
        report_deleted("events", events);
    }
}

/// Keeps the metrics of how memory is cleared, and logs when that becomes unsafe, until the task is
/// aborted.
async fn watch_clearing(runtime: Arc<Runtime>, metrics: Arc<Metrics>) {
    let mut interval = tokio::time::interval(CLEARING_INTERVAL);
    let mut known = runtime.clearing();
    loop {
        interval.tick().await;
        let now = runtime.clearing();
        metrics.memory_clearing(now.mode.as_str(), now.risk.is_some());
        if now.risk.is_some() != known.risk.is_some() {
            report_clearing(&now);
        }
        known = now;
    }
}

fn report_clearing(clearing: &Clearing) {
    let (mode, reason) = (clearing.mode.as_str(), &clearing.reason);
    match &clearing.risk {
        None => tracing::info!(
            memory.clearing = mode,
            "memory is cleared by {mode}: {reason}"
        ),
        Some(risk) => tracing::error!(
            memory.clearing = mode,
            "memory is cleared by {mode} ({reason}), but {risk}: one request may see memory of an \
             earlier one; remove the swap, or restart with --clear-memory auto"
        ),
    }
}

fn report_deleted(what: &str, deleted: Result<u64, storage::Error>) {
    match deleted {
        Ok(0) => {}
        Ok(count) => tracing::info!(count, "deleted {count} expired {what}"),
        Err(error) => tracing::warn!("cannot delete expired {what}: {error}"),
    }
}
