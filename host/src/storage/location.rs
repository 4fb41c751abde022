//! Where a database is: the value of `--database`, parsed before anything is opened.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use super::sqlite::{self, Durability, Sqlite};
use super::{Database, OpenError};

/// Where a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// `sqlite:PATH`: an embedded database in a file, created where it is missing.
    Sqlite(PathBuf),
    /// `sqlite::memory:`: an embedded database of this process alone, gone when it ends.
    Temporary,
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
    /// An engine that this host does not have.
    #[error("{0} is not a database this host speaks; write sqlite:PATH or sqlite::memory:")]
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
            ("postgres" | "postgresql", _) => Err(LocationError::Engine("PostgreSQL".into())),
            (scheme, _) => Err(LocationError::Engine(scheme.to_owned())),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Location::Temporary => f.write_str("sqlite::memory:"),
        }
    }
}

/// How a database is opened, whatever the engine.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Read transactions at a time.
    pub readers: usize,
    /// Acknowledge commits that are not durable yet. For benchmarks: what was acknowledged
    /// survives the process, not the machine.
    pub no_sync: bool,
}

/// Opens the database at a location. Blocks while it works.
///
/// # Errors
/// Every [`OpenError`].
pub fn connect(location: &Location, options: Options) -> Result<Arc<dyn Database>, OpenError> {
    let config = match location {
        Location::Sqlite(path) => sqlite::Config::file(path),
        Location::Temporary => sqlite::Config::temporary(),
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
            refused("postgres://me:secret@db/tasks"),
            LocationError::Engine("PostgreSQL".into())
        );
        assert_eq!(
            refused("mysql://me:secret@db/tasks"),
            LocationError::Engine("mysql".into())
        );
        assert!(!refused("tasks.sqlite").to_string().contains("tasks.sqlite"));
    }
}
