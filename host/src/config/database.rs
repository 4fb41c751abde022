//! Flags: where the data is and how to reach it.

use std::time::Duration;

use humantime::parse_duration;

use server::ByteSize;
use storage::Location;
use storage::postgres::Url;

/// Where the data is
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Database")]
pub struct Args {
    /// Where the data is: sqlite:PATH for a file, sqlite::memory: for data that is lost when the
    /// process ends, postgres://USER:PASSWORD@HOST/DATABASE for several hosts. Certificates are
    /// checked (?sslrootcert=FILE names your own authority; ?sslmode=disable turns TLS off)
    #[arg(
        long = "database",
        env = "TASK_HOST_DATABASE",
        hide_env_values = true,
        default_value = "sqlite:data/tasks.sqlite"
    )]
    pub(super) location: Location,

    /// Memory of SQLite: page caches, cached statements, and what statements sort and collect. A
    /// statement that needs more fails with 500. Below 64MiB requests disturb each other
    #[arg(
        long = "sqlite-memory",
        env = "TASK_HOST_SQLITE_MEMORY",
        default_value = "256MiB"
    )]
    pub(super) sqlite_memory: ByteSize,

    /// The same PostgreSQL database without the pooler (such as PgBouncer) in between, for set-up
    /// and migrations, which a pooler does not support
    #[arg(
        long = "database-direct",
        env = "TASK_HOST_DATABASE_DIRECT",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub(super) direct: Option<Url>,

    /// Statements of the logic that take longer are logged with their plan and their route, counted, and
    /// listed in the console. Values are never shown. 0ms: none
    #[arg(long = "slow-statement", env = "TASK_HOST_SLOW_STATEMENT",
        default_value = "100ms", value_parser = parse_duration)]
    pub(super) slow_statement: Duration,

    /// PostgreSQL connections for requests, half of them for reads and half for writes. The host
    /// uses five more for itself. Requests wait while all connections are in use
    #[arg(long = "database-connections", env = "TASK_HOST_DATABASE_CONNECTIONS",
        default_value_t = 24, value_parser = clap::value_parser!(u16).range(2..=1000))]
    pub(super) connections: u16,

    /// How long an unused PostgreSQL connection stays open
    #[arg(long = "database-idle-timeout", env = "TASK_HOST_DATABASE_IDLE_TIMEOUT",
        default_value = "5m", value_parser = parse_duration)]
    pub(super) idle: Duration,

    /// How long the host waits at start for a PostgreSQL server that does not answer yet, for
    /// example because both were started together; 0s: the host ends at once
    #[arg(long = "database-wait", env = "TASK_HOST_DATABASE_WAIT",
        default_value = "0s", value_parser = parse_duration)]
    pub(super) wait: Duration,
}
