//! The location of a database: the value of `--database`, parsed before anything is opened.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::postgres::{Url, UrlError};

/// The location of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// `sqlite:PATH`: an embedded database in a file, created if it is missing.
    Sqlite(PathBuf),
    /// `sqlite::memory:`: an embedded database of this process alone, deleted when it is closed.
    Temporary,
    /// `postgres://USER:PASSWORD@HOST/DATABASE`: a database that several hosts may share.
    Postgres(Box<Url>),
}

/// Why a text is not the location of a database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// The path after `sqlite:` is missing.
    #[error("a path is missing; write sqlite:PATH, such as sqlite:data/tasks.sqlite")]
    NoPath,
    /// `sqlite://…`, which could mean a host name or a path.
    #[error("write sqlite:PATH without slashes before the path, such as sqlite:{0}")]
    Slashes(String),
    /// The URL of a PostgreSQL database is invalid.
    #[error("the PostgreSQL URL cannot be used: {0}")]
    Url(#[from] UrlError),
    /// This host does not support the engine.
    #[error(
        "{0} is not a database that this host supports; write sqlite:PATH, sqlite::memory: or \
         postgres://USER:PASSWORD@HOST/DATABASE"
    )]
    Engine(String),
}

impl FromStr for Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        // Messages repeat only the scheme, because the rest may contain a password.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_displayed_as_it_was_written() {
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
    fn each_invalid_location_has_its_own_error() {
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
