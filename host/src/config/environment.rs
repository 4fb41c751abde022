//! How flags and environment variables go together, for every command:
//!
//! - A variable that is empty counts as not set, as OpenTelemetry's specification has it.
//! - A flag on the command line takes precedence over the environment: over its own variable, and
//!   over the variables of flags that cannot be combined with it.
//! - If the variables of two such flags are set, and neither flag is given, the error names the
//!   variables.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, Error, Id, Parser};

/// A flag whose variable describes the value of another flag's variable. If the other flag is given,
/// this variable is ignored, because it describes something else.
const DESCRIBES: [(&str, &str); 1] = [("database-direct", "database")];

/// Parses the command line of this process.
///
/// # Errors
/// A flag or variable is wrong, or help or the version was asked for.
pub fn parse<P: Parser>() -> Result<P, Error> {
    let line: Vec<OsString> = std::env::args_os().collect();
    let is_empty = |arg: &Arg| variable(arg).is_some_and(|value| value.is_empty());
    let mut command = without_variables(P::command(), &is_empty);
    // What is wrong with the line is reported below.
    let flags_alone = without_variables(command.clone(), &|_| true).ignore_errors(true);
    if let Ok(matches) = flags_alone.try_get_matches_from(&line) {
        let (used, matches) = match matches.subcommand() {
            Some((name, of_subcommand)) => (command.find_subcommand(name), of_subcommand),
            None => (Some(&command), &matches),
        };
        let outdone = used.map(|used| outdone(used, &given(matches)));
        let outdone = outdone.transpose()?.unwrap_or_default();
        command = without_variables(command, &|arg| outdone.contains(arg.get_id()));
    }
    let matches = command.try_get_matches_from_mut(line)?;
    P::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// Removes this program's settings from the environment of a child process.
pub(crate) fn remove_settings(child: &mut std::process::Command) {
    for (name, _) in std::env::vars_os() {
        let name_bytes = name.as_encoded_bytes();
        if name_bytes.starts_with(b"TASK_HOST_") || name_bytes.starts_with(b"OTEL_") {
            child.env_remove(name);
        }
    }
}

/// Returns the flags whose variables give way to flags on the command line.
///
/// # Errors
/// Two variables contradict each other.
fn outdone(command: &Command, given: &HashSet<Id>) -> Result<HashSet<Id>, Error> {
    let mut outdone = HashSet::new();
    for arg in command.get_arguments() {
        for rival in command.get_arg_conflicts_with(arg) {
            // A conflict is declared at one of the two flags.
            for (one, other) in [(arg, rival), (rival, arg)] {
                if given.contains(one.get_id()) && !given.contains(other.get_id()) {
                    outdone.insert(other.get_id().clone());
                }
            }
            let both = [arg, rival];
            let is_given = |arg: &Arg| given.contains(arg.get_id());
            if both
                .into_iter()
                .all(|arg| variable(arg).is_some() && !is_given(arg))
            {
                return Err(contradiction(arg, rival));
            }
        }
        let described = DESCRIBES
            .iter()
            .find(|(flag, _)| arg.get_long() == Some(flag));
        let is_given = |flag: &str| {
            let mut args = command.get_arguments();
            args.any(|arg| arg.get_long() == Some(flag) && given.contains(arg.get_id()))
        };
        if described.is_some_and(|(_, other)| is_given(other)) {
            outdone.insert(arg.get_id().clone());
        }
    }
    Ok(outdone)
}

fn contradiction(one: &Arg, other: &Arg) -> Error {
    let name = |arg: &Arg| {
        arg.get_env()
            .unwrap_or(OsStr::new(""))
            .display()
            .to_string()
    };
    let flag = |arg: &Arg| arg.get_long().unwrap_or_default().to_owned();
    let message = format!(
        "{} and {} are both set; unset one of them, or give --{} or --{}, which take precedence\n",
        name(one),
        name(other),
        flag(one),
        flag(other)
    );
    Error::raw(ErrorKind::ArgumentConflict, message)
}

/// Returns the flags that were given on the command line.
fn given(matches: &ArgMatches) -> HashSet<Id> {
    let ids = matches.ids();
    ids.filter(|id| matches.value_source(id.as_str()) == Some(ValueSource::CommandLine))
        .cloned()
        .collect()
}

/// Returns the value of a flag's variable.
fn variable(arg: &Arg) -> Option<OsString> {
    arg.get_env().and_then(std::env::var_os)
}

/// Removes the variables of the flags that `remove` selects, from a command and its subcommands.
fn without_variables(command: Command, remove: &dyn Fn(&Arg) -> bool) -> Command {
    command
        .mut_args(|arg| match arg.get_env().is_some() && remove(&arg) {
            true => arg.env(None::<&str>),
            false => arg,
        })
        .mut_subcommands(|command| without_variables(command, remove))
}
