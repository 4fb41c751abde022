//! The flags of the admin API, and the access that they give.

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use humantime::parse_duration;

use super::access::{Access, Token};
use crate::byte_size::ByteSize;

/// Who may replace the logic, and how large it may be.
#[derive(Debug, Clone, Args)]
#[group(skip)]
#[command(next_help_heading = "Administration")]
pub struct Config {
    /// The bearer token of the admin API. Other users of the machine can see a flag, so prefer the
    /// variable or the file. Without a token, --admin-addr must be a loopback address, and everybody
    /// who reaches it may replace the logic.
    #[arg(
        long,
        env = "TASK_HOST_ADMIN_TOKEN",
        hide_env_values = true,
        conflicts_with = "admin_token_file"
    )]
    pub admin_token: Option<Secret>,

    /// A file with the bearer token of the admin API. White space around the token is ignored.
    #[arg(long, env = "TASK_HOST_ADMIN_TOKEN_FILE", value_name = "FILE")]
    pub admin_token_file: Option<PathBuf>,

    /// The maximum size of an uploaded component, in bytes or with a unit. A larger one gets 413.
    #[arg(long, env = "TASK_HOST_COMPONENT_LIMIT", default_value = "64MiB")]
    pub component_limit: ByteSize,

    /// How long the upload of a component may take. A slower one gets 408.
    #[arg(long, env = "TASK_HOST_COMPONENT_TIMEOUT", default_value = "5m", value_parser = parse_duration)]
    pub component_timeout: Duration,
}

/// A text that is never shown.
///
/// Every text is accepted here. A token that cannot be used is rejected later, because clap would
/// show it in its message.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Secret, Infallible> {
        Ok(Secret(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// A setting that cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{flag}: {reason}")]
pub struct UnusableSetting {
    /// The flag.
    pub flag: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

impl Config {
    /// Returns the access to the admin API at that address. Reads the token's file, if one is named.
    ///
    /// # Errors
    /// Returns an [`UnusableSetting`] if the token cannot be read or used, or if no token is set and
    /// the address is not a loopback address.
    pub fn access(&self, address: SocketAddr) -> Result<Access, UnusableSetting> {
        if let Some(Secret(text)) = &self.admin_token {
            return token("--admin-token", text);
        }
        if let Some(path) = &self.admin_token_file {
            let flag = "--admin-token-file";
            let text = std::fs::read_to_string(path).map_err(|error| UnusableSetting {
                flag,
                reason: format!("{}: {error}", path.display()),
            })?;
            return token(flag, text.trim());
        }
        if address.ip().to_canonical().is_loopback() {
            return Ok(Access::Loopback);
        }
        Err(UnusableSetting {
            flag: "--admin-token",
            reason: format!(
                "give a token (or --admin-token-file), or a loopback address as --admin-addr: \
                 everybody who reaches {address} could replace the logic"
            ),
        })
    }
}

fn token(flag: &'static str, text: &str) -> Result<Access, UnusableSetting> {
    Token::new(text)
        .map(Access::Token)
        .map_err(|reason| UnusableSetting {
            flag,
            reason: reason.to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        config: Config,
    }

    fn parse(flags: &[&str]) -> Config {
        Command::parse_from([&["task-host"], flags].concat()).config
    }

    fn access(flags: &[&str], address: &str) -> Result<Access, UnusableSetting> {
        parse(flags).access(address.parse().unwrap())
    }

    #[test]
    fn without_a_token_only_a_loopback_address_is_accepted() {
        for address in ["127.0.0.1:9000", "[::1]:9000", "[::ffff:127.0.0.1]:9000"] {
            let access = access(&[], address).unwrap();
            assert!(matches!(access, Access::Loopback), "{address}");
        }
        for address in ["0.0.0.0:9000", "[::]:9000", "10.0.0.7:9000"] {
            let error = access(&[], address).unwrap_err();
            assert_eq!(error.flag, "--admin-token");
            assert!(error.reason.contains(address), "{error}");
            assert!(access(&["--admin-token", "s3cret"], address).is_ok());
        }
    }

    #[test]
    fn a_token_in_a_file_may_end_with_a_line_break() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"s3cret\n").unwrap();
        let path = file.path().to_str().unwrap();
        let access = access(&["--admin-token-file", path], "0.0.0.0:9000").unwrap();
        let Access::Token(token) = access else {
            panic!("the file was not read");
        };
        assert!(token.is(b"s3cret"));
    }

    #[test]
    fn an_unusable_token_is_reported_by_its_flag_and_not_shown() {
        let empty = tempfile::NamedTempFile::new().unwrap();
        let empty = empty.path().to_str().unwrap();
        for (flag, value) in [
            ("--admin-token", ""),
            ("--admin-token", "two words"),
            ("--admin-token", "caf\u{e9}"),
            ("--admin-token-file", empty),
            ("--admin-token-file", "/no/such/file"),
        ] {
            let error = access(&[flag, value], "127.0.0.1:9000").unwrap_err();
            assert_eq!(error.flag, flag);
            assert!(!error.reason.contains("words"), "{error}");
        }
    }

    #[test]
    fn a_token_cannot_be_given_twice() {
        let both = ["task-host", "--admin-token", "a", "--admin-token-file", "b"];
        let error = Command::try_parse_from(both).unwrap_err().to_string();
        assert!(error.contains("--admin-token-file"), "{error}");
    }

    #[test]
    fn a_token_is_never_shown() {
        let config = parse(&["--admin-token", "s3cret"]);
        let access = config.access("127.0.0.1:9000".parse().unwrap()).unwrap();
        let shown = format!("{config:?} {access:?}");
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
