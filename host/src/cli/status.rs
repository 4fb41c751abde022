//! `task-host status`: what a host serves now, what is on its way, and what came of it lately.
//! With `--watch` again and again: drawn anew on a terminal, a line at a time elsewhere.

mod figures;
mod replicas;
mod view;

#[cfg(test)]
pub(super) mod tests;

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use serde_json::json;

use super::client::{self, Client};
use super::{block_on, print};
use crate::failure::Failure;
use deployment::model::{Deployment, Status};
use server::{Failure as Failed, Figures};

/// How often `--watch` asks.
const EVERY: Duration = Duration::from_secs(1);
/// Deployments in which the active revision's is looked for.
const DEPLOYMENTS: u32 = 20;

/// Say what a host serves now, what is on its way, and how requests fared lately
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Say it again every second, until Ctrl-C: on a terminal all of it, elsewhere a line
    #[arg(long)]
    watch: bool,

    /// Write JSON: one object, or one a line with --watch
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    host: client::Args,
}

/// What an operator looks at.
#[derive(Debug)]
struct Seen {
    status: Status,
    deployments: Vec<Deployment>,
    figures: Figures,
    failures: Vec<Failed>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let client = Client::new(&args.host)?;
    Ok(block_on(async {
        if args.watch {
            watch(&client, args.json).await
        } else if args.json {
            print(&format!("{:#}\n", json!(client.status().await?)))
        } else {
            print(&view::text(&look(&client).await?))
        }
    })?)
}

async fn look(client: &Client) -> Result<Seen, client::Error> {
    Ok(Seen {
        status: client.status().await?,
        deployments: client.deployments(DEPLOYMENTS).await?,
        figures: client.figures().await?,
        failures: client.failures().await?,
    })
}

/// A host that does not answer is waited for: it may be on its way back. Ends with its reader.
async fn watch(client: &Client, json: bool) -> anyhow::Result<()> {
    let window = io::stdout().is_terminal() && !json;
    let mut interval = tokio::time::interval(EVERY);
    loop {
        interval.tick().await;
        let text = match json {
            true => client
                .status()
                .await
                .map(|status| json!(status).to_string()),
            false => look(client).await.map(|seen| match window {
                true => view::text(&seen),
                false => view::line(&seen),
            }),
        };
        let text = match text {
            Ok(text) => text,
            Err(error) if !error.is_passing() => return Err(error.into()),
            Err(error) if json => json!({"error": error.to_string()}).to_string(),
            Err(error) => error.to_string(),
        };
        let text = match window {
            true => view::redrawn(&text),
            false => format!("{text}\n"),
        };
        let mut output = io::stdout();
        match output
            .write_all(text.as_bytes())
            .and_then(|()| output.flush())
        {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            written => written?,
        }
    }
}
