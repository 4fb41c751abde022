//! Standard output, for all commands. Every line is escaped here ([`crate::escape`]).
//!
//! The first write that fails is remembered, and nothing is written after it: a command that waits
//! for a deployment goes on and still returns the outcome as its exit status. The command learns of
//! the failure from [`Stdout::finish`]. A reader that closed the pipe (`| head`) is not a failure: it
//! has read all that it wants.

use std::io::{self, ErrorKind, IsTerminal as _, Write};

use anyhow::{Context as _, bail};
use serde::Serialize;

use crate::escape;

/// Standard output, or another writer in tests.
pub(crate) struct Stdout<W> {
    out: W,
    failed: Option<io::Error>,
}

/// Writes lines to standard output, and nothing else.
///
/// # Errors
/// Standard output cannot be written.
pub(crate) fn print<L: AsRef<str>>(lines: impl IntoIterator<Item = L>) -> anyhow::Result<()> {
    let mut stdout = Stdout::new(io::stdout());
    for line in lines {
        stdout.line(line.as_ref());
    }
    stdout.finish()
}

/// Writes a value as indented JSON to standard output, and nothing else.
///
/// # Errors
/// Standard output cannot be written.
pub(crate) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    let mut stdout = Stdout::new(io::stdout());
    stdout.json(&serde_json::to_string_pretty(value)?);
    stdout.finish()
}

/// Returns whether standard output is a terminal.
pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Returns the height of the terminal, if standard output is one.
pub(crate) fn rows() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_row > 0).then(|| size.ws_row.into())
}

impl<W: Write> Stdout<W> {
    /// Creates an output that is written to `out`.
    pub(crate) fn new(out: W) -> Self {
        Stdout { out, failed: None }
    }

    /// Writes a line of text.
    pub(crate) fn line(&mut self, text: &str) {
        let text = escape::line(text);
        self.write(&[&text, "\n"]);
    }

    /// Writes a text that is JSON, as it is or on several lines.
    pub(crate) fn json(&mut self, text: &str) {
        let text = escape::lines(text);
        self.write(&[&text, "\n"]);
    }

    /// Writes text without a line feed.
    pub(crate) fn part(&mut self, text: &str) {
        let text = escape::line(text);
        self.write(&[&text]);
    }

    /// Writes this program's own control sequence for the terminal.
    pub(crate) fn control(&mut self, sequence: &'static str) {
        self.write(&[sequence]);
    }

    fn write(&mut self, parts: &[&str]) {
        for part in parts {
            if self.failed.is_none() {
                self.failed = self.out.write_all(part.as_bytes()).err();
            }
        }
    }

    /// Sends what was written, for commands that go on for a long time.
    pub(crate) fn flush(&mut self) {
        if self.failed.is_none() {
            self.failed = self.out.flush().err();
        }
    }

    /// Returns whether a write has failed, so that all further output would be lost.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Ends the output.
    ///
    /// # Errors
    /// Something could not be written, and the reader did not close the pipe.
    pub(crate) fn finish(mut self) -> anyhow::Result<()> {
        self.flush();
        match self.failed {
            Some(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(error).context("cannot write to standard output")
            }
            _ => Ok(()),
        }
    }

    /// Ends an output that is of use only as a whole.
    ///
    /// # Errors
    /// Something could not be written.
    pub(crate) fn finish_whole(mut self) -> anyhow::Result<()> {
        self.flush();
        match &self.failed {
            Some(error) if error.kind() == ErrorKind::BrokenPipe => bail!(
                "standard output was closed before everything was written, so the output is incomplete"
            ),
            _ => self.finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A device that fails after the first write.
    struct Failing(ErrorKind, u32);

    impl Write for Failing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1 += 1;
            match self.1 {
                1 => Ok(bytes.len()),
                2 => Err(self.0.into()),
                _ => panic!("something was written after the failure"),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_device_is_an_error_and_a_closed_pipe_is_one_only_for_a_whole() {
        let stdout = |kind| {
            let mut stdout = Stdout::new(Failing(kind, 0));
            for _ in 0..3 {
                stdout.line("text");
            }
            assert!(stdout.has_failed());
            stdout
        };
        let error = stdout(ErrorKind::StorageFull).finish().unwrap_err();
        assert_eq!(error.to_string(), "cannot write to standard output");
        assert!(stdout(ErrorKind::StorageFull).finish_whole().is_err());
        assert!(stdout(ErrorKind::BrokenPipe).finish().is_ok());
        let error = stdout(ErrorKind::BrokenPipe).finish_whole().unwrap_err();
        assert!(error.to_string().contains("incomplete"), "{error}");
    }

    #[test]
    fn text_is_escaped_and_json_keeps_its_value() {
        let mut out = Vec::new();
        let mut stdout = Stdout::new(&mut out);
        stdout.line("a\nb\u{1b}[31m");
        stdout.json("{\n  \"a\": \"\u{9b}\"\n}");
        stdout.control("\x1b[K");
        stdout.finish().unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "a\\nb\\u001b[31m\n{\n  \"a\": \"\\u009b\"\n}\n\x1b[K"
        );
    }
}
