//! Flags: where log lines and traces go. Log lines are text on a terminal and JSON otherwise.

use std::fmt::{self, Debug};
use std::io::IsTerminal as _;

use clap::ValueEnum;
use tracing::Subscriber;
use tracing::field::Field;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, registry};

use crate::failure::Failure;
use crate::{escape, tls};
use telemetry::traces::Traces;

/// Logging
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Logs")]
pub struct Args {
    /// What to log: a level (error, warn, info, debug, trace) or a filter such as
    /// `info,logic=debug`, where `logic` is the component. Errors are always logged
    #[arg(long, env = "TASK_HOST_LOG", default_value = "info", value_parser = directives)]
    log: String,
    /// The format of log lines: text, json, or auto (text on a terminal, json otherwise)
    #[arg(long, env = "TASK_HOST_LOG_FORMAT", value_enum, default_value_t = Format::Auto)]
    log_format: Format,
    /// The OpenTelemetry collector that receives a trace of each request, such as
    /// http://localhost:4318 (OTLP over HTTP). Without it no traces are sent. The SDK's other
    /// standard variables apply too, such as OTEL_TRACES_SAMPLER
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    otlp_endpoint: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Auto,
    Text,
    Json,
}

/// Checks a filter. It must name only levels that exist, and must not silence errors: a filter
/// without a level of its own logs nothing but the targets that it names.
fn directives(text: &str) -> Result<String, String> {
    let directives = || text.split(',').map(str::trim);
    for directive in directives() {
        level(
            directive
                .rsplit_once('=')
                .map_or(directive, |(_, level)| level),
        )?;
    }
    if !directives().any(|directive| !directive.contains('=')) {
        return Err(format!(
            "errors of everything else would not be logged; begin with a level, such as info,{text}"
        ));
    }
    // What remains, such as the names of targets and spans, is checked by the filter itself.
    let text = directives().collect::<Vec<_>>().join(",");
    let filter = EnvFilter::try_new(&text).map_err(|error| error.to_string());
    filter.map(|_| text)
}

/// Checks a level.
fn level(word: &str) -> Result<(), String> {
    let levels = "error, warn, info, debug or trace";
    let meant = match word.to_ascii_lowercase().as_str() {
        "error" | "warn" | "info" | "debug" | "trace" => return Ok(()),
        "off" | "none" | "0" => {
            return Err(format!("errors must be logged; give a level: {levels}"));
        }
        "warning" => "; say `warn`",
        "err" | "fatal" | "critical" | "panic" => "; say `error`",
        "information" | "notice" => "; say `info`",
        "verbose" | "all" => "; say `debug` or `trace`",
        _ => "",
    };
    Err(format!("{word:?} is not a level; give {levels}{meant}"))
}

/// Starts to send log lines to standard error, and spans to the collector if one is named.
pub(super) fn init(args: &Args) -> Result<Option<Traces>, Failure> {
    let filter = EnvFilter::try_new(&args.log).map_err(|error| Failure::setting("--log", error))?;
    tls::install_provider();
    let traces = args.otlp_endpoint.as_deref().map(Traces::start);
    let traces = traces
        .transpose()
        .map_err(|error| Failure::setting("--otlp-endpoint", error))?;
    let format = args.log_format;
    match &traces {
        // Two filters: spans for the collector alone must not reach the log.
        Some(traces) => registry()
            .with(lines(format).with_filter(filter))
            .with(traces.layer())
            .init(),
        None => registry().with(filter).with(lines(format)).init(),
    }
    Ok(traces)
}

fn lines<S>(format: Format) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let is_terminal = std::io::stderr().is_terminal();
    let text = match format {
        Format::Text => true,
        Format::Json => false,
        Format::Auto => is_terminal,
    };
    // By default a failed write is reported on standard error, which panics if that is closed.
    // A log that nobody reads any more must not stop the service.
    if text {
        let lines = tracing_subscriber::fmt::layer()
            .fmt_fields(debug_fn(write_field).delimited(" "))
            .with_writer(std::io::stderr)
            .log_internal_errors(false)
            .with_target(false);
        match is_terminal {
            // Colours, unless NO_COLOR is set.
            true => lines.boxed(),
            false => lines.with_ansi(false).boxed(),
        }
    } else {
        json_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .log_internal_errors(false)
            .flatten_event(true)
            .with_span_list(false)
            .boxed()
    }
}

/// Writes a field of a text line. Text of the logic, of a client or of a component may be in any
/// field. It must not control the terminal or look like a line of its own.
fn write_field(writer: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> fmt::Result {
    let text = format!("{value:?}");
    let text = escape::paragraph(&text);
    match field.name() {
        "message" => writer.write_str(&text),
        name if writer.has_ansi_escapes() => write!(writer, "\x1b[2m{name}=\x1b[0m{text}"),
        name => write!(writer, "{name}={text}"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_filter_has_a_level_of_its_own_and_only_levels_that_exist() {
        for text in [
            "info",
            "WARN",
            "error",
            "info,logic=debug",
            "warn, task_host=trace",
        ] {
            assert_eq!(directives(text), Ok(text.replace(' ', "")));
        }
        for (text, words) in [
            ("warning", "say `warn`"),
            ("err", "say `error`"),
            ("information", "say `info`"),
            ("verbose", "say `debug` or `trace`"),
            ("loud", "\"loud\" is not a level"),
            ("off", "errors must be logged"),
            ("info,logic=off", "errors must be logged"),
            ("0", "errors must be logged"),
            ("logic", "\"logic\" is not a level"),
            (
                "logic=debug",
                "begin with a level, such as info,logic=debug",
            ),
            ("info,logic=warning", "say `warn`"),
            ("info,", "\"\" is not a level"),
            ("", "\"\" is not a level"),
            ("info,[span=debug", "invalid"),
        ] {
            let error = directives(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn text_in_a_log_line_cannot_forge_another_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let layer = tracing_subscriber::fmt::layer()
            .fmt_fields(debug_fn(write_field).delimited(" "))
            .with_ansi(false)
            .without_time()
            .with_writer(Arc::new(file.reopen().unwrap()));
        let hostile = "x\u{1b}[2J\n2026-01-01T00:00:00Z ERROR forged\u{202e}";
        tracing::subscriber::with_default(registry().with(layer), || {
            tracing::info!(name = %hostile, "{hostile}");
        });
        let text = std::fs::read_to_string(file.path()).unwrap();
        let shown = "x\\u{1b}[2J\n  2026-01-01T00:00:00Z ERROR forged\\u{202e}";
        assert!(text.contains(&format!("{shown} name={shown}")), "{text}");
    }
}
