//! Serving, whatever the logic is: opens the database, serves a revision, drains.
//!
//! `serve` brings the revision of a component. The benchmark's native twin brings logic that is
//! compiled in, and must not differ in anything else: so this part is public.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use humantime::parse_duration;

use super::signals::Signals;
use super::{Failure, database, limits, logs, setting};
use deployment::{Deployments, Member, Start};
use request::{Broadcast, Lease, Service};
use server::admin::Access;
use server::{self, Server, listen, operators::OperatorsPort};
use storage::{self, Database, Location};
use telemetry::metrics::Metrics;
use telemetry::traces::Traces;

/// Database connections for what reads beside requests.
const READERS_BESIDE: usize = 4;
/// How often what is too old is looked for.
const FORGET_EVERY: Duration = Duration::from_secs(600);

/// The flags of a process that serves
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(flatten)]
    pub(super) database: database::Args,

    /// How many hosts share the database at most. More than one needs a database that hosts can
    /// share: an embedded one is refused at the start
    #[arg(long, env = "TASK_HOST_REPLICAS", default_value = "1")]
    replicas: NonZeroU32,

    /// Answer writes before they are on the disk. For benchmarks: what was acknowledged survives
    /// the process, not the machine
    #[arg(long, env = "TASK_HOST_UNSAFE_NO_SYNC", hide = true)]
    unsafe_no_sync: bool,

    /// Threads that serve requests; as many as the machine has cores unless given
    #[arg(long, env = "TASK_HOST_WORKERS",
        value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,

    /// How long the answer to a request with an Idempotency-Key is kept
    #[arg(long, env = "TASK_HOST_IDEMPOTENCY_RETENTION", default_value = "24h",
        value_parser = parse_duration)]
    idempotency_retention: Duration,

    /// How long an event is kept for clients of /events that come back
    #[arg(long, env = "TASK_HOST_EVENT_RETENTION", default_value = "24h",
        value_parser = parse_duration)]
    event_retention: Duration,

    /// How many events are kept at most, the latest ones
    #[arg(long, env = "TASK_HOST_EVENTS_KEPT", default_value_t = 1_000_000)]
    events_kept: u64,

    #[command(flatten)]
    limits: limits::Args,

    #[command(flatten)]
    server: server::Config,

    #[command(flatten)]
    logs: logs::Args,
}

impl Args {
    /// Sends log lines and traces where the flags say from now on. Once in a process; traces are
    /// sent as long as what is returned lives.
    ///
    /// # Errors
    /// [`Failure::Setting`] names the flag.
    pub fn start_logs(&self) -> Result<Option<Traces>, Failure> {
        logs::init(&self.logs)
    }

    /// Checks who may administer the host, before a port opens.
    pub(super) fn check_access(&self) -> Result<(), Failure> {
        self.access().map(drop)
    }

    fn access(&self) -> Result<Access, Failure> {
        let access = self.server.admin.access(self.server.admin_addr);
        access.map_err(|unusable| setting(unusable.flag, unusable.reason))
    }

    /// Opens the database. Blocks while it works.
    ///
    /// # Errors
    /// [`Failure::Setting`] names the flag.
    pub fn open_database(&self) -> Result<Arc<dyn Database>, Failure> {
        let embedded = matches!(
            self.database.location,
            Location::Sqlite(_) | Location::Temporary
        );
        if embedded && self.replicas.get() > 1 {
            let reason = format!(
                "{} hosts cannot share {}, which belongs to one; set 1 or give another --database",
                self.replicas, self.database.location
            );
            return Err(setting("--replicas", reason));
        }
        if self.unsafe_no_sync {
            tracing::warn!(
                "--unsafe-no-sync: what is acknowledged does not survive a loss of power"
            );
        }
        let limits = self.limits.request();
        let options = storage::Options {
            // One for each request that may run, and for those beside them: health and probes.
            readers: limits.running + READERS_BESIDE,
            connections: self.database.connections.into(),
            idle: self.database.idle,
            direct: self.database.direct.clone(),
            wait: self.database.wait,
            result_bytes: limits.bytes,
            no_sync: self.unsafe_no_sync,
        };
        storage::connect(&self.database.location, options)
            .map_err(|error| setting("--database", error))
    }

    pub(super) fn runtime_limits(&self) -> runtime::Limits {
        self.limits.runtime()
    }

    /// Serves what `starting` resolves to, until SIGTERM or SIGINT, and drains; a second signal
    /// cuts the drain short. `deployments` makes what replaces the logic; none: nothing does.
    ///
    /// # Errors
    /// The one of `starting`, or a port that cannot be had.
    pub fn serve(
        &self,
        database: Arc<dyn Database>,
        starting: impl Future<Output = anyhow::Result<Start>>,
        deployments: Option<impl FnOnce(Arc<Service>, Option<Arc<Member>>) -> Arc<Deployments>>,
    ) -> anyhow::Result<()> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        if let Some(workers) = self.workers {
            builder.worker_threads(workers.into());
        }
        let workers = builder
            .enable_all()
            .build()
            .context("cannot start the worker threads")?;
        let served = workers.block_on(self.until_stopped(database, starting, deployments));
        // Connections that were cut off may still be in a statement: it ends at its deadline.
        workers.shutdown_timeout(Duration::from_secs(1));
        served
    }

    async fn until_stopped(
        &self,
        database: Arc<dyn Database>,
        starting: impl Future<Output = anyhow::Result<Start>>,
        deployments: Option<impl FnOnce(Arc<Service>, Option<Arc<Member>>) -> Arc<Deployments>>,
    ) -> anyhow::Result<()> {
        // From here on a signal drains instead of killing, also while the component compiles.
        let signals = Signals::listen()?;
        let start = tokio::select! {
            started = starting => started?,
            () = signals.come(1) => return Ok(()),
        };
        let member = start.member.clone();
        let lease = member.as_ref().map(|member| member.lease());
        let lease = lease.unwrap_or_else(|| Arc::new(Lease::unbounded()));
        let shown = lease.clone();
        let metrics = Metrics::with_database(database.clone(), move || shown.remaining());
        metrics.replicas(1, 0);
        let limits = self.limits.request();
        metrics.set_pool_capacity(limits.running);
        let revision = &start.revision;
        tracing::info!(
            service.name = revision.description.name,
            service.version = revision.description.version,
            component.digest = revision.digest,
            "activated {} {}",
            revision.description.name,
            revision.description.version
        );
        let service = Arc::new(Service::new(
            revision.clone(),
            database.clone(),
            limits,
            metrics.clone(),
            lease,
        ));
        let deployments = deployments.map(|make| make(service.clone(), member));
        // From here on only the service holds the revision: it is freed when it is replaced.
        match &deployments {
            Some(deployments) => deployments.resume(start).await,
            None => drop(start),
        }
        let retention = Retention {
            answers: self.idempotency_retention,
            events: self.event_retention,
            events_kept: self.events_kept,
        };
        let events = Arc::new(Broadcast::new(database.clone()));
        let forgetting = tokio::spawn(retention.keep(database));
        let access = self
            .access()
            .map_err(|_| anyhow::anyhow!("the admin token has changed"))?;
        let admin = deployments.clone().map(|deployments| (deployments, access));
        let server = Server::new(service, metrics.clone(), self.server.clone()).with_events(events);
        let served = listen_and_drain(&self.server, server, admin, metrics, &signals).await;
        if let Some(deployments) = deployments {
            deployments.stop().await;
        }
        forgetting.abort();
        served
    }
}

async fn listen_and_drain(
    config: &server::Config,
    mut server: Server,
    admin: Option<(Arc<Deployments>, Access)>,
    metrics: Arc<Metrics>,
    signals: &Signals,
) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind(config.addr)
        .await
        .with_context(|| format!("--addr: cannot listen on {}", config.addr))?;
    let operators = std::net::TcpListener::bind(config.admin_addr)
        .with_context(|| format!("--admin-addr: cannot listen on {}", config.admin_addr))?;
    let (address, operators_address) = (listener.local_addr()?, operators.local_addr()?);

    if let Some((deployments, access)) = admin {
        server = server.with_admin(deployments, access);
    }
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
        signals.come(1),
        signals.come(2),
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

/// What is kept beside the logic's own data, and for how long.
struct Retention {
    answers: Duration,
    events: Duration,
    events_kept: u64,
}

impl Retention {
    /// Deletes what is too old, for as long as the process lives.
    async fn keep(self, database: Arc<dyn Database>) {
        let mut interval = tokio::time::interval(FORGET_EVERY);
        loop {
            interval.tick().await;
            let answers = database.forget_answers(self.answers).await;
            report("recorded answers", answers);
            let events = database.feed();
            let events = events.forget_events(self.events, self.events_kept).await;
            report("events", events);
        }
    }
}

fn report(what: &str, forgotten: Result<u64, storage::Error>) {
    match forgotten {
        Ok(0) => {}
        Ok(count) => tracing::info!(count, "forgot {count} {what}"),
        Err(error) => tracing::warn!("cannot forget {what}: {error}"),
    }
}
