//! How a command fails: the exit status and the message on standard error.

use std::fmt::Display;
use std::io::Write as _;
use std::process::ExitCode;

use clap::error::ContextValue;

use crate::{escape, stdout};

/// Why a command failed.
pub enum Failure {
    /// A flag or setting is wrong: exit status 2.
    Setting(anyhow::Error),
    /// The command line is wrong, or asks for help or the version, which is not an error: exit status
    /// 2 or 0.
    CommandLine(clap::Error),
    /// A signal ended the command. Its exit status is 128 plus the signal's number, as shells have
    /// it.
    Interrupted {
        /// The signal's number.
        signal: u8,
        /// What goes on without the command.
        reason: anyhow::Error,
    },
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

impl From<clap::Error> for Failure {
    fn from(error: clap::Error) -> Self {
        Failure::CommandLine(error)
    }
}

/// Prints why a command failed, if it did, and returns its exit status.
pub fn conclude(program: &str, result: Result<(), Failure>) -> ExitCode {
    let result = match result {
        Err(Failure::CommandLine(error)) if !error.use_stderr() => help(&error),
        result => result,
    };
    let (message, status) = match result {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::CommandLine(error)) => (usage(error), 2),
        Err(Failure::Setting(error)) => (message(program, &error), 2),
        Err(Failure::Interrupted { signal, reason }) => (message(program, &reason), 128 + signal),
        Err(Failure::Other(error)) => (message(program, &error), 1),
    };
    // If standard error cannot be written, the exit status is all that is left.
    let _ = writeln!(std::io::stderr(), "{message}");
    ExitCode::from(status)
}

/// Returns what is wrong with the command line. The values in the message are the user's, perhaps
/// those of a script that has them from elsewhere.
fn usage(mut error: clap::Error) -> String {
    let values = error.context().filter_map(|(kind, value)| match value {
        ContextValue::String(text) => Some((kind, text.clone())),
        _ => None,
    });
    for (kind, text) in values.collect::<Vec<_>>() {
        let text = escape::line(&text).into_owned();
        error.insert(kind, ContextValue::String(text));
    }
    escape::lines(&error.render().to_string())
}

fn message(program: &str, error: &anyhow::Error) -> String {
    escape::paragraph(&format!("{program}: {error:#}"))
}

/// Prints help or the version, with colours on a terminal.
fn help(shown: &clap::Error) -> Result<(), Failure> {
    let text = shown.render();
    if stdout::is_terminal() {
        // If the terminal is gone, nobody reads the help.
        let _ = shown.print();
        return Ok(());
    }
    Ok(stdout::print(text.to_string().lines())?)
}
