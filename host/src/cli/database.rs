//! The flags of where the data is and how it is reached.

use std::time::Duration;

use humantime::parse_duration;

use storage::Location;
use storage::postgres::Url;

/// Where the data is
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Database")]
pub(super) struct Args {
    /// Where the data is: sqlite:PATH for a file, sqlite::memory: for a trial that ends with the
    /// process, postgres://USER:PASSWORD@HOST/DATABASE for many hosts. Certificates are checked
    /// (?sslrootcert=FILE for an authority of your own; ?sslmode=disable to go without)
    #[arg(
        long = "database",
        env = "TASK_HOST_DATABASE",
        hide_env_values = true,
        default_value = "sqlite:data/tasks.sqlite"
    )]
    pub(super) location: Location,

    /// The same PostgreSQL database past a pooler such as PgBouncer, for what does not go through
    /// one: setting up and migrations
    #[arg(
        long = "database-direct",
        env = "TASK_HOST_DATABASE_DIRECT",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub(super) direct: Option<Url>,

    /// PostgreSQL connections for requests, one half for reads and the other for writes; five more
    /// are for the host itself. Requests beyond wait for their turn
    #[arg(long = "database-connections", env = "TASK_HOST_DATABASE_CONNECTIONS",
        default_value_t = 24, value_parser = clap::value_parser!(u16).range(2..=1000))]
    pub(super) connections: u16,

    /// How long a PostgreSQL connection stays open that nobody needs
    #[arg(long = "database-idle-timeout", env = "TASK_HOST_DATABASE_IDLE_TIMEOUT",
        default_value = "5m", value_parser = parse_duration)]
    pub(super) idle: Duration,

    /// How long a start waits for a PostgreSQL server that does not answer yet, as where both are
    /// started at once; 0s: a start ends then
    #[arg(long = "database-wait", env = "TASK_HOST_DATABASE_WAIT",
        default_value = "0s", value_parser = parse_duration)]
    pub(super) wait: Duration,
}
