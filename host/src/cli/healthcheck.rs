//! `task-host healthcheck`: asks a host whether it is ready.

use std::time::Duration;

use anyhow::{Context as _, bail};

use super::block_on;
use crate::failure::Failure;

/// Ask a running host whether it is ready
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The host's address
    #[arg(long, env = "TASK_HOST_TO", default_value = "http://127.0.0.1:8000")]
    to: reqwest::Url,
    /// How long to wait for the answer
    #[arg(long, default_value = "3s")]
    timeout: humantime::Duration,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    Ok(block_on(ask(args))?)
}

async fn ask(args: &Args) -> anyhow::Result<()> {
    let url = args.to.join("/readyz")?;
    let timeout: Duration = args.timeout.into();
    let response = crate::tls::client(&url)
        .timeout(timeout)
        .build()?
        .get(url.clone())
        .send()
        .await
        .with_context(|| format!("no answer from {url}"))?;
    let status = response.status();
    if !status.is_success() {
        bail!(
            "{url} answers {status}: {}",
            response.text().await.unwrap_or_default().trim()
        );
    }
    Ok(())
}
