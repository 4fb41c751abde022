//! Flags: where log lines and traces go. Log lines are text on a terminal and JSON otherwise.

use std::io::IsTerminal as _;

use clap::ValueEnum;
use tracing::Subscriber;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, registry};

use crate::failure::Failure;
use crate::tls;
use telemetry::traces::Traces;

/// Logging
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Logs")]
pub struct Args {
    /// What to log: a level (error, warn, info, debug) or a filter such as `info,logic=debug`,
    /// where `logic` is the component
    #[arg(long, env = "TASK_HOST_LOG", default_value = "info")]
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
