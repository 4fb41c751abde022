//! How a command fails: the exit status and the message on standard error.

use std::fmt::Display;
use std::process::ExitCode;

/// Why a command failed.
pub enum Failure {
    /// A flag or setting is wrong: exit status 2.
    Setting(anyhow::Error),
    /// Anything else: exit status 1.
    Other(anyhow::Error),
}

impl Failure {
    /// Returns the failure of a setting that cannot be used. The message starts with the flag.
    pub(crate) fn setting(flag: &str, reason: impl Display) -> Self {
        Failure::Setting(anyhow::anyhow!("{flag}: {reason}"))
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Failure::Other(error)
    }
}

/// Prints why a command failed, if it did, and returns its exit status.
pub fn conclude(program: &str, result: Result<(), Failure>) -> ExitCode {
    let (error, status) = match result {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Other(error)) => (error, 1),
        Err(Failure::Setting(error)) => (error, 2),
    };
    eprintln!("{program}: {error:#}");
    ExitCode::from(status)
}
