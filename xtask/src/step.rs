//! Announces the steps of a command, and runs the processes that do them.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, stderr};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// Prints the step that begins: `==> Building the host…`.
pub fn announce(text: &str) {
    if stderr().is_terminal() {
        eprintln!("\x1b[1m==> {text}\x1b[0m");
    } else {
        eprintln!("==> {text}");
    }
}

/// Prints a detail of the current step, indented.
pub fn note(text: &str) {
    eprintln!("    {text}");
}

/// Runs a command that writes to the terminal directly.
///
/// # Errors
/// If it cannot be started or fails. The text has the whole command, so that it can be repeated by hand.
pub fn run(command: &mut Command) -> Result<()> {
    let line = command_line(command);
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("cannot start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

/// Runs a command and returns its standard output without trailing white space.
///
/// # Errors
/// If it cannot be started or fails, as [`run`] does. The text also has its standard error.
pub fn read(command: &mut Command) -> Result<String> {
    let line = command_line(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start `{line}`"))?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        bail!("`{line}` failed ({}): {}", output.status, reason.trim());
    }
    let text = String::from_utf8(output.stdout)
        .with_context(|| format!("`{line}` did not write UTF-8"))?;
    Ok(text.trim_end().to_owned())
}

/// Returns the command as a person would type it.
fn command_line(command: &Command) -> String {
    let mut line = word(command.get_program());
    for argument in command.get_args() {
        let _ = write!(line, " {}", word(argument));
    }
    line
}

fn word(text: &OsStr) -> String {
    let text = text.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_command_is_named_in_full() {
        let error = run(Command::new("sh").args(["-c", "exit 3"])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`sh -c 'exit 3'` failed (exit status: 3)"
        );
    }

    #[test]
    fn a_command_that_does_not_exist_is_named() {
        let error = run(&mut Command::new("no-such-command-here")).unwrap_err();
        assert_eq!(error.to_string(), "cannot start `no-such-command-here`");
    }

    #[test]
    fn the_error_has_the_standard_error_of_the_command() {
        let error = read(Command::new("sh").args(["-c", "echo why >&2; exit 1"])).unwrap_err();
        assert!(
            error.to_string().ends_with("(exit status: 1): why"),
            "{error}"
        );
    }

    #[test]
    fn the_output_has_no_trailing_newline() {
        let text = read(Command::new("printf").arg("a\nb\n")).unwrap();
        assert_eq!(text, "a\nb");
    }

    #[test]
    fn words_with_quotes_are_quoted_for_the_shell() {
        assert_eq!(word(OsStr::new("it's")), r"'it'\''s'");
        assert_eq!(word(OsStr::new("")), "''");
        assert_eq!(word(OsStr::new("--a=b/c.d")), "--a=b/c.d");
    }
}
