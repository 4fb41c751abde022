//! `task-host healthcheck`: checks whether a host is ready.

use std::time::Duration;

use anyhow::{Context as _, bail};

use super::process::block_on;
use crate::failure::Failure;
use crate::tls;

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
    Ok(block_on(check(args))?)
}

async fn check(args: &Args) -> anyhow::Result<()> {
    let url = args.to.join("/readyz")?;
    let timeout: Duration = args.timeout.into();
    let response = tls::client_builder(&url)
        .timeout(timeout)
        .build()?
        .get(url.clone())
        .send()
        .await
        .with_context(|| format!("no answer from {url}"))?;
    let status = response.status();
    if !status.is_success() {
        bail!(
            "{url} answered {status}: {}",
            response.text().await.unwrap_or_default().trim()
        );
    }
    Ok(())
}
