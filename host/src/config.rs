//! The flags of a serving process: one struct for each concern, parsed into real types at start.
//!
//! Every flag has an environment variable `TASK_HOST_…` of the same name and a default that works on
//! a laptop; [`environment`] says how the two go together. A wrong value ends the process before a
//! port opens, with a message that names the flag.

pub(crate) mod compiling;
mod database;
mod declared;
mod deployments;
pub mod environment;
pub(crate) mod limits;
mod logs;
mod recordings;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use humantime::parse_duration;

pub use self::logs::Logs;
pub(crate) use self::logs::directives as log_filter;

use crate::failure::Failure;
use crate::signature_file;
use deployment::Bundled;
use request::recordings::{Keeper, Recordings};
use runtime::CodeCache;
use server::admin::Access;
use storage::{Database, Location};

/// Database connections for reads outside of requests: health, probes, the event feed.
const SPARE_READERS: usize = 4;

/// PostgreSQL: a row may take this part of a request's memory, counted as 1/n. The driver holds a row of
/// each running request in addition to that memory.
const ROW_SHARE: u64 = 8;

/// SQLite: the writer and the host's own connection.
const WRITERS: usize = 2;

/// SQLite: the database, its log and the log's index.
const FILES_PER_CONNECTION: usize = 3;

/// PostgreSQL: connections for the host itself.
const OWN_CONNECTIONS: u64 = 5;

/// Serve a component over HTTP
#[derive(Debug, clap::Args)]
pub struct Serve {
    /// The component that a new, empty database starts with: a .wasm file, with its signature in
    /// FILE.sig if it is signed. If the database already has an active component, that one is
    /// served, and the log warns if it is another one; see --deploy
    #[arg(long, env = "TASK_HOST_COMPONENT", value_name = "FILE")]
    component: Option<PathBuf>,

    /// Deploy the component of --component after the start, through the same checks as
    /// `task-host deploy`, if another component is active. For development: each restart undoes a
    /// later deployment. Of several hosts that share a database, one deploys it
    #[arg(long, env = "TASK_HOST_DEPLOY", requires = "component")]
    deploy: bool,

    /// Show source lines in the backtraces of the log, and where the logic was when a limit ended a
    /// call. The component needs debug information, which this process keeps in memory and reads when
    /// a call fails. For development
    #[arg(long, env = "TASK_HOST_DEBUG")]
    pub(crate) debug: bool,

    /// Where compiled code is kept between starts. By default next to a SQLite database file, and
    /// nowhere for sqlite::memory: and PostgreSQL. The key that authenticates the code is in
    /// DIR.key
    #[arg(long, env = "TASK_HOST_CACHE_DIR", value_name = "DIR")]
    cache_dir: Option<PathBuf>,

    /// How long the migrations of a component may take. Writes wait for them. A component that takes
    /// longer is rejected
    #[arg(long, env = "TASK_HOST_MIGRATION_TIMEOUT", default_value = "60s",
        value_parser = parse_duration)]
    pub(crate) migration_timeout: Duration,

    /// How long the migrations and the self-test may take in a dry run. Writes wait for them
    #[arg(long, env = "TASK_HOST_DRY_RUN_TIMEOUT", default_value = "5s",
        value_parser = parse_duration)]
    pub(crate) dry_run_timeout: Duration,
    /// How an instance's memory is cleared for the next one: exact; scan, which costs less and is
    /// safe only where the kernel cannot swap out this process; or auto, which is scan where that is
    /// so and exact otherwise
    #[arg(long, env = "TASK_HOST_CLEAR_MEMORY", value_enum, default_value_t)]
    clear_memory: ClearMemory,

    /// End when the process that started this one has ended
    #[arg(long, hide = true)]
    pub(crate) end_with_parent: bool,

    /// Statements that fill a new database before it is served
    #[arg(long, hide = true, value_name = "FILE")]
    pub(crate) seed: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) declared: declared::Args,

    #[command(flatten)]
    pub(crate) deployments: deployments::Args,

    #[command(flatten)]
    pub(crate) process: Process,
}

/// How an instance's memory is cleared.
#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum ClearMemory {
    #[default]
    Auto,
    Scan,
    Exact,
}

impl Serve {
    /// Returns how an instance's memory shall be cleared.
    pub(crate) fn clear_memory(&self) -> runtime::ClearMemory {
        match self.clear_memory {
            ClearMemory::Auto => runtime::ClearMemory::Auto,
            ClearMemory::Scan => runtime::ClearMemory::Scan,
            ClearMemory::Exact => runtime::ClearMemory::Exact,
        }
    }

    /// Reads the component of `--component`, with the signature beside it.
    ///
    /// # Errors
    /// [`Failure::Setting`] if one of the files cannot be read.
    pub(crate) fn bundled(&self) -> Result<Option<Bundled>, Failure> {
        self.component.as_deref().map(read_bundled).transpose()
    }

    /// Whether the component of `--component` replaces another active one.
    pub(crate) fn deploys(&self) -> bool {
        self.deploy
    }

    /// Opens the cache of compiled code; `None` if no code is kept.
    ///
    /// # Errors
    /// [`Failure::Setting`] if the directory or its key cannot be used.
    pub(crate) fn code_cache(&self) -> Result<Option<CodeCache>, Failure> {
        let directory = match (&self.cache_dir, &self.process.database.location) {
            (Some(directory), _) => directory.clone(),
            (None, Location::Sqlite(file)) => {
                file.parent().unwrap_or(Path::new("")).join("code-cache")
            }
            (None, Location::Temporary | Location::Postgres(_)) => return Ok(None),
        };
        open_cache(&directory).map(Some)
    }
}

/// Opens a cache of compiled code, whose key is in DIRECTORY.key.
///
/// # Errors
/// [`Failure::Setting`] if the directory or its key cannot be used.
pub(crate) fn open_cache(directory: &Path) -> Result<CodeCache, Failure> {
    // `with_extension` would replace what follows a dot in the directory's name.
    let mut key = directory.to_owned().into_os_string();
    key.push(".key");
    CodeCache::open(directory, &PathBuf::from(key))
        .map_err(|error| Failure::setting("--cache-dir", format!("{error:#}")))
}

/// Reads a component and the signature beside it.
pub(crate) fn read_bundled(path: &Path) -> Result<Bundled, Failure> {
    let failed = |reason| Failure::setting("--component", reason);
    let content =
        std::fs::read(path).map_err(|error| failed(format!("{}: {error}", path.display())))?;
    let signature = signature_file::read(path, None).map_err(failed)?;
    Ok(Bundled {
        name: path.display().to_string(),
        content,
        signature,
    })
}

/// The flags of a process that serves, whatever its logic is
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Process {
    #[command(flatten)]
    database: database::Args,

    /// The largest number of hosts that share the database. A value above 1 needs a database that
    /// hosts can share: with SQLite the host refuses to start
    #[arg(long, env = "TASK_HOST_REPLICAS", default_value = "1")]
    replicas: NonZeroU32,

    /// Answer writes before they are on the disk. For benchmarks only: acknowledged writes survive
    /// the end of the process, but not a loss of power
    #[arg(long, env = "TASK_HOST_UNSAFE_NO_SYNC", hide = true)]
    unsafe_no_sync: bool,

    /// Threads that serve requests; one per core by default
    #[arg(long, env = "TASK_HOST_WORKERS",
        value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) workers: Option<u16>,

    /// How long the answer to a request with an Idempotency-Key is kept
    #[arg(long, env = "TASK_HOST_IDEMPOTENCY_RETENTION", default_value = "24h",
        value_parser = parse_duration)]
    pub(crate) idempotency_retention: Duration,

    /// How long an event is kept for clients that reconnect to /events
    #[arg(long, env = "TASK_HOST_EVENT_RETENTION", default_value = "24h",
        value_parser = parse_duration)]
    pub(crate) event_retention: Duration,

    /// The largest number of events that are kept; the oldest are deleted first
    #[arg(long, env = "TASK_HOST_EVENTS_KEPT", default_value_t = 1_000_000)]
    pub(crate) events_kept: u64,

    #[command(flatten)]
    pub(crate) limits: limits::Args,

    #[command(flatten)]
    pub(crate) server: server::Config,

    #[command(flatten)]
    recordings: recordings::Args,

    #[command(flatten)]
    logs: logs::Args,
}

impl Process {
    /// Starts logging and tracing as the flags say. Call it once in a process. The last lines and
    /// traces leave when the returned value is dropped.
    ///
    /// # Errors
    /// [`Failure::Setting`] names the flag; [`Failure::Other`] if there is no thread for the log.
    pub fn start_logs(&self) -> Result<Logs, Failure> {
        logs::init(&self.logs)
    }

    /// Returns the store of recordings, and what keeps them beyond the memory. `None`: nothing is recorded.
    ///
    /// # Errors
    /// [`Failure::Setting`] names the flag.
    pub(crate) fn recordings(
        &self,
        database: &dyn Database,
    ) -> Result<Option<(Recordings, Option<Keeper>)>, Failure> {
        self.recordings.store(self.limits.runtime(), database)
    }

    /// Returns the memory that requests, kept answers, recordings, samples of requests and an embedded
    /// database may take, in bytes.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let database = match self.database.location {
            Location::Sqlite(_) | Location::Temporary => self.database.sqlite_memory.0 as u64,
            Location::Postgres(_) => 0,
        };
        let requests = self.limits.requests_bytes();
        requests
            .saturating_add(self.limits.answers_bytes())
            .saturating_add(self.recordings.memory_bytes())
            .saturating_add(database)
    }

    /// Returns who may use the admin API.
    ///
    /// # Errors
    /// [`Failure::Setting`] names the flag.
    pub(crate) fn access(&self) -> Result<Access, Failure> {
        let access = self.server.admin.access(self.server.admin_addr);
        access.map_err(|unusable| Failure::setting(unusable.flag, unusable.reason))
    }

    /// Checks the place of the database, before anything is created near it.
    ///
    /// # Errors
    /// [`Failure::Setting`] names the flag.
    pub(crate) fn check_database(&self) -> Result<(), Failure> {
        storage::check_place(&self.database.location)
            .map_err(|error| Failure::setting("--database", error))
    }

    /// Returns how many files the database may have open.
    pub(crate) fn database_files(&self) -> u64 {
        match self.database.location {
            Location::Sqlite(_) | Location::Temporary => {
                let connections = self.limits.request().running + SPARE_READERS + WRITERS;
                (connections * FILES_PER_CONNECTION) as u64
            }
            Location::Postgres(_) => u64::from(self.database.connections) + OWN_CONNECTIONS,
        }
    }

    /// Opens the database. Blocks until it is open.
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
            return Err(Failure::setting("--replicas", reason));
        }
        if self.unsafe_no_sync {
            tracing::warn!("--unsafe-no-sync: acknowledged writes do not survive a loss of power");
        }
        let limits = self.limits.request();
        let options = storage::Options {
            readers: limits.running + SPARE_READERS,
            memory_bytes: self.database.sqlite_memory.0 as u64,
            connections: self.database.connections.into(),
            idle: self.database.idle,
            direct: self.database.direct.clone(),
            wait: self.database.wait,
            row_bytes: limits.bytes.min(self.limits.memory_bytes() / ROW_SHARE),
            slow_statement: self.database.slow_statement,
            no_sync: self.unsafe_no_sync,
        };
        storage::connect(&self.database.location, options)
            .map_err(|error| Failure::setting("--database", error))
    }
}
