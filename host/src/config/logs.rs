//! Flags: where log lines and traces go. Log lines are text on a terminal and JSON otherwise.

mod batches;

use std::io::{self, IsTerminal as _, Write};

use clap::ValueEnum;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::fmt::format::debug_fn;
use tracing_subscriber::fmt::{FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, registry};

use self::batches::{Batches, Drain};
use crate::failure::Failure;
use crate::tls;
use contract::text::escaped;
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
pub(crate) fn directives(text: &str) -> Result<String, String> {
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

/// Log lines and spans on their way. They leave until this is dropped, which sends the last ones.
#[derive(Debug)]
pub struct Logs {
    /// Dropped first, because it may log a warning.
    _traces: Option<Traces>,
    _lines: Drain,
}

/// Starts to send log lines to standard error, and spans to the collector if one is named.
pub(super) fn init(args: &Args) -> Result<Logs, Failure> {
    // The MCP SDK logs several lines for each message. A filter that names it shows them.
    let filter = format!("rmcp=warn,{}", args.log);
    let filter = EnvFilter::try_new(filter).map_err(|error| Failure::setting("--log", error))?;
    tls::install_provider();
    let traces = args.otlp_endpoint.as_deref().map(Traces::start);
    let traces = traces
        .transpose()
        .map_err(|error| Failure::setting("--otlp-endpoint", error))?;
    let (batches, drain) = batches::start(io::stderr()).map_err(anyhow::Error::from)?;
    let format = args.log_format;
    match &traces {
        // Two filters: spans for the collector alone must not reach the log.
        Some(traces) => registry()
            .with(lines(format, batches).with_filter(filter))
            .with(traces.layer())
            .init(),
        None => registry().with(filter).with(lines(format, batches)).init(),
    }
    Ok(Logs {
        _traces: traces,
        _lines: drain,
    })
}

fn lines<S>(format: Format, batches: Batches) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let is_terminal = io::stderr().is_terminal();
    let text = match format {
        Format::Text => true,
        Format::Json => false,
        Format::Auto => is_terminal,
    };
    // By default a failed write is reported on standard error, which panics if that is closed.
    // A log that nobody reads any more must not stop the service.
    if text {
        let lines = text_lines()
            .with_writer(batches)
            .log_internal_errors(false)
            .with_target(false);
        match is_terminal {
            // Colours, unless NO_COLOR is set.
            true => lines.boxed(),
            false => lines.with_ansi(false).boxed(),
        }
    } else {
        json_subscriber::fmt::layer()
            .with_writer(Escaping(batches))
            .log_internal_errors(false)
            .flatten_event(true)
            .with_span_list(false)
            .boxed()
    }
}

/// Lines of text. Whatever they quote of clients and components stays on its line and does not
/// control the terminal: only the format's own line breaks and colours are written as they are.
fn text_lines<S>() -> tracing_subscriber::fmt::Layer<S, impl for<'a> FormatFields<'a> + 'static>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let fields = debug_fn(|writer, field, value| {
        let value = format!("{value:?}");
        let value = escaped(&value);
        match (field.name(), writer.has_ansi_escapes()) {
            ("message", _) => write!(writer, "{value}"),
            (name, true) => write!(writer, "\u{1b}[3m{name}\u{1b}[0m={value}"),
            (name, false) => write!(writer, "{name}={value}"),
        }
    });
    tracing_subscriber::fmt::layer().fmt_fields(fields.delimited(" "))
}

/// Writes lines of JSON, in which only some control characters are escaped. This escapes the others
/// that could control a terminal, which does not change the values.
struct Escaping<W>(W);

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for Escaping<M> {
    type Writer = Escaping<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Escaping(self.0.make_writer())
    }

    fn make_writer_for(&'a self, line: &Metadata<'_>) -> Self::Writer {
        Escaping(self.0.make_writer_for(line))
    }
}

impl<W: Write> Write for Escaping<W> {
    /// `line` is a whole line: the subscriber writes it at once.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // In JSON the ASCII control characters are escaped already, except for DEL.
        if line.iter().all(|byte| byte.is_ascii() && *byte != 0x7f) {
            self.0.write_all(line)?;
            return Ok(line.len());
        }
        let text = String::from_utf8_lossy(line);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        self.0
            .write_all(format!("{}\n", escaped(text)).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use contract::text::is_deceptive;

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

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("the lock").write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    const FORGED: &str =
        "x\n2026-01-01T00:00:00Z  INFO all is well\r\u{1b}[2J\u{9b}2J\u{202e}\u{2028}\u{7f}";

    /// What the subscriber writes for a line that quotes [`FORGED`] in every way.
    fn written(format: Format) -> String {
        let written = Written::default();
        let writer = {
            let written = written.clone();
            move || written.clone()
        };
        let layer: Box<dyn Layer<registry::Registry> + Send + Sync> = match format {
            Format::Json => json_subscriber::fmt::layer()
                .with_writer(Escaping(writer))
                .flatten_event(true)
                .boxed(),
            _ => text_lines().with_writer(writer).boxed(),
        };
        tracing::subscriber::with_default(registry().with(layer), || {
            tracing::info!(plain = FORGED, shown = %FORGED, debug = ?FORGED, "says {FORGED}");
        });
        let bytes = written.0.lock().expect("the lock").clone();
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn a_quoted_text_cannot_forge_a_line_of_the_text_log() {
        let text = written(Format::Text);
        assert!(text.ends_with('\n'), "{text:?}");
        assert_eq!(text.matches('\n').count(), 1, "{text:?}");
        // What remains is the format's own colours.
        let rest: String = text
            .trim_end()
            .split("\u{1b}[")
            .map(|part| {
                part.split_once('m').map_or(part, |(colour, rest)| {
                    match colour
                        .bytes()
                        .all(|byte| byte.is_ascii_digit() || byte == b';')
                    {
                        true => rest,
                        false => part,
                    }
                })
            })
            .collect();
        assert!(!rest.contains(is_deceptive), "{rest:?}");
        assert!(!text.contains("\u{1b}[2J"), "{text:?}");
    }

    #[test]
    fn a_quoted_text_keeps_its_value_in_a_json_log_without_controlling_a_terminal() {
        let text = written(Format::Json);
        let line = text.strip_suffix('\n').expect("a line");
        assert!(!line.contains(is_deceptive), "{line:?}");
        let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(value["plain"], FORGED);
    }
}
