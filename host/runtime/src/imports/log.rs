//! `task-host:platform/log`: the guest's log lines, limited in number and size, in the request's
//! span.

use crate::bindings::task_host::platform::log;
use crate::state::State;
use contract::text::{clipped, escaped};

/// Maximum size of a line's message, and of the name and the value of each field, in bytes. Longer
/// texts are cut off.
const MAX_TEXT_BYTES: usize = 4 << 10;
/// Maximum number of a line's fields. Further fields are left out.
const MAX_FIELDS: usize = 32;

impl log::Host for State {
    fn write(
        &mut self,
        level: log::Level,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        let size = message.len() + fields.iter().map(|(k, v)| k.len() + v.len()).sum::<usize>();
        self.hand_over(size)?;
        let message = escaped(clip(&message));
        let kept = fields.iter().take(MAX_FIELDS);
        let size = message.len()
            + kept
                .map(|(k, v)| clip(k).len() + clip(v).len())
                .sum::<usize>();
        if self.log_lines_left == 0 || size > self.log_bytes_left {
            self.log_lines_dropped += 1;
            return Ok(());
        }
        self.log_lines_left -= 1;
        self.log_bytes_left -= size;
        if let Some(lines) = &self.lines {
            lines.add(|| {
                let fields = fields.iter().take(MAX_FIELDS);
                let fields = fields.map(|(name, value)| format!(" {}={}", clip(name), clip(value)));
                format!("{}: {message}{}", word(level), fields.collect::<String>())
            });
        }
        if !enabled(level) {
            return Ok(());
        }
        let fields = serde_json::Value::Object(
            fields
                .iter()
                .take(MAX_FIELDS)
                .map(|(name, value)| (clip(name).to_owned(), clip(value).into()))
                .collect(),
        );
        let _entered = self.span.enter();
        match level {
            log::Level::Debug => tracing::debug!(target: "logic", logic = %fields, "{message}"),
            log::Level::Info => tracing::info!(target: "logic", logic = %fields, "{message}"),
            log::Level::Warn => tracing::warn!(target: "logic", logic = %fields, "{message}"),
            log::Level::Error => tracing::error!(target: "logic", logic = %fields, "{message}"),
        }
        Ok(())
    }
}

/// Returns the word for a level.
fn word(level: log::Level) -> &'static str {
    match level {
        log::Level::Debug => "debug",
        log::Level::Info => "info",
        log::Level::Warn => "warn",
        log::Level::Error => "error",
    }
}

/// Returns whether any subscriber receives lines of this level.
fn enabled(level: log::Level) -> bool {
    match level {
        log::Level::Debug => tracing::enabled!(target: "logic", tracing::Level::DEBUG),
        log::Level::Info => tracing::enabled!(target: "logic", tracing::Level::INFO),
        log::Level::Warn => tracing::enabled!(target: "logic", tracing::Level::WARN),
        log::Level::Error => tracing::enabled!(target: "logic", tracing::Level::ERROR),
    }
}

/// Cuts a text off at its maximum size.
fn clip(text: &str) -> &str {
    clipped(text, MAX_TEXT_BYTES)
}
