//! Where a database is: the value of `--database`, parsed before anything is opened.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use super::postgres::{self, Postgres, Url, UrlError};
use super::sqlite::{self, Durability, Sqlite};
use super::{Database, OpenError};

/// Where a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// `sqlite:PATH`: an embedded database in a file, created where it is missing.
    Sqlite(PathBuf),
    /// `sqlite::memory:`: an embedded database of this process alone, gone when it ends.
    Temporary,
    /// `postgres://USER:PASSWORD@HOST/DATABASE`: a database for many hosts.
    Postgres(Box<Url>),
}

/// Why a text names no database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// There is no path after `sqlite:`.
    #[error("a path is missing; write sqlite:PATH, such as sqlite:data/tasks.sqlite")]
    NoPath,
    /// `sqlite://…`, which reads as a host's name to some and as a path to others.
    #[error("write sqlite:PATH without slashes before the path, such as sqlite:{0}")]
    Slashes(String),
    /// A URL of a PostgreSQL database that cannot be read.
    #[error("the PostgreSQL URL cannot be used: {0}")]
    Url(#[from] UrlError),
    /// An engine that this host does not have.
    #[error(
        "{0} is not a database this host speaks; write sqlite:PATH, sqlite::memory: or \
         postgres://USER:PASSWORD@HOST/DATABASE"
    )]
    Engine(String),
}

impl FromStr for Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        // Only the scheme is repeated in messages: what follows it may hold a password.
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(LocationError::Engine("a text without a scheme".into()));
        };
        match (scheme, rest) {
            ("sqlite", "") => Err(LocationError::NoPath),
            ("sqlite", ":memory:") => Ok(Location::Temporary),
            ("sqlite", path) => match path.strip_prefix("//") {
                Some(path) => Err(LocationError::Slashes(path.to_owned())),
                None => Ok(Location::Sqlite(path.into())),
            },
            ("postgres" | "postgresql", _) => Ok(Location::Postgres(Box::new(text.parse()?))),
            (scheme, _) => Err(LocationError::Engine(scheme.to_owned())),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Location::Temporary => f.write_str("sqlite::memory:"),
            Location::Postgres(url) => url.fmt(f),
        }
    }
}

/// How a database is opened, whatever the engine.
#[derive(Debug, Clone)]
pub struct Options {
    /// SQLite: read transactions at a time.
    pub readers: usize,
    /// PostgreSQL: connections for requests, one half for reads, the other for writes.
    pub connections: usize,
    /// PostgreSQL: how long a connection stays open that nobody needs.
    pub idle: Duration,
    /// PostgreSQL: the same database past a pooler; none: there is no pooler.
    pub direct: Option<Url>,
    /// PostgreSQL: how long a server that does not answer yet is waited for.
    pub wait: Duration,
    /// PostgreSQL: the most bytes of text and blobs that one result may hold. SQLite counts them
    /// as it reads.
    pub result_bytes: u64,
    /// Acknowledge commits that are not durable yet. For benchmarks: what was acknowledged
    /// survives the process, not the machine.
    pub no_sync: bool,
}

impl Default for Options {
    /// Sizes for a small machine.
    fn default() -> Self {
        Self {
            readers: 64,
            connections: 24,
            idle: Duration::from_secs(300),
            direct: None,
            wait: Duration::ZERO,
            result_bytes: 32 << 20,
            no_sync: false,
        }
    }
}

/// Opens the database at a location. Blocks while it works.
///
/// # Errors
/// Every [`OpenError`].
pub fn connect(location: &Location, options: Options) -> Result<Arc<dyn Database>, OpenError> {
    let config = match location {
        Location::Sqlite(path) => sqlite::Config::file(path),
        Location::Temporary => sqlite::Config::temporary(),
        Location::Postgres(url) => {
            return Ok(Arc::new(Postgres::open(&postgres::Config {
                url: (**url).clone(),
                direct: options.direct,
                connections: options.connections,
                idle: options.idle,
                wait: options.wait,
                result_bytes: options.result_bytes,
                no_sync: options.no_sync,
            })?));
        }
    };
    let durability = match options.no_sync {
        true => Durability::None,
        false => config.durability.clone(),
    };
    Ok(Arc::new(Sqlite::open(sqlite::Config {
        readers: options.readers,
        durability,
        ..config
    })?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_reads_as_it_is_written() {
        for text in [
            "sqlite:data/tasks.sqlite",
            "sqlite:/var/x",
            "sqlite::memory:",
        ] {
            let location: Location = text.parse().unwrap();
            assert_eq!(location.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_location_is_told_apart() {
        let refused = |text: &str| text.parse::<Location>().unwrap_err();
        assert_eq!(refused("sqlite:"), LocationError::NoPath);
        assert_eq!(
            refused("sqlite:///var/x"),
            LocationError::Slashes("/var/x".into())
        );
        assert_eq!(
            refused("postgres://me:secret@db"),
            LocationError::Url(UrlError::Missing("the database"))
        );
        assert_eq!(
            refused("mysql://me:secret@db/tasks"),
            LocationError::Engine("mysql".into())
        );
        assert!(!refused("tasks.sqlite").to_string().contains("tasks.sqlite"));
    }
}
