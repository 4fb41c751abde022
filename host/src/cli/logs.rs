//! Where log lines go: text for people at a terminal, one JSON object a line otherwise.

use std::io::IsTerminal as _;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

/// Logging
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Logs")]
pub(super) struct Args {
    /// What to log: a level (error, warn, info, debug) or a filter such as `info,logic=debug`,
    /// where `logic` is the component
    #[arg(long, env = "TASK_HOST_LOG", default_value = "info")]
    log: String,
    /// How: text, json, or auto (text on a terminal, json otherwise)
    #[arg(long, env = "TASK_HOST_LOG_FORMAT", value_enum, default_value_t = Format::Auto)]
    log_format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Auto,
    Text,
    Json,
}

/// Sends the process's log lines to standard error from now on.
pub(super) fn init(args: &Args) -> Result<(), super::Failure> {
    let filter = EnvFilter::try_new(&args.log).map_err(|error| super::setting("--log", error))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // It would tell standard error that standard error is gone, and panic over that: who
        // stops reading the log must not stop the service.
        .log_internal_errors(false);
    let text = match args.log_format {
        Format::Text => true,
        Format::Json => false,
        Format::Auto => std::io::stderr().is_terminal(),
    };
    if text {
        let builder = builder.with_target(false);
        match std::io::stderr().is_terminal() {
            // Colours, unless NO_COLOR is set.
            true => builder.init(),
            false => builder.with_ansi(false).init(),
        }
    } else {
        builder
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .init();
    }
    Ok(())
}
