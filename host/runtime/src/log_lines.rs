//! The log lines of one call, limited in number and size: those that the logic logs, and those that
//! it writes to standard output and standard error.
//!
//! The lines belong to the request's span. Whatever ends the call, the last line of an output is
//! logged even if it is not finished, and dropped lines are reported.

use std::sync::Arc;

use parking_lot::Mutex;

use super::bindings::task_host::platform::log::Level;
use super::fault::Fault;
use super::limits::{LOG_BYTES, Limits};
use super::lines::Lines;
use contract::text::{clipped, escaped};

/// Maximum size of a line's message, and of the name and the value of each field, in bytes. Longer
/// texts are cut off.
const MAX_TEXT_BYTES: usize = 4 << 10;
/// Maximum number of a line's fields. Further fields are left out.
const MAX_FIELDS: usize = 32;

/// An output of the logic whose lines are log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    Stdout,
    Stderr,
}

impl Output {
    fn name(self) -> &'static str {
        match self {
            Output::Stdout => "stdout",
            Output::Stderr => "stderr",
        }
    }

    fn level(self) -> Level {
        match self {
            Output::Stdout => Level::Info,
            Output::Stderr => Level::Warn,
        }
    }
}

/// What one call may still log. When it is dropped, the call has ended.
#[derive(Default)]
pub(super) struct LogLines {
    span: Option<tracing::Span>,
    /// Keeps the first lines for whoever ordered the call.
    kept: Option<Lines>,
    lines_left: u32,
    bytes_left: usize,
    dropped: u32,
    /// Whether the logic wrote anything, also if nobody receives it.
    used: bool,
    /// How many bytes the logic may still write to its outputs.
    output_left: usize,
    /// The beginning of each output's next line.
    unfinished: [Vec<u8>; 2],
}

impl LogLines {
    fn new(span: tracing::Span, kept: Option<Lines>, limits: &Limits) -> Self {
        LogLines {
            span: Some(span),
            kept,
            lines_left: limits.log_lines,
            bytes_left: LOG_BYTES,
            dropped: 0,
            used: false,
            output_left: limits.handover_bytes,
            unfinished: Default::default(),
        }
    }

    /// Logs one line, or drops and counts it if the call has logged too much.
    pub(super) fn write(&mut self, level: Level, message: &str, fields: &[(String, String)]) {
        self.used = true;
        let message = escaped(clip(message));
        let fields = fields.iter().take(MAX_FIELDS);
        let fields = fields.map(|(name, value)| (clip(name), clip(value)));
        let size = fields.clone().map(|(name, value)| name.len() + value.len());
        if self.take(message.len() + size.sum::<usize>()) {
            self.log(level, &message, fields);
        }
    }

    /// Logs the lines that the logic has finished with these bytes.
    ///
    /// # Errors
    /// Returns [`Fault::Handover`] if the call has written more than it may pass to the host.
    pub(super) fn print(&mut self, output: Output, mut bytes: &[u8]) -> Result<(), Fault> {
        self.used = true;
        self.output_left = self
            .output_left
            .checked_sub(bytes.len())
            .ok_or(Fault::Handover)?;
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            self.append(output, &bytes[..end]);
            self.finish_line(output);
            bytes = &bytes[end + 1..];
        }
        self.append(output, bytes);
        Ok(())
    }

    /// Adds to the unfinished line, up to the maximum size of a message.
    fn append(&mut self, output: Output, bytes: &[u8]) {
        let line = &mut self.unfinished[output as usize];
        let room = MAX_TEXT_BYTES - line.len();
        line.extend_from_slice(&bytes[..room.min(bytes.len())]);
    }

    /// Logs the unfinished line of an output. Empty lines are left out.
    fn finish_line(&mut self, output: Output) {
        if self.unfinished[output as usize].is_empty() {
            return;
        }
        let mut line = std::mem::take(&mut self.unfinished[output as usize]);
        let text = String::from_utf8_lossy(&line);
        let text = escaped(clip(text.trim_end_matches('\r')));
        if !text.is_empty() && self.take(text.len()) {
            let field = std::iter::once(("stream", output.name()));
            self.log(output.level(), &text, field);
        }
        drop(text);
        // The next line uses the same memory.
        line.clear();
        self.unfinished[output as usize] = line;
    }

    /// Charges a line of that size. Returns `false` if it has to be dropped.
    fn take(&mut self, size_bytes: usize) -> bool {
        if self.lines_left == 0 || size_bytes > self.bytes_left {
            self.dropped += 1;
            return false;
        }
        self.lines_left -= 1;
        self.bytes_left -= size_bytes;
        true
    }

    fn log<'a>(
        &self,
        level: Level,
        message: &str,
        fields: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    ) {
        if let Some(kept) = &self.kept {
            kept.add(|| {
                let fields = fields
                    .clone()
                    .map(|(name, value)| format!(" {name}={value}"));
                format!("{}: {message}{}", word(level), fields.collect::<String>())
            });
        }
        if !enabled(level) {
            return;
        }
        let fields = serde_json::Value::Object(
            fields
                .map(|(name, value)| (name.to_owned(), value.into()))
                .collect(),
        );
        let _entered = self.span.as_ref().map(tracing::Span::enter);
        match level {
            Level::Debug => tracing::debug!(target: "logic", logic = %fields, "{message}"),
            Level::Info => tracing::info!(target: "logic", logic = %fields, "{message}"),
            Level::Warn => tracing::warn!(target: "logic", logic = %fields, "{message}"),
            Level::Error => tracing::error!(target: "logic", logic = %fields, "{message}"),
        }
    }
}

impl Drop for LogLines {
    fn drop(&mut self) {
        self.finish_line(Output::Stdout);
        self.finish_line(Output::Stderr);
        if self.dropped > 0 {
            let _entered = self.span.as_ref().map(tracing::Span::enter);
            tracing::warn!(
                dropped = self.dropped,
                "the logic wrote more log lines than a request may"
            );
        }
    }
}

/// The log lines of a call, alone or shared with its output streams. Most components have none, so
/// the lines are shared only when the first stream is made.
pub(super) enum Log {
    /// Nothing else writes.
    Own(LogLines),
    /// The streams in the call's resource table write, too.
    Shared(Arc<Mutex<LogLines>>),
}

impl Log {
    pub(super) fn new(span: tracing::Span, kept: Option<Lines>, limits: &Limits) -> Self {
        Log::Own(LogLines::new(span, kept, limits))
    }

    /// See [`LogLines::write`].
    pub(super) fn write(&mut self, level: Level, message: &str, fields: &[(String, String)]) {
        match self {
            Log::Own(lines) => lines.write(level, message, fields),
            Log::Shared(lines) => lines.lock().write(level, message, fields),
        }
    }

    /// Returns the request's span.
    pub(super) fn span(&self) -> tracing::Span {
        let span = match self {
            Log::Own(lines) => lines.span.clone(),
            Log::Shared(lines) => lines.lock().span.clone(),
        };
        span.unwrap_or_else(tracing::Span::none)
    }

    /// Returns whether the logic wrote anything.
    pub(super) fn was_used(&self) -> bool {
        match self {
            Log::Own(lines) => lines.used,
            Log::Shared(lines) => lines.lock().used,
        }
    }

    /// Returns the lines for a stream.
    pub(super) fn share(&mut self) -> Arc<Mutex<LogLines>> {
        match self {
            Log::Shared(lines) => lines.clone(),
            Log::Own(lines) => {
                let lines = Arc::new(Mutex::new(std::mem::take(lines)));
                *self = Log::Shared(lines.clone());
                lines
            }
        }
    }
}

/// Returns whether any subscriber receives lines of this level.
fn enabled(level: Level) -> bool {
    match level {
        Level::Debug => tracing::enabled!(target: "logic", tracing::Level::DEBUG),
        Level::Info => tracing::enabled!(target: "logic", tracing::Level::INFO),
        Level::Warn => tracing::enabled!(target: "logic", tracing::Level::WARN),
        Level::Error => tracing::enabled!(target: "logic", tracing::Level::ERROR),
    }
}

/// Returns the word for a level.
fn word(level: Level) -> &'static str {
    match level {
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    }
}

/// Cuts a text off at its maximum size.
fn clip(text: &str) -> &str {
    clipped(text, MAX_TEXT_BYTES)
}
