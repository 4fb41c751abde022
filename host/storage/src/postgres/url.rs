//! `postgres://user:password@host/database`, parsed before anything is opened.
//!
//! Certificates are always verified. `sslmode=prefer`, which elsewhere continues without encryption,
//! and `sslmode=require`, which elsewhere does not verify the certificate, are treated as
//! `verify-full`. A connection to this machine is encrypted only if `sslmode` asks for it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// The location of a PostgreSQL database, and the host's login. `Debug` and `Display` omit the
/// password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// The driver's configuration.
    pub(super) config: Config,
    /// The database's name.
    pub(super) database: String,
    /// The host's own login.
    pub(super) user: String,
    /// The root certificates for an encrypted connection. `None`: it is not encrypted.
    pub(super) roots: Option<Roots>,
}

/// Which root certificates are trusted for the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Roots {
    /// Those that the system trusts.
    System,
    /// Only those in a PEM file.
    File(PathBuf),
}

/// Why a text is not the URL of a PostgreSQL database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// A part is missing.
    #[error("{0} is missing; write postgres://USER:PASSWORD@HOST/DATABASE")]
    Missing(&'static str),
    /// The value of `sslmode` is unknown.
    #[error("sslmode={0} is unknown; use disable or verify-full")]
    SslMode(String),
    /// The driver refuses the URL.
    #[error("{0}")]
    Invalid(String),
}

impl FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let (base, query) = text.split_once('?').unwrap_or((text, ""));
        let (mut mode, mut roots, mut rest) = (None, None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", "system")) => roots = Some(Roots::System),
                Some(("sslrootcert", value)) => roots = Some(Roots::File(decoded(value).into())),
                _ => rest.push(pair),
            }
        }
        let mut config: Config = format!("{base}?{}", rest.join("&")).parse().map_err(
            |error: tokio_postgres::Error| UrlError::Invalid(super::failure::message(&error)),
        )?;
        let user = config
            .get_user()
            .ok_or(UrlError::Missing("the user"))?
            .to_owned();
        let database = config
            .get_dbname()
            .ok_or(UrlError::Missing("the database"))?
            .to_owned();
        if config.get_hosts().is_empty() {
            return Err(UrlError::Missing("the host"));
        }
        let encrypt = match mode {
            None => !config.get_hosts().iter().all(is_this_machine) || roots.is_some(),
            Some("disable") => false,
            Some("prefer" | "require" | "verify-ca" | "verify-full") => true,
            Some(other) => return Err(UrlError::SslMode(other.to_owned())),
        };
        config.ssl_mode(if encrypt {
            SslMode::Require
        } else {
            SslMode::Disable
        });
        if config.get_application_name().is_none() {
            config.application_name("task-host");
        }
        Ok(Self {
            config,
            database,
            user,
            roots: encrypt.then(|| roots.unwrap_or(Roots::System)),
        })
    }
}

impl Url {
    /// Returns the same location with another login.
    pub(super) fn with_login(&self, user: &str, password: &str) -> Self {
        let mut other = self.clone();
        other.config.user(user).password(password);
        other.user = user.to_owned();
        other
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            Some(Host::Unix(path)) => path.display().to_string(),
            None => String::new(),
        };
        write!(f, "postgres://{}@{place}/{}", self.user, self.database)
    }
}

fn is_this_machine(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name == "::1" || name.starts_with("127."),
    }
}

fn decoded(value: &str) -> String {
    percent_encoding::percent_decode_str(value)
        .decode_utf8_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn no_form_of_a_url_shows_the_password() {
        let url = url("postgres://host:secret@db.example/tasks?connect_timeout=3");
        assert_eq!(url.to_string(), "postgres://host@db.example/tasks");
        assert!(!format!("{url:?}").contains("secret"));
        let other = url.with_login("logic", "hidden");
        assert_eq!(other.to_string(), "postgres://logic@db.example/tasks");
        assert!(!format!("{other:?}").contains("hidden"));
    }

    #[test]
    fn connections_to_other_machines_are_encrypted_and_verified() {
        for text in [
            "",
            "?sslmode=prefer",
            "?sslmode=require",
            "?sslmode=verify-full",
        ] {
            let url = url(&format!("postgres://a@db.example/b{text}"));
            assert_eq!(url.roots, Some(Roots::System), "{text}");
        }
        let own = url("postgres://a@db.example/b?sslrootcert=/etc/my%20ca.pem");
        assert_eq!(own.roots, Some(Roots::File("/etc/my ca.pem".into())));
        assert_eq!(url("postgres://a@db.example/b?sslmode=disable").roots, None);
        for host in ["localhost", "127.0.0.1", "%2Ftmp%2Fpg"] {
            assert_eq!(url(&format!("postgres://a@{host}/b")).roots, None);
            let asked = url(&format!("postgres://a@{host}/b?sslmode=require"));
            assert_eq!(asked.roots, Some(Roots::System));
        }
        let system = url("postgres://a@localhost/b?sslrootcert=system");
        assert_eq!(system.roots, Some(Roots::System));
        let both = url("postgres://a@localhost,db.example/b");
        assert_eq!(both.roots, Some(Roots::System));
    }

    #[test]
    fn an_error_names_what_is_missing() {
        for (text, expected) in [
            ("postgres://db/tasks", "the user is missing"),
            ("postgres://a@db", "the database is missing"),
            (
                "postgres://a@db/b?sslmode=maybe",
                "sslmode=maybe is unknown",
            ),
        ] {
            let error = text.parse::<Url>().unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
