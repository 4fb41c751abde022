//! `task-host status`: shows what a host serves, its running deployment, and its recent requests.
//!
//! With `--watch` it repeats: on a terminal it redraws the whole text, elsewhere it prints a line.

mod figures;
mod snapshot;
mod view;

#[cfg(test)]
mod tests;

use std::time::Duration;

use serde_json::json;

use self::snapshot::Snapshot;
use super::client::{self, Client};
use super::process::block_on;
use crate::failure::Failure;
use crate::stdout::{self, Stdout, print, print_json};

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
            print_json(&client.status().await?)
        } else {
            print(view::page(&Snapshot::fetch(&client).await?))
        }
    })?)
}

/// Prints the state repeatedly until the reader closes standard output. If the host does not answer,
/// the error is printed and the host is asked again, because it may be restarting.
async fn watch(client: &Client, json: bool) -> anyhow::Result<()> {
    let redraw = stdout::is_terminal() && !json;
    let mut stdout = Stdout::new(std::io::stdout());
    let mut interval = tokio::time::interval(INTERVAL);
    while !stdout.has_failed() {
        interval.tick().await;
        let result = match json {
            true => client
                .status()
                .await
                .map(|status| vec![json!(status).to_string()]),
            false => Snapshot::fetch(client).await.map(|snapshot| match redraw {
                true => view::page(&snapshot),
                false => vec![view::line(&snapshot)],
            }),
        };
        let lines = match result {
            Ok(lines) => lines,
            Err(error) if !error.is_transient() => return Err(error.into()),
            Err(error) if json => vec![json!({"error": error.to_string()}).to_string()],
            Err(error) => error.to_string().lines().map(str::to_owned).collect(),
        };
        match redraw {
            true => view::redraw(&lines, stdout::rows(), &mut stdout),
            false if json => lines.iter().for_each(|line| stdout.json(line)),
            false => lines.iter().for_each(|line| stdout.line(line)),
        }
        stdout.flush();
    }
    stdout.finish()
}
