//! `task-host status`: shows what a host serves, its running deployment, and its recent requests.
//!
//! With `--watch` it repeats: on a terminal it redraws the whole text, elsewhere it prints a line.

mod figures;
mod snapshot;
mod view;

#[cfg(test)]
mod tests;

use std::io::IsTerminal as _;
use std::time::Duration;

use serde_json::json;

use self::snapshot::Snapshot;
use super::client::{self, Client};
use super::process::{block_on, print, print_next};
use crate::failure::Failure;

/// How often `--watch` asks the host.
const INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Repeat every second until Ctrl-C: on a terminal the whole text, elsewhere one line
    #[arg(long)]
    watch: bool,

    /// Print a JSON object; with --watch one object per line
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    host: client::Args,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let client = Client::new(&args.host)?;
    Ok(block_on(async {
        if args.watch {
            watch(&client, args.json).await
        } else if args.json {
            print(&format!("{:#}\n", json!(client.status().await?)))
        } else {
            print(&view::page(&Snapshot::fetch(&client).await?))
        }
    })?)
}

/// Prints the state repeatedly until the reader closes standard output. If the host does not answer,
/// the error is printed and the host is asked again, because it may be restarting.
async fn watch(client: &Client, json: bool) -> anyhow::Result<()> {
    let redraw = std::io::stdout().is_terminal() && !json;
    let mut interval = tokio::time::interval(INTERVAL);
    loop {
        interval.tick().await;
        let text = match json {
            true => client
                .status()
                .await
                .map(|status| json!(status).to_string()),
            false => Snapshot::fetch(client).await.map(|snapshot| match redraw {
                true => view::page(&snapshot),
                false => view::line(&snapshot),
            }),
        };
        let text = match text {
            Ok(text) => text,
            Err(error) if !error.is_transient() => return Err(error.into()),
            Err(error) if json => json!({"error": error.to_string()}).to_string(),
            Err(error) => error.to_string(),
        };
        let text = match redraw {
            true => view::redraw(&text),
            false => format!("{text}\n"),
        };
        if print_next(&text)?.is_break() {
            return Ok(());
        }
    }
}
