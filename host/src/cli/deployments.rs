//! The flags of how the logic is replaced.

use std::path::PathBuf;
use std::time::Duration;

use humantime::parse_duration;

use super::{Failure, setting};
use crate::deployment::signature::TrustedKeys;
use crate::deployment::{Probation, Settings};

/// How the logic is replaced
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Deployments")]
pub(super) struct Args {
    /// How long a new revision is watched before it stays for good; 0s: not at all
    #[arg(long, env = "TASK_HOST_PROBATION", default_value = "60s", value_parser = parse_duration)]
    probation: Duration,

    /// Requests that a new revision must have had before it is rolled back within that time. At
    /// its end any number is enough
    #[arg(long, env = "TASK_HOST_PROBATION_REQUESTS", default_value_t = 20)]
    probation_requests: u64,

    /// The percentage of requests that may fail by the logic's fault, above that of the revision
    /// before
    #[arg(long, env = "TASK_HOST_PROBATION_FAILURES", default_value = "5", value_parser = percentage)]
    probation_failures: f64,

    /// Revisions before the active one that stay compiled in memory, for a rollback within
    /// milliseconds
    #[arg(long, env = "TASK_HOST_KEEP_REVISIONS", default_value_t = 3)]
    keep_revisions: usize,

    /// A public key whose signature a component must have to become active; repeatable, one of
    /// them is enough. Without any, components need no signature
    #[arg(
        long,
        env = "TASK_HOST_TRUSTED_KEY",
        value_name = "FILE",
        value_delimiter = ','
    )]
    trusted_key: Vec<PathBuf>,

    /// For tests of crashes: a deployment stops for ever before this stage
    #[arg(long, env = "TASK_HOST_PAUSE_BEFORE", hide = true)]
    pause_before: Option<String>,
}

impl Args {
    pub(super) fn trusted_keys(&self) -> Result<TrustedKeys, Failure> {
        TrustedKeys::load(&self.trusted_key).map_err(|error| setting("--trusted-key", error))
    }

    pub(super) fn settings(&self) -> Settings {
        Settings {
            probation: Probation {
                window: self.probation,
                requests: self.probation_requests,
                allowed: self.probation_failures / 100.0,
            },
            keep: self.keep_revisions,
            pause_before: self.pause_before.clone(),
        }
    }
}

/// A percentage: `5` or `5%`, from 0 to 100.
fn percentage(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim();
    let share: f64 = number
        .parse()
        .map_err(|_| "give a percentage, such as 5 or 0.5%")?;
    if (0.0..=100.0).contains(&share) {
        Ok(share)
    } else {
        Err("give a percentage from 0 to 100".to_owned())
    }
}
